//! What a verifier of signed requests must get right, on the wire: each sentence of the signing rules.

use http::{Method, StatusCode};

use crate::installation::{ACCESS_KEY_ID, Installation, SECRET_KEY};

const AT: (&str, &str) = ("/v2/manage/namespaces", "");

#[tokio::test]
async fn an_unsigned_project_or_account_is_only_a_hint() {
    let installation = Installation::start();
    for headers in [
        &[("x-project-id", "0123456789abcdef0123456789abcdef")][..],
        &[("x-domain-id", "elsewhere")],
    ] {
        for (signed, unsigned) in [(headers, &[][..]), (&[][..], headers)] {
            let answer = installation
                .signed_beside(ACCESS_KEY_ID, SECRET_KEY, (signed, unsigned), Method::GET, AT)
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{headers:?}: {}", answer.text);
            assert_eq!(answer.json()["namespaces"], serde_json::json!([]));
        }
    }
}

#[tokio::test]
async fn five_failures_lock_the_key_and_say_so() {
    let installation = Installation::start();
    for _ in 0..5 {
        let wrong = installation
            .signed_by(ACCESS_KEY_ID, "SKexampleSecret0002", Method::GET, AT)
            .await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            wrong.json()["error_msg"],
            "Incorrect IAM authentication information: verify aksk signature fail"
        );
    }
    let locked = installation.signed(Method::GET, AT.0, AT.1).await;
    assert_eq!(locked.status, StatusCode::UNAUTHORIZED);
    let body = locked.json();
    assert_eq!(body["error_code"], "APIGW.0301");
    let message = body["error_msg"].as_str().unwrap();
    assert!(
        message.starts_with(
            "Incorrect IAM authentication information: the access key is locked after repeated failures"
        ),
        "{message}"
    );
    let seconds: u64 = locked.header("retry-after").parse().unwrap();
    assert!((290..=300).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn other_algorithms_and_schemes_are_refused() {
    let installation = Installation::start();
    let signature = "0".repeat(64);
    for algorithm in [
        "SDK-HMAC-SM3",
        "SDK-ECDSA-P256-SHA256",
        "SDK-SM2-SM3",
        "sdk-hmac-sha256",
    ] {
        let header =
            format!("{algorithm} Access={ACCESS_KEY_ID}, SignedHeaders=x-sdk-date, Signature={signature}");
        let answer = installation.get(AT.0, &header).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{algorithm}");
    }
    let derived = format!(
        "V11-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260102/region/swr, SignedHeaders=x-sdk-date, Signature={signature}"
    );
    let answer = installation.get(AT.0, &derived).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_that_was_changed_on_its_way_is_refused() {
    let installation = Installation::start();
    let (target, body) = (AT.0, r#"{"namespace":"group"}"#);
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for (name, value) in [
        ("x-sdk-content-sha256", hash),
        ("x-sdk-content-sha256", "UNSIGNED-PAYLOAD"),
    ] {
        let answer = installation
            .signed_beside(
                ACCESS_KEY_ID,
                SECRET_KEY,
                (&[], &[(name, value)]),
                Method::POST,
                (target, body),
            )
            .await;
        // Not signed itself, the header says nothing: the hash of the body counts, and it is right.
        assert!(
            answer.status == StatusCode::CREATED || answer.status == StatusCode::CONFLICT,
            "{}",
            answer.text
        );
    }
}
