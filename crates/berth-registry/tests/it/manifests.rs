//! Manifests and tags: what is accepted, how tags move, what is found by whom, and how deletion goes.

use berth_metadata::Permission;
use berth_oci::endpoint::Page;
use berth_oci::{Algorithm, Digest, Reference};
use berth_registry::{Caller, Condition, Error, Limits, MissingReferences, PushedManifest};

use crate::harness::{TestRegistry, admin, body, image, member, name, sha256};

fn reference(text: &str) -> Reference {
    text.parse().expect("a reference")
}

fn only(digest: &str) -> Condition {
    Condition::OneOf(vec![digest.to_owned()])
}

async fn with_image(test: &TestRegistry, repository: &str) -> Vec<u8> {
    test.push(repository, b"{}").await;
    test.push(repository, b"layer").await;
    image(b"{}", &[b"layer"])
}

#[tokio::test]
async fn a_manifest_comes_back_as_it_was_pushed() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = with_image(&test, "team/app").await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, &manifest);
        let stored = test
            .put("team/app", digest.as_str(), &manifest)
            .await
            .expect("put by digest");
        assert_eq!(stored.digest, digest);
        let found = test
            .registry
            .manifest(&admin(), &name("team/app"), &reference(digest.as_str()))
            .await;
        let found = found.expect("found by digest");
        assert_eq!(found.digest(), digest.as_str());
        assert_eq!(found.pull(), manifest);
    }
    let stored = test.put("team/app", "v1", &manifest).await.expect("put by tag");
    assert_eq!(
        (stored.digest.clone(), stored.tags),
        (sha256(&manifest), vec!["v1".to_owned()])
    );
    let found = test
        .registry
        .manifest(&admin(), &name("team/app"), &reference("v1"))
        .await
        .expect("found");
    assert_eq!(found.pull(), manifest);
    let wrong = test.put("team/app", sha256(b"other").as_str(), &manifest).await;
    assert!(matches!(wrong, Err(Error::DigestMismatch { .. })));
}

#[tokio::test]
async fn what_a_manifest_names_must_be_in_its_own_repository() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = with_image(&test, "team/app").await;
    let layer = sha256(b"layer").to_string();
    // Stored, but linked by another repository alone.
    test.push("team/other", b"{}").await;
    match test
        .put("team/other", "v1", &manifest)
        .await
        .map(|stored| stored.digest)
    {
        Err(Error::ReferencesMissing(missing)) => assert_eq!(missing, [layer]),
        other => panic!("{other:?}"),
    }
    let lenient = Limits {
        missing_references: MissingReferences::AcceptAll,
        ..Limits::default()
    };
    let test = TestRegistry::open(lenient).await;
    test.put("team/app", "sparse", &manifest)
        .await
        .expect("a sparse manifest where they are accepted");
}

#[tokio::test]
async fn an_image_may_have_so_many_layers_and_a_manifest_so_many_bytes() {
    let limits = Limits {
        layers_max: 2,
        manifest_bytes_max: 1000,
        ..Limits::default()
    };
    let registry = TestRegistry::open(limits).await;
    for blob in [&b"{}"[..], b"a", b"b", b"c"] {
        registry.push("team/app", blob).await;
    }
    registry
        .put("team/app", "two", &image(b"{}", &[b"a", b"b"]))
        .await
        .expect("two layers");
    let three = registry
        .put("team/app", "three", &image(b"{}", &[b"a", b"b", b"c"]))
        .await;
    assert!(matches!(three, Err(Error::ManifestInvalid(ref why)) if why.contains("3 layers")));
    let large = format!(
        "{}{}",
        " ".repeat(1000),
        String::from_utf8(image(b"{}", &[])).expect("json")
    );
    let large = registry.put("team/app", "large", large.as_bytes()).await;
    assert!(matches!(large, Err(Error::TooLarge { max: 1000, .. })));
}

#[tokio::test]
async fn a_tag_moves_only_from_where_the_client_thinks_it_is() {
    let test = TestRegistry::open(Limits::default()).await;
    with_image(&test, "team/app").await;
    let (first, second) = (image(b"{}", &[]), image(b"{}", &[b"layer"]));
    let (one, two) = (sha256(&first).to_string(), sha256(&second).to_string());

    let absent = test
        .put_if("team/app", "v1", &first, Some(only(&one)))
        .await
        .map(|s| s.digest);
    assert!(matches!(absent, Err(Error::TagMoved { now: None })), "{absent:?}");
    test.put("team/app", "v1", &first).await.expect("the first push");
    let stale = test
        .put_if("team/app", "v1", &second, Some(only(&two)))
        .await
        .map(|s| s.digest);
    assert!(
        matches!(stale, Err(Error::TagMoved { now: Some(ref now) }) if *now == one),
        "{stale:?}"
    );
    test.put_if("team/app", "v1", &second, Some(only(&one)))
        .await
        .expect("the right digest");
    test.put("team/app", "v1", &first)
        .await
        .expect("without a condition the last push wins");

    let (app, v1) = (name("team/app"), reference("v1"));
    let stale = test
        .registry
        .delete_manifest(&admin(), &app, &v1, Some(only(&two)))
        .await;
    assert!(matches!(stale, Err(Error::TagMoved { .. })), "{stale:?}");
    test.registry
        .delete_manifest(&admin(), &app, &v1, Some(only(&one)))
        .await
        .expect("deleted");
}

