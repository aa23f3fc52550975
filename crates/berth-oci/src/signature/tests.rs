//! Signatures that real SDKs made, and what must not pass.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::canonical::{PathForm, query, uri};
use super::{Authorization, SignatureError, SignedBody, SignedRequest};

const SECRET: &str = "SKexampleSecret0001";
const PYTHON_AGENT: &str = "huaweicloud-usdk-python/3.0; os/Linux##1_SMP_PREEMPT_DYNAMIC_@0#x86_64 python/3.11.7 impl/CPython; app/5ab81379-93db-4a9b-8570-d4d7e41220de";
const PYTHON_HEADERS: &str = "content-type;host;user-agent;x-project-id;x-sdk-date";
const NPM_HEADERS: &str = "content-type;host;x-project-id;x-sdk-date";

/// A request line, the headers that vary, a body, and the signature that the SDK put on it.
struct Sample {
    method: Method,
    target: &'static str,
    body: &'static [u8],
    headers: Vec<(&'static str, &'static str)>,
    signed: &'static str,
    signature: &'static str,
}

impl Sample {
    fn authorization(&self) -> Authorization {
        let (signed, signature) = (self.signed, self.signature);
        format!("SDK-HMAC-SHA256 Access=AKEXAMPLE0001, SignedHeaders={signed}, Signature={signature}")
            .parse()
            .unwrap()
    }

    fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    fn now(&self) -> i64 {
        // 2026-11-20T23:19:00Z for what the SDKs sent, 2026-01-02T03:04:05Z for the worked examples.
        let is_sent = self
            .headers
            .iter()
            .any(|(_, value)| value.starts_with("20261120"));
        if is_sent {
            1_795_216_740_000
        } else {
            1_767_323_045_000
        }
    }

    fn verify(&self, change: impl FnOnce(&mut Altered)) -> Result<(), SignatureError> {
        let mut altered = Altered {
            method: self.method.clone(),
            target: self.target.to_owned(),
            headers: self.header_map(),
            body: self.body.to_vec(),
            body_unread: false,
            authorization: self.authorization(),
            secret: SECRET.to_owned(),
            now: self.now(),
        };
        change(&mut altered);
        let (path, query) = altered
            .target
            .split_once('?')
            .map_or((altered.target.as_str(), None), |(p, q)| (p, Some(q)));
        let body = if altered.body_unread {
            SignedBody::Unread
        } else {
            SignedBody::Received(&altered.body)
        };
        let request = SignedRequest {
            method: &altered.method,
            raw_path: path,
            query,
            headers: &altered.headers,
            authority: None,
            body,
        };
        request.verify(&altered.authorization, &altered.secret, altered.now)
    }
}

struct Altered {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
    body_unread: bool,
    authorization: Authorization,
    secret: String,
    now: i64,
}

fn worked(method: Method, target: &'static str, body: &'static [u8], signature: &'static str) -> Sample {
    let headers = vec![
        ("content-type", "application/json"),
        ("host", "127.0.0.1:8080"),
        ("user-agent", "demo/1.0"),
        ("x-project-id", "0123456789abcdef0123456789abcdef"),
        ("x-sdk-date", "20260102T030405Z"),
    ];
    Sample {
        method,
        target,
        body,
        headers,
        signed: PYTHON_HEADERS,
        signature,
    }
}

fn python(method: Method, target: &'static str, body: &'static [u8], signature: &'static str) -> Sample {
    let headers = vec![
        ("content-type", "application/json"),
        ("host", "127.0.0.1:18080"),
        ("user-agent", PYTHON_AGENT),
        ("x-project-id", "0123456789abcdef0123456789abcdef"),
        ("x-sdk-date", "20261120T231859Z"),
    ];
    Sample {
        method,
        target,
        body,
        headers,
        signed: PYTHON_HEADERS,
        signature,
    }
}

fn npm(method: Method, target: &'static str, body: &'static [u8], signature: &'static str) -> Sample {
    let headers = vec![
        ("content-type", "application/json"),
        ("host", "127.0.0.1:18080"),
        ("x-project-id", "0123456789abcdef0123456789abcdef"),
        ("x-sdk-date", "20261120T231954Z"),
    ];
    Sample {
        method,
        target,
        body,
        headers,
        signed: NPM_HEADERS,
        signature,
    }
}

