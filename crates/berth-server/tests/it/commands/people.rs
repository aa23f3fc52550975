//! `berth user`, `berth key`, `berth whoami`, and logins with a password.

use serde_json::json;

use super::Desk;
use crate::installation::{ACCESS_KEY_ID, Installation};

const PASSWORD: &str = "staple battery 7";

/// The administrator's desk, and one where mary, whom it made, is logged in with her password.
fn mary(installation: &Installation) -> (Desk, Desk) {
    let desk = Desk::of_the_administrator(installation);
    let made = desk.run_with(&["user", "create", "mary", "--secret-stdin"], &[], PASSWORD);
    assert!(made.status.success(), "{}", made.err);
    let hers = Desk::new();
    let login = ["--account", "berth", "--user", "mary"];
    let ended = hers.log_in(&installation.url(), PASSWORD, &login);
    assert!(ended.status.success(), "{}", ended.err);
    for text in [&made.out, &made.err, &ended.out, &ended.err] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    (desk, hers)
}

#[test]
fn a_password_becomes_a_token_that_is_kept_in_its_place() {
    let installation = Installation::start();
    let (desk, hers) = mary(&installation);
    let who = hers.json(&["whoami"]);
    assert_eq!(
        (&who["account"], &who["user"], &who["administrator"]),
        (&json!("berth"), &json!("mary"), &json!(false))
    );
    let kept = hers.json(&["profile", "list"]);
    assert_eq!(kept[0]["access_key_id"], json!(null));
    assert!(kept[0]["expires_at"].as_str().unwrap().ends_with('Z'));
    let file = hers.place.0.path().join("config/berth/profiles/default.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("token") && !text.contains(PASSWORD));
    // Again, with nothing said but the password.
    let again = hers.run_with(&["login", "--password-stdin"], &[], PASSWORD);
    assert!(again.status.success(), "{}", again.err);
    let wrong = hers.run_with(&["login", "--password-stdin"], &[], "wrong");
    assert_eq!(wrong.status.code(), Some(3), "{}", wrong.err);
    // A refused login leaves the one that is there.
    assert_eq!(hers.json(&["whoami"]), who);
    let who = desk.json(&["whoami"]);
    assert_eq!(
        (&who["user"], &who["administrator"]),
        (&json!("admin"), &json!(true))
    );

    let text = text.lines().map(|line| match line.split_once(" = ") {
        Some(("token_expires_at", _)) => "token_expires_at = \"2020-01-01T00:00:00Z\"\n".to_owned(),
        _ => format!("{line}\n"),
    });
    std::fs::write(&file, text.collect::<String>()).unwrap();
    let error = hers.fails(&["org", "list"], 3);
    assert!(
        error["message"].as_str().unwrap().contains("has ended"),
        "{error}"
    );
}

#[test]
fn users_are_made_shown_changed_and_deleted() {
    let installation = Installation::start();
    let (desk, hers) = mary(&installation);
    let robot = [
        "user",
        "create",
        "robot",
        "--no-password",
        "--access",
        "programmatic",
    ];
    let made = desk.json(&[&robot[..], &["--description", "builds"]].concat());
    assert_eq!(
        (
            &made["user"],
            &made["access"],
            &made["enabled"],
            &made["description"]
        ),
        (
            &json!("robot"),
            &json!("programmatic"),
            &json!(true),
            &json!("builds")
        )
    );
    assert_eq!(desk.json(&["user", "show", "robot"]), made);
    assert_eq!(desk.json(&["user", "show", made["id"].as_str().unwrap()]), made);
    let names: Vec<_> = desk
        .json(&["user", "list"])
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["user"].clone())
        .collect();
    assert_eq!(names, ["admin", "mary", "robot"]);
    assert_eq!(desk.json(&["user", "disable", "mary"])["enabled"], json!(false));
    hers.fails(&["whoami"], 3);
    assert_eq!(desk.json(&["user", "enable", "mary"])["enabled"], json!(true));
    assert_eq!(
        desk.json(&["user", "set-access", "mary", "console"])["access"],
        json!("console")
    );
    let reset = desk.run_with(
        &["user", "reset-password", "mary", "--secret-stdin"],
        &[],
        "another one 8",
    );
    assert!(
        reset.status.success() && !reset.out.contains("another"),
        "{}",
        reset.err
    );

    desk.fails(&robot, 6);
    desk.fails(&["user", "show", "nobody"], 5);
    desk.fails(&["user", "delete", "robot"], 1);
    desk.json(&["user", "delete", "robot", "--yes"]);
    desk.fails(&["user", "show", "robot"], 5);
    desk.fails(&["user", "delete", "../../users", "--yes"], 5);
    let short = desk.run_with(&["user", "create", "ann", "--secret-stdin"], &[], "short");
    assert_eq!(short.status.code(), Some(7), "{}", short.err);
}

