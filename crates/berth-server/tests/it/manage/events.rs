//! The stream of events: who hears what, from where on, how many at once, and when it ends.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::code;
use crate::content::digest;
use crate::installation::{ACCESS_KEY_ID, Installation, PASSWORD, SECRET_KEY, basic, signature};

const EVENTS: &str = "/v2/manage/events";
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream, as a browser reads it.
pub(crate) struct Stream {
    response: reqwest::Response,
    read: String,
    /// What a browser sends when it comes back.
    pub(crate) last_id: String,
}

/// One event: its name and data.
pub(crate) type Event = (String, Value);

impl Stream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self {
            response,
            read: String::new(),
            last_id: String::new(),
        }
    }

    /// The next event; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.read.split_once("\n\n") {
                let rest = rest.to_owned();
                let (mut name, mut data) = (String::new(), None);
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => id.clone_into(&mut self.last_id),
                        Some(("event", event)) => event.clone_into(&mut name),
                        Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                        Some(("retry", _)) | None => {}
                        Some(other) => panic!("what is {other:?}?"),
                    }
                }
                self.read = rest;
                if let Some(data) = data {
                    return Some((name, data));
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk());
            let chunk = chunk.await.expect("nothing was told");
            // A server that goes away may cut the connection.
            let chunk = chunk.ok().flatten()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next change, in short, whatever resets come before it: kind, action, place, name.
    pub(crate) async fn change(&mut self) -> String {
        loop {
            let (name, data) = self.next().await.expect("the stream ended");
            if name == "change" {
                return short(&data);
            }
            assert_eq!(name, "reset");
        }
    }

    /// What comes up to that change, it included.
    pub(crate) async fn until(&mut self, last: &str) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            found.push(self.change().await);
            if found.last().is_some_and(|change| change == last) {
                return found;
            }
        }
    }
}

fn short(data: &Value) -> String {
    let words = ["kind", "action", "namespace", "repository", "name"].map(|field| data[field].as_str());
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

async fn open(installation: &Installation, headers: HeaderMap) -> Stream {
    let response = ask(installation, headers).await;
    assert_eq!(response.status().as_u16(), 200);
    let mut stream = Stream::new(response);
    let (name, _) = stream.next().await.unwrap();
    assert_eq!(name, "ready");
    stream
}

async fn ask(installation: &Installation, headers: HeaderMap) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = client
        .get(format!("{}{EVENTS}", installation.url()))
        .headers(headers);
    asked.send().await.unwrap()
}

/// The headers of the administrator's session in the console.
async fn session(installation: &Installation) -> HeaderMap {
    session_of(installation, &json!({ "user": "admin", "password": PASSWORD })).await
}

/// The headers of a session of whoever signs in so.
async fn session_of(installation: &Installation, login: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let body = login.to_string();
    let opened = installation
        .send(Method::POST, "/v2/manage/sessions", headers, &body)
        .await;
    assert_eq!(opened.status.as_u16(), 201, "{}", opened.text);
    let cookie = opened.header("set-cookie").split(';').next().unwrap();
    let token = opened.json()["csrf_token"].as_str().unwrap().to_owned();
    let mut headers = HeaderMap::new();
    headers.insert("cookie", cookie.parse().unwrap());
    headers.insert("x-csrf-token", token.parse().unwrap());
    headers
}

async fn organization(installation: &Installation, name: &str) {
    let body = json!({ "namespace": name }).to_string();
    let made = installation
        .signed(Method::POST, "/v2/manage/namespaces", &body)
        .await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
}

async fn push(installation: &Installation, image: &str, tag: &str, annotation: &str) -> String {
    let index =
        json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
        "annotations": { "n": annotation } })
        .to_string();
    let mut headers = HeaderMap::new();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/vnd.oci.image.index.v1+json"),
    );
    headers.insert("authorization", basic("admin", PASSWORD).parse().unwrap());
    let at = format!("/v2/{image}/manifests/{tag}");
    let pushed = installation.send(Method::PUT, &at, headers, &index).await;
    assert_eq!(pushed.status.as_u16(), 201, "{}", pushed.text);
    digest(index.as_bytes())
}

