//! Logins: how they are made, kept, chosen and forgotten.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::Desk;
use crate::berth::Place;
use crate::installation::{ACCESS_KEY_ID, Installation, SECRET_KEY, VARIABLES};

#[test]
fn a_login_is_proved_kept_for_its_owner_alone_and_forgotten() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    let file = desk.place.0.path().join("config/berth/profiles/default.toml");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(desk.json(&["org", "list"]), json!([]));
    // Again, with nothing said but the secret.
    let again = desk.run_with(&["login", "--secret-stdin"], &[], SECRET_KEY);
    assert!(again.status.success(), "{}", again.err);
    assert!(!again.out.contains(SECRET_KEY) && !again.err.contains(SECRET_KEY));

    let removed = desk.json(&["logout"]);
    assert_eq!(removed, json!({ "profile": "default", "removed": true }));
    assert!(!file.exists());
    let error = desk.fails(&["org", "list"], 3);
    assert_eq!(
        error["message"],
        json!("there is no login named default: `berth login URL` makes one")
    );
}

#[test]
fn the_profile_named_wins_over_the_environment_and_that_over_the_one_in_use() {
    let (one, two) = (Installation::start(), Installation::start());
    let desk = Desk::new();
    let (one_url, two_url) = (one.url(), two.url());
    for (url, name) in [(&one_url, "one"), (&two_url, "two")] {
        let ended = desk.log_in(
            url,
            SECRET_KEY,
            &["--access-key-id", ACCESS_KEY_ID, "--profile", name],
        );
        assert!(ended.status.success(), "{}", ended.err);
    }
    desk.json(&["org", "create", "only-in-two"]);
    let environment = [
        ("BERTH_URL", one_url.as_str()),
        ("BERTH_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("BERTH_SECRET_ACCESS_KEY", SECRET_KEY),
    ];
    for (arguments, variables, finds) in [
        (&[][..], &[][..], true),
        (&[], &environment, false),
        (&["--profile", "two"], &environment, true),
        (&[], &[("BERTH_PROFILE", "one")], false),
        (&["--profile", "two"], &[("BERTH_PROFILE", "one")], true),
    ] {
        let ended = desk.run_with(
            &[&["org", "show", "only-in-two"], arguments].concat(),
            variables,
            "",
        );
        let expected = if finds { 0 } else { 5 };
        assert_eq!(
            ended.status.code(),
            Some(expected),
            "{arguments:?} {variables:?}: {}",
            ended.err
        );
    }
    desk.json(&["profile", "use", "one"]);
    let in_use: Vec<_> = desk
        .json(&["profile", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["profile"].clone(), row["in_use"].clone(), row["url"].clone()))
        .collect();
    let expected = [
        (json!("one"), json!(true), json!(one_url)),
        (json!("two"), json!(false), json!(two_url)),
    ];
    assert_eq!(in_use, expected);
    desk.fails(&["org", "show", "only-in-two"], 5);
    desk.fails(&["profile", "use", "three"], 3);
}

#[test]
fn half_an_environment_is_a_mistake() {
    let desk = Desk::new();
    for variables in [
        &[("BERTH_ACCESS_KEY_ID", "AK")][..],
        &[
            ("BERTH_SECRET_ACCESS_KEY", "SK"),
            ("BERTH_URL", "http://localhost:1"),
        ],
        &[("BERTH_ACCESS_KEY_ID", "AK"), ("BERTH_SECRET_ACCESS_KEY", "SK")],
        &[("BERTH_PROFILE", "../x")],
    ] {
        let ended = desk.run_with(&["org", "list"], variables, "");
        assert_eq!(ended.status.code(), Some(2), "{variables:?}: {}", ended.err);
        assert!(!ended.err.contains("SK"), "{}", ended.err);
    }
}

#[test]
fn what_is_no_login_is_kept_nowhere() {
    let installation = Installation::start();
    let desk = Desk::new();
    let url = installation.url();
    let check = |url: &str, arguments: &[&str], secret: &str, code: i32| {
        let ended = desk.log_in(url, secret, arguments);
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {}", ended.err);
        assert!(!ended.err.contains(SECRET_KEY), "{}", ended.err);
    };
    let key = ["--access-key-id", ACCESS_KEY_ID];
    check(&url, &[], SECRET_KEY, 2);
    check("ftp://x", &key, SECRET_KEY, 2);
    check("https://mary:secret@hub.test", &key, SECRET_KEY, 2);
    check(&url, &["--user", "admin"], SECRET_KEY, 2);
    check(&url, &[&key[..], &["--profile", "a/b"]].concat(), SECRET_KEY, 2);
    check(&url, &key, "wrong", 3);
    check(&url, &["--access-key-id", "AKNOBODY"], SECRET_KEY, 3);
    check(&url, &key, "", 1);
    check(
        &url,
        &[&key[..], &["--ca-cert", "none.pem"]].concat(),
        SECRET_KEY,
        1,
    );
    check("http://127.0.0.1:1", &key, SECRET_KEY, 9);
    assert_eq!(
        desk.run_with(&["login", "--secret-stdin"], &[], SECRET_KEY)
            .status
            .code(),
        Some(2)
    );
    assert_eq!(desk.json(&["profile", "list"]), json!([]));
}

#[test]
fn a_certificate_is_believed_when_its_authority_is_named() {
    let place = Place::new();
    let made = place.run(&["tls", "self-signed", "--directory", "tls"], &[]);
    assert!(made.status.success(), "{}", made.err);
    let flags = [
        "--tls-certificate",
        "tls/server.crt",
        "--tls-key",
        "tls/server.key",
    ];
    let server = place.serve_with(&flags, VARIABLES);
    let url = format!("https://localhost:{}", server.address.port());
    let desk = Desk::new();
    let key = ["--access-key-id", ACCESS_KEY_ID];
    let doubted = desk.log_in(&url, SECRET_KEY, &key);
    assert_eq!(doubted.status.code(), Some(9), "{}", doubted.err);
    assert!(doubted.err.contains("certificate"), "{}", doubted.err);

    // Beside the profile, so that commands in other folders find it.
    std::fs::copy(
        place.0.path().join("tls/ca.crt"),
        desk.place.0.path().join("ca.crt"),
    )
    .unwrap();
    let ended = desk.log_in(&url, SECRET_KEY, &[&key[..], &["--ca-cert", "ca.crt"]].concat());
    assert!(ended.status.success(), "{}", ended.err);
    desk.json(&["org", "create", "team"]);
    let file = desk.place.0.path().join("config/berth/profiles/default.toml");
    let kept = std::fs::read_to_string(file).unwrap();
    let authority = desk.place.0.path().join("ca.crt").canonicalize().unwrap();
    assert!(
        kept.contains(authority.to_str().unwrap()),
        "the authority is not kept whole"
    );
    // The login of a build server believes it too.
    let environment = [
        ("BERTH_URL", url.as_str()),
        ("BERTH_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("BERTH_SECRET_ACCESS_KEY", SECRET_KEY),
        ("BERTH_CA_CERTIFICATE", authority.to_str().unwrap()),
    ];
    let shown = Desk::new().run_with(&["org", "show", "team"], &environment, "");
    assert!(shown.status.success(), "{}", shown.err);
}

#[test]
fn plain_http_to_another_machine_is_told() {
    let desk = Desk::new();
    // Nobody answers there: an address of documents (RFC 5737) through a proxy that does not run.
    let proxy = [
        ("http_proxy", "http://127.0.0.1:1"),
        ("no_proxy", ""),
        ("NO_PROXY", ""),
    ];
    let arguments = [
        "login",
        "http://192.0.2.1",
        "--access-key-id",
        ACCESS_KEY_ID,
        "--secret-stdin",
    ];
    let ended = desk.run_with(&arguments, &proxy, SECRET_KEY);
    assert_eq!(ended.status.code(), Some(9), "{}", ended.err);
    assert!(
        ended.err.contains("http://192.0.2.1 is plain HTTP"),
        "{}",
        ended.err
    );
}
