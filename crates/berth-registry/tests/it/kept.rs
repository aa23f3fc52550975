//! The first bytes of an upload, kept in memory while they are few: nobody but a process that dies can tell.

use std::sync::Arc;

use berth_blob::{Fault, FaultyStore};
use berth_oci::{Algorithm, ContentRange, Digest};
use berth_registry::{Chunk, Error, Limits};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::harness::{TestRegistry, admin, body, broken, name, sha256, whole};
use crate::upkeep::a_moment;

const APP: &str = "team/app";
/// As many bytes as are kept of one upload.
const MOST: usize = 256 << 10;

/// Where an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Memory,
    Store,
}

impl TestRegistry {
    async fn offset(&self, id: &str) -> Result<u64, Error> {
        self.registry.upload_offset(&admin(), &name(APP), id).await
    }

    async fn append(&self, id: &str, chunk: Chunk) -> Result<u64, Error> {
        self.registry.append_upload(&admin(), &name(APP), id, chunk).await
    }

    async fn finish(&self, id: &str, digest: &Digest, chunk: Chunk) -> Result<(), Error> {
        self.registry
            .finish_upload(&admin(), &name(APP), id, (digest, chunk))
            .await
    }

    async fn cancel(&self, id: &str) -> Result<(), Error> {
        self.registry.cancel_upload(&admin(), &name(APP), id).await
    }

    /// An upload whose first bytes came.
    async fn begun(&self, first: &[u8]) -> String {
        let id = self.start(&admin(), APP).await.expect("started");
        let offset = self.append(&id, whole(first)).await.expect("a chunk");
        assert_eq!(offset, first.len() as u64);
        id
    }

    async fn has_row(&self, id: &str) -> bool {
        self.metadata.upload_exists(id).await.expect("metadata")
    }

    /// The upload stands there and has so many bytes.
    async fn stands(&self, id: &str, (place, offset): (Place, usize)) {
        assert_eq!(self.offset(id).await.expect("status"), offset as u64);
        assert_eq!(self.has_row(id).await, place == Place::Store);
    }

    async fn is_gone(&self, id: &str) {
        let found = self.offset(id).await;
        assert!(matches!(found, Err(Error::UploadUnknown)), "{found:?}");
        assert!(!self.has_row(id).await);
    }

    async fn has_blob(&self, bytes: &[u8]) {
        let pulled = self.pull(&admin(), APP, &sha256(bytes)).await;
        assert_eq!(pulled.expect("pulled"), bytes);
    }
}

async fn open() -> TestRegistry {
    TestRegistry::open(Limits::default()).await
}

/// A registry whose store has its journal, as a server's has.
async fn with_journal() -> TestRegistry {
    TestRegistry::over(Limits::default(), |store| {
        store.with_journal().expect("a journal")
    })
    .await
}

fn bytes(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

fn nothing() -> Chunk {
    whole(b"")
}

/// The bytes in pieces, without a length.
fn streamed(bytes: &[u8], piece: usize) -> Chunk {
    Chunk {
        range: None,
        length: None,
        body: body(bytes.chunks(piece).map(|piece| Ok(piece.to_vec())).collect()),
    }
}

fn at(start: u64, bytes: &[u8]) -> Chunk {
    let end = start + bytes.len() as u64 - 1;
    Chunk {
        range: Some(ContentRange { start, end }),
        ..whole(bytes)
    }
}

/// A chunk whose bytes come when they are sent.
pub(crate) fn slow() -> (mpsc::Sender<Bytes>, Chunk) {
    let (sender, receiver) = mpsc::channel(1);
    let body = stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Bytes>| {
        Some((Ok(receiver.recv().await?), receiver))
    });
    let chunk = Chunk {
        range: None,
        length: None,
        body: Box::pin(body),
    };
    (sender, chunk)
}

/// A request whose body has brought these bytes and goes on.
async fn hanging(
    test: &TestRegistry,
    id: &str,
    first: &'static [u8],
) -> (mpsc::Sender<Bytes>, JoinHandle<Result<u64, Error>>) {
    let (sender, chunk) = slow();
    let (registry, id) = (Arc::clone(&test.registry), id.to_owned());
    let request = tokio::spawn(async move { registry.append_upload(&admin(), &name(APP), &id, chunk).await });
    sender.send(Bytes::from_static(first)).await.expect("received");
    // It is taken when there is room for another.
    drop(sender.reserve().await.expect("received"));
    (sender, request)
}

