//! Many callers and several processes at once.

use crate::world::{World, conflict, digest, finish, manifest, new_upload, tagged};
use berth_metadata::{Conflict, Error, Expected, Metadata, PutManifest, UnlinkOutcome};
use futures_util::future::join_all;

/// Runs the calls as tasks of their own, so that they really overlap.
async fn together<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.map(tokio::spawn).collect();
    join_all(tasks)
        .await
        .into_iter()
        .map(|task| task.expect("the task does not panic"))
        .collect()
}

pub(crate) async fn one_of_many_wins_each_move_of_a_tag(world: World) {
    let repository = world.repository().await.id;
    world
        .metadata
        .put_manifest(tagged(manifest(repository, "start", &[]), &["v1"]))
        .await
        .unwrap();
    let mut named = digest("start");
    for round in 0..5 {
        let results = together((0..64).map(|task| {
            let metadata = world.metadata.clone();
            let put = PutManifest {
                expected: Some(Expected::OneOf(vec![named.clone()])),
                ..tagged(manifest(repository, &format!("r{round}t{task}"), &[]), &["v1"])
            };
            async move { (put.digest.clone(), metadata.put_manifest(put).await) }
        }))
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(|(_, result)| result.is_ok());
        assert_eq!(won.len(), 1, "exactly one wins round {round}");
        named.clone_from(&won[0].0);
        for (_, result) in lost {
            assert_eq!(
                conflict(result),
                Conflict::TagMoved {
                    now: Some(named.clone())
                }
            );
        }
        let now = world
            .metadata
            .manifest_descriptor_by_tag(repository, "v1")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(now.digest, named);
    }
    assert_eq!(world.moves(repository, "v1").await.len(), 6);
}

