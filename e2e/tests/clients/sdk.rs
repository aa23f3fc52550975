//! The official SDKs against the management API.

use e2e::client::{crane, log_in};
use e2e::login::{AccessKey, Login};
use e2e::node::node;
use e2e::python::{python, script};
use e2e::server::Server;
use serde_json::{Value, json};

#[test]
fn the_python_sdk_builds_an_accounts_people() {
    let server = Server::start();
    let key = server.administrator_key();
    let endpoint = format!("http://{}", server.address());
    let password = server.administrator().password;
    let printed = python().ok(&[&script("iam.py"), &endpoint, &key.id, &key.secret, &password]);
    assert_eq!(printed.trim(), "done");
}

fn key_json(key: &AccessKey) -> Value {
    json!({ "access_key_id": key.id, "secret_access_key": key.secret })
}

#[test]
fn the_python_sdk_drives_every_operation_and_sees_each_refuse() {
    let server = Server::start();
    let mary = server.create_user("mary", &[]);
    let mut as_mary = key_json(&server.create_key("mary"));
    as_mary["id"] = json!(mary.id);
    let facts = json!({
        "admin": key_json(&server.administrator_key()),
        "mary": as_mary,
        "guest": key_json(&server.create_account("guests")),
        "other": "guests",
    });
    let endpoint = format!("http://{}", server.address());
    let printed = python().ok(&[&script("swr.py"), &endpoint, &facts.to_string()]);
    // The login that `create_secret` made, as the last line.
    let made: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    let login = Login {
        user: text("user"),
        password: text("password"),
    };
    log_in(&crane(), &server.address(), &login).ok();
}

#[test]
fn the_node_sdk_is_understood_where_its_requests_differ() {
    let server = Server::start();
    let mary = server.create_user("mary", &[]);
    let key = server.administrator_key();
    let endpoint = format!("http://{}", server.address());
    let (node, script) = node("swr.js");
    let printed = node.ok(&[&script, &endpoint, &key.id, &key.secret, &mary.id]);
    // The SDK prints the refusals before.
    assert_eq!(printed.lines().last(), Some(r#"{"calls":15}"#), "{printed}");
}
