//! What is broken inside: a clear status, a sentence, an id for the log, and nothing of the insides; the server goes on.

use berth_metadata::{ManifestFacts, MissingReferences, PutManifest};
use berth_oci::media_type;

use crate::content::digest;
use crate::world::World;

#[tokio::test]
async fn a_broken_row_is_500_and_tells_nothing() {
    let world = World::start().await;
    let subject = digest(world.admin.push_image("team/app", "v1", b"layer").await);
    let found = world.metadata.repository("team/app").await.unwrap().unwrap();
    let broken = world.metadata.put_manifest(PutManifest {
        guard: berth_metadata::Guard::Off,
        repository_id: found.id,
        digest: digest(b"{}"),
        media_type: media_type::OCI_INDEX.to_owned(),
        bytes: b"{}".to_vec(),
        blobs: Vec::new(),
        foreign_layers: Vec::new(),
        manifests: Vec::new(),
        subject: Some(subject.clone()),
        artifact_type: None,
        annotations_json: "no JSON of ours".to_owned(),
        facts: ManifestFacts::default(),
        tags: Vec::new(),
        expected: None,
        missing: MissingReferences::Refuse,
        origin: String::new(),
        user_id: None,
        now: 0,
    });
    broken.await.unwrap();
    let line = format!("GET /v2/team/app/referrers/{subject}");
    let answer = world.admin.ask(line).await.refused(500, "UNKNOWN");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains("X-Request-Id"), "{text}");
    assert!(
        !text.contains("JSON of ours") && !text.contains("annotations"),
        "{text}"
    );
    assert!(!answer.header("x-request-id").is_empty());
    world.admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
}

#[tokio::test]
async fn a_blob_whose_bytes_are_gone_is_404_and_can_be_pushed_again_elsewhere() {
    let world = World::start().await;
    let digest = world.admin.push_blob("team/app", b"content").await;
    for file in world.stored_files() {
        std::fs::remove_file(file).unwrap();
    }
    let line = format!("GET /v2/team/app/blobs/{digest}");
    let answer = world.admin.ask(line).await;
    answer.refused(404, "BLOB_UNKNOWN");
    world.admin.push_blob("team/app", b"other content").await;
}

#[tokio::test]
async fn a_store_that_cannot_be_written_refuses_pushes_and_goes_on() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    // A file stands where the folder of uploads was.
    let uploads = world.place.0.path().join("data/storage/uploads");
    std::fs::remove_dir_all(&uploads).unwrap();
    std::fs::write(&uploads, b"").unwrap();
    // Too large for the journal of small blobs, which needs no such folder.
    let blob = vec![b'x'; 100_000];
    let line = format!("POST /v2/team/app/blobs/uploads/?digest={}", digest(&blob));
    let answer = world.admin.ask(&line).body(blob.clone()).await;
    let answer = answer.refused(500, "UNKNOWN");
    assert!(!String::from_utf8_lossy(&answer.body).contains("uploads/"));
    let pulled = world.admin.ask("GET /v2/team/app/manifests/v1").await;
    pulled.is(200).holds(&manifest);
    std::fs::remove_file(&uploads).unwrap();
    std::fs::create_dir(&uploads).unwrap();
    world.admin.ask(&line).body(blob).await.is(201);
}
