//! Temporary docker logins (operations 50 and 51): what is answered, how long it is good, and that it logs in.

use base64::Engine as _;
use http::Method;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::code;
use crate::installation::{Answer, Installation, basic};

const SECRET: &str = "/v2/manage/utils/secret";
const TOKEN: &str = "/v2/manage/utils/authorizationtoken";

/// The user and key of an answer, after all its parts were found to tell of the same login.
fn login(installation: &Installation, answer: &Answer) -> (String, String) {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let host = installation.server.address.to_string();
    let words: Vec<&str> = answer.header("x-swr-dockerlogin").split(' ').collect();
    let ["docker", "login", "-u", user, "-p", key, address] = words[..] else {
        panic!("{words:?}")
    };
    assert_eq!(address, host);
    assert!(
        key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{key}"
    );
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{key}"));
    assert_eq!(
        answer.json(),
        json!({ "auths": { host.clone(): { "auth": auth } } })
    );
    assert_eq!(
        answer.header("x-berth-containerdlogin"),
        format!("ctr image pull --user {user}:{key} {host}/<organization>/<image>:<tag>")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    (user.to_owned(), key.to_owned())
}

/// Seconds from now to the end of a login, to the next minute.
fn minutes(answer: &Answer) -> i64 {
    let text = answer.header("x-swr-expireat");
    assert_eq!(text.len(), "2025-11-01T12:18:44.382000Z".len(), "{text}");
    let end = OffsetDateTime::parse(text, &Rfc3339).unwrap();
    ((end - OffsetDateTime::now_utc()).whole_seconds() + 59) / 60
}

#[tokio::test]
async fn a_temporary_login_is_good_for_as_long_as_asked() {
    let installation = Installation::start();
    for (query, expected) in [
        ("", 24 * 60),
        ("?projectname=local", 24 * 60),
        ("?duration_seconds=900", 15),
        ("?projectname=local&duration_seconds=86400", 24 * 60),
    ] {
        let answer = installation
            .signed(Method::POST, &format!("{SECRET}{query}"), "")
            .await;
        let (user, key) = login(&installation, &answer);
        assert!(user.starts_with("local@"), "{user}");
        assert_eq!(minutes(&answer), expected, "{query}");
        let pulled = installation.get("/v2/", &basic(&user, &key)).await;
        assert_eq!(pulled.status.as_u16(), 200, "{}", pulled.text);
    }
    for (query, expected) in [
        ("?projectname=elsewhere", "SVCSTG.SWR.4000014"),
        ("?duration_seconds=899", "SVCSTG.SWR.4000014"),
        ("?duration_seconds=86401", "SVCSTG.SWR.4000014"),
        ("?duration_seconds=-1", "SVCSTG.SWR.4000014"),
        ("?duration_seconds=soon", "SVCSTG.SWR.4001025"),
    ] {
        let answer = installation
            .signed(Method::POST, &format!("{SECRET}{query}"), "")
            .await;
        assert_eq!(
            (answer.status.as_u16(), code(&answer).as_str()),
            (400, expected),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_login_by_token_has_a_name_of_its_own() {
    let installation = Installation::start();
    let answer = installation.signed(Method::POST, TOKEN, "").await;
    let (user, key) = login(&installation, &answer);
    assert!(user.starts_with("bearertoken@"), "{user}");
    assert_eq!(minutes(&answer), 12 * 60);
    for (user, status) in [(user.clone(), 200), (user.replace("bearertoken", "local"), 401)] {
        let pulled = installation.get("/v2/", &basic(&user, &key)).await;
        assert_eq!(pulled.status.as_u16(), status, "{user}: {}", pulled.text);
    }
    installation.admin(&["key", "disable", crate::installation::ACCESS_KEY_ID]);
    let pulled = installation.get("/v2/", &basic(&user, &key)).await;
    assert_eq!(pulled.status.as_u16(), 401, "{}", pulled.text);
}