const WORKED: [(Method, &str, &[u8], &str); 2] = [
    (
        Method::GET,
        "/v2/manage/namespaces/group/repos/a%24b/tags?filter=tag%3A%3Av1%7Climit%3A%3A10%7Coffset%3A%3A0&limit=10&offset=0",
        b"",
        "30c72d00598e3d2977499455ab86a5244ae2e3a9ebc4d76302da56dca4ed3925",
    ),
    (
        Method::POST,
        "/v2/manage/namespaces",
        br#"{"namespace": "group"}"#,
        "e4d70b6c920c0bdfae92da93226e45977a18fba55fe87425ffb1c3862a308a9a",
    ),
];

const FROM_PYTHON: [(Method, &str, &[u8], &str); 7] = [
    (
        Method::POST,
        "/v2/manage/namespaces",
        br#"{"namespace": "group"}"#,
        "da48b05dffd3b3ce7bc12d7b33fbfda1225b0ada7da39f55150ae3161233a7ff",
    ),
    (
        Method::GET,
        "/v2/manage/namespaces?filter=namespace%3A%3Agroup%7Cmode%3A%3Avisible",
        b"",
        "a342060d591f10e63bcd273cc19f6ffd33dfac515683fee27beed5c0604d5363",
    ),
    (
        Method::DELETE,
        "/v2/manage/namespaces/group/access",
        br#"["u1"]"#,
        "38ad5ec6ae48797f9874f51484e8963d03f9959fd6b61df4bd2a83589c5e1977",
    ),
    (
        Method::GET,
        "/v2/manage/repos?filter=name%3A%3Abusy%20box%7Climit%3A%3A10%7Coffset%3A%3A0&limit=10&offset=0",
        b"",
        "f32ce2e73d4aa6612103f053b7ea017331d9677e8a41fcc9ffc2e43fb3171afc",
    ),
    (
        Method::GET,
        "/v2/manage/namespaces/group/repos/a%24b",
        b"",
        "05a8447157c1441113e3772f6f7173fccea5d881c60181a7ea1f93896a8a14bd",
    ),
    (
        Method::GET,
        "/v2/manage/namespaces/group/repos/a%2Fb",
        b"",
        "1b3304f5fcacc167f3a226ab2b1a0d86c1352a1c427c1698ac1107224fbed7d5",
    ),
    (
        Method::POST,
        "/v2/manage/utils/secret?projectname=region-1",
        b"",
        "2c815e62680e8ff2da1f51ad7fb0355c663587d71733d848d080f002eba02257",
    ),
];

const FROM_NPM: [(Method, &str, &[u8], &str); 4] = [
    (
        Method::POST,
        "/v2/manage/namespaces",
        br#"{"namespace":"group"}"#,
        "5152b63ad01327569972f8f1eb69c2008b44bf61984792706025712f4d026c66",
    ),
    (
        Method::GET,
        "/v2/manage/namespaces/group/repos/a$b",
        b"",
        "531bed3558f3a2c2a927eda5201b10849deb46e3575f0a213344a679567d2e8e",
    ),
    (
        Method::DELETE,
        "/v2/manage/namespaces/group/access",
        br#"["u1"]"#,
        "cc250db186af646c0f2d4ba2a25c2a19ab383db5ed33915813be6b08387a4d4f",
    ),
    (
        Method::POST,
        "/v2/manage/utils/secret?projectname=region-1",
        b"",
        "2376f37d96bbfc4dec536dc901916e6a4a5f20f76fe43fdec3de4a3242fa3f8e",
    ),
];

fn samples() -> Vec<Sample> {
    let worked = WORKED
        .into_iter()
        .map(|(method, target, body, mac)| worked(method, target, body, mac));
    let python = FROM_PYTHON
        .into_iter()
        .map(|(method, target, body, mac)| python(method, target, body, mac));
    let npm = FROM_NPM
        .into_iter()
        .map(|(method, target, body, mac)| npm(method, target, body, mac));
    worked.chain(python).chain(npm).collect()
}

#[test]
fn what_the_sdks_send_is_accepted() {
    for sample in samples() {
        assert_eq!(
            sample.verify(|_| {}),
            Ok(()),
            "{} {}",
            sample.method,
            sample.target
        );
    }
}

