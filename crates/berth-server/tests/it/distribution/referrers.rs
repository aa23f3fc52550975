//! "Listing Referrers": who refers to a digest, by type, page by page.

use std::collections::BTreeSet;

use berth_metadata::{ManifestFacts, MissingReferences, PutManifest};
use berth_oci::media_type;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::content::{CONFIG, descriptor, digest, image, index, sha512, written};
use crate::world::World;

async fn referrers(client: &Client, digest: &str, query: &str) -> Answer {
    let line = format!("GET /v2/team/app/referrers/{digest}{query}");
    let answer = client.ask(line).await.is(200);
    let answer = answer.has("content-type", media_type::OCI_INDEX);
    let body = answer.json();
    assert_eq!(body["schemaVersion"], 2);
    assert_eq!(body["mediaType"], media_type::OCI_INDEX);
    answer
}

#[tokio::test]
async fn a_digest_without_referrers_has_an_empty_list_and_never_404() {
    let world = World::start().await;
    let absent = digest(b"absent");
    // The repository does not exist, then does.
    for _ in 0..2 {
        for (digest, query) in [
            (&absent, ""),
            (&sha512(b"absent"), ""),
            (&absent, "?artifactType=application/x"),
        ] {
            let answer = referrers(&world.admin, digest, query).await;
            assert_eq!(answer.json()["manifests"], json!([]));
            answer.lacks("link");
        }
        world.admin.push_image("team/app", "v1", b"layer").await;
    }
}

