//! Whose turn it is to bring bytes of an upload.

use crate::world::{World, conflict, new_upload};
use berth_metadata::{Conflict, SaveUpload, TakenTurn, TurnStanding, UploadTurn};
use std::time::Duration;

fn turn(name: &str, ttl_ms: i64) -> UploadTurn {
    UploadTurn {
        upload_id: "up".to_owned(),
        turn: name.to_owned(),
        ttl_ms,
        now: 50,
    }
}

fn save(name: &str, (expected_offset, offset): (i64, i64), goes_on: bool) -> SaveUpload {
    SaveUpload {
        id: "up".to_owned(),
        expected_offset,
        offset,
        hash_state: vec![9],
        backend: String::new(),
        turn: name.to_owned(),
        goes_on,
        now: 60,
    }
}

async fn upload(world: &World) -> i64 {
    let repository = world.repository().await;
    let upload = new_upload("up", repository.id, 5);
    world.metadata.create_upload(upload).await.unwrap();
    repository.id
}

/// The offset at which the upload stands for whoever takes the turn; none for who waits.
async fn taken(world: &World, name: &str, ttl_ms: i64) -> Option<i64> {
    match world.metadata.take_turn(turn(name, ttl_ms)).await.unwrap() {
        TakenTurn::Ours(row) => Some(row.offset),
        TakenTurn::Anothers => None,
        TakenTurn::Gone => panic!("no upload"),
    }
}

pub(crate) async fn one_request_at_a_time_has_the_turn(world: World) {
    let metadata = &world.metadata;
    assert_eq!(
        metadata.take_turn(turn("a", 60_000)).await.unwrap(),
        TakenTurn::Gone
    );
    upload(&world).await;
    assert_eq!(taken(&world, "a", 60_000).await, Some(0));
    let standing = async |name| metadata.keep_turn(turn(name, 60_000)).await.unwrap();
    assert_eq!(standing("a").await, TurnStanding::Kept);
    assert_eq!(standing("b").await, TurnStanding::Lost);
    assert_eq!(taken(&world, "b", 60_000).await, None);
    assert_eq!(standing("a").await, TurnStanding::Wanted);
    metadata.save_upload(save("a", (0, 10), true)).await.unwrap();
    assert_eq!(taken(&world, "b", 60_000).await, None, "more is coming");
    metadata.save_upload(save("a", (10, 30), false)).await.unwrap();
    assert_eq!(taken(&world, "b", 60_000).await, Some(30));
    assert_eq!(standing("b").await, TurnStanding::Kept, "nobody waits any more");
    metadata.release_turn("up", "a").await.unwrap();
    assert_eq!(taken(&world, "c", 60_000).await, None, "not a's to give back");
    metadata.release_turn("up", "b").await.unwrap();
    assert_eq!(taken(&world, "c", 60_000).await, Some(30));
}

pub(crate) async fn a_silent_holder_loses_the_turn_and_saves_nothing_any_more(world: World) {
    upload(&world).await;
    assert_eq!(taken(&world, "a", 1).await, Some(0));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(taken(&world, "b", 60_000).await, Some(0));
    let standing = world.metadata.keep_turn(turn("a", 60_000)).await.unwrap();
    assert_eq!(standing, TurnStanding::Lost);
    // Even where the offset would fit.
    let late = world.metadata.save_upload(save("a", (0, 99), true)).await;
    assert_eq!(conflict(late), Conflict::UploadMoved { offset: 0 });
    world
        .metadata
        .save_upload(save("b", (0, 7), false))
        .await
        .unwrap();
}

pub(crate) async fn an_upload_that_bytes_come_in_for_does_not_expire(world: World) {
    let repository_id = upload(&world).await;
    let (metadata, all) = (&world.metadata, i64::MAX);
    assert_eq!(taken(&world, "a", 60_000).await, Some(0));
    assert!(!metadata.delete_expired_upload("up", all).await.unwrap());
    metadata.release_turn("up", "a").await.unwrap();
    assert!(
        !metadata.delete_expired_upload("up", 50).await.unwrap(),
        "used at 50"
    );
    assert!(metadata.upload(repository_id, "up").await.unwrap().is_some());
    assert!(metadata.delete_expired_upload("up", 51).await.unwrap());
    assert_eq!(metadata.upload(repository_id, "up").await.unwrap(), None);
}
