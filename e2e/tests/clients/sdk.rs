//! The official Python SDK against the management API.

use e2e::client::{crane, log_in};
use e2e::login::Login;
use e2e::python::{python, script};
use e2e::server::Server;
use serde_json::Value;

#[test]
fn the_python_sdk_manages_organizations_rights_and_logins() {
    let server = Server::start();
    let mary = server.create_user("mary", &[]);
    let key = server.administrator_key();
    let endpoint = format!("http://{}", server.address());
    let printed = python().ok(&[
        &script("organizations.py"),
        &endpoint,
        &key.id,
        &key.secret,
        &mary.id,
    ]);
    let made: Value = serde_json::from_str(&printed).unwrap();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    let login = Login {
        user: text("user"),
        password: text("password"),
    };
    log_in(&crane(), &server.address(), &login).ok();
}

#[test]
fn the_python_sdk_builds_an_accounts_people() {
    let server = Server::start();
    let key = server.administrator_key();
    let endpoint = format!("http://{}", server.address());
    let password = server.administrator().password;
    let printed = python().ok(&[&script("iam.py"), &endpoint, &key.id, &key.secret, &password]);
    assert_eq!(printed.trim(), "done");
}