#[test]
fn nothing_that_is_signed_can_be_changed() {
    for sample in samples() {
        let check = |what: &str, change: &dyn Fn(&mut Altered), expected: SignatureError| {
            assert_eq!(
                sample.verify(change),
                Err(expected),
                "{what} of {} {}",
                sample.method,
                sample.target
            );
        };
        check(
            "secret",
            &|request| request.secret.push('x'),
            SignatureError::Mismatch,
        );
        check(
            "method",
            &|request| request.method = Method::PATCH,
            SignatureError::Mismatch,
        );
        check(
            "path",
            &|request| request.target.insert(1, 'x'),
            SignatureError::Mismatch,
        );
        check(
            "body",
            &|request| request.body.push(b' '),
            SignatureError::Mismatch,
        );
        let host = HeaderValue::from_static("elsewhere");
        check(
            "host",
            &|request| drop(request.headers.insert("host", host.clone())),
            SignatureError::Mismatch,
        );
        check(
            "missing header",
            &|request| drop(request.headers.remove("x-project-id")),
            SignatureError::MissingHeader("x-project-id".to_owned()),
        );
        check(
            "early clock",
            &|request| request.now -= 16 * 60 * 1000,
            SignatureError::Skewed,
        );
        check(
            "late clock",
            &|request| request.now += 16 * 60 * 1000,
            SignatureError::Skewed,
        );
        check(
            "far clock",
            &|request| request.now = i64::MIN,
            SignatureError::Skewed,
        );
    }
}

#[test]
fn an_unsigned_body_passes_only_where_the_caller_reads_it_later() {
    let mut sample = worked(
        Method::POST,
        "/v2/manage/namespaces",
        b"abc",
        "6e165e9fad488387324c29a268c079d50921dc6b9a12273bf34d1604ae8403fd",
    );
    sample.headers[0].1 = "application/octet-stream";
    sample.headers.push(("x-sdk-content-sha256", "UNSIGNED-PAYLOAD"));
    sample.signed = "content-type;host;user-agent;x-project-id;x-sdk-content-sha256;x-sdk-date";
    assert_eq!(sample.verify(|request| request.body_unread = true), Ok(()));
    assert_eq!(sample.verify(|_| {}), Err(SignatureError::UnsignedPayload));
}

#[test]
fn a_content_header_is_believed_only_when_it_is_signed_and_true() {
    let mut sample = samples().remove(2);
    sample.headers.push(("x-sdk-content-sha256", "UNSIGNED-PAYLOAD"));
    assert_eq!(sample.verify(|_| {}), Ok(()), "not signed, so of no meaning");
    assert_eq!(
        sample.verify(|request| request.body = b"other".to_vec()),
        Err(SignatureError::Mismatch)
    );
    sample.signed = "content-type;host;user-agent;x-project-id;x-sdk-content-sha256;x-sdk-date";
    sample.headers.last_mut().unwrap().1 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sample.verify(|_| {}), Err(SignatureError::BodyMismatch));
}

#[test]
fn the_date_must_be_signed_and_a_date() {
    let mut sample = samples().remove(2);
    sample.signed = "content-type;host";
    assert_eq!(sample.verify(|_| {}), Err(SignatureError::DateNotSigned));
    for date in [
        "",
        "20261120",
        "2026-11-20T23:18:59Z",
        "20261320T231859Z",
        "20261120T231859",
        "+026112 0T231859Z",
    ] {
        let result = samples().remove(2).verify(|request| {
            request
                .headers
                .insert("x-sdk-date", HeaderValue::from_static(date));
        });
        assert_eq!(result, Err(SignatureError::BadDate), "{date:?}");
    }
}

