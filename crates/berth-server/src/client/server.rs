//! Requests to a Berth server: signed or with a token, bounded in time and size, refusals read. Follows no redirect, because
//! what proves who calls goes to the server that it is for and to no other.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use berth_oci::signature::{DATE_HEADER, SignedBody, SignedRequest};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use super::failure::{Failure, Refusal};
use super::names::with_query;
use super::profile::Credential;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);
/// Most time for an answer of any length.
const COPY_TIMEOUT: Duration = Duration::from_hours(1);
/// No page of a list is near it.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The longest page that the API answers.
const PAGE: usize = 1000;
/// The longest page of every list that is counted.
const COUNTED_PAGE: usize = 100;
/// Signed with each request, so that no two have the same signature: the server lets a signed change count once.
const NONCE_HEADER: &str = "x-sdk-nonce";

/// A server, and who calls it.
#[derive(Debug)]
pub(super) struct Server {
    http: reqwest::Client,
    url: String,
    credential: Option<Credential>,
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(super) struct Answer {
    headers: HeaderMap,
    /// The body; null when there was none.
    pub(super) body: Value,
}

impl Answer {
    /// A header's text; empty when there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

/// A server's address as a person gives it, in the form that is kept: `https` where no scheme is said.
pub(super) fn address(text: &str) -> Result<String, String> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let url = reqwest::Url::parse(&with_scheme)
        .map_err(|error| format!("'{text}' is no address of a server: {error}"))?;
    let is_plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let names_nobody = url.username().is_empty() && url.password().is_none();
    if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !is_plain || !names_nobody {
        return Err(
            "an address is written https://HOST[:PORT] or http://HOST[:PORT], with nothing behind".to_owned(),
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether secrets to this address go over a network as they are.
pub(super) fn is_readable_on_the_way(address: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(address) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    url.scheme() == "http" && !is_here
}

impl Server {
    /// The server at an [`address`].
    pub(super) fn new(
        url: &str,
        ca_certificate: Option<&Path>,
        credential: Option<Credential>,
    ) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT);
        if let Some(path) = ca_certificate {
            let unusable = |error: &dyn std::fmt::Display| {
                Failure::Here(format!(
                    "the certificate {} cannot be used: {error}",
                    path.display()
                ))
            };
            let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
            let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            if found.is_empty() {
                return Err(unusable(&"there is none in the file"));
            }
            builder = builder.tls_certs_merge(found);
        }
        let http = builder.build().map_err(|error| Failure::Here(causes(&error)))?;
        Ok(Self {
            http,
            url: url.to_owned(),
            credential,
        })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Reads something.
    pub(super) async fn get(&self, target: &str) -> Result<Value, Failure> {
        Ok(self.send(Method::GET, target, None).await?.body)
    }

    /// Reads a list that is answered whole.
    pub(super) async fn list(&self, target: &str) -> Result<Vec<Value>, Failure> {
        Ok(taken(&mut self.get(target).await?))
    }

    /// Sends a request for a path and query, with a document as its body or none.
    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send_bytes(method, target, body.into()).await
    }

    /// Sends a request with a body of any kind.
    pub(super) async fn send_bytes(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let headers = self.headers(&method, target, &body)?;
        let url = format!("{}{target}", self.url);
        let request = self.http.request(method, &url).headers(headers).body(body);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = self.body(response).await?;
        let header = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        if status.is_client_error() || status.is_server_error() {
            let refusal = Refusal::read(status.as_u16(), header("x-request-id"), &text);
            return Err(Failure::Refused(refusal));
        }
        let strange = |why: String| Failure::Strange {
            url: url.clone(),
            why,
        };
        if !status.is_success() {
            let to = header("location");
            return Err(strange(format!("it answers {status} and points to {to}")));
        }
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).map_err(|error| strange(format!("its answer is no JSON: {error}")))?
        };
        Ok(Answer { headers, body })
    }

