//! "Content Management": tags, manifests and blobs go, with what hangs on them and nothing else.

use berth_oci::media_type;
use serde_json::json;

use crate::content::{CONFIG, descriptor, digest, image, index};
use crate::world::World;

#[tokio::test]
async fn a_deleted_tag_leaves_its_manifest() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    let delete = "DELETE /v2/team/app/manifests/v1";
    world.admin.ask(delete).await.is(202).holds(b"");
    let tag = world.admin.ask("GET /v2/team/app/manifests/v1").await;
    tag.refused(404, "MANIFEST_UNKNOWN");
    let line = format!("GET /v2/team/app/manifests/{}", digest(&manifest));
    world.admin.ask(line).await.is(200).holds(&manifest);
    world.admin.ask(delete).await.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_deleted_manifest_takes_its_tags_and_its_place_among_referrers() {
    let world = World::start().await;
    let subject = world.admin.push_image("team/app", "v1", b"layer").await;
    let mut signature = image(&[]);
    signature["subject"] = descriptor(media_type::OCI_MANIFEST, &subject);
    let signature = world.admin.push_manifest("team/app", "sig", &signature).await;
    let digest_of = digest(&signature);
    let put = format!("PUT /v2/team/app/manifests/{digest_of}?tag=sig2");
    let put = world
        .admin
        .ask(put)
        .header("content-type", media_type::OCI_MANIFEST);
    put.body(signature.clone()).await.is(201);

    let delete = format!("DELETE /v2/team/app/manifests/{digest_of}");
    world.admin.ask(&delete).await.is(202).holds(b"");
    for reference in ["sig", "sig2", digest_of.as_str()] {
        let line = format!("GET /v2/team/app/manifests/{reference}");
        world.admin.ask(line).await.refused(404, "MANIFEST_UNKNOWN");
    }
    let referrers = format!("GET /v2/team/app/referrers/{}", digest(&subject));
    let referrers = world.admin.ask(referrers).await.is(200);
    assert_eq!(referrers.json()["manifests"], json!([]));
    let tags = world.admin.ask("GET /v2/team/app/tags/list").await.is(200);
    assert_eq!(tags.json()["tags"], json!(["v1"]));
    world.admin.ask(&delete).await.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_manifest_that_an_index_lists_can_go() {
    let world = World::start().await;
    let child = world.admin.push_image("team/app", "child", b"layer").await;
    let parent = world
        .admin
        .push_manifest("team/app", "all", &index(&[&child]))
        .await;
    let line = format!("DELETE /v2/team/app/manifests/{}", digest(&child));
    world.admin.ask(line).await.is(202);
    let pulled = world.admin.ask("GET /v2/team/app/manifests/all").await;
    pulled.is(200).holds(&parent);
}

#[tokio::test]
async fn a_deleted_subject_leaves_its_referrers() {
    let world = World::start().await;
    let subject = world.admin.push_image("team/app", "v1", b"layer").await;
    let mut signature = image(&[]);
    signature["subject"] = descriptor(media_type::OCI_MANIFEST, &subject);
    let signature = world.admin.push_manifest("team/app", "sig", &signature).await;
    let line = format!("DELETE /v2/team/app/manifests/{}", digest(&subject));
    world.admin.ask(line).await.is(202);
    let referrers = format!("GET /v2/team/app/referrers/{}", digest(&subject));
    let referrers = world.admin.ask(referrers).await.is(200).json();
    assert_eq!(referrers["manifests"][0]["digest"], digest(&signature));
}

#[tokio::test]
async fn a_blob_goes_when_no_manifest_uses_it() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    world.admin.push_image("team/other", "v1", b"layer").await;
    let (layer, config) = (digest(b"layer"), digest(CONFIG));
    for blob in [&layer, &config] {
        let line = format!("DELETE /v2/team/app/blobs/{blob}");
        let answer = world.admin.ask(line).await.refused(409, "DENIED");
        let message = answer.errors()[0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&digest(&manifest)), "{message}");
        assert!(message.contains("delete the manifest first"), "{message}");
    }
    let line = format!("DELETE /v2/team/app/manifests/{}", digest(&manifest));
    world.admin.ask(line).await.is(202);
    let line = format!("DELETE /v2/team/app/blobs/{layer}");
    world.admin.ask(&line).await.is(202).holds(b"");
    world.admin.ask(&line).await.refused(404, "BLOB_UNKNOWN");
    let gone = world.admin.ask(format!("GET /v2/team/app/blobs/{layer}")).await;
    gone.refused(404, "BLOB_UNKNOWN");
    // Other repositories have their own link.
    let there = world.admin.ask(format!("GET /v2/team/other/blobs/{layer}")).await;
    there.is(200).holds(b"layer");
    // And what was deleted can be pushed again.
    world.admin.push_image("team/app", "v1", b"layer").await;
}

#[tokio::test]
async fn what_is_not_there_cannot_be_deleted() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let absent = digest(b"absent");
    for (path, code) in [
        ("team/app/manifests/v2".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("team/app/manifests/{absent}"), "MANIFEST_UNKNOWN"),
        (format!("team/app/blobs/{absent}"), "BLOB_UNKNOWN"),
        ("team/absent/manifests/v1".to_owned(), "NAME_UNKNOWN"),
        (format!("team/absent/manifests/{absent}"), "NAME_UNKNOWN"),
        (format!("team/absent/blobs/{absent}"), "NAME_UNKNOWN"),
    ] {
        let answer = world.admin.ask(format!("DELETE /v2/{path}")).await;
        answer.refused(404, code);
    }
}