#[tokio::test]
async fn what_comes_first_is_kept_while_it_is_little() {
    for (length, piece, place) in [
        (1, 1, Place::Memory),
        (1000, 7, Place::Memory),
        (MOST, MOST, Place::Memory),
        (MOST, 10_000, Place::Memory),
        (MOST + 1, MOST + 1, Place::Store),
        (MOST + 1, MOST, Place::Store),
        (3 * MOST, 10_000, Place::Store),
    ] {
        for announced in [false, true] {
            let (test, bytes) = (with_journal().await, bytes(length));
            let id = test.start(&admin(), APP).await.expect("started");
            let mut first = streamed(&bytes, piece);
            first.length = announced.then_some(length as u64);
            let offset = test.append(&id, first).await.expect("a chunk");
            assert_eq!(offset, length as u64);
            test.stands(&id, (place, length)).await;
            test.finish(&id, &sha256(&bytes), nothing())
                .await
                .expect("closed");
            test.is_gone(&id).await;
            test.has_blob(&bytes).await;
            test.reopen().await.has_blob(&bytes).await;
        }
    }
}

#[tokio::test]
async fn what_is_kept_ends_as_what_is_stored() {
    let test = open().await;
    let (first, all) = (b"first ".as_slice(), b"first and last".as_slice());
    let last = &all[first.len()..];

    // Another chunk, then the end.
    let id = test.begun(first).await;
    for wrong in [at(0, last), at(5, last), at(7, last)] {
        let refused = test.append(&id, wrong).await;
        assert!(
            matches!(refused, Err(Error::RangeInvalid { offset: 6 })),
            "{refused:?}"
        );
    }
    assert_eq!(test.append(&id, at(6, last)).await.expect("a chunk"), 14);
    test.stands(&id, (Place::Store, 14)).await;
    test.finish(&id, &sha256(all), nothing()).await.expect("closed");
    test.has_blob(all).await;

    // The rest with the end.
    for rest in [at(6, last), whole(last), streamed(last, 3)] {
        let id = test.begun(first).await;
        test.finish(&id, &sha256(all), rest).await.expect("closed");
        test.is_gone(&id).await;
        test.has_blob(all).await;
    }
    let id = test.begun(first).await;
    let refused = test.finish(&id, &sha256(all), at(0, last)).await;
    assert!(
        matches!(refused, Err(Error::RangeInvalid { offset: 6 })),
        "{refused:?}"
    );
    test.stands(&id, (Place::Memory, 6)).await;

    // A digest of an algorithm that nobody announced.
    let digest = Digest::of(Algorithm::Sha512, first);
    test.finish(&id, &digest, nothing()).await.expect("closed");
    test.pull(&admin(), APP, &digest).await.expect("pulled");

    // An empty chunk is none.
    let id = test.begun(b"").await;
    test.stands(&id, (Place::Memory, 0)).await;
    assert_eq!(test.append(&id, whole(first)).await.expect("a chunk"), 6);
    test.stands(&id, (Place::Memory, 6)).await;
    test.finish(&id, &sha256(first), nothing()).await.expect("closed");
    test.has_blob(first).await;
}

#[tokio::test]
async fn a_wrong_digest_and_a_cancellation_leave_nothing() {
    let test = open().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let id = test.begun(b"bytes").await;
        let wrong = Digest::of(algorithm, b"others");
        let refused = test.finish(&id, &wrong, nothing()).await;
        assert!(
            matches!(refused, Err(Error::DigestMismatch { .. })),
            "{refused:?}"
        );
        test.is_gone(&id).await;
    }
    let id = test.begun(b"bytes").await;
    test.cancel(&id).await.expect("cancelled");
    test.is_gone(&id).await;
    assert_eq!(test.files(), Vec::<String>::new());
}

#[tokio::test]
async fn what_came_of_a_first_chunk_that_broke_off_is_stored() {
    let test = open().await;
    let id = test.start(&admin(), APP).await.expect("started");
    let interrupted = test.append(&id, broken(b"first ")).await;
    assert!(
        matches!(interrupted, Err(Error::BodyInterrupted(_))),
        "{interrupted:?}"
    );
    test.stands(&id, (Place::Store, 6)).await;
    let digest = sha256(b"first and last");
    test.finish(&id, &digest, at(6, b"and last"))
        .await
        .expect("closed");
    test.has_blob(b"first and last").await;
}

#[tokio::test]
async fn what_is_kept_is_stored_in_time_and_when_the_process_stops() {
    for stops in [false, true] {
        let mut test = open().await;
        let id = test.begun(b"first ").await;
        if stops {
            test.registry.close().await;
            test = test.reopen().await;
        }
        while !test.has_row(&id).await {
            a_moment().await;
        }
        test.stands(&id, (Place::Store, 6)).await;
        let digest = sha256(b"first and last");
        test.finish(&id, &digest, at(6, b"and last"))
            .await
            .expect("closed");
        test.has_blob(b"first and last").await;
    }
}

