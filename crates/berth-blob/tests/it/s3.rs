//! The S3 store over a real server, which `scripts/test-s3` starts.

mod faults;
pub(crate) mod proxy;
mod reads;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use berth_blob::{BlobStore, Error, S3Settings, S3Store, Upload, contract};
use berth_oci::{Algorithm, Digest};

/// A store of its own in the tests' server.
pub(crate) fn settings(name: &str) -> S3Settings {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/test-s3");
    let output = Command::new(script).output().unwrap();
    let (said, complaint) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    let words: Vec<&str> = said.split_whitespace().collect();
    let [endpoint, bucket, key, secret] = words[..] else {
        panic!("no S3 server: {complaint}");
    };
    S3Settings {
        endpoint: Some(endpoint.to_owned()),
        access_key_id: Some(key.to_owned()),
        secret_access_key: Some(secret.to_owned()),
        ..S3Settings::new(bucket, format!("{name}-{:016x}", rand::random::<u64>()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_store_keeps_the_contract() {
    let store = S3Store::open(&settings("contract")).await.unwrap();
    contract::contract(&store).await;
}

#[tokio::test]
async fn a_client_fetches_from_a_signed_address_and_only_so() {
    let store = S3Store::open(&settings("signed")).await.unwrap();
    let mut upload = Upload::new("signed");
    store
        .append(&mut upload, contract::body(b"bytes", 5))
        .await
        .unwrap();
    let digest = Digest::of(Algorithm::Sha256, b"bytes");
    let key = store.commit(&upload, &digest).await.unwrap();
    let address = store
        .download_url(&key, Duration::from_mins(1))
        .await
        .unwrap()
        .unwrap();
    let answer = reqwest::get(&address).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.bytes().await.unwrap().as_ref(), b"bytes");
    let (bare, _) = address.split_once('?').unwrap();
    assert_eq!(reqwest::get(bare).await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_store_that_cannot_be_used_says_what_to_do() {
    let good = settings("refused");
    let check = async |change: fn(&mut S3Settings), said: &str| {
        let mut settings = good.clone();
        settings.patience.retries = Duration::ZERO;
        change(&mut settings);
        match S3Store::open(&settings).await {
            Err(Error::Misconfigured(text)) => assert!(text.contains(said), "{text}"),
            opened => panic!("{said}: {opened:?}"),
        }
    };
    check(
        |s| s.bucket = "no-such-bucket".into(),
        "there is no bucket no-such-bucket",
    )
    .await;
    check(
        |s| s.access_key_id = Some("NOBODY".into()),
        "check s3.access_key_id",
    )
    .await;
    check(
        |s| s.secret_access_key = Some("wrong".into()),
        "check s3.secret_access_key",
    )
    .await;
    check(
        |s| s.endpoint = Some("http://127.0.0.1:1".into()),
        "does not answer",
    )
    .await;
}
