//! Uploads, blobs, their links, the sweep and the reclaim.

use crate::world::{World, conflict, digest, finish, id, manifest, new_upload, unkept};
use berth_metadata::{
    BlobRow, Conflict, FinishOutcome, FinishUpload, GrantTarget, LinkedBlob, Permission, ReclaimRow,
    SaveUpload, UnlinkOutcome, UploadRow, Viewer,
};

const FRESH: FinishOutcome = FinishOutcome { replaced: None };

async fn queued(world: &World) -> Vec<String> {
    world
        .metadata
        .take_reclaim(i64::MAX, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.key)
        .collect()
}

pub(crate) async fn progress_is_saved_by_one_request_at_a_time(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let start = UploadRow {
        user_id: Some("u".to_owned()),
        ..new_upload("up", repository.id, 5)
    };
    metadata.create_upload(start.clone()).await.unwrap();
    assert_eq!(
        conflict(metadata.create_upload(new_upload("x", -1, 5)).await),
        Conflict::RepositoryGone
    );
    assert_eq!(
        metadata.upload(repository.id, "up").await.unwrap().as_ref(),
        Some(&start)
    );
    assert_eq!(
        metadata.upload(repository.id + 1, "up").await.unwrap(),
        None,
        "only in its repository"
    );
    let save = |expected_offset, offset| SaveUpload {
        id: "up".to_owned(),
        expected_offset,
        offset,
        hash_state: vec![9],
        backend: "part 1".to_owned(),
        turn: String::new(),
        goes_on: false,
        now: 8,
    };
    metadata.save_upload(save(0, 100)).await.unwrap();
    assert_eq!(
        conflict(metadata.save_upload(save(0, 50)).await),
        Conflict::UploadMoved { offset: 100 }
    );
    metadata.save_upload(save(100, 300)).await.unwrap();
    let expected = UploadRow {
        offset: 300,
        hash_state: vec![9],
        backend: "part 1".to_owned(),
        updated_at: 8,
        ..start
    };
    assert_eq!(
        metadata.upload(repository.id, "up").await.unwrap(),
        Some(expected)
    );
    assert!(metadata.delete_upload("up").await.unwrap());
    assert!(!metadata.delete_upload("up").await.unwrap());
    assert_eq!(
        conflict(metadata.save_upload(save(300, 400)).await),
        Conflict::UploadGone
    );
}

pub(crate) async fn a_finished_upload_is_a_linked_blob(world: World) {
    let metadata = &world.metadata;
    let (one, other) = (world.repository().await, world.repository().await);
    let a = digest("a");
    assert_eq!(metadata.linked_blob(one.id, &a).await.unwrap(), None);
    assert_eq!(world.push(one.id, &a, "key", 5).await, FRESH);
    let expected = LinkedBlob {
        key: "key".to_owned(),
        size: 10,
        idle_since: Some(5),
        verified_at: 5,
    };
    assert_eq!(metadata.linked_blob(one.id, &a).await.unwrap(), Some(expected));
    assert_eq!(
        metadata.linked_blob(other.id, &a).await.unwrap(),
        None,
        "knowing the digest is not enough"
    );
    assert!(!metadata.upload_exists("key").await.unwrap());
    let without_row = FinishUpload {
        upload_id: None,
        ..finish("direct", other.id, &digest("b"), 5)
    };
    assert_eq!(metadata.finish_upload(without_row).await.unwrap(), FRESH);
    let nowhere = FinishUpload {
        upload_id: None,
        ..finish("nowhere", -1, &digest("c"), 5)
    };
    assert_eq!(
        conflict(metadata.finish_upload(nowhere).await),
        Conflict::RepositoryGone
    );
    assert_eq!(
        metadata.known_keys(&["nowhere".to_owned()]).await.unwrap(),
        Vec::<String>::new()
    );
}

