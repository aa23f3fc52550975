//! Blobs whose bytes are missing or wrong.

use crate::world::{World, conflict, digest, manifest, tagged};
use berth_metadata::{
    Affected, Conflict, Damage, DamageFound, Damaged, PutManifest, Repository, UnlinkOutcome, Viewer,
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
    let rows = world.metadata.take_reclaim(i64::MAX, 100).await.unwrap();
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
    let mut listed = metadata.affected_by(&a, None, 100).await.unwrap();
    for list in [&mut expected, &mut listed] {
        list.sort_by(|x, y| (&x.repository, &x.tag).cmp(&(&y.repository, &y.tag)));
    }
    assert_eq!(listed, expected);
    assert_eq!(metadata.affected_by(&a, None, 2).await.unwrap().len(), 2);
    assert_eq!(metadata.affected_by(&digest("b"), None, 2).await.unwrap(), []);
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

pub(crate) async fn bytes_that_are_right_after_all_are_cleared(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let a = digest("a");
    world.push(repository, &a, "a1", 5).await;
    assert!(
        !metadata.clear_damage(&a, "a1", 6).await.unwrap(),
        "it is not damaged"
    );
    assert!(metadata.mark_damaged(found(&a, "a1", 6)).await.unwrap());
    let listed = metadata.damaged(None, 10).await.unwrap();
    let expected = Damaged {
        digest: a.clone(),
        repository_id: None,
        key: "a1".to_owned(),
        size: 10,
        damage: "wrong".to_owned(),
        found_at: 6,
    };
    assert_eq!(listed, [expected]);
    assert_eq!(metadata.damaged(Some((&a, 0)), 10).await.unwrap(), []);
    assert!(!metadata.clear_damage(&a, "other", 7).await.unwrap());
    assert!(metadata.clear_damage(&a, "a1", 7).await.unwrap());
    let linked = metadata.linked_blob(repository, &a).await.unwrap().unwrap();
    assert_eq!(linked.verified_at, 7);
    assert_eq!(metadata.damaged(None, 10).await.unwrap(), []);
    assert_eq!(metadata.expire_quarantine(100, 100, 10).await.unwrap(), 0);
}

pub(crate) async fn quarantine_ends_when_nothing_can_heal_by_it(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let words = ["a", "b", "c"];
    for word in words {
        world.push(repository, &digest(word), word, 5).await;
        let marked = metadata.mark_damaged(found(&digest(word), word, 6)).await;
        assert!(marked.unwrap());
    }
    world.push(repository, &digest("a"), "a2", 7).await;
    metadata.unlink_blob(repository, &digest("b"), 7).await.unwrap();
    assert_eq!(
        metadata.expire_quarantine(6, 20, 10).await.unwrap(),
        0,
        "too early"
    );
    assert_eq!(metadata.expire_quarantine(7, 20, 1).await.unwrap(), 1);
    assert_eq!(metadata.expire_quarantine(7, 21, 10).await.unwrap(), 1);
    let mut queued = metadata.take_reclaim(i64::MAX, 10).await.unwrap();
    queued.sort_by(|x, y| x.key.cmp(&y.key));
    let queued: Vec<_> = queued.iter().map(|row| (row.key.as_str(), row.size)).collect();
    assert_eq!(queued, [("a", 7), ("b", 7)], "with the bytes that were found");
    assert!(metadata.clear_damage(&digest("c"), "c", 30).await.unwrap());
}

pub(crate) async fn a_damaged_manifest_is_nowhere_until_it_is_pushed_again(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let other = world.repository().await.id;
    let put = tagged(manifest(repository.id, "m", &[]), &["v1"]);
    metadata.put_manifest(put.clone()).await.unwrap();
    metadata.put_manifest(manifest(other, "m", &[])).await.unwrap();
    let m = digest("m");
    let replaced = metadata.mark_manifest_damaged(repository.id, (&m, b"other bytes"), 6);
    assert!(!replaced.await.unwrap(), "it has other bytes by now");
    let marked = metadata.mark_manifest_damaged(repository.id, (&m, b"m"), 6);
    assert!(marked.await.unwrap());
    assert!(metadata.is_damaged(repository.id, &m).await.unwrap());
    assert!(!metadata.is_damaged(other, &m).await.unwrap());
    assert_eq!(metadata.manifest_by_tag(repository.id, "v1").await.unwrap(), None);
    assert_eq!(
        metadata.manifest_by_digest(repository.id, &m).await.unwrap(),
        None
    );
    let described = metadata.manifest_descriptor_by_tag(repository.id, "v1").await;
    assert_eq!(described.unwrap(), None);
    let described = metadata.manifest_descriptor_by_digest(repository.id, &m).await;
    assert_eq!(described.unwrap(), None);
    assert!(metadata.manifest_by_digest(other, &m).await.unwrap().is_some());
    let index = PutManifest {
        manifests: vec![m.clone()],
        ..manifest(repository.id, "index", &[])
    };
    let refused = conflict(metadata.put_manifest(index).await);
    assert_eq!(refused, Conflict::MissingManifests(vec![m.clone()]));
    let listed = metadata.damaged(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].repository_id, Some(repository.id));
    let affected = metadata.affected_by(&m, Some(repository.id), 10).await.unwrap();
    let tags: Vec<_> = affected.into_iter().map(|place| place.tag).collect();
    assert_eq!(tags, [None, Some("v1".to_owned())]);

    let again = metadata.put_manifest(put).await.unwrap();
    assert!(!again.created);
    let found = metadata.manifest_by_tag(repository.id, "v1").await.unwrap();
    assert_eq!(found.unwrap().bytes, b"m"[..]);
    assert_eq!(metadata.damaged(None, 10).await.unwrap(), []);
}
