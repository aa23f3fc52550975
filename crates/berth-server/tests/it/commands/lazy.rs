//! `berth lazy`.

use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::Desk;
use crate::world::World;

/// A layer with one file.
fn layer() -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    tar.append_data(&mut header, "file", b"bytes".as_slice()).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn images_are_made_ready_on_request_and_by_rule() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", &layer()).await;
    let desk = Desk::at(&world);
    desk.fails(&["lazy", "rule", "team/app"], 5);
    let set = desk.json(&["lazy", "set", "team/app", "--tags", "v*"]);
    assert_eq!(set["tags"], json!("v*"));
    assert_eq!(desk.json(&["lazy", "rule", "team/app"])["tags"], json!("v*"));
    desk.fails(&["lazy", "set", "team", "--tags", "["], 7);
    desk.json(&["lazy", "unset", "team/app"]);
    desk.fails(&["lazy", "unset", "team/app"], 5);

    assert_eq!(desk.json(&["lazy", "list", "team/app"]), json!([]));
    let asked = desk.json(&["lazy", "make", "team/app", "v1"]);
    let ended = loop {
        let runs = desk.json(&["lazy", "list", "team/app", "--limit", "1"]);
        if !runs[0]["ended_at"].is_null() {
            break runs[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(
        (&ended["id"], &ended["status"], &ended["tag"], &ended["by_rule"]),
        (&asked["id"], &json!("done"), &json!("v1"), &json!(false))
    );
    assert!(ended["images"][0]["index"].is_string(), "{ended}");
    assert!(desk.says(&["lazy", "list", "team/app"]).contains("done"));
    desk.fails(&["lazy", "make", "team/app", "v2"], 5);
    desk.misuses(&["lazy", "make", "team/app"]);
}