pub(crate) async fn uploads_that_end_together_end_each_by_itself(world: World) {
    let metadata = &world.metadata;
    let (one, other) = (world.repository().await, world.repository().await);
    let shared = digest("shared");
    world.push(one.id, &shared, "before", 5).await;
    let direct = |key: String, repository_id, digest: &str| {
        let finish = FinishUpload {
            upload_id: None,
            ..finish(&key, repository_id, digest, 6)
        };
        let metadata = metadata.clone();
        tokio::spawn(async move { metadata.finish_upload(finish).await })
    };
    for round in 0..5 {
        let key = |n: i32| format!("{round}-{n}");
        // One that nothing links yet, several times; one that is there; and one that goes nowhere.
        let fresh = digest(&format!("fresh {round}"));
        let mut good = vec![
            direct(key(0), one.id, &fresh),
            direct(key(1), other.id, &fresh),
            direct(key(2), one.id, &shared),
        ];
        let singles = (3..90).map(|n| direct(key(n), other.id, &digest(&format!("{round} {n}"))));
        good.extend(singles);
        let bad = direct(key(90), -1, &digest("nowhere"));
        for finished in good {
            finished.await.unwrap().unwrap();
        }
        assert_eq!(conflict(bad.await.unwrap()), Conflict::RepositoryGone);
        for (repository, digest) in [(one.id, &fresh), (other.id, &fresh), (one.id, &shared)] {
            assert!(metadata.is_linked(repository, digest).await.unwrap());
        }
        for n in 3..90 {
            let digest = digest(&format!("{round} {n}"));
            let linked = metadata.linked_blob(other.id, &digest).await.unwrap();
            assert_eq!(linked.unwrap().key, key(n));
        }
        // Of two that bring the same blob the later one's bytes count, and the other's are given back.
        let known = [key(0), key(1)];
        assert_eq!(metadata.known_keys(&known).await.unwrap().len(), 2);
        assert_eq!(
            queued(&world)
                .await
                .iter()
                .filter(|queued| known.contains(queued))
                .count(),
            1
        );
    }
    assert!(!metadata.is_linked(one.id, &digest("nowhere")).await.unwrap());
}

pub(crate) async fn a_blob_that_is_there_gets_the_bytes_that_were_verified(world: World) {
    let metadata = &world.metadata;
    let (one, two) = (world.repository().await, world.repository().await);
    let a = digest("a");
    world.push(one.id, &a, "first", 5).await;
    let replaced = FinishOutcome {
        replaced: Some("first".to_owned()),
    };
    assert_eq!(world.push(two.id, &a, "second", 6).await, replaced);
    for repository in [one.id, two.id] {
        let linked = metadata.linked_blob(repository, &a).await.unwrap().unwrap();
        assert_eq!((linked.key.as_str(), linked.verified_at), ("second", 6));
    }
    let expected = ReclaimRow {
        key: "first".to_owned(),
        digest: a,
        size: 10,
        queued_at: 6,
    };
    assert_eq!(metadata.take_reclaim(i64::MAX, 10).await.unwrap(), [expected]);
}

pub(crate) async fn a_digest_pushed_again_while_reclaimed_gets_a_new_key(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let a = digest("a");
    world.push(repository.id, &a, "first", 5).await;
    assert_eq!(
        metadata.unlink_blob(repository.id, &a, 6).await.unwrap(),
        UnlinkOutcome::Unlinked
    );
    assert_eq!(queued(&world).await, ["first"]);
    assert_eq!(world.push(repository.id, &a, "second", 7).await, FRESH);
    assert_eq!(
        metadata
            .linked_blob(repository.id, &a)
            .await
            .unwrap()
            .unwrap()
            .key,
        "second"
    );
    assert_eq!(
        queued(&world).await,
        ["first"],
        "the reclaim goes on and cannot hit the new bytes"
    );
}

pub(crate) async fn a_repeated_finish_changes_nothing(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let a = digest("a");
    world.push(repository.id, &a, "key", 5).await;
    let repeated = finish("key", repository.id, &a, 6);
    assert_eq!(
        conflict(metadata.finish_upload(repeated).await),
        Conflict::UploadGone
    );
    let linked = metadata.linked_blob(repository.id, &a).await.unwrap();
    assert_eq!(linked.unwrap().key, "key", "the caller finds that it was done");
    assert_eq!(queued(&world).await, Vec::<String>::new());
    let rowless = FinishUpload {
        upload_id: None,
        ..finish("key", repository.id, &a, 6)
    };
    assert_eq!(metadata.finish_upload(rowless).await.unwrap(), FRESH);
    assert_eq!(
        queued(&world).await,
        Vec::<String>::new(),
        "a key in use is never queued"
    );
}

