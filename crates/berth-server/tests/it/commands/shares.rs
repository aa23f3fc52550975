//! `berth share`, between two accounts.

use serde_json::json;

use super::Desk;
use crate::world::World;

#[tokio::test]
async fn an_image_is_shared_with_another_account_and_taken_back() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"first").await;
    let desk = Desk::at(&world);
    let (_, pair) = world.person("elsewhere", "stranger").await;
    let theirs = Desk::new();
    let url = format!("http://{}", world.address());
    let ended = theirs.log_in(&url, &pair.secret_key, &["--access-key-id", &pair.access_key_id]);
    assert!(ended.status.success(), "{}", ended.err);
    theirs.fails(&["image", "show", "team/app"], 5);

    let share = ["share", "create", "team/app", "elsewhere", "--until"];
    let made = desk.json(&[&share[..], &["2099-12-31", "--description", "tests"]].concat());
    assert_eq!(
        (&made["account"], &made["valid"], &made["description"]),
        (&json!("elsewhere"), &json!(true), &json!("tests"))
    );
    assert!(
        made["until"].as_str().unwrap().starts_with("2099-12-31"),
        "{made}"
    );
    desk.fails(&[&share[..], &["forever"]].concat(), 6);
    assert_eq!(
        desk.json(&["share", "list", "team/app"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let changed = desk.json(&["share", "change", "team/app", "elsewhere", "--until", "forever"]);
    assert_eq!(changed["until"], json!("forever"));

    let received = theirs.json(&["share", "received"]);
    assert_eq!(
        (&received[0]["organization"], &received[0]["image"]),
        (&json!("team"), &json!("app"))
    );
    assert_eq!(desk.json(&["share", "given"]).as_array().unwrap().len(), 1);
    theirs.json(&["tag", "show", "team/app:v1"]);

    desk.fails(&["share", "delete", "team/app", "elsewhere"], 1);
    desk.json(&["share", "delete", "team/app", "elsewhere", "--yes"]);
    desk.fails(&["share", "show", "team/app", "elsewhere"], 5);
    // The same as for an image that is not there.
    theirs.fails(&["tag", "show", "team/app:v1"], 5);
    theirs.fails(&["tag", "show", "team/none:v1"], 5);
    desk.misuses(&[&share[..], &["tomorrow"]].concat());
    desk.misuses(&["share", "create", "team/app", "elsewhere"]);
}
