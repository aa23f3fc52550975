//! People who sign in at a real directory and at a real OpenID provider: who becomes whom here, what follows them, and what is
//! refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod directory;
mod openid;
mod workload;

use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::client::{Outcome, curl};
use e2e::home::Home;
use e2e::login::Request;
use e2e::server::Server;
use serde_json::{Value, json};

const PROVIDERS: &str = "/v2/manage/sign-in-providers";

/// A server that reaches providers on this machine, and looks often whether they vouch for their people.
fn server() -> Server {
    let home = Home::new("berth");
    home.write(
        "berth.toml",
        "[outbound]\nallow = [\"127.0.0.0/8\", \"::1/128\"]\n[sign_in]\nrecheck = \"1s\"\n",
    );
    Server::start_at(home)
}

/// A request of the administrator, which must succeed.
fn manage(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request {
        method,
        path,
        body: &body,
        ..Request::default()
    };
    let answer = server.manage(&server.administrator_key(), &request);
    let text = answer.split("\r\n\r\n").last().unwrap_or_default();
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// The status of an answer with its headers.
fn status(answer: &Outcome) -> &str {
    let first = answer.stdout.lines().next();
    first.and_then(|line| line.split(' ').nth(1)).unwrap_or("none")
}

/// A token asked for as docker does it.
fn token(server: &Server, user: &str, password: &str) -> Outcome {
    let url = format!("{}/token?service=berth", server.url());
    curl().run(&["-s", "-i", "-u", &format!("{user}:{password}"), &url])
}

/// A sign-in to the console.
fn session(server: &Server, user: &str, password: &str) -> Outcome {
    let url = format!("{}/v2/manage/sessions", server.url());
    let body = json!({ "account": "berth", "user": user, "password": password }).to_string();
    curl().run(&[
        "-s",
        "-i",
        "-H",
        "Content-Type: application/json",
        "-d",
        &body,
        &url,
    ])
}

/// What the user of that name is here.
fn user(server: &Server, name: &str) -> Option<Value> {
    let users = server.admin(&["user", "list", "berth"]);
    let mut named = users.as_array().unwrap().iter();
    named
        .find(|user| user["user"] == format!("berth/{name}"))
        .cloned()
}

/// The names of a group's members.
fn members(server: &Server, group: &str) -> Vec<String> {
    let groups = manage(server, "GET", "/v3/groups", &Value::Null);
    let groups = groups["groups"].as_array().unwrap();
    let found = groups.iter().find(|found| found["name"] == group).unwrap();
    let path = format!("/v3/groups/{}/users", found["id"].as_str().unwrap());
    let users = manage(server, "GET", &path, &Value::Null);
    let users = users["users"].as_array().unwrap().iter();
    users
        .map(|user| user["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until something is so.
#[track_caller]
fn comes_true(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < end, "{what} does not come true");
        sleep(Duration::from_millis(100));
    }
}
