//! Manifests, tags and referrers.

use crate::world::{World, conflict, digest, manifest, tagged, unkept};
use berth_metadata::{
    Conflict, Expected, ManifestDescriptor, ManifestRow, MissingReferences, PutManifest, PutOutcome,
    Referrer, ReferrersPage,
};

fn names(outcome: &PutOutcome) -> Vec<(&str, Option<&str>)> {
    outcome
        .previous
        .iter()
        .map(|(tag, previous)| (tag.as_str(), previous.as_deref()))
        .collect()
}

pub(crate) async fn a_manifest_is_served_as_it_was_pushed(world: World) {
    let metadata = &world.metadata;
    let (repository, other) = (world.repository().await, world.repository().await);
    let bytes: Vec<u8> = (0..=255).cycle().take(4 << 20).collect();
    let put = PutManifest {
        bytes: bytes.clone(),
        subject: Some(digest("s")),
        artifact_type: Some("application/x".to_owned()),
        ..tagged(manifest(repository.id, "m", &[]), &["v1"])
    };
    let expected = ManifestRow {
        digest: put.digest.clone(),
        media_type: put.media_type.clone(),
        size: 4 << 20,
        artifact_type: put.artifact_type.clone(),
        subject: put.subject.clone(),
        bytes: bytes.into(),
    };
    let descriptor = ManifestDescriptor {
        digest: put.digest.clone(),
        media_type: put.media_type.clone(),
        size: expected.size,
    };
    let nowhere = PutManifest {
        repository_id: -1,
        ..put.clone()
    };
    assert_eq!(
        conflict(metadata.put_manifest(nowhere).await),
        Conflict::RepositoryGone
    );
    metadata.put_manifest(put).await.unwrap();
    let digest = digest("m");
    assert_eq!(
        metadata
            .manifest_by_tag(repository.id, "v1")
            .await
            .unwrap()
            .as_deref(),
        Some(&expected)
    );
    let by_digest = metadata.manifest_by_digest(repository.id, &digest).await.unwrap();
    assert_eq!(by_digest.as_deref(), Some(&expected));
    let by_tag = metadata
        .manifest_descriptor_by_tag(repository.id, "v1")
        .await
        .unwrap();
    assert_eq!(by_tag.as_ref(), Some(&descriptor));
    assert_eq!(
        metadata
            .manifest_descriptor_by_digest(repository.id, &digest)
            .await
            .unwrap(),
        by_tag
    );
    assert_eq!(metadata.manifest_by_tag(repository.id, "V1").await.unwrap(), None);
    assert_eq!(
        metadata.manifest_by_digest(other.id, &digest).await.unwrap(),
        None
    );
    assert_eq!(
        metadata.manifest_descriptor_by_tag(other.id, "v1").await.unwrap(),
        None
    );
}

pub(crate) async fn missing_references_are_refused_as_asked(world: World) {
    use MissingReferences::{AcceptAll, AcceptManifests, Refuse};
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let [here, gone, child, absent] = ["here", "gone", "child", "absent"].map(digest);
    world.push(repository.id, &here, "key", 5).await;
    metadata
        .put_manifest(tagged(manifest(repository.id, "child", &[]), &["child"]))
        .await
        .unwrap();
    let put = |blobs: &[&String], manifests: &[&String], missing| PutManifest {
        manifests: manifests.iter().copied().cloned().collect(),
        blobs: blobs.iter().copied().cloned().collect(),
        missing,
        ..tagged(manifest(repository.id, "m", &[]), &["v1"])
    };
    let no_blobs = || Some(Conflict::MissingBlobs(vec![gone.clone()]));
    let no_manifests = || Some(Conflict::MissingManifests(vec![absent.clone()]));
    let check = async |put: PutManifest, expected: Option<Conflict>| {
        let result = metadata.put_manifest(put).await;
        if let Some(expected) = expected {
            assert_eq!(conflict(result), expected);
            let stored = metadata.manifest_by_tag(repository.id, "v1").await.unwrap();
            assert_eq!(stored, None, "nothing was stored");
        } else {
            result.unwrap();
            metadata
                .delete_manifest(repository.id, &digest("m"), unkept(200))
                .await
                .unwrap();
        }
    };
    check(put(&[&here, &gone, &gone], &[], Refuse), no_blobs()).await;
    check(put(&[&here, &gone], &[], AcceptManifests), no_blobs()).await;
    check(put(&[&here, &gone], &[], AcceptAll), None).await;
    check(put(&[&here], &[&child, &absent], Refuse), no_manifests()).await;
    check(put(&[&here], &[&child, &absent], AcceptManifests), None).await;
    check(put(&[&here, &here], &[&child], Refuse), None).await;
    let all = PutManifest {
        subject: Some(absent.clone()),
        ..put(&[], &[], Refuse)
    };
    check(all, None).await;

    // A blob that comes after the manifest that names it is in use at once.
    metadata
        .put_manifest(put(&[&gone], &[], AcceptAll))
        .await
        .unwrap();
    world.push(repository.id, &gone, "key-late", 5).await;
    assert_eq!(
        metadata
            .linked_blob(repository.id, &gone)
            .await
            .unwrap()
            .unwrap()
            .idle_since,
        None
    );
}

