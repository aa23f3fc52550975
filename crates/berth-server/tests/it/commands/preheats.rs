//! `berth preheat`.

use serde_json::json;

use super::Desk;
use crate::manage::preheats::{agents, node, say};
use crate::world::World;

#[tokio::test]
async fn images_go_to_nodes_now_and_by_rule() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"first").await;
    say(&world.admin, &node(1, "a")).await;
    agents(&world, 1).await;
    let desk = Desk::at(&world);
    desk.fails(&["preheat", "start", "team/app", "v1", "--label", "zone=b"], 7);
    let begun = desk.json(&["preheat", "start", "team/app", "v1", "--label", "zone=a"]);
    assert_eq!(
        (&begun["state"], &begun["wanted_by"], &begun["labels"]),
        (&json!("running"), &json!("request"), &json!({ "zone": "a" }))
    );
    let id = begun["id"].to_string();
    assert_eq!(desk.json(&["preheat", "list", "team/app"]), json!([begun]));
    let nodes = desk.json(&["preheat", "show", "team/app", &id]);
    assert_eq!(nodes[0]["node"], "node-1", "{nodes}");
    desk.json(&["preheat", "cancel", "team/app", &id]);
    desk.fails(&["preheat", "cancel", "team/app", &id], 5);

    for place in ["team", "team/app"] {
        desk.fails(&["preheat", "rule", place], 5);
        let rule = [
            "preheat",
            "set",
            place,
            "--tags",
            "v*",
            "--label",
            "zone=a",
            "--disabled",
        ];
        let rule = desk.json(&rule);
        assert_eq!(
            (&rule["enabled"], &rule["tags"], &rule["labels"]),
            (&json!(false), &json!("v*"), &json!({ "zone": "a" }))
        );
        assert_eq!(desk.json(&["preheat", "rule", place]), rule);
        let all = desk.json(&["preheat", "set", place]);
        assert_eq!(
            (&all["enabled"], &all["tags"], &all["labels"]),
            (&json!(true), &json!(""), &json!({}))
        );
        desk.json(&["preheat", "unset", place]);
        desk.fails(&["preheat", "unset", place], 5);
    }
    desk.fails(&["preheat", "set", "team", "--tags", "["], 7);
    desk.misuses(&["preheat", "set", "team", "--label", "zone"]);
}