/// Manifests that refer to a subject, with the type that a list shows for each.
fn referring(subject: &[u8]) -> [(Value, Option<&'static str>); 5] {
    let refer = |mut document: Value, artifact_type: Option<&str>, annotations: Option<Value>| {
        document["subject"] = descriptor(media_type::OCI_MANIFEST, subject);
        if let Some(artifact_type) = artifact_type {
            document["artifactType"] = json!(artifact_type);
        }
        if let Some(annotations) = annotations {
            document["annotations"] = annotations;
        }
        document
    };
    let notes = json!({ "org.example.note": "täglich \"neu\"", "empty": "" });
    [
        (
            refer(
                image(&[]),
                Some("application/vnd.example.sbom+json"),
                Some(notes.clone()),
            ),
            Some("application/vnd.example.sbom+json"),
        ),
        // Without a type of its own, an image's configuration says it; an index has none.
        (
            refer(image(&[b"layer"]), None, None),
            Some(media_type::OCI_CONFIG),
        ),
        (
            refer(image(&[b"layer", b"layer"]), Some(""), None),
            Some(media_type::OCI_CONFIG),
        ),
        (refer(index(&[]), None, Some(notes)), None),
        (
            refer(index(&[]), Some("application/vnd.example.set"), None),
            Some("application/vnd.example.set"),
        ),
    ]
}

#[tokio::test]
async fn each_referrer_is_described_as_it_describes_itself() {
    let world = World::start().await;
    let subject = world.admin.push_image("team/app", "v1", b"layer").await;
    let mut wanted = Vec::new();
    for (document, artifact_type) in referring(&subject) {
        let bytes = world.admin.push_manifest("team/app", "latest", &document).await;
        let mut described = descriptor(document["mediaType"].as_str().unwrap(), &bytes);
        if let Some(artifact_type) = artifact_type {
            described["artifactType"] = json!(artifact_type);
        }
        if let Some(annotations) = document.get("annotations") {
            described["annotations"] = annotations.clone();
        }
        wanted.push(described);
    }
    let by_digest = |one: &Value| one["digest"].as_str().unwrap().to_owned();
    wanted.sort_by_key(by_digest);
    let answer = referrers(&world.admin, &digest(&subject), "").await;
    let answer = answer.lacks("oci-filters-applied").lacks("link");
    let mut found = answer.json()["manifests"].as_array().unwrap().clone();
    found.sort_by_key(by_digest);
    assert_eq!(found, wanted);

    for (query, artifact_type) in [
        (
            "?artifactType=application/vnd.example.sbom+json",
            "application/vnd.example.sbom+json",
        ),
        (
            "?artifactType=application%2Fvnd.example.sbom%2Bjson",
            "application/vnd.example.sbom+json",
        ),
        (
            "?artifactType=application/vnd.example.set",
            "application/vnd.example.set",
        ),
        ("?artifactType=application/none", "application/none"),
    ] {
        let answer = referrers(&world.admin, &digest(&subject), query).await;
        let answer = answer.has("oci-filters-applied", "artifactType");
        let mut found = answer.json()["manifests"].as_array().unwrap().clone();
        found.sort_by_key(by_digest);
        let wanted: Vec<Value> = wanted
            .iter()
            .filter(|one| one["artifactType"] == artifact_type)
            .cloned()
            .collect();
        assert_eq!(found, wanted, "{query}");
    }
    // A subject in another repository is another subject.
    let line = format!("GET /v2/team/other/referrers/{}", digest(&subject));
    let other = world.admin.ask(line).await.is(200);
    assert_eq!(other.json()["manifests"], json!([]));
}

#[tokio::test]
async fn a_subject_of_sha512_has_its_referrers() {
    let world = World::start().await;
    world.admin.push_blob("team/app", CONFIG).await;
    let mut document = image(&[]);
    document["subject"] = json!({
        "mediaType": media_type::OCI_MANIFEST, "digest": sha512(b"subject"), "size": 7,
    });
    let bytes = world.admin.push_manifest("team/app", "sig", &document).await;
    let found = referrers(&world.admin, &sha512(b"subject"), "").await.json();
    assert_eq!(found["manifests"][0]["digest"], digest(&bytes));
    let found = referrers(&world.admin, &digest(b"subject"), "").await.json();
    assert_eq!(found["manifests"], json!([]));
}

#[tokio::test]
async fn a_fallback_tag_is_a_tag_like_any_other() {
    let world = World::start().await;
    let subject = world.admin.push_image("team/app", "v1", b"layer").await;
    let fallback = digest(&subject).replace(':', "-");
    let listed = world.admin.push_image("team/app", "other", b"another").await;
    world
        .admin
        .push_manifest("team/app", &fallback, &index(&[&listed]))
        .await;
    let found = referrers(&world.admin, &digest(&subject), "").await.json();
    assert_eq!(found["manifests"], json!([]));
}

/// Puts referrers of one subject in place without a request for each, and answers their digests.
async fn generate(world: &World, subject: &str, count: usize, padding: usize) -> BTreeSet<String> {
    let found = world.metadata.repository("team/app").await.unwrap().unwrap();
    let puts = (0..count).map(|number| {
        let annotations = json!({ "number": number.to_string(), "padding": "x".repeat(padding) });
        let bytes = written(&json!({ "mediaType": media_type::OCI_INDEX, "annotations": annotations }));
        let digest = digest(&bytes);
        let put = world.metadata.put_manifest(PutManifest {
            guard: berth_metadata::Guard::Off,
            repository_id: found.id,
            digest: digest.clone(),
            media_type: media_type::OCI_INDEX.to_owned(),
            bytes,
            blobs: Vec::new(),
            foreign_layers: Vec::new(),
            manifests: Vec::new(),
            subject: Some(subject.to_owned()),
            artifact_type: Some(format!("application/{}", number % 2)),
            annotations_json: annotations.to_string(),
            facts: ManifestFacts::default(),
            tags: Vec::new(),
            expected: None,
            missing: MissingReferences::Refuse,
            origin: String::new(),
            user_id: None,
            now: 0,
        });
        async {
            put.await.unwrap();
            digest
        }
    });
    futures_util::future::join_all(puts).await.into_iter().collect()
}

/// Follows `Link` to the end; answers the digests and how many pages there were.
async fn follow(world: &World, first: String) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut path) = (Vec::new(), 0, Some(first));
    while let Some(at) = path {
        let answer = world.admin.ask(format!("GET {at}")).await.is(200);
        assert!(answer.body.len() <= 4 << 20, "a page is no manifest");
        let page = answer.json();
        let page = page["manifests"].as_array().unwrap();
        assert!(!page.is_empty());
        found.extend(page.iter().map(|one| one["digest"].as_str().unwrap().to_owned()));
        pages += 1;
        path = answer.next();
    }
    (found, pages)
}

#[tokio::test]
async fn a_long_list_is_followed_to_its_end() {
    let world = World::start().await;
    let subject = digest(world.admin.push_image("team/app", "v1", b"layer").await);
    let wanted = generate(&world, &subject, 2300, 1).await;
    let (found, pages) = follow(&world, format!("/v2/team/app/referrers/{subject}")).await;
    assert_eq!(found.len(), 2300, "none twice");
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(pages, 3);
    // The filter goes on with the pages.
    let filtered = format!("/v2/team/app/referrers/{subject}?artifactType=application%2F0");
    let (found, pages) = follow(&world, filtered).await;
    assert_eq!((found.len(), pages), (1150, 2));
}

#[tokio::test]
async fn a_page_of_referrers_is_no_larger_than_a_manifest() {
    let world = World::start().await;
    let subject = digest(world.admin.push_image("team/app", "v1", b"layer").await);
    let wanted = generate(&world, &subject, 40, 300_000).await;
    let (found, pages) = follow(&world, format!("/v2/team/app/referrers/{subject}")).await;
    assert_eq!(found.len(), 40);
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), wanted);
    assert!(pages > 2, "{pages}");
}