pub(crate) async fn a_tag_moves_only_from_what_is_expected(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let (one, two, three) = (digest("one"), digest("two"), digest("three"));
    let put = |word: &str, expected: Option<Expected>| PutManifest {
        expected,
        ..tagged(manifest(repository.id, word, &[]), &["v1"])
    };
    let one_of = |digests: &[&String]| Some(Expected::OneOf(digests.iter().copied().cloned().collect()));
    let moved = |now: Option<&String>| Some(Conflict::TagMoved { now: now.cloned() });
    let check = async |word: &str, expected: Option<Expected>, refusal: Option<Conflict>| {
        let result = metadata.put_manifest(put(word, expected)).await;
        match refusal {
            None => assert!(result.is_ok(), "{result:?}"),
            Some(refusal) => assert_eq!(conflict(result), refusal),
        }
    };
    check("one", one_of(&[&one]), moved(None)).await;
    check("one", Some(Expected::Anything), moved(None)).await;
    assert_eq!(
        metadata.manifest_by_digest(repository.id, &one).await.unwrap(),
        None,
        "nothing was stored"
    );
    check("one", Some(Expected::Nothing), None).await;
    check("two", Some(Expected::Nothing), moved(Some(&one))).await;
    check("two", one_of(&[&three, &two]), moved(Some(&one))).await;
    check("two", one_of(&[&three, &one]), None).await;
    check("three", Some(Expected::Anything), None).await;
    check("one", None, None).await;
    let refused = metadata
        .delete_tag(repository.id, "v1", one_of(&[&two]), unkept(7))
        .await;
    assert_eq!(Some(conflict(refused)), moved(Some(&one)));
    assert!(
        metadata
            .delete_tag(repository.id, "v1", one_of(&[&one]), unkept(7))
            .await
            .unwrap()
    );
}

pub(crate) async fn several_tags_move_together_and_leave_history(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let put = |word: &str, tags: &[&str], now| PutManifest {
        origin: String::new(),
        user_id: Some("u".to_owned()),
        now,
        ..tagged(manifest(repository.id, word, &[]), tags)
    };
    let first = metadata.put_manifest(put("one", &["a", "b"], 10)).await.unwrap();
    assert_eq!(names(&first), [("a", None), ("b", None)]);
    let (one, two) = (digest("one"), digest("two"));
    let second = metadata.put_manifest(put("two", &["b", "c"], 20)).await.unwrap();
    assert_eq!(names(&second), [("b", Some(one.as_str())), ("c", None)]);
    metadata.put_manifest(put("two", &["b"], 30)).await.unwrap();
    assert!(
        metadata
            .delete_tag(repository.id, "b", None, unkept(40))
            .await
            .unwrap()
    );
    let moves = [
        (None, 40, None),
        (Some(two), 20, Some("u".to_owned())),
        (Some(one), 10, Some("u".to_owned())),
    ];
    let history = world.moves(repository.id, "b").await;
    let shown: Vec<_> = history
        .iter()
        .map(|noted| (noted.digest.clone(), noted.at, noted.user_id.clone()))
        .collect();
    assert_eq!(shown, moves, "no entry when it did not move");
    assert_eq!(
        metadata.list_tags(repository.id, None, 10).await.unwrap(),
        ["a", "c"]
    );
    let name = format!("o{}/{}", repository.organization_id, repository.image);
    assert_eq!(metadata.repository(&name).await.unwrap().unwrap().updated_at, 40);
}

