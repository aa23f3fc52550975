//! Two at once: pushes of the same thing, moves of one tag, one upload from two clients.

use berth_oci::media_type;
use futures_util::future::join_all;

use crate::content::{CONFIG, bytes, digest, image, written};
use crate::world::World;

#[tokio::test]
async fn fifty_pushes_of_one_blob_make_one_blob() {
    let world = World::start().await;
    let content = bytes(1, 300_000);
    let digest = digest(&content);
    let pushes = (0..50).map(|number| {
        let (client, content) = (world.admin.clone(), content.clone());
        let repository = format!("team/app{}", number % 3);
        let digest = digest.clone();
        async move {
            if number % 2 == 0 {
                client.push_blob(&repository, &content).await;
                return;
            }
            let session = client.start_upload(&repository).await;
            let (left, right) = content.split_at(number * 1000);
            client
                .ask(format!("PATCH {session}"))
                .body(left.to_vec())
                .await
                .is(202);
            let put = client.ask(format!("PUT {session}?digest={digest}"));
            put.body(right.to_vec()).await.is(201);
        }
    });
    join_all(pushes).await;
    for number in 0..3 {
        let line = format!("GET /v2/team/app{number}/blobs/{digest}");
        world.admin.ask(line).await.is(200).holds(&content);
    }
    // The copies that lost are queued to go; none of them is half an upload.
    let unfinished = world.stored_files();
    let unfinished: Vec<_> = unfinished
        .iter()
        .filter(|file| file.iter().any(|part| part == "uploads"))
        .collect();
    assert_eq!(unfinished, Vec::<&std::path::PathBuf>::new());
}

#[tokio::test]
async fn of_two_moves_under_one_condition_one_happens() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"first").await;
    let layers: Vec<Vec<u8>> = (0..8).map(|number| bytes(number, 100)).collect();
    for layer in &layers {
        world.admin.push_blob("team/app", layer).await;
    }
    for round in 0..5 {
        let head = world.admin.ask("HEAD /v2/team/app/manifests/v1").await.is(200);
        let now = head.header("etag").to_owned();
        let moves = layers.iter().map(|layer| {
            let put = world.admin.ask("PUT /v2/team/app/manifests/v1");
            let mut document = image(&[layer]);
            document["annotations"] = serde_json::json!({ "round": round.to_string() });
            put.header("content-type", media_type::OCI_MANIFEST)
                .header("if-match", &now)
                .body(written(&document))
                .into_future()
        });
        let answers = join_all(moves).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(won.len(), 1);
        let winner = won[0].header("docker-content-digest");
        for lost in answers.iter().filter(|answer| answer.status != 201) {
            let lost = lost.clone().refused(412, "DENIED");
            assert_eq!(lost.errors()[0]["detail"]["digest"], winner);
        }
        let head = world.admin.ask("HEAD /v2/team/app/manifests/v1").await.is(200);
        head.has("docker-content-digest", winner);
    }
}

#[tokio::test]
async fn of_two_first_pushes_of_a_new_tag_one_happens() {
    let world = World::start().await;
    world.admin.push_blob("team/app", CONFIG).await;
    let pushes = (0..8).map(|number| {
        let mut document = image(&[]);
        document["annotations"] = serde_json::json!({ "number": number.to_string() });
        let put = world.admin.ask("PUT /v2/team/app/manifests/new");
        put.header("content-type", media_type::OCI_MANIFEST)
            .header("if-none-match", "*")
            .body(written(&document))
            .into_future()
    });
    let statuses: Vec<u16> = join_all(pushes)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7);
}

#[tokio::test]
async fn one_chunk_sent_twice_at_once_is_taken_once() {
    let world = World::start().await;
    for _ in 0..10 {
        let session = world.admin.start_upload("team/app").await;
        let chunks = (0..4).map(|_| {
            let patch = world.admin.ask(format!("PATCH {session}"));
            patch.header("content-range", "0-4").body("hello").into_future()
        });
        let answers = join_all(chunks).await;
        // Too late, or cut off by the next one: also the one whose bytes count, when its answer was on its way.
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer.status, 202 | 400 | 416))
        );
        let put = format!("PUT {session}?digest={}", digest(b"hello"));
        world.admin.ask(put).await.is(201);
    }
}

#[tokio::test]
async fn a_push_and_a_delete_of_one_blob_leave_no_manifest_without_it() {
    let world = World::start().await;
    for round in 0..10_u64 {
        let layer = bytes(round, 200);
        let repository = "team/app";
        world.admin.push_blob(repository, CONFIG).await;
        world.admin.push_blob(repository, &layer).await;
        let tag = format!("v{round}");
        let put = world.admin.ask(format!("PUT /v2/{repository}/manifests/{tag}"));
        let put = put
            .header("content-type", media_type::OCI_MANIFEST)
            .body(written(&image(&[&layer])))
            .into_future();
        let delete = world
            .admin
            .ask(format!("DELETE /v2/{repository}/blobs/{}", digest(&layer)))
            .into_future();
        let (put, delete) = tokio::join!(put, delete);
        let blob = format!("GET /v2/{repository}/blobs/{}", digest(&layer));
        let blob = world.admin.ask(blob).await.status;
        assert!(
            matches!(
                (put.status, delete.status, blob),
                (201, 409, 200) | (404, 202, 404)
            ),
            "{} {} {blob}",
            put.status,
            delete.status
        );
    }
}