#[test]
fn who_administers_nothing_is_told_so() {
    let installation = Installation::start();
    let (_, hers) = mary(&installation);
    for arguments in [
        &["user", "list"][..],
        &["user", "create", "ann", "--no-password"],
        &["key", "list", "--user", "admin"],
    ] {
        let error = hers.fails(arguments, 4);
        assert!(!error["code"].as_str().unwrap().is_empty(), "{error}");
    }
}

#[test]
fn access_keys_are_made_used_switched_and_deleted() {
    let installation = Installation::start();
    let (desk, hers) = mary(&installation);
    let made = hers.json(&["key", "create", "--description", "laptop"]);
    let id = made["access_key_id"].as_str().unwrap();
    let secret = made["secret_access_key"].as_str().unwrap();
    let laptop = Desk::new();
    let login = ["--access-key-id", id];
    let ended = laptop.log_in(&installation.url(), secret, &login);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(laptop.json(&["whoami"])["user"], json!("mary"));

    let listed = hers.json(&["key", "list"]);
    let row = &listed[0];
    assert_eq!(
        (&row["access_key_id"], &row["status"], &row["description"]),
        (&json!(id), &json!("active"), &json!("laptop"))
    );
    assert_eq!(row["secret_access_key"], json!(null));
    assert_eq!(desk.json(&["key", "list", "--user", "mary"]), listed);
    assert_eq!(
        desk.json(&["key", "list"])[0]["access_key_id"],
        json!(ACCESS_KEY_ID)
    );

    assert_eq!(hers.json(&["key", "disable", id])["status"], json!("inactive"));
    laptop.fails(&["whoami"], 3);
    assert_eq!(desk.json(&["key", "enable", id])["status"], json!("active"));
    laptop.json(&["whoami"]);
    hers.fails(&["key", "delete", id], 1);
    hers.json(&["key", "delete", id, "--yes"]);
    laptop.fails(&["whoami"], 3);
    hers.fails(&["key", "delete", id, "--yes"], 5);
    hers.fails(&["key", "delete", "..", "--yes"], 5);
}

#[test]
fn rights_are_given_by_name() {
    let installation = Installation::start();
    let (desk, hers) = mary(&installation);
    desk.json(&["org", "create", "team"]);
    hers.fails(&["org", "show", "team"], 5);
    desk.json(&["grant", "add", "team", "mary", "read"]);
    assert_eq!(hers.json(&["org", "show", "team"])["right"], json!("read"));
    desk.fails(&["grant", "add", "team", "nobody", "read"], 5);
    hers.fails(&["org", "delete", "team", "--yes"], 4);
}

#[test]
fn groups_have_members() {
    let installation = Installation::start();
    let (desk, hers) = mary(&installation);
    let made = desk.json(&["group", "create", "ops", "--description", "on duty"]);
    assert_eq!(
        (&made["group"], &made["description"]),
        (&json!("ops"), &json!("on duty"))
    );
    desk.fails(&["group", "create", "ops"], 6);
    desk.json(&["group", "add", "ops", "mary"]);
    assert_eq!(desk.json(&["group", "members", "ops"])[0]["user"], json!("mary"));
    desk.json(&["group", "remove", "ops", "mary"]);
    assert_eq!(desk.json(&["group", "members", "ops"]), json!([]));
    desk.fails(&["group", "add", "ops", "nobody"], 5);
    desk.fails(&["group", "add", "nobody", "mary"], 5);
    hers.fails(&["group", "list"], 4);
    desk.fails(&["group", "delete", "ops"], 1);
    desk.json(&["group", "delete", "ops", "--yes"]);
    desk.fails(&["group", "members", "ops"], 5);
}