#[tokio::test]
async fn deleting_a_manifest_takes_its_tags_and_frees_its_blobs() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = with_image(&test, "team/app").await;
    let app = name("team/app");
    test.put("team/app", "v1", &manifest).await.expect("put");
    test.put("team/app", "v2", &manifest).await.expect("put");
    let layer = sha256(b"layer");
    let used = test.registry.delete_blob(&admin(), &app, &layer).await;
    assert!(matches!(used, Err(Error::BlobInUse { .. })), "{used:?}");

    test.registry
        .delete_manifest(&admin(), &app, &reference("v1"), None)
        .await
        .expect("one tag");
    let digest = sha256(&manifest);
    test.registry
        .manifest(&admin(), &app, &reference("v2"))
        .await
        .expect("the other tag stands");
    test.registry
        .manifest(&admin(), &app, &Reference::Digest(digest.clone()))
        .await
        .expect("the manifest too");
    test.registry
        .delete_manifest(&admin(), &app, &Reference::Digest(digest), None)
        .await
        .expect("deleted");
    let gone = test.registry.manifest(&admin(), &app, &reference("v2")).await;
    assert!(matches!(gone, Err(Error::ManifestUnknown(_))), "{gone:?}");
    test.registry
        .delete_blob(&admin(), &app, &layer)
        .await
        .expect("free now");
}

#[tokio::test]
async fn several_tags_come_with_one_digest() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = with_image(&test, "team/app").await;
    let digest = Digest::of(Algorithm::Sha512, &manifest);
    let tags = ["1", "1.2", "latest", "1"].map(|tag| tag.parse().expect("a tag"));
    let by_digest = Reference::Digest(digest.clone());
    let pushed = PushedManifest {
        reference: &by_digest,
        tags: &tags,
        content_type: Some("application/vnd.oci.image.manifest.v1+json"),
        body: body(vec![Ok(manifest.clone())]),
        condition: None,
        origin: None,
    };
    let stored = test
        .registry
        .put_manifest(&admin(), &name("team/app"), pushed)
        .await
        .expect("put");
    assert_eq!(stored.tags, ["1", "1.2", "latest"]);
    let found = test
        .registry
        .manifest_descriptor(&admin(), &name("team/app"), &reference("1.2"))
        .await;
    assert_eq!(found.expect("found").digest, digest.to_string());
}

#[tokio::test]
async fn tags_are_listed_in_byte_order_page_by_page() {
    let test = TestRegistry::open(Limits {
        page_max: 3,
        ..Limits::default()
    })
    .await;
    let manifest = with_image(&test, "team/app").await;
    for tag in ["b", "B", "a", "_", "1", "a.1", "a-1"] {
        test.put("team/app", tag, &manifest).await.expect("put");
    }
    let sorted = ["1", "B", "_", "a", "a-1", "a.1", "b"];
    for (n, steps) in [(None, 3), (Some(2), 4), (Some(7), 3), (Some(1), 7)] {
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let page = Page {
                n,
                last: seen.last().cloned(),
            };
            let listed = test
                .registry
                .list_tags(&admin(), &name("team/app"), &page)
                .await
                .expect("a page")
                .listed;
            seen.extend(listed.entries);
            pages += 1;
            if !listed.more {
                break;
            }
        }
        assert_eq!(
            (seen.iter().map(String::as_str).collect::<Vec<_>>(), pages),
            (sorted.to_vec(), steps)
        );
    }
    let none = Page {
        n: Some(0),
        last: None,
    };
    let listed = test
        .registry
        .list_tags(&admin(), &name("team/app"), &none)
        .await
        .expect("an empty page")
        .listed;
    assert_eq!((listed.entries, listed.more), (Vec::new(), false));
}