/// Makes a user, and answers what they sign in with.
fn person(installation: &Installation, full_name: &str) -> Value {
    let user = installation.admin(&["user", "create", full_name]);
    let (account, name) = full_name.split_once('/').unwrap();
    json!({ "account": account, "user": name, "password": user["password"] })
}

#[tokio::test]
async fn a_page_hears_of_a_push_and_of_what_follows() {
    let installation = Installation::start();
    let headers = session(&installation).await;
    let response = ask(&installation, headers.clone()).await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(response.headers()[name], value);
    }
    let mut stream = Stream::new(response);
    assert_eq!(stream.next().await, Some(("ready".to_owned(), json!({}))));
    organization(&installation, "team").await;
    let heard = stream.until("organization created team").await;
    assert_eq!(heard.len(), 1);
    let pushed = push(&installation, "team/app", "v1", "1").await;
    stream.until("image created team app").await;
    let (name, data) = loop {
        let event = stream.next().await.unwrap();
        if event.0 == "change" && event.1["kind"] == "tag" {
            break event;
        }
    };
    assert_eq!(name, "change");
    let expected = json!({ "kind": "tag", "action": "moved", "namespace": "team", "repository": "app", "name": "v1",
        "digest": pushed, "run_id": null, "at": data["at"] });
    assert_eq!(data, expected);
    let image = "/v2/manage/namespaces/team/repos/app";
    for (method, target, body, told) in [
        (
            Method::PATCH,
            image.to_owned(),
            r#"{"is_public":true,"category":"database","description":"d"}"#,
            "image changed team app",
        ),
        (
            Method::DELETE,
            format!("{image}/tags/v1"),
            "",
            "tag deleted team app v1",
        ),
        (Method::DELETE, image.to_owned(), "", "image deleted team app"),
    ] {
        let done = installation.signed(method, &target, body).await;
        assert!(done.status.is_success(), "{target}: {}", done.text);
        stream.until(told).await;
    }
}

