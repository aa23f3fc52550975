//! Sessions that somebody else chose, kept or uses: fixation, requests forged by other sites. What a session is and when
//! it ends is in `manage/sessions`.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

use crate::installation::{Answer, Installation, PASSWORD};

const SESSIONS: &str = "/v2/manage/sessions";
const GROUP: &str = "/v2/manage/namespaces/group";

type Headers<'a> = &'a [(&'static str, &'a str)];

async fn send(
    installation: &Installation,
    method: Method,
    target: &str,
    headers: Headers<'_>,
    body: &str,
) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    installation.send(method, target, map, body).await
}

struct Session {
    /// `name=value`.
    cookie: String,
    proof: String,
}

async fn sign_in(installation: &Installation, password: &str, headers: Headers<'_>) -> Session {
    let body = json!({ "account": "berth", "user": "admin", "password": password }).to_string();
    let headers = [&[("content-type", "application/json")], headers].concat();
    let opened = send(installation, Method::POST, SESSIONS, &headers, &body).await;
    assert_eq!(opened.status.as_u16(), 201, "{}", opened.text);
    Session {
        cookie: opened.header("set-cookie").split(';').next().unwrap().to_owned(),
        proof: opened.json()["csrf_token"].as_str().unwrap().to_owned(),
    }
}

/// Whether somebody is signed in with a cookie.
async fn is_open(installation: &Installation, cookie: &str) -> bool {
    let shown = send(installation, Method::GET, SESSIONS, &[("cookie", cookie)], "").await;
    assert!(shown.header("set-cookie").is_empty(), "{:?}", shown.headers);
    shown.status.as_u16() == 200
}

#[tokio::test]
async fn a_session_that_somebody_else_chose_is_never_taken() {
    let installation = Installation::start();
    let chosen = format!("berth_session={}", "a".repeat(64));
    assert!(!is_open(&installation, &chosen).await);
    let fresh = sign_in(&installation, PASSWORD, &[("cookie", &chosen)]).await;
    assert_ne!(fresh.cookie, chosen);
    assert!(!is_open(&installation, &chosen).await);
    assert!(is_open(&installation, &fresh.cookie).await);
    // Whoever signs in again gets another one.
    let again = sign_in(&installation, PASSWORD, &[("cookie", &fresh.cookie)]).await;
    assert_ne!(again.cookie, fresh.cookie);
    assert_ne!(again.proof, fresh.proof);
    // An id does not come by any other way than the cookie.
    let secret = fresh.cookie.split_once('=').unwrap().1;
    for (target, headers) in [
        (format!("{SESSIONS}?berth_session={secret}"), vec![]),
        (format!("{SESSIONS};berth_session={secret}"), vec![]),
        (SESSIONS.to_owned(), vec![("x-session", secret)]),
        (SESSIONS.to_owned(), vec![("cookie", secret)]),
    ] {
        let shown = send(&installation, Method::GET, &target, &headers, "").await;
        assert!(
            matches!(shown.status.as_u16(), 401 | 404),
            "{target}: {}",
            shown.text
        );
    }
}

#[tokio::test]
async fn an_ended_session_stays_ended() {
    let installation = Installation::start();
    let (one, other) = (
        sign_in(&installation, PASSWORD, &[]).await,
        sign_in(&installation, PASSWORD, &[]).await,
    );
    let headers = [
        ("cookie", one.cookie.as_str()),
        ("x-csrf-token", one.proof.as_str()),
    ];
    let left = send(&installation, Method::DELETE, SESSIONS, &headers, "").await;
    assert_eq!(left.status.as_u16(), 204, "{}", left.text);
    assert!(!is_open(&installation, &one.cookie).await);
    assert!(is_open(&installation, &other.cookie).await);
    // The person changes the password: all sessions end, the one that asked for it, too.
    let reset = installation.admin(&["user", "reset-password", "berth/admin"]);
    assert!(!is_open(&installation, &other.cookie).await);
    let password = reset["password"].as_str().unwrap();
    let new = sign_in(&installation, password, &[("cookie", &one.cookie)]).await;
    assert!(is_open(&installation, &new.cookie).await);
    for old in [&one, &other] {
        assert!(!is_open(&installation, &old.cookie).await);
    }
    installation.admin(&["user", "disable", "berth/admin"]);
    assert!(!is_open(&installation, &new.cookie).await);
}

/// Makes an organization to lose.
async fn group(installation: &Installation) {
    let made = installation
        .signed(Method::POST, "/v2/manage/namespaces", r#"{"namespace":"group"}"#)
        .await;
    assert!(made.status.is_success(), "{}", made.text);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let installation = Installation::start();
    group(&installation).await;
    let (victim, attacker) = (
        sign_in(&installation, PASSWORD, &[]).await,
        sign_in(&installation, PASSWORD, &[]).await,
    );
    let evil = [
        ("origin", "https://evil.test"),
        ("referer", "https://evil.test/page"),
    ];
    let body = json!({ "namespace": "forged" }).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "application/json",
    ] {
        for proof in ["", "null", victim.cookie.as_str(), attacker.proof.as_str()] {
            let headers = [
                &evil[..],
                &[
                    ("cookie", victim.cookie.as_str()),
                    ("content-type", kind),
                    ("x-csrf-token", proof),
                ],
            ]
            .concat();
            for (method, target) in [
                (Method::POST, "/v2/manage/namespaces"),
                (Method::DELETE, GROUP),
                (Method::DELETE, SESSIONS),
                (Method::POST, "/v2/manage/utils/secret"),
            ] {
                let forged = send(&installation, method, target, &headers, &body).await;
                assert_eq!(forged.status.as_u16(), 403, "{kind} {proof}: {}", forged.text);
                assert!(forged.header("access-control-allow-origin").is_empty());
            }
        }
    }
    assert!(is_open(&installation, &victim.cookie).await);
    assert_eq!(organizations(&installation).await, 1);
}

