//! Guesses and replays: what one server saw, the other knows.

use http::Method;

use super::Replicas;
use crate::installation::{ACCESS_KEY_ID, SECRET_KEY, basic, signature};

#[tokio::test]
async fn a_signed_request_changes_something_once_wherever_it_is_sent() {
    let replicas = Replicas::start();
    // The proxy in front has one name, whichever server it takes.
    let host = replicas.first.address;
    let (target, body) = ("/v2/manage/namespaces", r#"{"namespace":"other"}"#);
    let keys = (ACCESS_KEY_ID, SECRET_KEY);
    let headers = signature(host, keys, &Method::POST, (target, body));
    let send = async |client: &crate::client::Client| {
        let request = client.http.post(format!("{}{target}", client.url));
        let request = request.headers(headers.clone()).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(&replicas.a).await, 201);
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(send(&replicas.b).await, 401);
    assert_eq!(send(&replicas.a).await, 401);
}

#[tokio::test]
async fn a_key_that_fails_at_both_servers_is_locked_at_both() {
    let replicas = Replicas::start();
    let host = replicas.first.address;
    let answer = async |secret: &str, client: &crate::client::Client| {
        let headers = signature(
            host,
            (ACCESS_KEY_ID, secret),
            &Method::GET,
            ("/v2/manage/namespaces", ""),
        );
        let request = client.http.get(format!("{}/v2/manage/namespaces", client.url));
        request
            .headers(headers)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let both = [&replicas.a, &replicas.b];
    for attempt in 0..5 {
        let told = answer("wrong", both[attempt % 2]).await;
        assert!(!told.contains("locked"), "attempt {attempt}: {told}");
    }
    for client in both {
        let told = answer(SECRET_KEY, client).await;
        assert!(told.contains("locked after repeated failures"), "{told}");
    }
}

#[tokio::test]
async fn passwords_that_are_wrong_at_both_servers_slow_both_down() {
    let replicas = Replicas::start();
    let both = [&replicas.a, &replicas.b];
    let wrong = basic("admin", "guess");
    let ask = async |client: &crate::client::Client| client.with(&wrong).ask("GET /v2/").await.status;
    for attempt in 0..10 {
        assert_eq!(ask(both[attempt % 2]).await, 401, "attempt {attempt}");
    }
    // All at once they wait for one another, and most would wait for too long.
    let flood = (0..12).map(|attempt| ask(both[attempt % 2]));
    let answers = futures_util::future::join_all(flood).await;
    let sent_away = answers.iter().filter(|status| **status == 429).count();
    assert!(sent_away >= 8, "{answers:?}");
}