#[test]
fn headers_that_are_no_signature_are_told_apart() {
    let check = |text: &str, expected: SignatureError| {
        assert_eq!(text.parse::<Authorization>(), Err(expected), "{text:?}");
    };
    let signature = "0".repeat(64);
    for other in [
        "",
        "Basic YTpi",
        "Bearer x",
        "V11-HMAC-SHA256 Credential=AK",
        "SDK-HMAC-SM3 Access=AK",
    ] {
        check(other, SignatureError::UnknownAlgorithm);
    }
    for fields in [
        String::new(),
        "Access=AK".to_owned(),
        format!("Access=, SignedHeaders=host, Signature={signature}"),
        format!("Access=AK, SignedHeaders=, Signature={signature}"),
        format!("Access=AK, SignedHeaders=Host, Signature={signature}"),
        format!("Access=AK, SignedHeaders=a;;b, Signature={signature}"),
        format!("Access=AK, SignedHeaders=host, Signature={}", "A".repeat(64)),
        format!("Access=AK, SignedHeaders=host, Signature={}", "0".repeat(63)),
        format!("Access=AK, SignedHeaders=host, Signature={signature}, More=1"),
        format!(
            "Access=AK, SignedHeaders={}x, Signature={signature}",
            "a;".repeat(100)
        ),
    ] {
        check(&format!("SDK-HMAC-SHA256 {fields}"), SignatureError::Malformed);
    }
}

#[test]
fn the_authority_stands_for_a_missing_host() {
    let sample = samples().remove(2);
    let mut headers = sample.header_map();
    headers.remove("host");
    let mut request = SignedRequest {
        method: &sample.method,
        raw_path: sample.target,
        query: None,
        headers: &headers,
        authority: Some("127.0.0.1:18080"),
        body: SignedBody::Received(sample.body),
    };
    assert_eq!(
        request.verify(&sample.authorization(), SECRET, sample.now()),
        Ok(())
    );
    request.authority = None;
    let missing = SignatureError::MissingHeader("host".to_owned());
    assert_eq!(
        request.verify(&sample.authorization(), SECRET, sample.now()),
        Err(missing)
    );
}

#[test]
fn a_path_that_was_escaped_once_more_for_signing_is_accepted() {
    assert_eq!(uri("/a%2Fb", PathForm::Decoded), "/a/b/");
    assert_eq!(uri("/a%2Fb", PathForm::Raw), "/a%252Fb/");
    let sample = samples().remove(8);
    let headers = sample.header_map();
    // The raw form of a path equals the decoded form of that path escaped once more.
    let signed = SignedRequest {
        method: &Method::GET,
        raw_path: "/v2/busy%2520box",
        query: None,
        headers: &headers,
        authority: None,
        body: SignedBody::Received(b""),
    };
    let authorization = signed.sign("AK", SECRET, &["host", "x-sdk-date"]).unwrap();
    let sent = SignedRequest {
        raw_path: "/v2/busy%20box",
        ..signed
    };
    assert_eq!(sent.verify(&authorization, SECRET, sample.now()), Ok(()));
}

#[test]
fn queries_are_sorted_and_escaped_anew() {
    let check = |raw: &str, canonical: &str| assert_eq!(query(raw), canonical, "{raw:?}");
    check("", "");
    check("b=2&a=1", "a=1&b=2");
    check("a=2&a=10&a=1", "a=1&a=10&a=2");
    check("a", "a=");
    check("a=", "a=");
    check("a=x+y", "a=x%20y");
    check("a=x%2By", "a=x%2By");
    check("a=~!*'()", "a=~%21%2A%27%28%29");
    check("a=%C3%A9", "a=%C3%A9");
    check("a=%2F&b=%26%3D", "a=%2F&b=%26%3D");
}

proptest! {
    #[test]
    fn what_is_signed_here_is_accepted_here(
        path in "/[ -~]{0,40}",
        query in proptest::option::of("[ -~]{0,40}"),
        body: Vec<u8>,
        secret in "\\PC{0,40}",
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("x-sdk-date", HeaderValue::from_static("20260102T030405Z"));
        let request = SignedRequest {
            method: &Method::POST,
            raw_path: &path,
            query: query.as_deref(),
            headers: &headers,
            authority: Some("localhost"),
            body: SignedBody::Received(&body),
        };
        let authorization = request.sign("AK", &secret, &["x-sdk-date", "host"]).unwrap();
        prop_assert_eq!(&authorization.to_string().parse::<Authorization>().unwrap(), &authorization);
        prop_assert_eq!(request.verify(&authorization, &secret, 1_767_323_045_000), Ok(()));
    }

    #[test]
    fn any_header_is_read_or_refused(text in "(SDK-HMAC-SHA256 )?[ -~]{0,80}") {
        if let Ok(authorization) = text.parse::<Authorization>() {
            prop_assert_eq!(authorization.to_string().parse(), Ok(authorization));
        }
    }
}
