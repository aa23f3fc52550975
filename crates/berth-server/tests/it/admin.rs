//! `berth admin`: what it prints for people and for programs, beside a running server and without one.

use std::io::Write as _;
use std::process::Stdio;

use http::StatusCode;
use serde_json::{Value, json};

use crate::berth::Place;
use crate::installation::{Installation, basic};

#[tokio::test]
async fn what_admin_makes_the_running_server_knows_at_once() {
    let installation = Installation::start();
    let user = installation.admin(&["user", "create", "berth/mary", "--administrator"]);
    assert_eq!(
        (&user["user"], &user["access"], &user["administrator"]),
        (&json!("berth/mary"), &json!("both"), &json!(true))
    );
    let ping = async |user: &str, password: &Value| {
        installation
            .get("/v2/", &basic(user, password.as_str().unwrap()))
            .await
            .status
    };
    assert_eq!(ping("mary", &user["password"]).await, StatusCode::OK);
    let key = installation.admin(&["key", "create", "berth/mary"]);
    let name = format!("local@{}", key["access_key_id"].as_str().unwrap());
    assert_eq!(ping(&name, &key["login_key"]).await, StatusCode::OK);
    let login = installation.admin(&["login-command", "berth/mary", "--duration-seconds", "900"]);
    assert_eq!(
        ping(login["user"].as_str().unwrap(), &login["password"]).await,
        StatusCode::OK
    );
    let disabled = installation.admin(&["user", "disable", "berth/mary"]);
    assert_eq!(disabled, json!({ "user": "berth/mary", "enabled": false }));
    assert_eq!(ping("mary", &user["password"]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ping(&name, &key["login_key"]).await, StatusCode::UNAUTHORIZED);
    installation.admin(&["user", "enable", "berth/mary"]);
    installation.admin(&["user", "set-access", "berth/mary", "console"]);
    assert_eq!(ping(&name, &key["login_key"]).await, StatusCode::FORBIDDEN);
    installation.admin(&["user", "set-access", "berth/mary", "both"]);
    assert_eq!(ping(&name, &key["login_key"]).await, StatusCode::OK);
    let reset = installation.admin(&["user", "reset-password", "berth/mary"]);
    assert_eq!(ping("mary", &user["password"]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ping("mary", &reset["password"]).await, StatusCode::OK);
    installation.admin(&["key", "delete", key["access_key_id"].as_str().unwrap()]);
    assert_eq!(ping(&name, &key["login_key"]).await, StatusCode::UNAUTHORIZED);
    installation.admin(&["user", "delete", "berth/mary"]);
    assert_eq!(ping("mary", &reset["password"]).await, StatusCode::UNAUTHORIZED);
}

#[test]
fn the_operator_sets_what_an_account_may_have() {
    let installation = Installation::start();
    let quota = |arguments: &[&str]| {
        let all: Vec<&str> = ["quota"].iter().chain(arguments).copied().collect();
        installation.admin(&all)
    };
    let none =
        json!({ "account": "berth", "organizations": null, "images": null, "tags": null, "bytes": null });
    assert_eq!(quota(&["show", "berth"]), none);
    let set = json!({ "account": "berth", "organizations": 7, "images": null, "tags": 3, "bytes": 3072 });
    assert_eq!(
        quota(&[
            "set",
            "berth",
            "--organizations",
            "7",
            "--tags",
            "3",
            "--bytes",
            "3KiB"
        ]),
        set
    );
    assert_eq!(quota(&["show", "berth"]), set);
    assert_eq!(quota(&["set", "berth"]), none);
    let unknown = installation
        .place
        .run(&["admin", "quota", "set", "nobody", "--tags", "3"], &[]);
    assert!(!unknown.status.success(), "{}", unknown.out);
    assert!(
        unknown.err.contains("account 'nobody' does not exist"),
        "{}",
        unknown.err
    );
}

#[test]
fn lists_are_tables_for_people_and_arrays_for_programs() {
    let installation = Installation::start();
    installation.admin(&["org", "create", "team", "--account", "berth"]);
    installation.admin(&["user", "create", "berth/mary"]);
    installation.admin(&["grant", "set", "team", "berth/mary", "read"]);
    installation.admin(&["grant", "set", "team", "berth/mary", "write"]);
    installation.admin(&["group", "create", "berth/ops", "--administrator"]);
    installation.admin(&["group", "add", "berth/ops", "mary"]);
    for (arguments, titles, field, values) in [
        (&["account", "list"][..], "ACCOUNT  ID", "account", vec!["berth"]),
        (
            &["user", "list", "berth"],
            "USER         ID",
            "user",
            vec!["berth/admin", "berth/mary"],
        ),
        (
            &["group", "list", "berth"],
            "GROUP      ADMINISTRATORS",
            "group",
            vec!["berth/ops"],
        ),
        (
            &["key", "list", "berth/admin"],
            "ACCESS KEY ID  ENABLED",
            "access_key_id",
            vec!["AKEXAMPLE0001"],
        ),
        (
            &["key", "list", "berth/mary"],
            "ACCESS KEY ID  ENABLED",
            "access_key_id",
            vec![],
        ),
        (
            &["org", "list", "berth"],
            "ORGANIZATION  ACCOUNT",
            "organization",
            vec!["team"],
        ),
        (
            &["grant", "list", "team"],
            "PLACE  USER",
            "permission",
            vec!["manage", "write"],
        ),
    ] {
        let listed = installation.admin(arguments);
        let mut found: Vec<&str> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[field].as_str().unwrap())
            .collect();
        found.sort_unstable();
        assert_eq!(found, values, "{arguments:?}");
        let all: Vec<&str> = ["admin"].iter().chain(arguments).copied().collect();
        let table = installation.place.run(&all, &[]);
        assert!(table.out.starts_with(titles), "{}", table.out);
        assert_eq!(table.out.lines().count(), values.len() + 1);
    }
    let users = installation.admin(&["user", "list", "berth"]);
    assert_eq!(users[1]["administrator"], true, "by the group");
}

#[test]
fn a_password_may_come_from_standard_input_and_is_then_not_shown() {
    let installation = Installation::start();
    let mut child = installation
        .place
        .command(
            &[
                "admin",
                "user",
                "create",
                "berth/mary",
                "--password-stdin",
                "--output",
                "json",
            ],
            &[],
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"battery staple\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made["password"], Value::Null);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("battery"));
}

#[test]
fn refusals_say_what_is_wrong_and_what_to_do() {
    let empty = Place::new();
    let nothing = empty.run(&["admin", "user", "list", "berth"], &[]);
    assert!(!nothing.status.success());
    assert!(nothing.err.contains("there is no registry at"), "{}", nothing.err);
    assert!(nothing.err.contains("--data-dir"), "{}", nothing.err);
    assert_eq!(
        std::fs::read_dir(empty.0.path()).unwrap().count(),
        0,
        "nothing was made"
    );
    let installation = Installation::start();
    for (arguments, says) in [
        (
            &["user", "list", "nowhere"][..],
            "account 'nowhere' does not exist",
        ),
        (
            &["user", "create", "berth/admin"],
            "user 'admin' of account 'berth' already exists",
        ),
        (&["user", "create", "berth"], "a user is written ACCOUNT/NAME"),
        (
            &["user", "create", "berth/a:b"],
            "the user name 'a:b' is not allowed",
        ),
        (
            &["key", "delete", "AKMISSING"],
            "access key AKMISSING does not exist",
        ),
        (
            &["org", "delete", "missing"],
            "organization 'missing' does not exist",
        ),
        (
            &["image", "publish", "missing/app"],
            "repository missing/app does not exist",
        ),
        (
            &["grant", "remove", "missing", "berth/admin"],
            "organization 'missing' does not exist",
        ),
        (
            &["login-command", "berth/admin", "--duration-seconds", "1"],
            "duration_seconds is 900 to 86400",
        ),
    ] {
        let all: Vec<&str> = ["admin"].iter().chain(arguments).copied().collect();
        let ended = installation.place.run(&all, &[]);
        assert!(!ended.status.success(), "{arguments:?}");
        assert!(ended.err.contains(says), "{arguments:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{arguments:?}");
    }
}
