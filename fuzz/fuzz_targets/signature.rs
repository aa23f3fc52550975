//! Any Authorization header is read or refused; what is signed is accepted, and not with another secret.
#![no_main]

use berth_oci::signature::{Authorization, SignatureError, SignedBody, SignedRequest};
use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

/// 2026-01-02T03:04:05Z in milliseconds.
const NOW: i64 = 1_767_323_045_000;

fuzz_target!(|input: (&str, &str, Option<&str>, &[u8], &[u8])| {
    let (header, path, query, value, body) = input;
    let mut headers = HeaderMap::new();
    headers.insert("x-sdk-date", HeaderValue::from_static("20260102T030405Z"));
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert("user-agent", value);
    }
    let request = SignedRequest {
        method: &Method::PUT,
        raw_path: path,
        query,
        headers: &headers,
        authority: Some("localhost"),
        body: SignedBody::Received(body),
    };
    for header in [header.to_owned(), format!("SDK-HMAC-SHA256 {header}")] {
        if let Ok(authorization) = header.parse::<Authorization>() {
            assert_eq!(authorization.to_string().parse().as_ref(), Ok(&authorization));
            request
                .verify(&authorization, "secret", NOW)
                .expect_err("nobody guesses a signature");
        }
    }
    let authorization = request
        .sign("AK", "secret", &["host", "x-sdk-date"])
        .expect("every signed header is there");
    assert_eq!(request.verify(&authorization, "secret", NOW), Ok(()));
    assert_eq!(
        request.verify(&authorization, "other", NOW),
        Err(SignatureError::Mismatch)
    );

    let mut dated = headers.clone();
    if let Ok(date) = HeaderValue::from_bytes(value) {
        dated.insert("x-sdk-date", date);
        let dated = SignedRequest {
            headers: &dated,
            ..request
        };
        let _ = dated.verify(&authorization, "secret", NOW);
    }
});
