//! The server as a process: its start, its paths for people and probes, and its end.

use rustix::process::Signal;

use crate::berth::Place;

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
        let (status, log) = server.end();
        assert!(status.success());
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

#[tokio::test]
async fn a_browser_gets_a_page_in_its_language_that_may_load_nothing_from_elsewhere() {
    let place = Place::new();
    let server = place.serve(&[]);
    let client = reqwest::Client::new();
    for (path, language, expected) in [
        ("/", "en-GB,en;q=0.8", "<html lang=\"en\">"),
        ("/", "zh-CN,zh;q=0.9,en;q=0.8", "<html lang=\"zh-CN\">"),
        ("/?lang=en", "zh-CN", "<html lang=\"en\">"),
        ("/?lang=zh", "en", "<html lang=\"zh-CN\">"),
    ] {
        let request = client
            .get(format!("http://{}{path}", server.address))
            .header("accept-language", language);
        let answer = request
            .header("accept", "text/html,*/*;q=0.8")
            .header("host", "hub.test")
            .send()
            .await
            .unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(expected), "{page}");
        assert!(page.contains("docker push hub.test/"), "{page}");
        assert!(!page.contains("<script") && !page.contains("//"), "{page}");
    }
    let answer = client
        .get(format!("http://{}/", server.address))
        .header("accept", "application/json")
        .send();
    assert_eq!(answer.await.unwrap().status(), 404);
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
