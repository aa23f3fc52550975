//! `berth org`.

use serde_json::json;

use super::Desk;
use crate::installation::Installation;

#[test]
fn organizations_are_made_listed_shown_and_deleted() {
    let installation = Installation::start();
    let desk = Desk::of_the_administrator(&installation);
    let made = desk.json(&["org", "create", "team"]);
    assert_eq!(
        (&made["organization"], &made["right"], &made["creator"]),
        (&json!("team"), &json!("manage"), &json!("admin"))
    );
    desk.json(&["org", "create", "other"]);
    let text = desk.says(&["org", "list"]);
    assert_eq!(
        text,
        "ORGANIZATION  RIGHT   CREATOR\nother         manage  admin\nteam          manage  admin\n"
    );
    assert_eq!(desk.json(&["org", "list", "--name", "eam"]), json!([made]));
    assert_eq!(
        desk.json(&["org", "list", "--limit", "1"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(desk.json(&["org", "show", "team"]), made);

    // Without a terminal nobody can be asked.
    let error = desk.fails(&["org", "delete", "team"], 1);
    assert!(error["message"].as_str().unwrap().contains("--yes"));
    let deleted = desk.json(&["org", "delete", "team", "--yes"]);
    assert_eq!(deleted, json!({ "organization": "team", "deleted": true }));
    desk.fails(&["org", "show", "team"], 5);
}
