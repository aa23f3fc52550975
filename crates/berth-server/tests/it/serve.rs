//! The server as a process: its start, its paths for people and probes, and its end.

use rustix::process::Signal;

use crate::berth::Place;
use crate::installation::{Installation, PASSWORD, basic};

/// What follows a name in the announcement of a first start.
fn announced<'a>(announcement: &'a str, name: &str) -> Option<&'a str> {
    announcement
        .lines()
        .find_map(|line| line.trim().strip_prefix(name))
        .map(str::trim)
}

#[test]
fn a_first_start_shows_its_secrets_once() {
    let place = Place::new();
    let first = place.serve(&[]);
    let address = first.address;
    let first = first.stop();
    assert!(first.status.success(), "{}", first.err);
    let password = announced(&first.out, "password").expect("the password is shown");
    let secret = announced(&first.out, "secret key (SK)").expect("the secret key is shown");
    let login = announced(&first.out, "docker login -u local@").expect("the login is shown");
    for wanted in [
        "user name",
        "access key (AK)",
        env!("CARGO_BIN_EXE_berth"),
        "docker push localhost:",
        "docker pull localhost:",
    ] {
        assert!(
            announced(&first.out, wanted).is_some(),
            "{wanted} is not in {}",
            first.out
        );
    }
    assert!(
        login.ends_with(&format!(" localhost:{}", address.port())),
        "{login}"
    );

    let second = place.serve(&[]).stop();
    assert_eq!(second.out, "");
    for hidden in [password, secret, login.split(' ').nth(2).unwrap()] {
        assert!(
            !first.err.contains(hidden) && !second.err.contains(hidden),
            "a log shows {hidden}"
        );
    }
}

#[tokio::test]
async fn an_unattended_start_makes_what_was_given_and_prints_nothing() {
    let place = Place::new();
    let given = [
        ("BERTH_ACCOUNT", "team"),
        ("BERTH_ADMIN_USER", "root"),
        ("BERTH_ADMIN_PASSWORD", "hush-password"),
        ("BERTH_ADMIN_AK", "AKGIVEN"),
        ("BERTH_ADMIN_SK", "hush-secret-key"),
    ];
    let server = place.serve_with(&[], &given);
    let client = reqwest::Client::new();
    let url = format!("http://{}/v2/", server.address);
    for (user, password, status) in [("team/root", "hush-password", 200), ("team/root", "wrong", 401)] {
        let answer = client
            .get(&url)
            .basic_auth(user, Some(password))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
    }
    let ended = server.stop();
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(ended.out, "");
    assert!(!ended.err.contains("hush"), "{}", ended.err);

    // Another password in the environment changes nothing any more.
    let server = place.serve_with(&[], &[("BERTH_ADMIN_PASSWORD", "another")]);
    let url = format!("http://{}/v2/", server.address);
    let answer = client
        .get(&url)
        .basic_auth("team/root", Some("hush-password"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[test]
fn what_the_server_keeps_is_its_own() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    place.serve(&[]).stop();
    for (path, mode) in [("data", 0o700), ("data/master.key", 0o600)] {
        let found = std::fs::metadata(place.0.path().join(path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
}

#[tokio::test]
async fn a_server_with_a_self_signed_certificate_is_trusted_by_its_authority() {
    let place = Place::new();
    assert!(
        place
            .run(&["tls", "self-signed", "--directory", "tls"], &[])
            .status
            .success()
    );
    let server = place.serve(&[
        "--tls-certificate",
        "tls/server.crt",
        "--tls-key",
        "tls/server.key",
    ]);
    let authority = std::fs::read(place.0.path().join("tls/ca.crt")).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/readyz", server.address.port());
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    }
}

#[tokio::test]
async fn a_signal_ends_the_server_with_success_and_nothing_secret_is_logged() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let server = place.serve(&[]);
        let url = format!("http://{}/nothing?token=hush", server.address);
        let answer = reqwest::Client::new()
            .get(url)
            .bearer_auth("hush")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["content-type"], "application/json");
        server.signal(signal);
        let ended = server.end();
        assert!(ended.status.success());
        let log = ended.err;
        let line = log
            .lines()
            .find(|line| line.contains("/nothing"))
            .expect("the request is logged");
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (line["method"].as_str(), line["status"].as_u64()),
            (Some("GET"), Some(404))
        );
        assert!(!log.contains("hush"), "{log}");
    }
}

/// Both ways there are: the distribution API's own, and the router's; from a proxy that is trusted, and from anybody else.
#[tokio::test]
async fn a_line_that_is_logged_while_a_request_is_answered_carries_its_id() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (flags, trusted) in [(&["--trusted-proxies", "127.0.0.0/8"][..], true), (&[], false)] {
        let place = Place::new();
        let server = place.serve(flags);
        let mut ids = Vec::new();
        for (path, given) in [("/v2/", "a-look"), ("/token", "a-login")] {
            let answer = reqwest::Client::new()
                .get(format!("http://{}{path}", server.address))
                .basic_auth("nobody", Some("wrong"))
                .header("x-request-id", given)
                .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 401, "{path}");
            let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
            assert_eq!(id == given, trusted, "{path}: {id}");
            ids.push(id);
        }
        let log = server.stop().err;
        let lines = log
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        for id in ids {
            let refused = |line: &serde_json::Value| {
                line["message"] == "login refused"
                    && line["span"]["id"] == id
                    && line["span"]["trace"] == TRACE
            };
            assert_eq!(lines.clone().filter(refused).count(), 1, "{id}: {log}");
            let passed = |line: &serde_json::Value| {
                line["message"] == "request" && line["id"] == id && line["trace"] == TRACE
            };
            assert_eq!(lines.clone().filter(passed).count(), 1, "{id}: {log}");
        }
    }
}

#[test]
fn an_address_that_is_taken_is_refused_with_what_to_do() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = place.run(&["serve", "--listen", &address], &[]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.err.contains(&format!("cannot listen on {address}")),
        "{}",
        ended.err
    );
    assert!(ended.err.contains("--listen"), "{}", ended.err);
}

#[tokio::test]
async fn memory_that_a_login_needed_is_given_back() {
    let installation = Installation::start();
    // It listens before its first account is there, whose password it checks as well.
    while installation.get("/readyz", "").await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let before = installation.server.own_memory();
    for password in ["wrong", PASSWORD, "wrong again"] {
        let status = if password == PASSWORD { 200 } else { 401 };
        let answer = installation.get("/v2/", &basic("admin", password)).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // One check needs 19 MiB.
    let more = installation.server.own_memory().saturating_sub(before);
    assert!(more < 12 << 20, "{more} bytes more than before");
}
