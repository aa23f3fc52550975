//! What a caller was told to be stored is there after the process is killed, whatever it was doing.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps an error fails, as it should"
)]

use berth_metadata::{
    FinishUpload, Metadata, MissingReferences, NewOrganization, NewRepository, NewUser, PutManifest,
};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// Names the database in the process that is to be killed; it is this same test, told so.
const VICTIM: &str = "BERTH_METADATA_CRASH_TEST_DATABASE";
const ROUNDS: usize = 12;
const WRITERS: u64 = 16;
/// Sequence numbers of different rounds do not meet.
const ROUND_LENGTH: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_acknowledged_row_survives_a_kill() {
    if let Ok(url) = std::env::var(VICTIM) {
        let (url, round) = url.split_once(' ').expect("an address and a round");
        write_until_killed(url, round.parse().unwrap()).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/berth.db", folder.path().display());
    let repository = prepare(&url).await;
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        // At different moments: after few answers, and after many.
        let answers = kill_after(&url, round, 20 + 75 * (round % 4));
        assert!(!answers.is_empty());
        acknowledged.extend(answers);
        let metadata = Metadata::open(&url).await.unwrap();
        for (tag, digest) in &acknowledged {
            let manifest = metadata.manifest_by_tag(repository, tag).await.unwrap();
            let manifest = manifest.unwrap_or_else(|| panic!("round {round}: tag {tag} was acknowledged"));
            assert_eq!(&manifest.digest, digest);
            let blob = metadata.linked_blob(repository, digest).await.unwrap().unwrap();
            assert_eq!((blob.key, blob.idle_since), (format!("key-{digest}"), None));
        }
        metadata.close().await;
    }
}

/// Starts the victim, reads so many answers, kills it, and answers the tags it was told to be stored.
fn kill_after(url: &str, round: usize, answers: usize) -> BTreeMap<String, String> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "every_acknowledged_row_survives_a_kill", "--nocapture"])
        .env(VICTIM, format!("{url} {round}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeMap::new();
    // What the test framework prints is no answer.
    let mut answered = lines.map_while(Result::ok).filter_map(|line| {
        let (tag, digest) = line.strip_prefix("stored ")?.split_once(' ')?;
        Some((tag.to_owned(), digest.to_owned()))
    });
    acknowledged.extend(answered.by_ref().take(answers));
    victim.kill().unwrap();
    victim.wait().unwrap();
    // It may have answered more before the signal came.
    acknowledged.extend(answered);
    acknowledged
}

async fn prepare(url: &str) -> i64 {
    let metadata = Metadata::open(url).await.unwrap();
    let id = |n: u8| format!("{n:032x}");
    metadata.create_account(&id(1), "account", 1).await.unwrap();
    let user = NewUser {
        id: id(2),
        account_id: id(1),
        name: "user".to_owned(),
        password_hash: None,
        access: berth_metadata::AccessType::Both,
        administrator: true,
        now: 1,
    };
    metadata.create_user(user).await.unwrap();
    let organization = NewOrganization {
        name: "org".to_owned(),
        creator_id: id(2),
        limit: None,
        now: 1,
    };
    let organization_id = metadata.create_organization(organization).await.unwrap().id;
    let repository = NewRepository {
        organization_id,
        image: "image".to_owned(),
        full_name: "org/image".to_owned(),
        creator_id: id(2),
        now: 1,
    };
    let repository = metadata.create_repository(repository).await.unwrap();
    metadata.close().await;
    repository.id
}

/// Pushes a blob and a manifest with a tag, again and again from many tasks, and says so after each.
async fn write_until_killed(url: &str, round: u64) {
    let metadata = Metadata::open(url).await.unwrap();
    let repository_id = metadata.repository("org/image").await.unwrap().unwrap().id;
    let next = std::sync::Arc::new(AtomicU64::new(round * ROUND_LENGTH));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (metadata, next) = (metadata.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let (tag, digest) = (format!("tag{n}"), format!("sha256:{n}"));
                    push(&metadata, repository_id, &tag, &digest).await;
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "stored {tag} {digest}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    join_all(writers).await;
}

async fn push(metadata: &Metadata, repository_id: i64, tag: &str, digest: &str) {
    let upload = FinishUpload {
        upload_id: None,
        repository_id,
        digest: digest.to_owned(),
        size: 1,
        key: format!("key-{digest}"),
        now: 1,
    };
    metadata.finish_upload(upload).await.unwrap();
    let manifest = PutManifest {
        repository_id,
        digest: digest.to_owned(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        bytes: digest.as_bytes().to_vec(),
        blobs: vec![digest.to_owned()],
        manifests: Vec::new(),
        subject: None,
        artifact_type: None,
        annotations_json: "{}".to_owned(),
        tags: vec![tag.to_owned()],
        expected: None,
        missing: MissingReferences::Refuse,
        user_id: None,
        now: 1,
    };
    metadata.put_manifest(manifest).await.unwrap();
}
