//! What records tell again, and rows compared with what a store holds.

use crate::world::{World, digest, manifest, name};
use berth_metadata::{ListedBytes, MissingReferences, RecordedRepository, RecoveredTag};

fn listed(key: &str, digest: &str) -> ListedBytes {
    ListedBytes {
        key: key.to_owned(),
        digest: digest.to_owned(),
        size: 10,
    }
}

pub(crate) async fn rows_are_compared_with_the_store(world: World) {
    let repository = world.repository().await;
    let [there, moved, gone] = ["there", "moved", "gone"].map(digest);
    for (blob, key) in [(&there, "k1"), (&moved, "k2"), (&gone, "k3")] {
        world.push(repository.id, blob, key, 5).await;
    }
    let bytes = vec![
        listed("k1", &there),
        listed("other", &moved),
        listed("k4", &digest("unknown")),
    ];
    world.metadata.list_stored_bytes(bytes.clone()).await.unwrap();
    // Told twice.
    world.metadata.list_stored_bytes(bytes).await.unwrap();
    let found = world.metadata.reconcile_blobs(9).await.unwrap();
    assert_eq!((found.rekeyed, found.damaged), (1, 1));
    assert_eq!(world.metadata.blob_key(&moved).await.unwrap().unwrap(), "other");
    let damaged = world.metadata.damaged_blobs("", 10).await.unwrap();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].digest, gone);
    let uses = world.metadata.damaged_uses(10).await.unwrap();
    assert_eq!((uses.len(), &uses[0].digest, &uses[0].tag), (1, &gone, &None));
    assert_eq!(world.metadata.count_blobs().await.unwrap(), (3, 30));
    world.metadata.clear_store_listing().await.unwrap();
    world.metadata.forget_keys().await.unwrap();
}

pub(crate) async fn images_are_made_as_records_say(world: World) {
    let account = world.account().await;
    let (organization, blob) = (name("org"), digest(&name("blob")));
    let full_name = format!("{organization}/app");
    let metadata = &world.metadata;
    assert_eq!(
        metadata.recover_repository(&full_name, None, 1).await.unwrap(),
        None
    );
    for _ in 0..2 {
        metadata
            .recover_organization(&organization, (&account, "mary"), 1)
            .await
            .unwrap();
    }
    let says = RecordedRepository {
        is_public: true,
        is_listed: false,
        category: "linux".to_owned(),
        description: "an image".to_owned(),
    };
    let id = metadata
        .recover_repository(&full_name, Some(says), 2)
        .await
        .unwrap()
        .unwrap();
    metadata
        .list_stored_bytes(vec![listed(&name("key"), &blob)])
        .await
        .unwrap();
    let wanted = vec![blob.clone(), digest("nowhere")];
    for _ in 0..2 {
        let missing = metadata.link_stored_blobs(id, wanted.clone(), 3).await.unwrap();
        assert_eq!(missing, [digest("nowhere")]);
    }
    let mut put = manifest(id, "m", &[&blob, &digest("nowhere")]);
    put.missing = MissingReferences::AcceptAll;
    metadata.put_manifest(put).await.unwrap();
    let tag = |digest: Option<&str>| RecoveredTag {
        repository_id: id,
        tag: "v1".to_owned(),
        digest: digest.map(str::to_owned),
        at: 7,
        user_id: Some("somebody".to_owned()),
    };
    assert!(!metadata.recover_tag(tag(Some("sha256:other"))).await.unwrap());
    for _ in 0..2 {
        assert!(metadata.recover_tag(tag(Some(&digest("m")))).await.unwrap());
    }
    metadata.recount(id, 8).await.unwrap();
    assert_eq!(metadata.count_content().await.unwrap(), (1, 1, 1));
    assert_eq!(world.moves(id, "v1").await.len(), 1, "told twice, it moved once");
    let repository = metadata.repository(&full_name).await.unwrap().unwrap();
    assert_eq!(
        (repository.is_public, repository.category.as_str()),
        (true, "linux")
    );
    let linked = metadata.linked_blob(id, &blob).await.unwrap().unwrap();
    assert_eq!(linked.idle_since, None);
    assert!(metadata.recover_tag(tag(None)).await.unwrap());
    metadata.forget_manifest(id, &digest("m")).await.unwrap();
    assert_eq!(metadata.count_content().await.unwrap(), (1, 0, 0));
}

pub(crate) async fn what_was_deleted_is_forgotten(world: World) {
    let repository = world.repository().await;
    let (from, organization) = (format!("{}/x", repository.organization), repository.organization);
    let metadata = &world.metadata;
    metadata
        .recover_repository(&from, None, 1)
        .await
        .unwrap()
        .unwrap();
    assert!(
        !metadata.forget_organization(&organization).await.unwrap(),
        "it holds images"
    );
    let binned = format!("{organization}/x!1");
    metadata.rename_recovered(&from, &binned, false).await.unwrap();
    assert!(metadata.repository(&from).await.unwrap().is_none());
    metadata.forget_repository(&binned).await.unwrap();
    let other = format!("o{}/{}", repository.organization_id, repository.image);
    metadata.forget_repository(&other).await.unwrap();
    assert!(metadata.forget_organization(&organization).await.unwrap());
}