#[tokio::test]
async fn a_slow_first_chunk_is_stored_while_it_comes() {
    let test = open().await;
    let id = test.start(&admin(), APP).await.expect("started");
    let (sender, request) = hanging(&test, &id, b"slow ").await;
    // Nobody interrupts it for that.
    while !test.has_row(&id).await {
        a_moment().await;
    }
    sender
        .send(Bytes::from_static(b"but sure"))
        .await
        .expect("received");
    drop(sender);
    assert_eq!(request.await.expect("no panic").expect("a chunk"), 13);
    test.stands(&id, (Place::Store, 13)).await;
    let digest = sha256(b"slow but sure");
    test.finish(&id, &digest, nothing()).await.expect("closed");
    test.has_blob(b"slow but sure").await;
}

#[tokio::test]
async fn a_newer_request_goes_on_from_what_came_first() {
    let test = open().await;
    // The end, while the first chunk still comes.
    let id = test.start(&admin(), APP).await.expect("started");
    let (_sender, request) = hanging(&test, &id, b"bytes").await;
    test.finish(&id, &sha256(b"bytes"), nothing())
        .await
        .expect("closed");
    let interrupted = request.await.expect("no panic");
    assert!(
        matches!(interrupted, Err(Error::BodyInterrupted(_))),
        "{interrupted:?}"
    );
    test.has_blob(b"bytes").await;

    // A cancellation.
    let id = test.start(&admin(), APP).await.expect("started");
    let (_sender, request) = hanging(&test, &id, b"bytes").await;
    test.cancel(&id).await.expect("cancelled");
    request.await.expect("no panic").expect_err("interrupted");
    test.is_gone(&id).await;

    // Both ends at once: one blob, and nothing of the upload.
    let id = test.begun(b"others").await;
    let digest = sha256(b"others");
    let (finished, cancelled) = tokio::join!(test.finish(&id, &digest, nothing()), test.cancel(&id));
    assert_ne!(finished.is_ok(), cancelled.is_ok(), "{finished:?} {cancelled:?}");
    test.is_gone(&id).await;
    assert_eq!(test.pull(&admin(), APP, &digest).await.is_ok(), finished.is_ok());
}

#[tokio::test]
async fn what_a_client_that_hung_up_had_sent_is_there() {
    let test = open().await;
    let id = test.start(&admin(), APP).await.expect("started");
    let (sender, request) = hanging(&test, &id, b"bytes").await;
    request.abort();
    drop(sender);
    // What was said before the hang-up counts, whether it is asked for while it is being kept or after.
    let digest = sha256(b"bytes and more");
    let next = test.append(&id, at(5, b" and more")).await;
    assert_eq!(next.expect("a chunk"), 14);
    test.finish(&id, &digest, nothing()).await.expect("closed");
    test.has_blob(b"bytes and more").await;
}

#[tokio::test]
async fn a_client_that_leaves_at_any_step_may_come_back() {
    let test = open().await;
    for steps in 0..12 {
        let all = format!("bytes and more, {steps}");
        let (id, digest) = (test.begun(&all.as_bytes()[..5]).await, sha256(all.as_bytes()));
        let mut left = Box::pin(test.append(&id, at(5, &all.as_bytes()[5..])));
        for _ in 0..steps {
            if futures_util::poll!(&mut left).is_ready() {
                break;
            }
            a_moment().await;
        }
        drop(left);
        // What was under way then may come to its end meanwhile, and is told of.
        let mut offset = test.offset(&id).await.expect("status");
        loop {
            let from = usize::try_from(offset).expect("a few");
            let rest = &all.as_bytes()[from..];
            let rest = if rest.is_empty() {
                nothing()
            } else {
                at(offset, rest)
            };
            match test.finish(&id, &digest, rest).await {
                Err(Error::RangeInvalid { offset: found }) if found > offset => offset = found,
                finished => break finished.expect("closed"),
            }
        }
        test.has_blob(all.as_bytes()).await;
        test.is_gone(&id).await;
    }
}

#[tokio::test]
async fn many_uploads_keep_no_more_than_their_bound() {
    let test = open().await;
    let mut begun = Vec::new();
    for number in 0..140_u8 {
        let mut bytes = bytes(MOST);
        bytes[0] = number;
        begun.push((test.begun(&bytes).await, bytes));
    }
    let mut in_memory = 0;
    for (id, _) in &begun {
        in_memory += usize::from(!test.has_row(id).await);
    }
    assert!(in_memory <= (32 << 20) / MOST, "{in_memory}");
    for (id, bytes) in begun {
        test.finish(&id, &sha256(&bytes), nothing())
            .await
            .expect("closed");
        test.has_blob(&bytes).await;
    }
}