pub(crate) async fn expired_uploads_are_found(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    for (id, at) in [("young", 30), ("oldest", 10), ("old", 20)] {
        metadata
            .create_upload(new_upload(id, repository.id, at))
            .await
            .unwrap();
    }
    let expired = async |limit| {
        let rows = metadata.expired_uploads(30, limit).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(expired(10).await, ["oldest", "old"]);
    assert_eq!(expired(1).await, ["oldest"]);
}

pub(crate) async fn a_mount_needs_the_source_link(world: World) {
    let metadata = &world.metadata;
    let (from, to) = (world.repository().await, world.repository().await);
    let a = digest("a");
    assert!(!metadata.mount_blob(from.id, to.id, &a, 5).await.unwrap());
    world.push(from.id, &a, "key", 5).await;
    assert!(metadata.mount_blob(from.id, to.id, &a, 6).await.unwrap());
    assert!(
        metadata.mount_blob(from.id, to.id, &a, 7).await.unwrap(),
        "again is no error"
    );
    let expected = LinkedBlob {
        key: "key".to_owned(),
        size: 10,
        idle_since: Some(7),
        verified_at: 5,
    };
    assert_eq!(metadata.linked_blob(to.id, &a).await.unwrap(), Some(expected));
    assert_eq!(
        conflict(metadata.mount_blob(from.id, -1, &a, 7).await),
        Conflict::RepositoryGone
    );
    assert_eq!(
        metadata.unlink_blob(from.id, &a, 8).await.unwrap(),
        UnlinkOutcome::Unlinked
    );
    assert!(
        !metadata.mount_blob(from.id, to.id, &a, 9).await.unwrap(),
        "the source has let go of it"
    );
    assert!(metadata.linked_blob(to.id, &a).await.unwrap().is_some());
    assert_eq!(queued(&world).await, Vec::<String>::new());
}

pub(crate) async fn a_readable_blob_is_found_for_those_who_may_read_it(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let organization = world.organization(&owner).await;
    let repository = world.repository_in(organization, "image").await.id;
    let colleague = world.user(&owner.account_id).await;
    let guest = world.user(&world.account().await).await;
    let a = digest("a");
    world.push(repository, &a, "key", 5).await;
    let user = |user: &berth_metadata::User, administrator| {
        (user.id.clone(), user.account_id.clone(), administrator)
    };
    let check = async |viewer: Option<(String, String, bool)>, expected: bool| {
        let viewer = match &viewer {
            None => Viewer::Anonymous,
            Some((user_id, account_id, administrator)) => Viewer::User {
                user_id,
                account_id,
                administrator: *administrator,
            },
        };
        let found = metadata.find_readable_blob(&a, viewer, 50).await.unwrap();
        assert_eq!(found, expected.then_some(repository), "{viewer:?}");
        assert_eq!(
            metadata
                .find_readable_blob(&digest("none"), viewer, 50)
                .await
                .unwrap(),
            None
        );
    };
    check(None, false).await;
    check(Some(user(&owner, false)), true).await;
    check(Some(user(&colleague, false)), false).await;
    check(Some(user(&colleague, true)), true).await;
    check(Some(user(&guest, true)), false).await;
    metadata
        .add_grants(
            GrantTarget::Repository(repository),
            &[(colleague.id.clone(), Permission::Read)],
        )
        .await
        .unwrap();
    check(Some(user(&colleague, false)), true).await;
    world.share(repository, &guest.account_id, None).await.unwrap();
    check(Some(user(&guest, false)), true).await;
    metadata.set_repository_public(repository, true, 1).await.unwrap();
    check(None, true).await;
}

pub(crate) async fn a_blob_in_use_is_not_unlinked(world: World) {
    let metadata = &world.metadata;
    let (repository, other) = (world.repository().await, world.repository().await);
    let a = digest("a");
    assert_eq!(
        metadata.unlink_blob(repository.id, &a, 5).await.unwrap(),
        UnlinkOutcome::Missing
    );
    assert_eq!(
        metadata.unlink_blob(-1, &a, 5).await.unwrap(),
        UnlinkOutcome::Missing
    );
    world.push(repository.id, &a, "key", 5).await;
    metadata.mount_blob(repository.id, other.id, &a, 5).await.unwrap();
    metadata
        .put_manifest(manifest(repository.id, "m", &[&a]))
        .await
        .unwrap();
    let in_use = UnlinkOutcome::InUse {
        manifest: digest("m"),
    };
    assert_eq!(metadata.unlink_blob(repository.id, &a, 6).await.unwrap(), in_use);
    assert_eq!(
        metadata.unlink_blob(other.id, &a, 6).await.unwrap(),
        UnlinkOutcome::Unlinked
    );
    metadata
        .delete_manifest(repository.id, &digest("m"), unkept(7))
        .await
        .unwrap();
    assert_eq!(queued(&world).await, Vec::<String>::new());
    assert_eq!(
        metadata.unlink_blob(repository.id, &a, 8).await.unwrap(),
        UnlinkOutcome::Unlinked
    );
    assert_eq!(queued(&world).await, ["key"]);
}

pub(crate) async fn the_sweep_takes_only_old_unreferenced_links(world: World) {
    let metadata = &world.metadata;
    let (repository, other) = (world.repository().await, world.repository().await);
    let words = ["old", "young", "used", "refreshed", "again", "mounted"];
    let [old, young, used, refreshed, again, mounted] = words.map(digest);
    for word in words {
        let now = if word == "young" { 50 } else { 10 };
        world
            .push(repository.id, &digest(word), &format!("key-{word}"), now)
            .await;
    }
    metadata
        .put_manifest(manifest(repository.id, "m", &[&used]))
        .await
        .unwrap();
    assert!(
        metadata
            .refresh_link(repository.id, &refreshed, 50)
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .refresh_link(repository.id, &digest("none"), 50)
            .await
            .unwrap()
    );
    world.push(repository.id, &again, "key-again-2", 50).await;
    metadata
        .mount_blob(repository.id, other.id, &mounted, 50)
        .await
        .unwrap();
    assert_eq!(
        metadata
            .linked_blob(repository.id, &used)
            .await
            .unwrap()
            .unwrap()
            .idle_since,
        None
    );

    assert_eq!(metadata.sweep_unreferenced(50, 60, 100).await.unwrap(), 2);
    let linked = async |digest: &str| {
        metadata
            .linked_blob(repository.id, digest)
            .await
            .unwrap()
            .is_some()
    };
    assert!(!linked(&old).await && !linked(&mounted).await);
    assert!(linked(&young).await && linked(&used).await && linked(&refreshed).await && linked(&again).await);
    assert!(metadata.linked_blob(other.id, &mounted).await.unwrap().is_some());
    assert_eq!(queued(&world).await, ["key-again", "key-old"]);

    // What a deleted manifest lets go of has its time of grace from then on.
    metadata
        .delete_manifest(repository.id, &digest("m"), unkept(200))
        .await
        .unwrap();
    assert_eq!(
        metadata.sweep_unreferenced(200, 210, 1).await.unwrap(),
        1,
        "no more than the limit"
    );
    assert!(linked(&used).await);
    while metadata.sweep_unreferenced(200, 210, 1).await.unwrap() > 0 {}
    assert!(linked(&used).await && !linked(&young).await);
    assert_eq!(metadata.sweep_unreferenced(201, 210, 10).await.unwrap(), 1);
    assert!(!linked(&used).await);
}

pub(crate) async fn keys_are_known_until_reclaimed(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let keys: Vec<String> = (0..70).map(|n| format!("key{n:02}")).collect();
    for key in &keys {
        world.push(repository.id, &digest(key), key, 5).await;
    }
    let unknown = [id(), id()];
    let asked: Vec<String> = keys.iter().chain(&unknown).cloned().collect();
    let known = async || {
        let mut known = metadata.known_keys(&asked).await.unwrap();
        known.sort();
        known
    };
    assert_eq!(known().await, keys);
    assert_eq!(metadata.known_keys(&[]).await.unwrap(), Vec::<String>::new());
    let page = metadata.blob_keys(Some("key02"), 2).await.unwrap();
    let row = |key: &str| BlobRow {
        digest: digest(key),
        key: key.to_owned(),
        size: 10,
    };
    assert_eq!(page, [row("key03"), row("key04")]);
    for (key, now) in [("key00", 6), ("key01", 7)] {
        metadata
            .unlink_blob(repository.id, &digest(key), now)
            .await
            .unwrap();
    }
    assert_eq!(known().await, keys, "a key that waits for reclaim is known");
    assert_eq!(queued(&world).await, ["key00", "key01"]);
    metadata.postpone_reclaim("key00", 8).await.unwrap();
    assert_eq!(queued(&world).await, ["key01", "key00"]);
    metadata.reclaimed(vec!["key01".to_owned()]).await.unwrap();
    metadata.reclaimed(vec!["key01".to_owned()]).await.unwrap();
    assert_eq!(queued(&world).await, ["key00"]);
    assert_eq!(known().await.len(), keys.len() - 1);
}
