//! `berth maintenance`: damage behind the registry's back, found by a scrub that somebody asked for.

use std::fs;

use serde_json::json;

use super::Desk;
use crate::content::digest;
use crate::world::World;

const LAYER: &[u8] = b"the bytes of a layer";

#[tokio::test]
async fn damage_is_found_listed_and_healed_by_a_push() {
    let world = World::start_with(&["--scrub-enabled", "false"]).await;
    world.admin.push_image("team/app", "v1", LAYER).await;
    world.admin.push_image("team/copy", "v2", LAYER).await;
    let desk = Desk::at(&world);
    assert_eq!(desk.json(&["maintenance", "damaged"]), json!([]));
    let run = desk.json(&["maintenance", "start", "scrub", "--wait"]);
    assert_eq!(
        (&run["state"], &run["report"]["damaged"]),
        (&json!("done"), &json!(0))
    );

    let layer = digest(LAYER);
    let hex = layer.split_once(':').unwrap().1;
    for file in world.stored_files() {
        if file.display().to_string().contains(hex) {
            fs::write(file, b"THE BYTES OF A LAYER").unwrap();
        }
    }
    let run = desk.json(&["maintenance", "start", "scrub", "--wait"]);
    assert_eq!(run["report"]["damaged"], 1, "{run}");
    let head = format!("HEAD /v2/team/app/blobs/{layer}");
    world.admin.ask(&head).await.is(404);
    let found = desk.json(&["maintenance", "damaged"]);
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(
        (&found[0]["digest"], &found[0]["kind"], &found[0]["damage"]),
        (&json!(layer), &json!("blob"), &json!("wrong"))
    );
    assert_eq!(
        found[0]["affected"],
        "team/app team/app:v1 team/copy team/copy:v2"
    );

    // The next push of another image that has the layer.
    world.admin.push_image("team/copy", "v3", LAYER).await;
    assert_eq!(desk.json(&["maintenance", "damaged"]), json!([]));
    let get = format!("GET /v2/team/app/blobs/{layer}");
    world.admin.ask(&get).await.is(200).holds(LAYER);
}
