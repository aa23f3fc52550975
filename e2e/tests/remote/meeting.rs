//! The same steps with every registry: log in, ask, push, list, pull, delete.

use berth_oci::{Descriptor, Reference, media_type};
use berth_remote::{Error, Remote};
use bytes::Bytes;
use e2e::docker_registry::DockerRegistry;
use e2e::login::Login;
use e2e::server::Server;
use reqwest::header::{HeaderMap, HeaderValue};

use super::{content, digest_of, pull, push, remote};

/// A manifest of one configuration and one layer that are there.
async fn image(remote: &Remote, name: &str, seed: u64) -> Bytes {
    let repository = remote.repository(name).unwrap();
    let (config, layer) = (Bytes::from_static(b"{}"), content(100_000, seed));
    for bytes in [&config, &layer] {
        push(&repository, bytes, None).await.0.unwrap();
    }
    let describe =
        |media_type: &str, bytes: &Bytes| Descriptor::new(media_type, digest_of(bytes), bytes.len() as u64);
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": describe(media_type::OCI_CONFIG, &config),
        "layers": [describe(media_type::OCI_LAYER, &layer)],
    });
    Bytes::from(manifest.to_string())
}

async fn check(port: u16, login: &Login, is_berth: bool) {
    let wrong = Login {
        password: "wrong".to_owned(),
        ..login.clone()
    };
    let error = remote(port, &wrong).ping().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");

    let remote = remote(port, login);
    let ping = remote.ping().await.unwrap();
    assert_eq!(
        ping.registry_id.is_some(),
        is_berth,
        "Berth alone says which registry it is"
    );
    let repository = remote.repository("team/app").unwrap();
    let manifest = image(&remote, "team/app", 7).await;
    let digest = digest_of(&manifest);
    let tag: Reference = "v1".parse().unwrap();
    assert_eq!(repository.head_manifest(&tag).await.unwrap(), None);
    let put = repository
        .put_manifest(&tag, media_type::OCI_MANIFEST, manifest.clone(), HeaderMap::new())
        .await
        .unwrap();
    assert_eq!(put.digest, digest);
    let head = repository.head_manifest(&tag).await.unwrap().unwrap();
    assert_eq!(
        (head.digest, head.size),
        (digest.clone(), Some(manifest.len() as u64))
    );
    for reference in [tag, Reference::Digest(digest.clone())] {
        let found = repository.manifest(&reference).await.unwrap();
        assert_eq!((found.digest, found.bytes), (digest.clone(), manifest.clone()));
        assert_eq!(found.media_type, media_type::OCI_MANIFEST);
    }
    let tags = repository.tags().await.unwrap();
    assert_eq!(tags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["v1"]);
    let layer = digest_of(&content(100_000, 7));
    assert_eq!(pull(&repository, &layer).await.unwrap(), 100_000);
    assert!(!repository.has_blob(&digest_of(b"nothing")).await.unwrap());
    let error = pull(&repository, &digest_of(b"nothing")).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error:?}");

    let text = String::from_utf8(manifest.to_vec()).unwrap();
    let unknown = Bytes::from(text.replace(layer.as_str(), digest_of(b"nothing").as_str()));
    let refused = repository
        .put_manifest(
            &"v2".parse().unwrap(),
            media_type::OCI_MANIFEST,
            unknown,
            HeaderMap::new(),
        )
        .await;
    // Registries differ in the status.
    let is_refused = matches!(refused, Err(Error::Refused { .. } | Error::NotFound(_)));
    assert!(is_refused, "{refused:?}");
    assert!(
        repository
            .delete_manifest(&Reference::Digest(digest.clone()))
            .await
            .unwrap()
    );
    assert_eq!(
        repository
            .head_manifest(&Reference::Digest(digest))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn berth_is_met() {
    let server = Server::start();
    server.create_organization("team");
    check(server.port(), &server.administrator(), true).await;
    check_conditions(server.port(), &server.administrator()).await;
}

#[tokio::test]
async fn docker_registry_is_met() {
    let registry = DockerRegistry::start();
    check(registry.port(), &registry.login(), false).await;
}

/// A tag is moved only from what it was thought to name.
async fn check_conditions(port: u16, login: &Login) {
    let remote = remote(port, login);
    let repository = remote.repository("team/moved").unwrap();
    let first = image(&remote, "team/moved", 8).await;
    let second = image(&remote, "team/moved", 9).await;
    let put = |bytes: &Bytes, name: &'static str, value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        let (repository, bytes) = (repository.clone(), bytes.clone());
        async move {
            let tag: Reference = "v1".parse().unwrap();
            repository
                .put_manifest(&tag, media_type::OCI_MANIFEST, bytes, headers)
                .await
        }
    };
    put(&first, "if-none-match", "*").await.unwrap();
    let refused = put(&second, "if-none-match", "*").await;
    assert!(matches!(refused, Err(Error::Changed(_))), "{refused:?}");
    let own = format!("\"{}\"", digest_of(&first));
    put(&second, "if-match", &own).await.unwrap();
    let refused = put(&first, "if-match", &own).await;
    assert!(matches!(refused, Err(Error::Changed(_))), "{refused:?}");
}
