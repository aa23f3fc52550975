//! The cache: bounded, kept over restarts, checked, and no trouble when its disk is full.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::sync::Arc;

use crate::node::{Node, file};
use crate::registry::Registry;

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_longest_ago_goes_first() {
    let registry = Registry::start().await;
    let blobs: Vec<_> = (0..4).map(|_| registry.add_blob(10 * MIB)).collect();
    let home = Arc::new(tempfile::tempdir().unwrap());
    let node = Node::start_with(&registry, home, |settings| settings.cache_bytes = 31 << 20).await;
    for blob in [0, 1, 2, 0, 3] {
        node.pull(&blobs[blob]).await;
    }
    assert_eq!(node.figure("cache_bytes").await, 30 << 20);
    assert!(!node.file(&blobs[1]).exists() && node.file(&blobs[0]).exists());
    // One that never fits is streamed through.
    let large = registry.add_blob(40 * MIB);
    node.pull(&large).await;
    assert_eq!(node.figure("through_total").await, 1);
    assert_eq!(fs::read_dir(node.home.path().join("blobs")).unwrap().count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_survive_a_restart_and_are_checked_after_it() {
    let registry = Registry::start().await;
    let digest = registry.add_blob(14 * MIB);
    let home = Arc::new(tempfile::tempdir().unwrap());
    let node = Node::start_with(&registry, Arc::clone(&home), |_| {}).await;
    node.pull(&digest).await;
    let id = node.agent.peer.id.clone();
    assert!(
        Node::try_start(&registry, Arc::clone(&home), |_| {})
            .await
            .is_err(),
        "two agents have one cache"
    );
    let sent = registry.sent();
    drop(node);
    fs::write(home.path().join("blobs/sha256-rubbish"), "left behind").unwrap();
    fs::File::options()
        .write(true)
        .open(file(home.path(), &digest))
        .unwrap()
        .write_all_at(b"damaged", 5 << 20)
        .unwrap();
    let node = loop {
        // Tasks of the one before let go of the folder as they end.
        match Node::try_start(&registry, Arc::clone(&home), |_| {}).await {
            Ok(agent) => break agent,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    assert_eq!(node.agent.peer.id, id);
    assert!(!home.path().join("blobs/sha256-rubbish").exists());
    node.pull(&digest).await;
    assert_eq!(registry.sent(), sent + (4 << 20));
}

/// A file system in memory that is full soon; unmounted when it is dropped.
struct Small(Arc<tempfile::TempDir>);

impl Small {
    fn mount() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(home.path())
            .status();
        assert!(mounted.unwrap().success(), "mounting needs root");
        Self(Arc::new(home))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: files may be open for a moment longer.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_hurts_nobody() {
    let registry = Registry::start().await;
    let digest = registry.add_blob(40 * MIB);
    let small = Small::mount();
    let full = Node::start_with(&registry, Arc::clone(&small.0), |_| {}).await;
    let other = Node::start(&registry).await;
    futures_util::future::join(full.pull(&digest), other.pull(&digest)).await;
    full.pull(&digest).await;
    assert!(full.figure("through_total").await >= 2);
    let fits = registry.add_blob(6 * MIB);
    full.pull(&fits).await;
    let sent = registry.sent();
    full.pull(&fits).await;
    assert_eq!(registry.sent(), sent, "what fits is cached again");
}
