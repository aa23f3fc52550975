//! Signatures and the like travel along: the registry lists them itself, or the index under a tag does.

use berth_oci::{Descriptor, Digest, Reference, media_type};
use berth_remote::{Repository, fallback_tag};
use bytes::Bytes;
use e2e::docker_registry::DockerRegistry;
use e2e::server::Server;
use reqwest::header::HeaderMap;

use super::{digest_of, push, remote};

/// Puts a manifest that may refer to another; its descriptor, and the subject that the registry noticed.
async fn put(
    repository: &Repository,
    subject: Option<&Descriptor>,
    number: u32,
) -> (Descriptor, Option<Digest>) {
    let config = Bytes::from_static(b"{}");
    push(repository, &config, None).await.0.unwrap();
    let mut manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": "application/vnd.example.signature",
        "config": Descriptor::new(media_type::OCI_EMPTY, digest_of(&config), 2),
        "layers": [],
        "annotations": {"number": number.to_string()},
    });
    if let Some(subject) = subject {
        manifest["subject"] = serde_json::to_value(subject).unwrap();
    }
    let bytes = Bytes::from(manifest.to_string());
    let digest = digest_of(&bytes);
    let descriptor = Descriptor::new(media_type::OCI_MANIFEST, digest.clone(), bytes.len() as u64);
    let put = repository
        .put_manifest(
            &Reference::Digest(digest),
            media_type::OCI_MANIFEST,
            bytes,
            HeaderMap::new(),
        )
        .await
        .unwrap();
    (descriptor, put.subject)
}

async fn check(repository: &Repository, has_api: bool) {
    let (subject, _) = put(repository, None, 0).await;
    let mut digests = Vec::new();
    for number in 1..=3 {
        let (referrer, noticed) = put(repository, Some(&subject), number).await;
        assert_eq!(noticed.is_some(), has_api);
        if noticed.is_none() {
            repository
                .put_referrer_fallback(&subject.digest, &referrer)
                .await
                .unwrap();
        }
        digests.push(referrer.digest);
    }
    let found = repository.referrers(&subject.digest).await.unwrap();
    assert_eq!(found.has_api, has_api);
    let mut listed: Vec<Digest> = found
        .descriptors
        .into_iter()
        .map(|listed| listed.digest)
        .collect();
    listed.sort();
    digests.sort();
    assert_eq!(listed, digests);
    let tag = Reference::Tag(fallback_tag(&subject.digest));
    assert_eq!(repository.head_manifest(&tag).await.unwrap().is_some(), !has_api);
    let none = repository
        .referrers(&digest_of(b"nobody refers to it"))
        .await
        .unwrap();
    assert_eq!(none.descriptors, []);
}

#[tokio::test]
async fn berth_lists_referrers_itself() {
    let server = Server::start();
    server.create_organization("team");
    let remote = remote(server.port(), &server.administrator());
    check(&remote.repository("team/signed").unwrap(), true).await;
}

#[tokio::test]
async fn docker_registry_gets_an_index_under_a_tag() {
    let registry = DockerRegistry::start();
    let remote = remote(registry.port(), &registry.login());
    check(&remote.repository("team/signed").unwrap(), false).await;
}
