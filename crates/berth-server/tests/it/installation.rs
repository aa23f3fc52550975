//! A running server with known credentials, and requests to it: plain, with a login, and signed.

use std::net::SocketAddr;

use berth_oci::signature::{SignedBody, SignedRequest};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::berth::{Place, Server};

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ACCESS_KEY_ID: &str = "AKEXAMPLE0001";
pub(crate) const SECRET_KEY: &str = "SKexampleSecret0001";
/// hex(HMAC-SHA256(key = SK, message = AK)), as openssl computes it.
pub(crate) const LOGIN_KEY: &str = "50e8d05e959cb9a7cc1cc5ebc12406f96673b34b23750610eb19493668007d3e";
/// The settings of such a server.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("BERTH_ADMIN_PASSWORD", PASSWORD),
    ("BERTH_ADMIN_AK", ACCESS_KEY_ID),
    ("BERTH_ADMIN_SK", SECRET_KEY),
];

/// A header's name and value.
pub(crate) type Header<'a> = (&'static str, &'a str);

/// A server after a first start with account `berth` and administrator `admin`.
pub(crate) struct Installation {
    pub(crate) place: Place,
    pub(crate) server: Server,
    client: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Installation {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let place = Place::new();
        let server = place.serve_with(arguments, VARIABLES);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            place,
            server,
            client,
        }
    }

    /// The server's address for a person.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Runs `berth admin` on the running server's data and reads its JSON answer.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Value {
        let all: Vec<&str> = ["admin", "--output", "json"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let ended = self.place.run(&all, &[]);
        assert!(ended.status.success(), "{arguments:?}: {}", ended.err);
        serde_json::from_str(&ended.out).unwrap()
    }

    pub(crate) async fn send(&self, method: Method, target: &str, headers: HeaderMap, body: &str) -> Answer {
        let url = format!("http://{}{target}", self.server.address);
        let request = self
            .client
            .request(method, url)
            .headers(headers)
            .body(body.to_owned());
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// A GET with the header `Authorization` as given; none when it is empty.
    pub(crate) async fn get(&self, target: &str, authorization: &str) -> Answer {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        self.send(Method::GET, target, headers, "").await
    }

    /// A request signed by the administrator.
    pub(crate) async fn signed(&self, method: Method, target: &str, body: &str) -> Answer {
        self.signed_by(ACCESS_KEY_ID, SECRET_KEY, method, (target, body))
            .await
    }

    pub(crate) async fn signed_by(
        &self,
        access_key_id: &str,
        secret_key: &str,
        method: Method,
        at: (&str, &str),
    ) -> Answer {
        self.signed_beside(access_key_id, secret_key, (&[], &[]), method, at)
            .await
    }

    /// The same with more headers: those that the signature covers, and those added after signing.
    pub(crate) async fn signed_beside(
        &self,
        access_key_id: &str,
        secret_key: &str,
        (signed, unsigned): (&[Header<'_>], &[Header<'_>]),
        method: Method,
        (target, body): (&str, &str),
    ) -> Answer {
        let keys = (access_key_id, secret_key);
        let now = OffsetDateTime::now_utc();
        let mut headers = signature_at(now, self.server.address, keys, (signed, &method), (target, body));
        for (name, value) in unsigned {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        self.send(method, target, headers, body).await
    }
}

/// The headers of a request that is signed with an access key and its secret.
pub(crate) fn signature(
    address: SocketAddr,
    keys: (&str, &str),
    method: &Method,
    at: (&str, &str),
) -> HeaderMap {
    signature_ahead(std::time::Duration::ZERO, address, keys, method, at)
}

/// The same by a clock that is so far ahead.
pub(crate) fn signature_ahead(
    ahead: std::time::Duration,
    address: SocketAddr,
    keys: (&str, &str),
    method: &Method,
    at: (&str, &str),
) -> HeaderMap {
    signature_at(
        OffsetDateTime::now_utc() + ahead,
        address,
        keys,
        (&[], method),
        at,
    )
}

/// The same at a time, with more headers, which the signature covers.
fn signature_at(
    now: OffsetDateTime,
    address: SocketAddr,
    (access_key_id, secret_key): (&str, &str),
    (more, method): (&[Header<'_>], &Method),
    (target, body): (&str, &str),
) -> HeaderMap {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = now.format(&format).unwrap();
    let mut headers = HeaderMap::new();
    let host = address.to_string();
    for (name, value) in [("x-sdk-date", date.as_str()), ("host", &host)]
        .iter()
        .chain(more)
    {
        headers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let covered: Vec<String> = headers.keys().map(ToString::to_string).collect();
    let covered: Vec<&str> = covered.iter().map(String::as_str).collect();
    let (raw_path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    let request = SignedRequest {
        method,
        raw_path,
        query,
        headers: &headers,
        authority: None,
        body: SignedBody::Received(body.as_bytes()),
    };
    let authorization = request.sign(access_key_id, secret_key, &covered).unwrap();
    headers.insert(
        AUTHORIZATION,
        HeaderValue::try_from(authorization.to_string()).unwrap(),
    );
    headers
}

/// The header `Authorization` of a Basic login.
pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {encoded}")
}
