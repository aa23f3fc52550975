//! Registries that send to one another: every push comes to rest.

use std::time::Duration;

use berth_oci::media_type;
use http::Method;
use serde_json::Value;

use super::desk::{APP, FLAGS, copies, does, ended, register, send_pushes, told};
use super::{Pair, named};
use crate::content::{CONFIG, digest, image, written};
use crate::world::World;

/// Registries, each of which sends pushes of `team/app` to the next one, the last to the first.
async fn ring(count: usize) -> Vec<World> {
    let mut worlds = Vec::new();
    for _ in 0..count {
        worlds.push(World::start_with(FLAGS).await);
    }
    for (at, world) in worlds.iter().enumerate() {
        world.admin.push_image("team/app", "before", b"before").await;
        register(world, "there", worlds[(at + 1) % count].address()).await;
        send_pushes(world, APP, "there", true).await;
    }
    worlds
}

/// Waits until nothing happens any more, and answers all copies of each registry.
async fn rest(worlds: &[World]) -> Vec<Vec<serde_json::Value>> {
    let mut before = Vec::new();
    let mut same = 0;
    // An event that waits is found within two seconds.
    while same < 5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut now = Vec::new();
        for world in worlds {
            now.push(copies(world, APP).await);
        }
        let is_open = now.iter().flatten().any(|copy| copy["endedAt"].is_null());
        same = if now == before && !is_open { same + 1 } else { 0 };
        before = now;
    }
    before
}

#[tokio::test]
async fn two_registries_that_send_to_each_other_come_to_rest() {
    let worlds = ring(2).await;
    let first = worlds[0].admin.push_image("team/app", "v1", b"first").await;
    ended(&worlds[1], APP, 1).await;
    assert_eq!(named(&worlds[1], "v1").await, digest(&first));
    let second = worlds[1].admin.push_image("team/app", "v1", b"second").await;
    ended(&worlds[0], APP, 2).await;
    assert_eq!(named(&worlds[0], "v1").await, digest(&second));
    let back = "v1 existed the tag came here from there, so it is not sent back";
    let all = rest(&worlds).await;
    assert_eq!(told(&all[0]), ["v1 success", back]);
    assert_eq!(told(&all[1]), [back, "v1 success"]);

    // At the same time to both: each sends its own at most once, and what comes in is not sent back.
    let (one, two) = tokio::join!(
        worlds[0].admin.push_image("team/app", "v2", b"one"),
        worlds[1].admin.push_image("team/app", "v2", b"two"),
    );
    let all = rest(&worlds).await;
    let [one, two] = [&one, &two].map(digest);
    for ((world, other), copies) in worlds.iter().zip(worlds.iter().rev()).zip(&all) {
        let of_both: Vec<_> = copies.iter().filter(|copy| copy["tag"] == "v2").collect();
        assert!(of_both.len() <= 3, "{copies:#?}");
        let tag = named(world, "v2").await;
        assert!(tag == one || tag == two, "{tag}");
        // Whatever was sent is there, by its digest when something else arrived later.
        let sent = of_both.iter().filter(|copy| copy["status"] == "success");
        for copy in sent {
            let sent = copy["digest"].as_str().unwrap();
            assert_eq!(named(other, sent).await, sent, "{copies:#?}");
        }
    }
    let mut tags = Vec::new();
    for world in &worlds {
        tags.push(named(world, "v2").await);
    }
    // Each has what the other sent last, so where they differ both have both.
    for world in &worlds {
        for digest in &tags {
            assert_eq!(&named(world, digest).await, digest, "{tags:?} {all:#?}");
        }
    }
}

#[tokio::test]
async fn who_lies_about_where_a_tag_came_from_keeps_it_from_nobody() {
    let pair = Pair::sending(false).await;
    let one = "/v2/manage/regions/there";
    let region = does(&pair.here, Method::GET, one, &Value::Null, 200).await;
    let id = region["registry_id"].as_str().unwrap();
    let admin = &pair.here.admin;
    let push = async |tag: &str, path: &str| {
        let manifest = written(&image(&[b"layer"]));
        for blob in [CONFIG, b"layer"] {
            admin.push_blob("team/app", blob).await;
        }
        let line = format!("PUT /v2/team/app/manifests/{tag}");
        let put = admin.ask(line).header("content-type", media_type::OCI_MANIFEST);
        put.header("berth-sync-path", path).body(manifest).await.is(201);
    };
    push("v1", id).await;
    push("v2", &[id; 17].join(",")).await;
    let copies = ended(&pair.here, APP, 2).await;
    let mut told = told(&copies);
    told.sort_unstable();
    assert_eq!(told, ["v1 success", "v2 success"]);
}

#[tokio::test]
async fn a_ring_of_three_comes_to_rest() {
    let worlds = ring(3).await;
    let pushed = worlds[0].admin.push_image("team/app", "v1", b"layer").await;
    let all = rest(&worlds).await;
    let back = "v1 existed the tag came here from there, so it is not sent back";
    assert_eq!(told(&all[0]), ["v1 success"]);
    assert_eq!(told(&all[1]), ["v1 success"]);
    assert_eq!(told(&all[2]), [back]);
    for world in &worlds {
        assert_eq!(named(world, "v1").await, digest(&pushed));
    }
}
