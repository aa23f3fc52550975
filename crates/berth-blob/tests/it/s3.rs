//! The S3 store over a real server, which `scripts/test-s3` starts.

use std::path::Path;
use std::process::Command;

use berth_blob::{S3Settings, S3Store, contract};

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
