//! `berth immutable`.

use serde_json::json;

use super::Desk;
use crate::world::World;

#[tokio::test]
async fn tags_are_kept_until_the_rule_is_deleted() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"first").await;
    world.admin.push_image("team/app", "latest", b"second").await;
    let desk = Desk::at(&world);
    assert_eq!(desk.json(&["immutable", "list", "team"]), json!([]));
    let wanted = ["team", "*", "--except", "{latest,dev-*}", "--images", "a*"];
    let preview = desk.json(&[&["immutable", "preview"][..], &wanted].concat());
    assert_eq!(preview, json!([{ "image": "app", "tag": "v1" }]));
    let whole = desk.json(&[&["immutable", "add"][..], &wanted].concat());
    assert_eq!(
        (
            &whole["on"],
            &whole["except"],
            &whole["images"],
            &whole["creator"]
        ),
        (
            &json!("organization"),
            &json!("{latest,dev-*}"),
            &json!("a*"),
            &json!("admin")
        )
    );
    let own = desk.json(&["immutable", "add", "team/app", "^late", "--regex"]);
    assert_eq!((&own["on"], &own["kind"]), (&json!("image"), &json!("regex")));
    assert_eq!(desk.json(&["immutable", "list", "team"]), json!([whole]));
    assert_eq!(desk.json(&["immutable", "list", "team/app"]), json!([whole, own]));
    desk.fails(&["immutable", "add", "team/app", "^late", "--regex"], 6);

    desk.fails(&["tag", "delete", "team/app:v1", "--yes"], 6);
    desk.fails(&["image", "delete", "team/app", "--yes"], 6);
    let id = whole["id"].to_string();
    desk.fails(&["immutable", "delete", "team", &id], 1);
    desk.fails(&["immutable", "delete", "team/app", &id, "--yes"], 5);
    desk.json(&["immutable", "delete", "team", &id, "--yes"]);
    desk.json(&["tag", "delete", "team/app:v1", "--yes"]);
    desk.fails(&["tag", "delete", "team/app:latest", "--yes"], 6);

    desk.fails(&["immutable", "add", "team/app", "(", "--regex"], 7);
    desk.fails(&["immutable", "add", "team/app", "v*", "--images", "a*"], 7);
    desk.fails(&["immutable", "list", "nowhere"], 5);
    desk.misuses(&["immutable", "add", "team/app"]);
    desk.misuses(&["immutable", "delete", "team/app", "first", "--yes"]);
}