#[tokio::test]
async fn a_limit_below_what_is_kept_holds() {
    let limits = Limits {
        blob_bytes_max: 1000,
        ..Limits::default()
    };
    let test = TestRegistry::open(limits).await;
    let id = test.start(&admin(), APP).await.expect("started");
    let refused = test.append(&id, streamed(&bytes(1001), 10)).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { max: 1000, .. })),
        "{refused:?}"
    );
    let id = test.begun(&bytes(1000)).await;
    let refused = test.append(&id, whole(b"1")).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { max: 1000, .. })),
        "{refused:?}"
    );
    test.finish(&id, &sha256(&bytes(1000)), nothing())
        .await
        .expect("closed");
}

#[tokio::test]
async fn a_disk_that_is_full_loses_nothing_of_what_is_kept() {
    let test = TestRegistry::over(Limits::default(), |store| {
        FaultyStore::new(store, 0, Fault::NoSpace)
    })
    .await;
    let id = test.begun(b"first ").await;
    let refused = test.append(&id, at(6, b"and last")).await;
    assert!(matches!(refused, Err(Error::NoSpace)), "{refused:?}");
    test.stands(&id, (Place::Memory, 6)).await;
    assert_eq!(test.append(&id, at(6, b"and last")).await.expect("a chunk"), 14);
    test.finish(&id, &sha256(b"first and last"), nothing())
        .await
        .expect("closed");
    test.has_blob(b"first and last").await;
}

/// Sets the quota of bytes of the organisation.
async fn limit(test: &TestRegistry, bytes: i64) {
    let team = test.metadata.organization("team").await.expect("metadata");
    let id = team.expect("the organization").id;
    let set = test.metadata.set_organization_byte_quota(id, Some(bytes), 1);
    set.await.expect("a quota");
}

/// What is used and reserved of it.
async fn uses(test: &TestRegistry) -> (i64, i64) {
    let team = test.metadata.organization("team").await.expect("metadata");
    let id = team.expect("the organization").id;
    let quota = test.metadata.organization_byte_quota(id).await;
    let quota = quota.expect("metadata").expect("a quota");
    (quota.used, quota.reserved)
}

#[tokio::test]
async fn what_a_quota_counts_is_never_only_kept() {
    let test = open().await;
    limit(&test, 1000).await;
    let id = test.begun(&bytes(900)).await;
    test.stands(&id, (Place::Store, 900)).await;
    assert_eq!(uses(&test).await, (0, 900));
    let other = test.start(&admin(), APP).await.expect("started");
    let refused = test.append(&other, whole(&bytes(101))).await;
    assert!(matches!(refused, Err(Error::BytesQuota(_))), "{refused:?}");
    test.finish(&id, &sha256(&bytes(900)), nothing())
        .await
        .expect("closed");
    assert_eq!(uses(&test).await, (900, 0));
}

#[tokio::test]
async fn a_quota_that_is_set_later_counts_what_is_kept() {
    for (bytes_max, fits) in [(900, true), (899, false)] {
        // At the end of the upload,
        let (test, bytes) = (open().await, bytes(900));
        let id = test.begun(&bytes).await;
        test.stands(&id, (Place::Memory, 900)).await;
        limit(&test, bytes_max).await;
        let finished = test.finish(&id, &sha256(&bytes), nothing()).await;
        assert_eq!(finished.is_ok(), fits, "{finished:?}");
        assert_eq!(uses(&test).await, (if fits { 900 } else { 0 }, 0));
        if !fits {
            assert!(matches!(finished, Err(Error::BytesQuota(_))), "{finished:?}");
            assert_eq!(test.files(), Vec::<String>::new());
        }
        test.is_gone(&id).await;

        // and when it is stored.
        let test = open().await;
        let id = test.begun(&bytes).await;
        limit(&test, bytes_max).await;
        test.registry.close().await;
        let test = test.reopen().await;
        if fits {
            test.stands(&id, (Place::Store, 900)).await;
            assert_eq!(uses(&test).await, (0, 900));
            test.finish(&id, &sha256(&bytes), nothing())
                .await
                .expect("closed");
            assert_eq!(uses(&test).await, (900, 0));
        } else {
            test.is_gone(&id).await;
            assert_eq!(uses(&test).await, (0, 0));
            assert!(!test.files().iter().any(|file| file.starts_with("uploads")));
        }
    }
}