pub(crate) async fn a_manifest_pushed_again_is_not_created_again(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let (a, b) = (digest("a"), digest("b"));
    world.push(repository.id, &a, "key-a", 5).await;
    world.push(repository.id, &b, "key-b", 5).await;
    let put = manifest(repository.id, "m", &[&a]);
    assert!(metadata.put_manifest(put.clone()).await.unwrap().created);
    assert!(!metadata.put_manifest(put.clone()).await.unwrap().created);
    let retyped = PutManifest {
        media_type: "application/other".to_owned(),
        blobs: vec![b.clone()],
        ..put
    };
    assert!(!metadata.put_manifest(retyped).await.unwrap().created);
    let stored = metadata
        .manifest_by_digest(repository.id, &digest("m"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.media_type, "application/other");
    let idle = async |digest: &str| {
        metadata
            .linked_blob(repository.id, digest)
            .await
            .unwrap()
            .unwrap()
            .idle_since
    };
    assert_eq!((idle(&a).await, idle(&b).await), (Some(100), None));
}

pub(crate) async fn referrers_are_filtered_and_paged(world: World) {
    let metadata = &world.metadata;
    let (repository, other) = (world.repository().await, world.repository().await);
    let put = |repository_id, word: &str, subject: &str, artifact_type: Option<&str>| PutManifest {
        subject: Some(digest(subject)),
        artifact_type: artifact_type.map(str::to_owned),
        annotations_json: format!("{{\"word\":\"{word}\"}}"),
        ..manifest(repository_id, word, &[])
    };
    for (word, artifact_type) in [
        ("r3", Some("sig")),
        ("r1", Some("sig")),
        ("r2", Some("sbom")),
        ("r4", None),
    ] {
        metadata
            .put_manifest(put(repository.id, word, "s", artifact_type))
            .await
            .unwrap();
    }
    metadata
        .put_manifest(put(repository.id, "r5", "other", None))
        .await
        .unwrap();
    metadata
        .put_manifest(put(other.id, "r6", "s", None))
        .await
        .unwrap();
    let check = async |artifact_type: Option<&str>, last: Option<&str>, limit, expected: &[&str]| {
        let page = ReferrersPage {
            repository_id: repository.id,
            subject: digest("s"),
            artifact_type: artifact_type.map(str::to_owned),
            last: last.map(digest),
            limit,
            bytes_max: 1000,
        };
        let (found, more) = metadata.referrers(page).await.unwrap();
        assert_eq!(more, limit == 1);
        let expected: Vec<String> = expected.iter().map(|word| digest(word)).collect();
        assert_eq!(
            found.iter().map(|r| r.digest.clone()).collect::<Vec<_>>(),
            expected
        );
        found
    };
    let all = check(None, None, 10, &["r1", "r2", "r3", "r4"]).await;
    let expected = Referrer {
        digest: digest("r1"),
        media_type: manifest(0, "r1", &[]).media_type,
        size: 2,
        artifact_type: Some("sig".to_owned()),
        annotations_json: "{\"word\":\"r1\"}".to_owned(),
    };
    assert_eq!(all[0], expected);
    check(Some("sig"), None, 10, &["r1", "r3"]).await;
    check(Some("none"), None, 10, &[]).await;
    check(None, Some("r2"), 1, &["r3"]).await;
    metadata
        .delete_manifest(repository.id, &digest("r1"), unkept(9))
        .await
        .unwrap();
    check(None, None, 10, &["r2", "r3", "r4"]).await;
}

pub(crate) async fn a_deleted_manifest_takes_its_tags_along(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    metadata
        .put_manifest(tagged(manifest(repository.id, "child", &[]), &["a", "b"]))
        .await
        .unwrap();
    let index = PutManifest {
        manifests: vec![digest("child")],
        ..manifest(repository.id, "index", &[])
    };
    metadata.put_manifest(tagged(index, &["c"])).await.unwrap();
    assert!(
        metadata
            .delete_manifest(repository.id, &digest("child"), unkept(7))
            .await
            .unwrap(),
        "although listed"
    );
    assert!(
        !metadata
            .delete_manifest(repository.id, &digest("child"), unkept(7))
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .delete_manifest(-1, &digest("child"), unkept(7))
            .await
            .unwrap()
    );
    assert_eq!(metadata.list_tags(repository.id, None, 10).await.unwrap(), ["c"]);
    let moves = world.moves(repository.id, "a").await;
    assert_eq!((&moves[0].digest, moves[0].at, moves.len()), (&None, 7, 2));
    assert!(
        metadata
            .manifest_by_tag(repository.id, "c")
            .await
            .unwrap()
            .is_some()
    );
}

pub(crate) async fn a_deleted_tag_leaves_its_manifest(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    metadata
        .put_manifest(tagged(manifest(repository.id, "m", &[]), &["a", "b"]))
        .await
        .unwrap();
    assert!(
        metadata
            .delete_tag(repository.id, "a", None, unkept(7))
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .delete_tag(repository.id, "a", None, unkept(7))
            .await
            .unwrap()
    );
    assert!(!metadata.delete_tag(-1, "b", None, unkept(7)).await.unwrap());
    assert_eq!(metadata.list_tags(repository.id, None, 10).await.unwrap(), ["b"]);
    assert!(
        metadata
            .manifest_by_digest(repository.id, &digest("m"))
            .await
            .unwrap()
            .is_some()
    );
}

pub(crate) async fn long_lists_of_references_are_stored_whole(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let blobs: Vec<String> = (0..200).map(|n| digest(&format!("layer{n}"))).collect();
    for blob in &blobs[1..] {
        world.push(repository.id, blob, &format!("key-{blob}"), 5).await;
    }
    let put = PutManifest {
        blobs: blobs.clone(),
        ..manifest(repository.id, "m", &[])
    };
    let missing = Conflict::MissingBlobs(vec![blobs[0].clone()]);
    assert_eq!(conflict(metadata.put_manifest(put.clone()).await), missing);
    world.push(repository.id, &blobs[0], "key-first", 5).await;
    metadata.put_manifest(put).await.unwrap();
    assert_eq!(metadata.sweep_unreferenced(i64::MAX, 300, 1000).await.unwrap(), 0);
    metadata
        .delete_manifest(repository.id, &digest("m"), unkept(200))
        .await
        .unwrap();
    assert_eq!(metadata.sweep_unreferenced(201, 300, 1000).await.unwrap(), 200);
    assert_eq!(metadata.take_reclaim(i64::MAX, 1000).await.unwrap().len(), 200);
}
