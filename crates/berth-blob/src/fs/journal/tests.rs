//! The journal as a whole: what is in it survives, what fails is told to all who shared it, and nothing is left behind.

use std::path::PathBuf;

use berth_oci::{Algorithm, Digest};

use super::*;
use crate::contract::bytes;
use crate::{BlobStore as _, FileStore};

struct Place {
    folder: tempfile::TempDir,
    layout: Arc<Layout>,
}

impl Place {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Arc::new(Layout::create(folder.path()).unwrap());
        Self { folder, layout }
    }

    fn journals(&self) -> usize {
        fs::read_dir(self.layout.journals()).map_or(0, Iterator::count)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.layout.blob(key).unwrap()
    }

    fn segments(&self) -> Segments {
        Segments::new(Arc::clone(&self.layout), make(&self.layout).unwrap())
    }
}

/// A blob and its key.
fn blob(number: u64, length: usize) -> (String, Bytes) {
    let bytes = Bytes::from(bytes(length, number));
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    (layout::key(&digest, &format!("journal-{number}")), bytes)
}

/// Stores a blob through the journal, once there is one.
async fn store(place: &Place, journal: &Journal, (key, bytes): &(String, Bytes)) {
    loop {
        match journal.store(key, &place.path(key), vec![bytes.clone()]).await {
            Outcome::Stored => return,
            Outcome::Not(_) => tokio::task::yield_now().await,
            Outcome::Failed(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn what_a_power_cut_takes_comes_back_from_the_journal() {
    let place = Place::make();
    let journal = Journal::begin(&place.layout).unwrap().unwrap();
    let blobs: Vec<_> = (0..40)
        .map(|number| {
            blob(
                number,
                if number % 4 == 0 {
                    BLOB_BYTES_MAX
                } else {
                    [0, 1, 10_240][usize::try_from(number % 3).unwrap()]
                },
            )
        })
        .collect();
    futures_util::future::join_all(blobs.iter().map(|blob| store(&place, &journal, blob))).await;
    for (key, bytes) in &blobs {
        assert_eq!(fs::read(place.path(key)).unwrap(), bytes[..]);
    }
    FileStore::open(place.folder.path()).unwrap();
    assert_eq!(
        place.journals(),
        1,
        "the journal of a process that lives is left alone"
    );

    drop(journal);
    for (number, (key, bytes)) in blobs.iter().enumerate() {
        let path = place.path(key);
        match number % 5 {
            0 => fs::remove_file(path).unwrap(),
            1 => fs::write(path, b"").unwrap(),
            2 => fs::write(path, vec![0; bytes.len()]).unwrap(),
            3 => fs::write(path, [&bytes[..], b"more"].concat()).unwrap(),
            _ => {}
        }
    }
    fs::remove_dir(place.path(&blobs[0].0).parent().unwrap()).ok();
    FileStore::open(place.folder.path()).unwrap();
    for (key, bytes) in &blobs {
        assert_eq!(fs::read(place.path(key)).unwrap(), bytes[..]);
    }
    assert_eq!(place.journals(), 0);
}

#[tokio::test]
async fn a_store_with_a_journal_stores_small_and_large() {
    let place = Place::make();
    let files = FileStore::open(place.folder.path())
        .unwrap()
        .with_journal()
        .unwrap();
    let mut number = 0;
    // The first ones are stored while the journal is made.
    while place.journals() == 0 || number < 50 {
        let (key, bytes) = blob(number, if number % 2 == 0 { 300 } else { BLOB_BYTES_MAX + 1 });
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        // Once more, as after an answer that was lost.
        for _ in 0..2 {
            let stored = files
                .store(&format!("journal-{number}"), &digest, vec![bytes.clone()])
                .await
                .unwrap();
            assert_eq!(stored, key);
            assert_eq!(fs::read(place.path(&key)).unwrap(), bytes[..]);
        }
        number += 1;
    }
    assert_eq!(fs::read_dir(place.layout.uploads()).unwrap().count(), 0);
}

#[test]
fn a_segment_is_used_again_when_its_files_are_durable() {
    let place = Place::make();
    let mut segments = place.segments();
    let mut last = Vec::new();
    for number in 0..600 {
        let (key, bytes) = blob(number, BLOB_BYTES_MAX);
        while !segments.write(&[(&key, std::slice::from_ref(&bytes))]).unwrap() {
            std::thread::yield_now();
        }
        assert!(
            super::super::whole::name_unsynced(
                &place.layout,
                &place.path(&key),
                std::slice::from_ref(&bytes)
            )
            .unwrap()
        );
        last.push((key, bytes));
    }
    drop(segments);
    // Of the third time round.
    for (key, _) in &last[590..] {
        fs::remove_file(place.path(key)).unwrap();
    }
    FileStore::open(place.folder.path()).unwrap();
    for (key, bytes) in &last {
        assert_eq!(fs::read(place.path(key)).unwrap(), bytes[..]);
    }
}

#[test]
fn a_settled_segment_is_not_gone_through_again() {
    let place = Place::make();
    let mut segments = place.segments();
    let (key, bytes) = blob(1, 100);
    assert!(segments.write(&[(&key, std::slice::from_ref(&bytes))]).unwrap());
    segments.turn();
    while segments.is_settling() {
        std::thread::yield_now();
    }
    drop(segments);
    FileStore::open(place.folder.path()).unwrap();
    // Nobody made its file, and nobody asks for it any more.
    assert!(!place.path(&key).exists());
}

#[test]
fn a_sync_that_fails_fails_everybody_who_shared_it() {
    let place = Place::make();
    // A file that takes bytes and cannot be synced.
    let null = PathBuf::from("/dev/null");
    let file = append::claim(&null, false).unwrap().unwrap();
    let mut segments = Segments::new(Arc::clone(&place.layout), (null, file));
    let desk = Desk::default();
    let blobs: Vec<_> = (0..3).map(|number| blob(number, 100)).collect();
    let mut answers = Vec::new();
    for (key, bytes) in &blobs {
        let (told, answer) = oneshot::channel();
        let (key, path, parts) = (key.clone(), place.path(key), vec![bytes.clone()]);
        desk.lock().waiting.push_back(Waiting {
            key,
            path,
            parts,
            told,
        });
        answers.push(answer);
    }
    write(&mut segments, &desk).unwrap_err();
    for (answer, (key, _)) in answers.into_iter().zip(&blobs) {
        assert!(matches!(answer.blocking_recv(), Ok(Outcome::Failed(_))));
        assert!(!place.path(key).exists(), "no key without a durable entry");
    }
}

#[test]
fn a_journal_that_is_given_up_is_stored_file_by_file() {
    let place = Place::make();
    let mut segments = place.segments();
    let blobs: Vec<_> = (0..10).map(|number| blob(number, 5000)).collect();
    for (key, bytes) in &blobs {
        assert!(segments.write(&[(key, std::slice::from_ref(bytes))]).unwrap());
        super::super::whole::name_unsynced(&place.layout, &place.path(key), std::slice::from_ref(bytes))
            .unwrap();
    }
    fs::write(place.path(&blobs[1].0), b"lost by the disk").unwrap();
    fs::remove_file(place.path(&blobs[2].0)).unwrap();
    segments.give_up().unwrap();
    for (number, (key, bytes)) in blobs.iter().enumerate() {
        match number {
            2 => assert!(!place.path(key).exists(), "what was deleted stays deleted"),
            _ => assert_eq!(fs::read(place.path(key)).unwrap(), bytes[..]),
        }
    }
    assert_eq!(place.journals(), 0);
}