#[tokio::test]
async fn each_hears_what_their_rights_let_them_see_and_no_more() {
    let installation = Installation::start();
    organization(&installation, "team").await;
    push(&installation, "team/app", "v1", "1").await;
    push(&installation, "team/open", "v1", "1").await;
    installation.admin(&["account", "create", "guests"]);
    let admin = json!({ "user": "admin", "password": PASSWORD });
    let mut logins = vec![("admin", admin)];
    for name in ["berth/member", "berth/reader", "berth/nobody", "guests/guest"] {
        logins.push((name, person(&installation, name)));
    }
    installation.admin(&["grant", "set", "team", "berth/member", "write"]);
    installation.admin(&["grant", "set", "team/app", "berth/reader", "read"]);
    installation
        .signed(
            Method::PATCH,
            "/v2/manage/namespaces/team/repos/open",
            r#"{"is_public":true}"#,
        )
        .await;
    let mut streams = Vec::new();
    for (name, login) in &logins {
        let headers = session_of(&installation, login).await;
        streams.push((*name, open(&installation, headers).await));
    }
    push(&installation, "team/app", "v2", "2").await;
    push(&installation, "team/secret", "v1", "1").await;
    push(&installation, "team/open", "v2", "2").await;
    let last = "tag moved team open v2";
    for (name, stream) in &mut streams {
        let heard = stream.until(last).await;
        let expected: &[&str] = match *name {
            "admin" | "berth/member" => &[
                "tag moved team app v2",
                "image created team secret",
                "tag moved team secret v1",
                last,
            ],
            "berth/reader" => &["tag moved team app v2", last],
            _ => &[last],
        };
        assert_eq!(
            sorted(heard),
            sorted(expected.iter().map(ToString::to_string).collect()),
            "{name}"
        );
    }
    // What was taken away is not heard of any more, at once.
    installation.admin(&["grant", "remove", "team", "berth/member"]);
    push(&installation, "team/app", "v3", "3").await;
    push(&installation, "team/open", "v3", "3").await;
    let member = &mut streams[1].1;
    let heard = member.until("tag moved team open v3").await;
    assert_eq!(heard, ["rights changed", "tag moved team open v3"]);
    let reader = &mut streams[2].1;
    let heard = reader.until("tag moved team open v3").await;
    assert_eq!(heard, ["tag moved team app v3", "tag moved team open v3"]);
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_is_told_when_that_cannot_be_known() {
    let installation = Installation::start();
    organization(&installation, "team").await;
    let mut headers = session(&installation).await;
    let mut stream = open(&installation, headers.clone()).await;
    push(&installation, "team/app", "v1", "1").await;
    stream.until("tag moved team app v1").await;
    let last = stream.last_id.clone();
    drop(stream);
    push(&installation, "team/app", "v2", "2").await;
    push(&installation, "team/app", "v3", "3").await;
    headers.insert("last-event-id", last.parse().unwrap());
    let mut stream = open(&installation, headers.clone()).await;
    assert_eq!(stream.until("tag moved team app v3").await.len(), 2);
    for unknown in ["1-1", "nonsense"] {
        headers.insert("last-event-id", unknown.parse().unwrap());
        let mut stream = Stream::new(ask(&installation, headers.clone()).await);
        assert_eq!(stream.next().await.unwrap().0, "reset", "{unknown}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_login() {
    let installation = Installation::start();
    let mary = person(&installation, "berth/mary");
    let admin = session(&installation).await;
    let mut stream = open(&installation, admin.clone()).await;
    let mut other = open(&installation, session(&installation).await).await;
    let left = installation
        .send(Method::DELETE, "/v2/manage/sessions", admin, "")
        .await;
    assert_eq!(left.status.as_u16(), 204, "{}", left.text);
    ends(&mut stream).await;
    let mut mary = open(&installation, session_of(&installation, &mary).await).await;
    installation.admin(&["user", "disable", "berth/mary"]);
    ends(&mut mary).await;
    // Others go on.
    organization(&installation, "team").await;
    other.until("organization created team").await;
}

async fn ends(stream: &mut Stream) {
    while let Some((name, data)) = stream.next().await {
        assert!(name == "reset" || data["kind"] == "people", "{name} {data}");
    }
}

#[tokio::test]
async fn one_login_has_so_many_streams_and_an_end_makes_room() {
    let installation = Installation::start();
    let headers = session(&installation).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(open(&installation, headers.clone()).await);
    }
    let refused = installation.send(Method::GET, EVENTS, headers.clone(), "").await;
    assert_eq!(
        (refused.status.as_u16(), code(&refused).as_str()),
        (429, "SVCSTG.SWR.4290001")
    );
    assert_eq!(refused.header("retry-after"), "30");
    let signed = signature(
        installation.server.address,
        (ACCESS_KEY_ID, SECRET_KEY),
        &Method::GET,
        (EVENTS, ""),
    );
    open(&installation, signed).await;
    streams.clear();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while ask(&installation, headers.clone()).await.status().as_u16() != 200 {
        assert!(tokio::time::Instant::now() < deadline, "no stream ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn streams_do_not_keep_a_server_from_its_end() {
    // Streams that were waited for would use up the whole of it.
    let installation = Installation::start_with(&["--limits-shutdown-grace", "10m"]);
    let headers = session(&installation).await;
    let mut stream = open(&installation, headers.clone()).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let asked = client
        .get(format!("{}{EVENTS}", installation.url()))
        .headers(headers);
    let mut second = Stream::new(asked.send().await.unwrap());
    assert_eq!(second.next().await.unwrap().0, "ready");
    let server = installation.server;
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    for stream in [&mut stream, &mut second] {
        while let Some((name, _)) = stream.next().await {
            assert_eq!(name, "reset");
        }
    }
    let stopped = tokio::time::timeout(PATIENCE, stopped).await;
    let ended = stopped.expect("the server waits for streams").unwrap();
    assert!(ended.status.success(), "{}", ended.err);
}