#[tokio::test]
async fn nobody_sees_what_is_not_theirs() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = with_image(&test, "team/app").await;
    test.put("team/app", "v1", &manifest).await.expect("put");
    let (app, absent, v1) = (name("team/app"), name("team/absent"), reference("v1"));
    let listed = |caller: Caller| {
        let registry = test.registry.clone();
        async move {
            registry
                .list_repositories(&caller, &Page::default())
                .await
                .expect("a list")
                .entries
        }
    };
    for repository in [&app, &absent, &name("nowhere/absent")] {
        let anonymous = test.registry.manifest(&Caller::Anonymous, repository, &v1).await;
        assert!(
            matches!(anonymous, Err(Error::Unauthenticated)),
            "{repository}: {anonymous:?}"
        );
        let stranger = test.registry.manifest(&member(), repository, &v1).await;
        assert!(
            matches!(stranger, Err(Error::Denied(_))),
            "{repository}: {stranger:?}"
        );
    }
    assert_eq!(listed(member()).await, Vec::<String>::new());
    assert_eq!(listed(admin()).await, ["team/app"]);

    test.grant(Permission::Read).await;
    test.registry
        .manifest(&member(), &app, &v1)
        .await
        .expect("readable with the right");
    let unknown = test.registry.manifest(&member(), &absent, &v1).await;
    assert!(matches!(unknown, Err(Error::RepositoryUnknown(_))), "{unknown:?}");
    assert_eq!(listed(member()).await, ["team/app"]);
    let denied = test.registry.delete_manifest(&member(), &app, &v1, None).await;
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");

    let id = test
        .metadata
        .repository("team/app")
        .await
        .expect("metadata")
        .expect("a repository")
        .id;
    test.metadata
        .set_repository_public(id, true, 0)
        .await
        .expect("made public");
    test.registry
        .manifest(&Caller::Anonymous, &app, &v1)
        .await
        .expect("public");
    assert_eq!(listed(Caller::Anonymous).await, ["team/app"]);
}

#[tokio::test]
async fn a_push_where_no_organization_is_says_so() {
    let test = TestRegistry::open(Limits::default()).await;
    match test.start(&admin(), "nowhere/app").await {
        Err(Error::Denied(denial)) => {
            assert_eq!(
                denial.text,
                "Image organization does not exist, you should create it first"
            );
            assert!(denial.explanation.contains("'nowhere'"), "{}", denial.explanation);
        }
        other => panic!("{other:?}"),
    }
    match test.start(&member(), "team/app").await {
        Err(Error::Denied(denial)) => {
            assert_eq!(denial.text, "you do not have the permission");
            assert!(
                denial.explanation.contains("user 'dev' of account 'berth'"),
                "{}",
                denial.explanation
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn referrers_are_found_by_subject_and_type() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifest = with_image(&test, "team/app").await;
    let subject = sha256(&manifest);
    let signature = |kind: &str| {
        serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": kind,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2 },
            "layers": [],
            "subject": { "mediaType": "application/vnd.oci.image.manifest.v1+json",
                         "digest": subject, "size": manifest.len() },
            "annotations": { "made": kind },
        }))
        .expect("json")
    };
    // In either order: a referrer may come before what it refers to.
    let stored = test
        .put(
            "team/app",
            sha256(&signature("a/sig")).as_str(),
            &signature("a/sig"),
        )
        .await;
    assert_eq!(stored.expect("put").subject, Some(subject.clone()));
    test.put("team/app", "v1", &manifest).await.expect("put");
    test.put("team/app", "sbom", &signature("a/sbom"))
        .await
        .expect("put");
    let nowhere = test
        .registry
        .list_referrers(&admin(), &name("team/absent"), &subject, (None, None))
        .await;
    assert!(
        nowhere
            .expect("an empty list, never 404")
            .listed
            .entries
            .is_empty()
    );
    let app = name("team/app");
    for (filter, expected) in [(None, 2), (Some("a/sig"), 1), (Some("a/other"), 0)] {
        let listed = test
            .registry
            .list_referrers(&admin(), &app, &subject, (filter, None))
            .await
            .expect("a list")
            .listed;
        assert_eq!(listed.entries.len(), expected, "{filter:?}");
        for descriptor in &listed.entries {
            let kind = descriptor.artifact_type.as_deref().expect("an artifact type");
            let annotations = descriptor.annotations.as_ref().expect("annotations");
            assert_eq!(annotations["made"], kind);
        }
    }
    test.registry
        .delete_manifest(
            &admin(),
            &app,
            &Reference::Digest(sha256(&signature("a/sig"))),
            None,
        )
        .await
        .expect("deleted");
    let listed = test
        .registry
        .list_referrers(&admin(), &app, &subject, (None, None))
        .await
        .expect("a list")
        .listed;
    assert_eq!(listed.entries.len(), 1);
}