    /// Copies an answer of any length as it comes; one that breaks off is a failure.
    pub(super) async fn copy(&self, target: &str, to: &mut impl std::io::Write) -> Result<(), Failure> {
        let headers = self.headers(&Method::GET, target, &[])?;
        let url = format!("{}{target}", self.url);
        let request = self.http.get(&url).headers(headers).timeout(COPY_TIMEOUT);
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            let id = response.headers().get("x-request-id").cloned();
            let text = self.body(response).await?;
            let id = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
            return Err(Failure::Refused(Refusal::read(status.as_u16(), id, &text)));
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            match to.write_all(&chunk) {
                // A reader that has gone away (`| head`) is no failure.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                written => written
                    .map_err(|error| Failure::Here(format!("the answer cannot be written: {error}")))?,
            }
        }
        Ok(())
    }

    /// Rows of a list with `limit` and `marker`, page by page, up to `limit_rows`.
    pub(super) async fn marked_rows(
        &self,
        path: &str,
        query: &[(&str, &str)],
        rows_field: &str,
        limit_rows: Option<usize>,
    ) -> Result<Vec<Value>, Failure> {
        let most = limit_rows.unwrap_or(usize::MAX);
        let (mut rows, mut marker) = (Vec::new(), String::new());
        while rows.len() < most {
            let page = PAGE.min(most - rows.len()).to_string();
            let mut query = query.to_vec();
            query.extend([("limit", page.as_str()), ("marker", marker.as_str())]);
            let mut body = self.get(&with_query(path, &query)).await?;
            rows.extend(taken(&mut body[rows_field]));
            marker = match &body["nextMarker"] {
                Value::String(next) if *next != marker => next.clone(),
                Value::Number(next) if next.to_string() != marker => next.to_string(),
                _ => break,
            };
        }
        rows.truncate(most);
        Ok(rows)
    }

    /// Rows of a list with `limit` and `offset` that this filter finds; `rows_pointer` leads to them in the answer.
    pub(super) async fn counted_rows(
        &self,
        path: &str,
        filter: &[(&str, &str)],
        rows_pointer: &str,
        limit_rows: Option<usize>,
    ) -> Result<Vec<Value>, Failure> {
        let most = limit_rows.unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        while rows.len() < most {
            let page = COUNTED_PAGE.min(most - rows.len());
            let (limit, offset) = (page.to_string(), rows.len().to_string());
            // Some lists want them packed, some as they are.
            let page_keys = [("limit", limit.as_str()), ("offset", offset.as_str())];
            let packed = filter
                .iter()
                .chain(&page_keys)
                .map(|(key, value)| format!("{key}::{value}"));
            let packed = packed.collect::<Vec<_>>().join("|");
            let query = [
                ("limit", limit.as_str()),
                ("offset", &offset),
                ("filter", &packed),
            ];
            let mut body = self.get(&with_query(path, &query)).await?;
            let found = taken(body.pointer_mut(rows_pointer).unwrap_or(&mut Value::Null));
            let is_last = found.len() < page;
            rows.extend(found);
            if is_last {
                break;
            }
        }
        rows.truncate(most);
        Ok(rows)
    }

    fn headers(&self, method: &Method, target: &str, body: &[u8]) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (access_key_id, secret_access_key) = match &self.credential {
            None => return Ok(headers),
            Some(Credential::Token { token, .. }) => {
                headers.insert("x-auth-token", sensitive(token.expose())?);
                return Ok(headers);
            }
            Some(Credential::Key {
                access_key_id,
                secret_access_key,
            }) => (access_key_id, secret_access_key),
        };
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = OffsetDateTime::now_utc()
            .format(&format)
            .expect("the clock is past the year 0");
        let (_, host) = self.url.split_once("://").unwrap_or_default();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        for (name, text) in [
            (DATE_HEADER, date.as_str()),
            (HOST.as_str(), host),
            (NONCE_HEADER, &nonce),
        ] {
            let value = HeaderValue::from_str(text)
                .expect("dates, hosts and hexadecimal digits are plain characters");
            headers.insert(
                http::HeaderName::from_bytes(name.as_bytes()).expect("they are names"),
                value,
            );
        }
        let (raw_path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        let request = SignedRequest {
            method,
            raw_path,
            query,
            headers: &headers,
            authority: None,
            body: SignedBody::Received(body),
        };
        let signed = request.sign(
            access_key_id,
            secret_access_key.expose(),
            &[HOST.as_str(), DATE_HEADER, NONCE_HEADER],
        );
        let authorization =
            signed.map_err(|error| Failure::Here(format!("the request cannot be signed: {error}")))?;
        headers.insert(AUTHORIZATION, sensitive(&authorization.to_string())?);
        Ok(headers)
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(Failure::Strange {
                    url: self.url.clone(),
                    why: "its answer does not end".to_owned(),
                });
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        Failure::Unreachable {
            url: self.url.clone(),
            why: causes(error),
        }
    }
}

fn taken(value: &mut Value) -> Vec<Value> {
    match value.take() {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    }
}

/// A value that no log shows.
fn sensitive(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Failure::Here("the login holds characters that no request can carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error with what it came of; the outermost alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    let below = std::iter::successors(error.source(), |cause| cause.source());
    below.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_brought_into_one_form() {
        for (text, expected) in [
            ("hub.test", "https://hub.test"),
            ("hub.test:5000/", "https://hub.test:5000"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("https://hub.test:443", "https://hub.test"),
            ("http://[::1]:5000/", "http://[::1]:5000"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(expected));
        }
        for bad in [
            "",
            "ftp://hub.test",
            "https://mary:x@hub.test",
            "https://hub.test/team",
            "https://hub.test?x",
            "://",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_plain_http_beyond_this_machine_can_be_read_on_the_way() {
        for (address, expected) in [
            ("http://hub.test", true),
            ("http://10.0.0.1:5000", true),
            ("http://localhost:5000", false),
            ("http://127.0.0.1", false),
            ("http://[::1]:5000", false),
            ("https://hub.test", false),
        ] {
            assert_eq!(is_readable_on_the_way(address), expected, "{address}");
        }
    }
}
