//! `berth grant`.

use serde_json::json;

use super::Desk;
use crate::installation::Installation;

#[test]
fn rights_are_given_changed_listed_and_taken_away() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    desk.json(&["org", "create", "team"]);
    let mary = installation.admin(&["user", "create", "berth/mary"]);
    let id = mary["id"].as_str().unwrap();
    desk.json(&["grant", "add", "team", id, "write"]);
    let rights = || -> Vec<_> {
        let found = desk.json(&["grant", "list", "team"]);
        let rows = found.as_array().unwrap().iter();
        rows.map(|row| (row["user"].clone(), row["right"].clone()))
            .collect()
    };
    assert_eq!(
        rights(),
        [(json!("admin"), json!("manage")), (json!("mary"), json!("write"))]
    );
    // Who has a right is known by name.
    desk.json(&["grant", "change", "team", "mary", "read"]);
    assert_eq!(rights()[1], (json!("mary"), json!("read")));
    let text = desk.says(&["grant", "list", "team"]);
    assert!(text.starts_with("USER   USER ID "), "{text}");

    desk.fails(&["grant", "add", "team", id, "write"], 6);
    desk.fails(&["grant", "remove", "team", "mary"], 1);
    let removed = desk.json(&["grant", "remove", "team", "mary", "--yes"]);
    assert_eq!(
        removed,
        json!({ "place": "team", "user": "mary", "removed": true })
    );
    assert_eq!(rights().len(), 1);
    desk.fails(&["grant", "change", "team", id, "read"], 5);
    for wrong in [
        &["grant", "add", "team", id, "own"][..],
        &["grant", "add", "Team", id, "read"],
        &["grant", "list", "team/../other"],
    ] {
        desk.misuses(wrong);
    }
}
