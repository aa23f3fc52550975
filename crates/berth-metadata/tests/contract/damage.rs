//! Blobs whose bytes are missing or wrong.

use crate::world::{World, conflict, digest, manifest, tagged};
use berth_metadata::{
    Affected, Conflict, Damage, DamageFound, PutManifest, Repository, UnlinkOutcome, Viewer,
};

fn found(digest: &str, key: &str, now: i64) -> DamageFound {
    DamageFound {
        digest: digest.to_owned(),
        key: key.to_owned(),
        damage: Damage::Wrong,
        size: 7,
        now,
    }
}

async fn queued(world: &World) -> Vec<String> {
    let rows = world.metadata.take_reclaim(100).await.unwrap();
    rows.into_iter().map(|row| row.key).collect()
}

pub(crate) async fn a_damaged_blob_is_nowhere_until_it_is_pushed_again(world: World) {
    let metadata = &world.metadata;
    let (one, two, three) = (
        world.repository().await.id,
        world.repository().await.id,
        world.repository().await.id,
    );
    let a = digest("a");
    world.push(one, &a, "first", 5).await;
    assert!(metadata.mount_blob(one, two, &a, 5).await.unwrap());
    let put = manifest(one, "m", &[&a]);
    metadata.put_manifest(put.clone()).await.unwrap();

    let other_key = metadata.mark_damaged(found(&a, "other", 6)).await.unwrap();
    assert!(
        !other_key,
        "bytes that are the blob's no more say nothing about it"
    );
    assert!(metadata.mark_damaged(found(&a, "first", 6)).await.unwrap());
    assert!(!metadata.mark_damaged(found(&a, "first", 7)).await.unwrap());
    for repository in [one, two] {
        assert_eq!(metadata.linked_blob(repository, &a).await.unwrap(), None);
        assert!(!metadata.mount_blob(repository, three, &a, 8).await.unwrap());
    }
    for viewer in [
        Viewer::Anonymous,
        Viewer::User {
            user_id: "u",
            account_id: "a",
            administrator: true,
        },
    ] {
        assert_eq!(metadata.find_readable_blob(&a, viewer, 8).await.unwrap(), None);
    }
    let again = PutManifest {
        digest: digest("n"),
        ..put
    };
    let refused = conflict(metadata.put_manifest(again.clone()).await);
    assert_eq!(refused, Conflict::MissingBlobs(vec![a.clone()]));

    let healed = world.push(three, &a, "second", 9).await;
    assert_eq!(healed.replaced.as_deref(), Some("first"));
    for repository in [one, two, three] {
        let linked = metadata.linked_blob(repository, &a).await.unwrap().unwrap();
        assert_eq!((linked.key.as_str(), linked.verified_at), ("second", 9));
    }
    metadata.put_manifest(again).await.unwrap();
    assert!(!metadata.mark_damaged(found(&a, "first", 10)).await.unwrap());
}

pub(crate) async fn what_a_damaged_blob_touches_is_named(world: World) {
    let metadata = &world.metadata;
    let (one, two) = (world.repository().await, world.repository().await);
    let a = digest("a");
    world.push(one.id, &a, "key", 5).await;
    assert!(metadata.mount_blob(one.id, two.id, &a, 5).await.unwrap());
    metadata
        .put_manifest(tagged(manifest(one.id, "m", &[&a]), &["v1", "v2"]))
        .await
        .unwrap();
    let index = PutManifest {
        manifests: vec![digest("m")],
        ..tagged(manifest(one.id, "index", &[]), &["latest"])
    };
    metadata.put_manifest(index).await.unwrap();
    metadata
        .put_manifest(tagged(manifest(one.id, "without it", &[]), &["other"]))
        .await
        .unwrap();
    let affected = |repository: &str, tag: Option<&str>| Affected {
        repository: repository.to_owned(),
        tag: tag.map(str::to_owned),
    };
    let full_name = |of: &Repository| format!("o{}/{}", of.organization_id, of.image);
    let (one_name, two_name) = (full_name(&one), full_name(&two));
    let mut expected = vec![affected(&two_name, None), affected(&one_name, None)];
    expected.extend(["latest", "v1", "v2"].map(|tag| affected(&one_name, Some(tag))));
    let mut listed = metadata.affected_by(&a, 100).await.unwrap();
    for list in [&mut expected, &mut listed] {
        list.sort_by(|x, y| (&x.repository, &x.tag).cmp(&(&y.repository, &y.tag)));
    }
    assert_eq!(listed, expected);
    assert_eq!(metadata.affected_by(&a, 2).await.unwrap().len(), 2);
    assert_eq!(metadata.affected_by(&digest("b"), 2).await.unwrap(), []);
}

pub(crate) async fn bytes_in_quarantine_are_not_reclaimed(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let (a, b) = (digest("a"), digest("b"));
    world.push(repository, &a, "a1", 5).await;
    world.push(repository, &b, "b1", 5).await;
    for (digest, key) in [(&a, "a1"), (&b, "b1")] {
        assert!(metadata.mark_damaged(found(digest, key, 6)).await.unwrap());
    }
    world.push(repository, &a, "a2", 7).await;
    let unlinked = metadata.unlink_blob(repository, &b, 8).await.unwrap();
    assert_eq!(
        unlinked,
        UnlinkOutcome::Unlinked,
        "what is damaged can be deleted"
    );
    assert_eq!(queued(&world).await, Vec::<String>::new());
    let keys = ["a1", "a2", "b1"].map(str::to_owned);
    let mut known = metadata.known_keys(&keys).await.unwrap();
    known.sort();
    assert_eq!(known, keys);
}
