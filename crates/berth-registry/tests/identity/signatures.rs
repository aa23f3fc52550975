//! Signed requests: who signed, what is refused, and the lock after five failures.

use std::net::Ipv4Addr;
use std::time::Duration;

use berth_oci::signature::{SignedBody, SignedRequest};
use berth_registry::{Caller, Error, Switch, now_ms};
use http::{HeaderMap, HeaderValue, Method};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::harness::{Installation, outcome, who};

/// A request and who signs it, when.
struct Signing<'a> {
    method: Method,
    access_key_id: &'a str,
    secret_key: &'a str,
    at_ms: i64,
}

impl Signing<'_> {
    /// Signs and authenticates; `sent` may differ from what was signed.
    async fn send(&self, installation: &Installation, sent: &[u8]) -> Result<Caller, Error> {
        self.send_from(1, installation, sent).await
    }

    async fn send_from(&self, last: u8, installation: &Installation, sent: &[u8]) -> Result<Caller, Error> {
        let date = OffsetDateTime::from_unix_timestamp(self.at_ms / 1000).unwrap();
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let mut headers = HeaderMap::new();
        let date = HeaderValue::from_str(&date.format(&format).unwrap()).unwrap();
        headers.insert("x-sdk-date", date);
        let mut request = SignedRequest {
            method: &self.method,
            raw_path: "/v2/manage/namespaces",
            query: None,
            headers: &headers,
            authority: Some("127.0.0.1:5000"),
            body: SignedBody::Received(b"{}"),
        };
        let authorization = request
            .sign(self.access_key_id, self.secret_key, &["host", "x-sdk-date"])
            .unwrap()
            .to_string();
        request.body = SignedBody::Received(sent);
        installation
            .registry
            .authenticate_signature(&authorization, &request, Ipv4Addr::new(127, 0, 0, last).into())
            .await
    }
}

fn signing(method: Method, secret_key: &str) -> Signing<'_> {
    Signing {
        method,
        access_key_id: "AKEXAMPLE0001",
        secret_key,
        at_ms: now_ms(),
    }
}

const SECRET: &str = "SKexampleSecret0001";

#[tokio::test]
async fn a_signature_names_the_owner_of_its_key() {
    let installation = Installation::start().await;
    let caller = signing(Method::GET, SECRET)
        .send(&installation, b"{}")
        .await
        .unwrap();
    assert_eq!(who(&caller), "berth/admin by AccessKey(\"AKEXAMPLE0001\")");
}

#[tokio::test]
async fn what_was_not_signed_so_is_refused() {
    let installation = Installation::start().await;
    let minute = 60_000;
    let mut late = signing(Method::GET, SECRET);
    late.at_ms -= 16 * minute;
    let mut early = signing(Method::GET, SECRET);
    early.at_ms += 16 * minute;
    let mut unknown = signing(Method::GET, SECRET);
    unknown.access_key_id = "AKEXAMPLE0002";
    let skewed = "refused: the request was signed more than 15 minutes before or after the server's time: check the clock";
    for (signing, sent, expected) in [
        (
            signing(Method::GET, "SKexampleSecret0002"),
            "{}",
            "not recognised",
        ),
        (signing(Method::GET, SECRET), "[]", "not recognised"),
        (unknown, "{}", "not recognised"),
        (late, "{}", skewed),
        (early, "{}", skewed),
    ] {
        let result = signing.send(&installation, sent.as_bytes()).await;
        assert_eq!(outcome(&result), expected, "{}", signing.access_key_id);
    }
}

#[tokio::test]
async fn a_disabled_key_signs_nothing() {
    let installation = Installation::start().await;
    installation
        .registry
        .switch_access_key(&Caller::System, "AKEXAMPLE0001", Switch::Disabled)
        .await
        .unwrap();
    let result = signing(Method::GET, SECRET).send(&installation, b"{}").await;
    assert_eq!(outcome(&result), "refused: access key AKEXAMPLE0001 is disabled");
}

#[tokio::test]
async fn a_captured_request_changes_nothing_a_second_time() {
    let installation = Installation::start().await;
    let again = "refused: this signed request was received before: sign it again with a new X-Sdk-Date";
    for (method, replayed) in [
        (Method::GET, "ok"),
        (Method::HEAD, "ok"),
        (Method::POST, again),
        (Method::PATCH, again),
        (Method::DELETE, again),
        (Method::PUT, again),
    ] {
        let signing = signing(method, SECRET);
        assert_eq!(outcome(&signing.send_from(1, &installation, b"{}").await), "ok");
        let elsewhere = signing.send_from(2, &installation, b"{}").await;
        assert_eq!(outcome(&elsewhere), replayed, "{}", signing.method);
    }
}

#[tokio::test]
async fn the_same_call_twice_in_a_second_is_no_replay() {
    let installation = Installation::start().await;
    let signing = signing(Method::POST, SECRET);
    for _ in 0..2 {
        assert_eq!(outcome(&signing.send(&installation, b"{}").await), "ok");
    }
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let later = outcome(&signing.send(&installation, b"{}").await);
    assert!(
        later.starts_with("refused: this signed request was received before"),
        "{later}"
    );
}

#[tokio::test]
async fn five_failures_in_a_row_lock_the_key() {
    let installation = Installation::start().await;
    let wrong = signing(Method::GET, "SKexampleSecret0002");
    let right = signing(Method::GET, SECRET);
    for _ in 0..4 {
        assert_eq!(outcome(&wrong.send(&installation, b"{}").await), "not recognised");
    }
    assert_eq!(outcome(&right.send(&installation, b"{}").await), "ok");
    for _ in 0..5 {
        assert_eq!(outcome(&wrong.send(&installation, b"{}").await), "not recognised");
    }
    let locked = right.send(&installation, b"{}").await;
    assert!(matches!(
        locked,
        Err(Error::Throttled {
            retry_after_seconds: 290..=300
        })
    ));
    let docker = format!("local@{}", installation.key.access_key_id);
    let login = installation.login(&docker, &installation.key.login_key()).await;
    assert_eq!(outcome(&login), "ok", "the lock is for signatures");
}

#[tokio::test]
async fn an_address_that_invents_keys_is_slowed_down() {
    let installation = Installation::start().await;
    let invent = async |number: usize| {
        let key = format!("AKINVENTED{number:03}");
        let signing = Signing {
            access_key_id: &key,
            ..signing(Method::GET, "secret")
        };
        signing.send_from(9, &installation, b"{}").await
    };
    for number in 0..51 {
        let refused = invent(number).await;
        assert!(
            matches!(refused, Err(Error::BadCredentials { .. })),
            "{refused:?}"
        );
    }
    // All at once: whoever would wait for too long is sent away at once.
    let mut many: futures_util::stream::FuturesUnordered<_> = (51..111).map(invent).collect();
    while let Some(answer) = futures_util::StreamExt::next(&mut many).await {
        if let Err(Error::Throttled { .. }) = answer {
            return;
        }
    }
    panic!("nobody was sent away");
}