pub(crate) async fn many_finish_the_same_digest_at_once(world: World) {
    let repositories = join_all((0..4).map(|_| world.repository())).await;
    let a = digest("a");
    let outcomes = together((0..32).map(|task| {
        let (metadata, a) = (world.metadata.clone(), a.clone());
        let repository = repositories[task % repositories.len()].id;
        async move {
            let key = format!("key{task}");
            metadata
                .create_upload(new_upload(&key, repository, 5))
                .await
                .unwrap();
            metadata
                .finish_upload(finish(&key, repository, &a, 6))
                .await
                .unwrap()
                .replaced
        }
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|replaced| replaced.is_none()).count(), 1);
    let kept = world.metadata.blob_keys(None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    let queued = world.metadata.take_reclaim(i64::MAX, 100).await.unwrap();
    let mut queued: Vec<_> = queued.into_iter().map(|row| row.key).collect();
    queued.sort();
    let mut replaced: Vec<_> = outcomes.into_iter().flatten().collect();
    replaced.sort();
    assert_eq!(queued, replaced, "each once");
    assert!(!queued.contains(&kept[0].key));
    for repository in repositories {
        assert_eq!(
            world
                .metadata
                .linked_blob(repository.id, &a)
                .await
                .unwrap()
                .unwrap()
                .key,
            kept[0].key
        );
    }
}

pub(crate) async fn no_manifest_names_an_unlinked_blob(world: World) {
    let other = world.again().await;
    let repository = world.repository().await.id;
    let mut both = [0, 0];
    for round in 0..40 {
        let a = digest(&format!("a{round}"));
        world.push(repository, &a, &format!("key{round}"), 5).await;
        let put = {
            let put = manifest(repository, &format!("m{round}"), &[&a]);
            let metadata = world.metadata.clone();
            tokio::spawn(async move { metadata.put_manifest(put).await })
        };
        let unlink = {
            let (metadata, a) = (other.metadata.clone(), a.clone());
            tokio::spawn(async move {
                if round % 2 == 0 {
                    metadata.unlink_blob(repository, &a, 6).await
                } else {
                    let swept = metadata.sweep_unreferenced(6, 7, 100).await;
                    swept.map(|n| {
                        if n == 0 {
                            UnlinkOutcome::Missing
                        } else {
                            UnlinkOutcome::Unlinked
                        }
                    })
                }
            })
        };
        let (put, unlink) = (put.await.unwrap(), unlink.await.unwrap().unwrap());
        let linked = world
            .metadata
            .linked_blob(repository, &a)
            .await
            .unwrap()
            .is_some();
        match put {
            Ok(_) => assert!(
                linked && unlink != UnlinkOutcome::Unlinked,
                "round {round}: {unlink:?}"
            ),
            Err(Error::Conflict(Conflict::MissingBlobs(missing))) => {
                assert_eq!(missing, [a]);
                assert!(
                    !linked && unlink == UnlinkOutcome::Unlinked,
                    "round {round}: {unlink:?}"
                );
            }
            Err(error) => panic!("{error}"),
        }
        both[usize::from(linked)] += 1;
    }
    assert_eq!(both.iter().sum::<i32>(), 40);
    other.metadata.close().await;
}

pub(crate) async fn two_replicas_write_at_once(world: World) {
    let other = world.again().await;
    let repository = world.repository().await.id;
    let tag = |task: usize| format!("t{task:03}");
    together((0..200).map(|task| {
        let metadata: Metadata = if task % 2 == 0 { &world } else { &other }.metadata.clone();
        let put = tagged(manifest(repository, &format!("m{task}"), &[]), &[&tag(task)]);
        async move { metadata.put_manifest(put).await.unwrap() }
    }))
    .await;
    let expected: Vec<_> = (0..200).map(tag).collect();
    assert_eq!(
        world.metadata.list_tags(repository, None, 1000).await.unwrap(),
        expected
    );
    other.metadata.close().await;
}

pub(crate) async fn a_mount_and_the_last_unlink_leave_no_dangling_link(world: World) {
    let (from, to) = (world.repository().await.id, world.repository().await.id);
    for round in 0..40 {
        let a = digest(&format!("a{round}"));
        let key = format!("key{round}");
        world.push(from, &a, &key, 5).await;
        let mount = {
            let (metadata, a) = (world.metadata.clone(), a.clone());
            tokio::spawn(async move { metadata.mount_blob(from, to, &a, 6).await })
        };
        let unlink = {
            let (metadata, a) = (world.metadata.clone(), a.clone());
            tokio::spawn(async move { metadata.unlink_blob(from, &a, 6).await })
        };
        let mounted = mount.await.unwrap().unwrap();
        assert_eq!(unlink.await.unwrap().unwrap(), UnlinkOutcome::Unlinked);
        let linked = world.metadata.linked_blob(to, &a).await.unwrap();
        assert_eq!(linked.map(|blob| blob.key), mounted.then(|| key.clone()));
        let queued = world
            .metadata
            .take_reclaim(i64::MAX, 100)
            .await
            .unwrap()
            .iter()
            .any(|row| row.key == key);
        assert_eq!(queued, !mounted, "the key is in exactly one place");
    }
}

pub(crate) async fn two_last_unlinks_release_the_blob_once(world: World) {
    let other = world.again().await;
    let (one, two) = (world.repository().await.id, world.repository().await.id);
    for round in 0..40 {
        let (a, key) = (digest(&format!("a{round}")), format!("key{round}"));
        world.push(one, &a, &key, 5).await;
        assert!(world.metadata.mount_blob(one, two, &a, 5).await.unwrap());
        let unlinks = [(one, &world), (two, &other)].map(|(repository, world)| {
            let (metadata, a) = (world.metadata.clone(), a.clone());
            async move { metadata.unlink_blob(repository, &a, 6).await.unwrap() }
        });
        let outcomes = together(unlinks.into_iter()).await;
        assert_eq!(outcomes, [UnlinkOutcome::Unlinked, UnlinkOutcome::Unlinked]);
        let stored = world.metadata.blob_keys(None, 100).await.unwrap();
        assert_eq!(
            stored,
            [],
            "round {round}: a blob that nothing links stays for ever"
        );
        let queued = world.metadata.take_reclaim(i64::MAX, 100).await.unwrap();
        assert_eq!(queued.iter().filter(|row| row.key == key).count(), 1);
    }
    other.metadata.close().await;
}
