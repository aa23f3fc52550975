//! `berth bin`: what was deleted, for people and for programs.

use serde_json::json;

use super::Desk;
use crate::content::digest;
use crate::world::World;

#[tokio::test]
async fn what_was_deleted_is_listed_restored_and_purged() {
    let world = World::start().await;
    let first = digest(world.admin.push_image("team/app", "v1", b"first").await);
    let desk = Desk::at(&world);
    desk.json(&["tag", "delete", "team/app:v1", "--yes"]);
    let listed = desk.json(&["bin", "list", "team/app", "--tag", "v1", "--kind", "tag"]);
    let [entry] = listed.as_array().unwrap().as_slice() else {
        panic!("one entry: {listed}");
    };
    let id = entry["id"].to_string();
    assert_eq!(
        (&entry["image"], &entry["tags"], &entry["digest"], &entry["by"]),
        (&json!("team/app"), &json!("v1"), &json!(first), &json!("admin"))
    );
    let text = desk.says(&["bin", "list"]);
    assert!(
        text.lines().nth(1).is_some_and(|line| line.contains("team/app")),
        "{text}"
    );

    let second = digest(world.admin.push_image("team/app", "v1", b"second").await);
    let shown = desk.json(&["bin", "show", &id]);
    assert_eq!(shown["in_the_way"], json!(format!("v1 at {second}")));
    desk.fails(&["bin", "restore", &id], 6);
    let restored = desk.json(&["bin", "restore", &id, "--overwrite"]);
    assert_eq!(restored["tags"], json!("v1"));
    assert_eq!(desk.json(&["tag", "show", "team/app:v1"])["digest"], json!(first));
    let moves = desk.json(&["tag", "history", "team/app:v1"]);
    let reasons: Vec<_> = moves
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["why"].clone())
        .collect();
    assert_eq!(reasons, ["bin_restore", "push", "delete", "push"]);

    desk.json(&["image", "delete", "team/app", "--yes"]);
    let image = desk.json(&["bin", "list", "team", "--kind", "image"])[0]["id"].to_string();
    desk.json(&["bin", "restore", &image, "--as", "back"]);
    assert_eq!(
        desk.json(&["tag", "show", "team/back:v1"])["digest"],
        json!(first)
    );
    desk.json(&["tag", "delete", "team/back:v1", "--yes"]);
    let entry = desk.json(&["bin", "list"])[0]["id"].to_string();
    desk.fails(&["bin", "purge", &entry], 1);
    desk.json(&["bin", "purge", &entry, "--yes"]);
    desk.fails(&["bin", "show", &entry], 5);
    desk.json(&["image", "delete", "team/back", "--yes"]);
    let purged = desk.json(&["bin", "purge", "--all", "team", "--yes"]);
    assert_eq!(purged["purged"], json!(1));
    assert_eq!(desk.json(&["bin", "list"]), json!([]));
    for wrong in [
        &["bin", "purge"][..],
        &["bin", "purge", "1", "--all", "team"],
        &["bin", "restore", "x"],
    ] {
        desk.misuses(wrong);
    }
}
