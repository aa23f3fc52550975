//! A process killed in the middle of an append, and another one that goes on where the first had promised to be.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use berth_blob::contract::{body, bytes, read};
use berth_blob::{BlobStore, FileStore, Upload};
use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

const CHILD_FOLDER: &str = "BERTH_BLOB_TEST_KILL";
const KEPT_BYTES: usize = 3_000_017;

#[tokio::test]
async fn a_killed_append_is_continued_at_the_saved_offset() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER) {
        return append_for_ever(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::a_killed_append_is_continued_at_the_saved_offset",
            "--nocapture",
        ])
        .env(CHILD_FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let saved = said
        .find_map(|line| line.unwrap().strip_prefix("saved ").map(str::to_owned))
        .unwrap();
    let file = folder.path().join("uploads/killed");
    while std::fs::metadata(&file).unwrap().len() < 9_000_000 {
        assert!(child.try_wait().unwrap().is_none(), "the child goes on");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(std::fs::metadata(&file).unwrap().len() > KEPT_BYTES as u64);
    let content = bytes(KEPT_BYTES + 100_000, 1);
    let mut upload = Upload {
        offset: saved.parse().unwrap(),
        ..Upload::new("killed")
    };
    let store = FileStore::open(folder.path()).unwrap();
    store
        .append(&mut upload, body(&content[KEPT_BYTES..], 8192))
        .await
        .unwrap();
    let key = store
        .commit(&upload, &Digest::of(Algorithm::Sha256, &content))
        .await
        .unwrap();
    assert_eq!(store.size(&key).await.unwrap(), content.len() as u64);
    assert!(read(&store, &key, 0, content.len() as u64).await == content);
}

/// The child: one append that is acknowledged, and one that never ends.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn append_for_ever(folder: &Path) {
    let store = FileStore::open(folder).unwrap();
    let mut upload = Upload::new("killed");
    store
        .append(&mut upload, body(&bytes(KEPT_BYTES, 1), 8192))
        .await
        .unwrap();
    println!("\nsaved {}", upload.offset);
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0xee; 65_536])));
    store.append(&mut upload, endless.boxed()).await.unwrap();
}
