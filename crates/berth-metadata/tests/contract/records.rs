//! That whatever changes an image is noted by the transaction that does it.

use crate::snapshots;
use crate::world::{World, digest, manifest, name, new_organization, tagged, unkept};
use berth_metadata::{RepositoryEdit, WaitingRecord};

/// What waits, shortly.
fn short(records: &[WaitingRecord]) -> Vec<String> {
    let one = |record: &WaitingRecord| {
        let parts = [Some(&record.what), record.digest.as_ref(), record.tag.as_ref()];
        parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
    };
    records.iter().map(one).collect()
}

pub(crate) async fn every_change_of_an_image_waits_to_be_written(world: World) {
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    let repository = world.repository_in(organization, "app").await;
    let edit = RepositoryEdit {
        is_public: Some(true),
        ..RepositoryEdit::default()
    };
    world
        .metadata
        .edit_repository(repository.id, edit.clone(), 2)
        .await
        .unwrap();
    // Says nothing new.
    world
        .metadata
        .edit_repository(repository.id, edit, 3)
        .await
        .unwrap();
    world.push(repository.id, &digest("blob"), &name("key"), 5).await;
    let put = tagged(manifest(repository.id, "m", &[&digest("blob")]), &["v1"]);
    world.metadata.put_manifest(put.clone()).await.unwrap();
    // Is there already.
    world.metadata.put_manifest(put).await.unwrap();
    let waiting = world.metadata.waiting_records(100).await.unwrap();
    let expected = [
        "organization",
        "repository",
        "repository",
        "manifest sha256:m",
        "tag sha256:m v1",
    ];
    assert_eq!(short(&waiting), expected);
    assert!(waiting[2].repository.as_ref().unwrap().is_public);
    assert_eq!(waiting[3].manifest.as_ref().unwrap().1, b"m");
    assert!(waiting[0].organization.is_some());
    let ids = waiting.iter().map(|record| record.id).collect();
    world.metadata.records_written(ids, 77).await.unwrap();
    assert!(!world.metadata.has_waiting_records().await.unwrap());
    assert_eq!(world.metadata.records_stamp().await.unwrap(), 77);
    world
        .metadata
        .delete_tag(repository.id, "v1", None, unkept(6))
        .await
        .unwrap();
    let waiting = world.metadata.waiting_records(100).await.unwrap();
    assert!(short(&waiting).contains(&"tag v1".to_owned()), "{waiting:?}");
}

pub(crate) async fn a_failed_change_is_not_noted(world: World) {
    let repository = world.repository().await;
    let before = world.metadata.waiting_records(100).await.unwrap().len();
    let put = tagged(manifest(repository.id, "m", &[&digest("missing")]), &["v1"]);
    world.metadata.put_manifest(put).await.unwrap_err();
    let account = world.account().await;
    let user = world.user(&account).await;
    let taken = new_organization(&repository.organization, &user);
    world.metadata.create_organization(taken).await.unwrap_err();
    let waiting = world.metadata.waiting_records(100).await.unwrap();
    assert_eq!(waiting.len(), before, "{waiting:?}");
}

pub(crate) async fn a_restored_database_notes_changes_too(world: World) {
    snapshots::fill(&world).await;
    let parts = snapshots::parts(&world.metadata).await;
    let replacing = berth_metadata::RestoreInto {
        replace: true,
        ..snapshots::into(&world.url)
    };
    world.metadata.close().await;
    berth_metadata::Metadata::restore(&replacing, snapshots::streamed(parts))
        .await
        .unwrap();
    let again = world.again().await;
    assert!(!again.metadata.has_waiting_records().await.unwrap());
    again.repository().await;
    let waiting = again.metadata.waiting_records(100).await.unwrap();
    assert_eq!(short(&waiting), ["organization", "repository"]);
    again.metadata.close().await;
}