async fn organizations(installation: &Installation) -> usize {
    let listed = installation
        .signed(Method::GET, "/v2/manage/namespaces", "")
        .await;
    listed.json()["namespaces"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_proof_is_in_its_header_and_links_only_read() {
    let installation = Installation::start();
    group(&installation).await;
    let victim = sign_in(&installation, PASSWORD, &[]).await;
    let body = json!({ "namespace": "forged" }).to_string();
    let proof = &victim.proof;
    for (method, target, more) in [
        (
            Method::POST,
            format!("/v2/manage/namespaces?csrf_token={proof}"),
            None,
        ),
        (
            Method::POST,
            format!("/v2/manage/namespaces?x-csrf-token={proof}"),
            None,
        ),
        (Method::GET, format!("{GROUP}?_method=DELETE"), None),
        (
            Method::GET,
            GROUP.to_owned(),
            Some(("x-http-method-override", "DELETE")),
        ),
        (Method::GET, GROUP.to_owned(), Some(("x-http-method", "DELETE"))),
        (
            Method::GET,
            GROUP.to_owned(),
            Some(("x-method-override", "DELETE")),
        ),
        (Method::HEAD, GROUP.to_owned(), None),
    ] {
        let headers = [("cookie", victim.cookie.as_str())].into_iter().chain(more);
        let headers: Vec<_> = headers.collect();
        let answer = send(&installation, method.clone(), &target, &headers, &body).await;
        let expected = if method == Method::POST { 403 } else { 200 };
        assert_eq!(
            answer.status.as_u16(),
            expected,
            "{method} {target}: {}",
            answer.text
        );
    }
    assert_eq!(organizations(&installation).await, 1);
}

#[tokio::test]
async fn no_other_site_reads_an_answer() {
    let installation = Installation::start();
    let session = sign_in(&installation, PASSWORD, &[]).await;
    for target in [
        SESSIONS,
        "/v2/manage/namespaces",
        "/v2/",
        "/token",
        "/v2/_catalog",
        "/openapi.json",
        "/",
    ] {
        for (method, more) in [
            (Method::GET, vec![]),
            (
                Method::OPTIONS,
                vec![
                    ("access-control-request-method", "DELETE"),
                    ("access-control-request-headers", "x-csrf-token"),
                ],
            ),
        ] {
            for origin in ["https://evil.test", "null", installation.url().as_str()] {
                let mut headers = vec![("cookie", session.cookie.as_str()), ("origin", origin)];
                headers.extend(more.clone());
                let answer = send(&installation, method.clone(), target, &headers, "").await;
                let allowed = answer
                    .headers
                    .keys()
                    .find(|name| name.as_str().starts_with("access-control"));
                assert_eq!(allowed, None, "{method} {target}");
            }
        }
    }
    // The cookie is for the management API: docker's API never asks for it, so no page can have images pushed or deleted.
    for target in ["/v2/", "/v2/_catalog", "/token?scope=registry:catalog:*"] {
        let answer = send(
            &installation,
            Method::GET,
            target,
            &[("cookie", &session.cookie)],
            "",
        )
        .await;
        let is_open = target.starts_with("/token");
        assert_eq!(
            answer.status.as_u16(),
            if is_open { 200 } else { 401 },
            "{target}: {}",
            answer.text
        );
    }
    let anonymous = send(
        &installation,
        Method::GET,
        "/token?scope=registry:catalog:*",
        &[("cookie", &session.cookie)],
        "",
    )
    .await;
    let bearer = format!("Bearer {}", anonymous.json()["token"].as_str().unwrap());
    let listed = installation.get("/v2/_catalog", &bearer).await;
    assert_eq!(listed.json()["repositories"], json!([]), "nobody's token");
}

#[tokio::test]
async fn nobody_is_signed_in_by_a_form() {
    let installation = Installation::start();
    let body = json!({ "account": "berth", "user": "admin", "password": PASSWORD }).to_string();
    for kind in [
        "",
        "text/plain",
        "text/plain; application/json",
        "multipart/form-data; a=application/json",
        "text/json",
    ] {
        let headers = [("content-type", kind)];
        let headers = if kind.is_empty() { &[][..] } else { &headers };
        let answer = send(&installation, Method::POST, SESSIONS, headers, &body).await;
        assert_eq!(answer.status.as_u16(), 400, "{kind}: {}", answer.text);
        assert!(answer.header("set-cookie").is_empty(), "{kind}");
    }
    let by_link = format!("{SESSIONS}?account=berth&user=admin&password={PASSWORD}").replace(' ', "%20");
    for method in [Method::GET, Method::POST] {
        let answer = send(&installation, method, &by_link, &[], "").await;
        assert!(answer.header("set-cookie").is_empty(), "{:?}", answer.headers);
    }
}
