//! A blob as bytes for somebody on this node: from the cache as its chunks come, else straight from the registry.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use berth_oci::Digest;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use crate::cache::{Entry, Progress, Reading};
use crate::figures;
use crate::job::{Jobs, Wanted};
use crate::registry::{Fault, Source};
use crate::wire::CHUNK_BYTES;

/// How long the first bytes may take before the answer begins without them. Until then a failure is an answer that lets
/// the client turn to the registry; a client must not wait for the head of an answer for ever either.
const FIRST: Duration = Duration::from_secs(8);
/// How long after a job gave up the next reader goes straight to the registry.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Reads a range of a blob for one client.
struct Reader {
    jobs: Arc<Jobs>,
    entry: Arc<Entry>,
    source: Source,
    at: u64,
    /// After the last byte.
    end: u64,
    through: Option<Pieces>,
    _reading: Reading,
}

/// The bytes from `start` to before `end`, verified but for what comes straight from the registry; an error when the
/// registry would not give them either.
pub(crate) async fn stream(
    jobs: &Arc<Jobs>,
    source: Source,
    (digest, size): (&Digest, u64),
    (start, end): (u64, u64),
) -> Result<Pieces, Fault> {
    let Some(entry) = jobs.cache.get_or_make(digest, size) else {
        return through(jobs, &source, digest, (start, end)).await;
    };
    let reading = entry.reader();
    let reader = Reader {
        jobs: Arc::clone(jobs),
        entry,
        source,
        at: start,
        end,
        through: None,
        _reading: reading,
    };
    // As a stream, so that a first piece that is late is waited for and not begun again.
    let mut pieces: Pieces = Box::pin(futures_util::stream::try_unfold(reader, Reader::step));
    match tokio::time::timeout(FIRST, pieces.next()).await {
        Ok(Some(Ok(first))) => Ok(Box::pin(futures_util::stream::iter([Ok(first)]).chain(pieces))),
        Ok(Some(Err(error))) => Err(error.downcast().unwrap_or(Fault::Unavailable(None))),
        Ok(None) | Err(_) => Ok(pieces),
    }
}

/// Waits until all of a blob is in the cache. When this is dropped nobody fetches it any more but for clients that want it.
pub(crate) async fn keep(
    jobs: &Arc<Jobs>,
    source: &Source,
    (digest, size): (&Digest, u64),
) -> Result<(), String> {
    let no_room = || format!("{digest} does not fit into the cache");
    let entry = jobs.cache.get_or_make(digest, size).ok_or_else(no_room)?;
    let _reading = entry.reader();
    let mut changes = entry.changes();
    while !entry.is_whole() {
        if has_just_failed(&entry) || !jobs.ensure(&entry, source, Wanted::Ahead) {
            return Err(format!("{digest} could not be fetched"));
        }
        // The cache has the sender as long as it has the blob.
        if changes.changed().await.is_err() {
            return Err(no_room());
        }
    }
    Ok(())
}

/// Straight from the registry.
async fn through(
    jobs: &Arc<Jobs>,
    source: &Source,
    digest: &Digest,
    (start, end): (u64, u64),
) -> Result<Pieces, Fault> {
    figures::add(&jobs.figures.through, 1);
    let stream = jobs.registry.range(source, digest, start, end - 1).await?;
    let counted = Arc::clone(&jobs.figures);
    Ok(Box::pin(stream.inspect(move |piece| {
        if let Ok(piece) = piece {
            figures::add(&counted.registry, piece.len() as u64);
            figures::add(&counted.served, piece.len() as u64);
        }
    })))
}

impl Reader {
    async fn step(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.at == self.end {
            return Ok(None);
        }
        if self.through.is_none() && !is_ready(&self.jobs, &self.entry, &self.source, self.at).await {
            let rest = (self.at, self.end);
            let pieces = through(&self.jobs, &self.source, self.entry.digest(), rest).await;
            self.through = Some(pieces.map_err(io::Error::other)?);
        }
        let piece = if let Some(pieces) = &mut self.through {
            pieces.next().await.ok_or(io::ErrorKind::UnexpectedEof)??
        } else {
            let piece = self.entry.read(self.at, self.end - self.at).await?;
            figures::add(&self.jobs.figures.served, piece.len() as u64);
            piece
        };
        self.at += piece.len() as u64;
        if self.at > self.end {
            return Err(io::Error::other("the registry gives more than it was asked for"));
        }
        Ok(Some((piece, self)))
    }
}

/// Waits until the chunk of a byte is there and right; not if nobody brings it.
async fn is_ready(jobs: &Arc<Jobs>, entry: &Arc<Entry>, source: &Source, at: u64) -> bool {
    let chunk = usize::try_from(at / CHUNK_BYTES).expect("a blob has few chunks");
    let mut changes = entry.changes();
    loop {
        if entry.has(chunk) && entry.prove(chunk).await {
            return true;
        }
        if has_just_failed(entry) || !jobs.ensure(entry, source, Wanted::Now) {
            return false;
        }
        if changes.changed().await.is_err() {
            return false;
        }
    }
}

fn has_just_failed(entry: &Entry) -> bool {
    matches!(entry.progress(), Progress::Failed(when) if when.elapsed() < AFTER_FAILURE)
}
