//! Logins: every kind of challenge, who is told what, and how often a token is fetched.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;

use super::server::{Asked, Reply, Server, limits, remote, reply};
use crate::{Error, Login};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn mary() -> Login {
    Login::password("mary", "secret-word")
}

/// `mary:secret-word`.
const BASIC: &str = "Basic bWFyeTpzZWNyZXQtd29yZA==";

/// A registry whose token service answers in turn, and which takes the last token that it gave.
async fn with_tokens(challenge: &'static str, grants: Vec<Reply>) -> Server {
    let grants = Mutex::new(grants.into_iter().enumerate());
    Server::answering(move |asked| {
        if asked.target.starts_with("/token") {
            let (_, grant) = grants
                .lock()
                .unwrap()
                .next()
                .expect("one more token than is right");
            return grant;
        }
        match asked.header("authorization") {
            "Bearer good" => reply(200),
            _ => reply(401).header("www-authenticate", challenge),
        }
    })
    .await
}

fn good() -> Reply {
    reply(200).body(r#"{"token":"good","expires_in":300}"#)
}

const BEARER: &str = r#"Bearer realm="{base}/token",service="registry.example",scope="repository:a/b:pull""#;

fn token_request(server: &Server) -> Asked {
    let asked = server.asked();
    let found = asked.into_iter().find(|asked| asked.target.starts_with("/token"));
    found.expect("a token was asked for")
}

#[tokio::test]
async fn every_kind_of_challenge_is_met() {
    for (challenge, login, expected) in [
        (BEARER, Some(mary()), BASIC),
        (BEARER, None, ""),
        (
            r#"Negotiate, Basic realm="x", Bearer realm="{base}/token""#,
            Some(mary()),
            BASIC,
        ),
        (r#"Bearer realm="/token""#, Some(mary()), BASIC),
        (r"BEARER realm={base}/token", Some(mary()), BASIC),
    ] {
        let server = with_tokens(challenge, vec![good()]).await;
        server.remote(login).ping().await.unwrap();
        assert_eq!(
            token_request(&server).header("authorization"),
            expected,
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn a_token_is_asked_for_with_service_and_scopes() {
    let server = with_tokens(BEARER, vec![good()]).await;
    let repository = server.remote(Some(mary())).repository("a/b").unwrap();
    repository.has_blob(&DIGEST.parse().unwrap()).await.unwrap();
    assert_eq!(
        token_request(&server).target,
        "/token?service=registry.example&scope=repository%3Aa%2Fb%3Apull%2Cpush"
    );
}

#[tokio::test]
async fn a_scope_that_the_registry_names_is_asked_for_too() {
    // A proxy in front gives the repository another name.
    let challenge = r#"Bearer realm="{base}/token",scope="repository:team/a/b:pull""#;
    let server = with_tokens(challenge, vec![good()]).await;
    let repository = server.remote(Some(mary())).repository("a/b").unwrap();
    repository.has_blob(&DIGEST.parse().unwrap()).await.unwrap();
    let target = token_request(&server).target;
    let first = target.find("repository%3Ateam%2Fa%2Fb%3Apull").unwrap();
    assert!(
        first < target.find("repository%3Aa%2Fb%3Apull%2Cpush").unwrap(),
        "{target}"
    );
}

#[tokio::test]
async fn a_mount_asks_for_two_scopes() {
    let server = with_tokens(BEARER, vec![good()]).await;
    let repository = server.remote(Some(mary())).repository("a/b").unwrap();
    let digest = DIGEST.parse().unwrap();
    let outcome = repository.mount(&digest, "c/d").await;
    assert!(
        matches!(outcome, Err(Error::Malformed(_))),
        "200 is no answer to a mount"
    );
    let target = token_request(&server).target;
    assert!(target.contains("repository%3Aa%2Fb%3Apull%2Cpush"), "{target}");
    assert!(target.contains("scope=repository%3Ac%2Fd%3Apull"), "{target}");
}

#[tokio::test]
async fn basic_is_sent_when_asked_for_and_not_before() {
    let server = Server::answering(|asked| match asked.header("authorization") {
        BASIC => reply(200),
        _ => reply(401).header(
            "www-authenticate",
            r#"Basic realm="https://1.dkr.ecr.example/",service="ecr""#,
        ),
    })
    .await;
    let remote = server.remote(Some(mary()));
    remote.ping().await.unwrap();
    remote.ping().await.unwrap();
    let sent: Vec<String> = server
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").to_owned())
        .collect();
    assert_eq!(sent, ["", BASIC, BASIC]);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let wrong = r#"{"errors":[{"code":"UNAUTHORIZED","message":"secret-word is wrong for mary"}]}"#;
    for (challenge, lines) in [("Basic realm=x", 2), (BEARER, 2)] {
        let server = Server::answering(move |asked| match asked.target.as_str() {
            target if target.starts_with("/token") => reply(401).body(wrong),
            _ => reply(401).header("www-authenticate", challenge).body(wrong),
        })
        .await;
        let error = server.remote(Some(mary())).ping().await.unwrap_err();
        let Error::Unauthorized(sentence) = &error else {
            panic!("{error:?}")
        };
        assert!(
            sentence.contains("UNAUTHORIZED, … is wrong for mary"),
            "{sentence}"
        );
        assert_eq!(server.lines().len(), lines, "{challenge}");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_denied() {
    let challenge = r#"Bearer realm="{base}/token",error="insufficient_scope""#;
    let server = with_tokens(challenge, vec![reply(200).body(r#"{"access_token":"poor"}"#)]).await;
    let error = server.remote(Some(mary())).ping().await.unwrap_err();
    assert!(matches!(error, Error::Denied(_)), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_names_no_way_to_log_in_is_told_nothing() {
    for challenge in ["", "Negotiate", "Bearer", r#"Bearer service="x""#] {
        let server = Server::answering(move |_| reply(401).header("www-authenticate", challenge)).await;
        let error = server.remote(Some(mary())).ping().await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
        assert_eq!(server.asked()[0].header("authorization"), "");
        assert_eq!(server.lines().len(), 1, "{challenge}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_posted() {
    let server = with_tokens(BEARER, vec![reply(200).body(r#"{"access_token":"good"}"#)]).await;
    server
        .remote(Some(Login::refresh_token("re/fresh")))
        .ping()
        .await
        .unwrap();
    let asked = token_request(&server);
    assert_eq!(asked.line(), "POST /token");
    assert_eq!(asked.header("authorization"), "");
    assert_eq!(
        String::from_utf8(asked.body).unwrap(),
        "grant_type=refresh_token&refresh_token=re%2Ffresh&service=registry.example&client_id=berth&scope=repository%3Aa%2Fb%3Apull"
    );
}

#[tokio::test]
async fn a_password_is_posted_where_get_is_not_known() {
    let server = with_tokens(BEARER, vec![reply(405), good()]).await;
    server.remote(Some(mary())).ping().await.unwrap();
    let posted = server
        .asked()
        .into_iter()
        .find(|asked| asked.method == "POST")
        .unwrap();
    let body = String::from_utf8(posted.body).unwrap();
    assert!(
        body.contains("grant_type=password&username=mary&password=secret-word"),
        "{body}"
    );
}

#[tokio::test]
async fn one_token_is_fetched_however_many_ask() {
    let server = with_tokens(BEARER, vec![good()]).await;
    let remote = server.remote(Some(mary()));
    let pings = (0..50).map(|_| remote.ping());
    assert!(join_all(pings).await.iter().all(Result::is_ok));
    let tokens = server
        .lines()
        .iter()
        .filter(|line| line.contains("/token"))
        .count();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn a_login_that_is_not_taken_is_tried_once_however_many_ask() {
    let server = with_tokens(BEARER, vec![reply(401)]).await;
    let remote = server.remote(Some(mary()));
    let pings = (0..20).map(|_| remote.ping());
    for outcome in join_all(pings).await {
        assert!(matches!(outcome, Err(Error::Unauthorized(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_replaced_once() {
    let stale = || reply(200).body(r#"{"token":"stale","expires_in":300}"#);
    let server = Server::answering({
        let grants = Mutex::new(vec![good(), stale()]);
        let pings = Mutex::new(0);
        move |asked| {
            if asked.target.starts_with("/token") {
                return grants.lock().unwrap().pop().expect("two tokens");
            }
            let mut pings = pings.lock().unwrap();
            *pings += 1;
            match (asked.header("authorization"), *pings) {
                // Taken at first, and then no more: the key was changed, say.
                ("Bearer stale", 2) | ("Bearer good", _) => reply(200),
                _ => reply(401).header("www-authenticate", BEARER),
            }
        }
    })
    .await;
    let remote = server.remote(Some(mary()));
    remote.ping().await.unwrap();
    remote.ping().await.unwrap();
    let lines: Vec<String> = server
        .lines()
        .iter()
        .map(|line| line[..line.len().min(10)].to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v2/",
            "GET /token",
            "GET /v2/",
            "GET /v2/",
            "GET /token",
            "GET /v2/"
        ]
    );
}

#[tokio::test]
async fn a_token_ends_before_its_time() {
    let server = with_tokens(BEARER, vec![good(), good()]).await;
    let remote = server.remote(Some(mary()));
    for (seconds, lines, why) in [
        (
            0,
            3,
            "the registry says what it wants, gives a token and takes it",
        ),
        (200, 4, "the token of 300 s is still good"),
        (75, 6, "it has less than 30 s left"),
    ] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
        remote.ping().await.unwrap();
        assert_eq!(server.lines().len(), lines, "{why}");
    }
}

#[tokio::test]
async fn a_token_service_that_gives_nothing_usable_is_told_so() {
    for (grant, expected) in [
        (reply(200).body("{}"), "gives no token"),
        (reply(200).body(r#"{"token":""}"#), "gives no token"),
        (reply(200).body("<html>"), "gives no token"),
        (reply(200).body(r#"{"token":"a\nb"}"#), "gives no token"),
        (reply(200).body("[".repeat(200_000)), "gives no token"),
        (reply(200).header("content-length", "999999999"), "has more than"),
        (reply(302).header("location", "{base}/token2"), "leads elsewhere"),
        (
            reply(403).body(r#"{"details":"incorrect username or password"}"#),
            "incorrect username",
        ),
        (
            reply(400).body(r#"{"error_description":"no such grant"}"#),
            "no such grant",
        ),
    ] {
        let server = with_tokens(BEARER, vec![grant.clone()]).await;
        let error = server.remote(Some(mary())).ping().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{grant:?}: {error}");
        assert!(!format!("{error:?}").contains("secret-word"), "{error:?}");
    }
}

#[tokio::test]
async fn the_login_goes_to_no_other_host_without_tls() {
    let service = Server::scripted(vec![good()]).await;
    // The same machine under another name.
    let elsewhere = service.base().replace("127.0.0.1", "localhost");
    let challenge = format!(r#"Bearer realm="{elsewhere}/token""#);
    let registry = Server::answering(move |_| reply(401).header("www-authenticate", &challenge)).await;
    let error = registry.remote(Some(mary())).ping().await.unwrap_err();
    assert!(
        error.to_string().contains("the login is not sent there"),
        "{error}"
    );
    assert_eq!(service.lines().len(), 0);
    registry.remote(None).ping().await.unwrap_err();
    assert_eq!(
        service.asked()[0].header("authorization"),
        "",
        "who has no login may ask anywhere"
    );
}

#[tokio::test]
async fn nothing_shows_the_login() {
    let remote = remote("http://127.0.0.1:1", Some(mary()), limits());
    let error = remote.ping().await.unwrap_err();
    let login = mary();
    let shown = format!("{remote:?} {error:?} {error} {login:?}");
    assert!(!shown.contains("secret") && !shown.contains("bWFye"), "{shown}");
    assert!(matches!(error, Error::Unavailable { .. }));
}
