//! Answers that grew with what strangers had pushed.

use berth_oci::{Digest, RepositoryName};
use berth_registry::{Error, Limits};

use crate::harness::{TestRegistry, admin, name, sha256};

#[tokio::test]
async fn a_manifest_named_its_missing_blobs_without_end() {
    let test = TestRegistry::open(Limits::default()).await;
    let manifests: Vec<_> = (0..5000_u32)
        .map(|number| {
            serde_json::json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": sha256(&number.to_be_bytes()),
                "size": 1,
            })
        })
        .collect();
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    let refused = test
        .put("team/app", "v1", &serde_json::to_vec(&index).expect("json"))
        .await;
    match refused.map(|stored| stored.digest) {
        Err(Error::ReferencesMissing(missing)) => assert_eq!(missing.len(), 100),
        other => panic!("{other:?}"),
    }
}

/// An artifact about `subject` with annotations of about 1 MiB.
fn verbose(subject: &Digest, number: u8) -> Vec<u8> {
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/example",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2 },
        "layers": [],
        "subject": { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 2 },
        "annotations": { "number": number.to_string(), "text": "x".repeat(1 << 20) },
    });
    serde_json::to_vec(&manifest).expect("json")
}

#[tokio::test]
async fn a_list_of_referrers_had_the_size_of_all_their_annotations() {
    let test = TestRegistry::open(Limits::default()).await;
    test.push("team/app", b"{}").await;
    let subject = sha256(b"subject");
    for number in 0..9 {
        test.put("team/app", &format!("v{number}"), &verbose(&subject, number))
            .await
            .expect("put");
    }
    let app: RepositoryName = name("team/app");
    let mut found = 0;
    let mut last: Option<Digest> = None;
    loop {
        let listed = test
            .registry
            .list_referrers(&admin(), &app, &subject, (None, last.as_ref()))
            .await
            .expect("listed")
            .listed;
        assert!(
            (1..=4).contains(&listed.entries.len()),
            "{}",
            listed.entries.len()
        );
        found += listed.entries.len();
        last = listed.entries.last().map(|entry| entry.digest.clone());
        if !listed.more {
            break;
        }
    }
    assert_eq!(found, 9);
}
