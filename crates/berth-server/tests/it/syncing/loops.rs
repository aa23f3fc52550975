//! Registries that send to one another: every push comes to rest.

use std::time::Duration;

use super::desk::{APP, FLAGS, copies, ended, register, send_pushes, told};
use super::named;
use crate::content::digest;
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
    for (world, copies) in worlds.iter().zip(&all) {
        let of_both = copies.iter().filter(|copy| copy["tag"] == "v2").count();
        assert!(of_both <= 3, "{copies:#?}");
        // Whatever arrived last is there, and the other is there by its digest.
        let [one, two] = [&one, &two].map(digest);
        let named = named(world, "v2").await;
        assert!(named == one || named == two, "{named}");
    }
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
