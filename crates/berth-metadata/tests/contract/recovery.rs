//! What records tell again, and rows compared with what a store holds.

use crate::world::{World, digest, kept, manifest, name};
use berth_metadata::{
    Damage, DamageFound, ListedBytes, Metadata, MissingReferences, RecordedRepository, RecoveredTag,
    WantedBlob,
};
use sqlx::{AnyConnection, Connection};

fn listed(key: &str, digest: &str) -> ListedBytes {
    ListedBytes {
        key: key.to_owned(),
        digest: digest.to_owned(),
        size: 10,
        modified_at: 1,
    }
}

fn wanted(digest: &str) -> WantedBlob {
    WantedBlob {
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
    let wanted = vec![wanted(&blob), wanted(&digest("nowhere"))];
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

async fn run(world: &World, text: &'static str) {
    let mut connection = AnyConnection::connect(&world.url).await.unwrap();
    sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn find_damage(world: &World, digest: &str, key: &str) {
    let found = DamageFound {
        digest: digest.to_owned(),
        key: key.to_owned(),
        damage: Damage::Wrong,
        size: 10,
        now: 6,
    };
    assert!(world.metadata.mark_damaged(found).await.unwrap());
}

pub(crate) async fn the_newest_whole_copy_is_the_blob(world: World) {
    let repository = world.repository().await.id;
    let [replaced, healed, rotten] = ["replaced", "healed", "rotten"].map(digest);
    for (blob, key) in [(&replaced, "r1"), (&healed, "h1"), (&rotten, "w1")] {
        world.push(repository, blob, key, 5).await;
    }
    find_damage(&world, &healed, "h1").await;
    find_damage(&world, &rotten, "w1").await;
    run(
        &world,
        "INSERT INTO reclaim VALUES ('r2', 'x', 10, 1), ('old', 'x', 10, 1)",
    )
    .await;
    let copy = |key: &str, digest: &str, size: i64, modified_at: i64| ListedBytes {
        size,
        modified_at,
        ..listed(key, digest)
    };
    let unlinked = digest("unlinked");
    let copies = vec![
        copy("r1", &replaced, 10, 1),
        copy("r2", &replaced, 10, 5),
        copy("r3", &replaced, 9, 9),
        copy("h1", &healed, 10, 1),
        copy("h2", &healed, 10, 2),
        copy("w1", &rotten, 10, 7),
        copy("u1", &unlinked, 9, 9),
        copy("u2", &unlinked, 10, 2),
        copy("u3", &unlinked, 10, 1),
    ];
    let metadata = &world.metadata;
    metadata.list_stored_bytes(copies).await.unwrap();
    let found = metadata.reconcile_blobs(9).await.unwrap();
    assert_eq!((found.rekeyed, found.damaged), (2, 0));
    let missing = metadata.link_stored_blobs(repository, vec![wanted(&unlinked)], 9);
    assert_eq!(missing.await.unwrap(), Vec::<String>::new());
    metadata.settle_keys(9).await.unwrap();
    for (blob, key) in [
        (&replaced, "r2"),
        (&healed, "h2"),
        (&rotten, "w1"),
        (&unlinked, "u2"),
    ] {
        assert_eq!(metadata.blob_key(blob).await.unwrap().unwrap(), key);
    }
    for blob in [&replaced, &healed, &unlinked] {
        let linked = metadata.linked_blob(repository, blob).await.unwrap().unwrap();
        assert_eq!((linked.size, linked.verified_at), (10, 0), "{}", linked.key);
    }
    assert_eq!(metadata.linked_blob(repository, &rotten).await.unwrap(), None);
    let queued = metadata.take_reclaim(100, 10).await.unwrap();
    assert_eq!(queued.into_iter().map(|row| row.key).collect::<Vec<_>>(), ["old"]);
}

pub(crate) async fn blobs_that_nothing_links_are_released(world: World) {
    let repository = world.repository().await;
    let (gone, kept) = (world.repository().await, digest("kept"));
    world.push(repository.id, &kept, "k1", 5).await;
    world.push(gone.id, &digest("only there"), "k2", 5).await;
    let full_name = format!("o{}/{}", gone.organization_id, gone.image);
    world.metadata.forget_repository(&full_name).await.unwrap();
    world.metadata.settle_keys(9).await.unwrap();
    let queued = world.metadata.take_reclaim(100, 10).await.unwrap();
    assert_eq!(queued.into_iter().map(|row| row.key).collect::<Vec<_>>(), ["k2"]);
    assert_eq!(world.metadata.count_blobs().await.unwrap(), (1, 10));
}

pub(crate) async fn what_records_restore_from_the_bin_is_not_purged(world: World) {
    let repository = world.repository().await;
    let metadata = &world.metadata;
    world.push(repository.id, &digest("a"), "a1", 5).await;
    metadata
        .put_manifest(manifest(repository.id, "m", &[&digest("a")]))
        .await
        .unwrap();
    assert!(
        metadata
            .delete_repository(repository.id, kept(6, 1000))
            .await
            .unwrap()
    );
    let (hidden, live) = (
        format!(":bin:{}", repository.id),
        format!("{}/back", repository.organization),
    );
    assert!(metadata.rename_recovered(&hidden, &live, true).await.unwrap());
    assert!(
        !metadata.rename_recovered(&hidden, &live, true).await.unwrap(),
        "told already"
    );
    while metadata.purge_bin(10_000, 10).await.unwrap() {}
    assert_eq!(metadata.count_content().await.unwrap(), (1, 1, 0));
    assert_eq!(open_entries(metadata, &repository.organization).await, 0);
}

async fn open_entries(metadata: &Metadata, organization: &str) -> i64 {
    let organization = metadata.organization(organization).await.unwrap().unwrap();
    metadata.bin_usage(organization.id, 7).await.unwrap().entries
}

pub(crate) async fn a_name_that_is_taken_is_not_given_again(world: World) {
    let repository = world.repository().await;
    let [from, to] = ["one", "two"].map(|image| format!("{}/{image}", repository.organization));
    for name in [&from, &to] {
        world
            .metadata
            .recover_repository(name, None, 1)
            .await
            .unwrap()
            .unwrap();
    }
    assert!(!world.metadata.rename_recovered(&from, &to, true).await.unwrap());
}
