//! A blob's bytes on their way to a client, looked at as they pass.
//! It refuses to know what becomes of what it finds.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use berth_blob::{BlobBytes, FilePart, Piece};
use berth_metadata::Damage;
use berth_oci::Hasher;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream, StreamExt as _};

use super::{Reading, Turn, Watch, damage_of};
use crate::clock::now_ms;

/// Bytes that are being read, and hashed when it is time.
pub(crate) struct Watched {
    source: Arc<Source>,
    /// None when they have ended.
    bytes: Option<BlobBytes>,
    check: Option<Box<Check>>,
    /// What is being done about their end, and what comes after it.
    ending: Option<BoxFuture<'static, Option<io::Result<Bytes>>>>,
}

/// Some bytes of a blob on their way to a client.
#[derive(Debug)]
pub enum BlobPiece {
    /// As they were read.
    Read(Bytes),
    /// Where they lie.
    Part(BlobPart),
}

/// Bytes of a blob for the system to send, in a file and not read.
#[derive(Debug)]
pub struct BlobPart {
    part: FilePart,
    source: Arc<Source>,
}

/// Whose bytes they are.
struct Source {
    watch: Watch,
    read: Reading,
}

struct Check {
    hasher: Hasher,
    /// The piece that came last: it goes on when another follows, or when all are right.
    held: Option<Bytes>,
    _turn: Turn,
}

impl Watched {
    pub(super) fn new(watch: Watch, read: Reading, bytes: BlobBytes, turn: Option<Turn>) -> Self {
        let check = turn.map(|turn| {
            Box::new(Check {
                hasher: Hasher::new(read.digest.algorithm()),
                held: None,
                _turn: turn,
            })
        });
        Self {
            source: Arc::new(Source { watch, read }),
            bytes: Some(bytes),
            check,
            ending: None,
        }
    }

    /// The next bytes, or where they lie when nobody has to look at them.
    pub(crate) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<BlobPiece>>> {
        let piece = match &mut self.bytes {
            Some(bytes) if self.check.is_none() => ready!(bytes.poll_piece(context)),
            _ => {
                let read = self.poll_next_unpin(context);
                return read.map(|item| item.map(|read| read.map(BlobPiece::Read)));
            }
        };
        match piece {
            Some(Ok(Piece::Read(bytes))) => Poll::Ready(Some(Ok(BlobPiece::Read(bytes)))),
            Some(Ok(Piece::Part(part))) => {
                let source = Arc::clone(&self.source);
                Poll::Ready(Some(Ok(BlobPiece::Part(BlobPart { part, source }))))
            }
            Some(Err(error)) => {
                self.break_off(error);
                self.poll_piece(context)
            }
            None => Poll::Ready(None),
        }
    }

    /// Nothing comes any more but this error, once the blob is marked if the error says so.
    fn break_off(&mut self, error: io::Error) {
        self.bytes = None;
        let source = Arc::clone(&self.source);
        let told = async move {
            if let Some(damage) = damage_of(&error) {
                source.found(damage).await;
            }
            Some(Err(error))
        };
        self.ending = Some(told.boxed());
    }
}

impl Stream for Watched {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let this = &mut *self;
            if let Some(ending) = &mut this.ending {
                let last = ready!(ending.poll_unpin(context));
                this.ending = None;
                return Poll::Ready(last);
            }
            let Some(bytes) = &mut this.bytes else {
                return Poll::Ready(None);
            };
            match (ready!(bytes.poll_next_unpin(context)), &mut this.check) {
                (Some(Ok(chunk)), None) => return Poll::Ready(Some(Ok(chunk))),
                (Some(Ok(chunk)), Some(check)) => {
                    check.hasher.update(&chunk);
                    if let Some(before) = check.held.replace(chunk) {
                        return Poll::Ready(Some(Ok(before)));
                    }
                }
                (Some(Err(error)), _) => this.break_off(error),
                (None, _) => {
                    this.bytes = None;
                    if let Some(check) = this.check.take() {
                        let source = Arc::clone(&this.source);
                        this.ending = Some(async move { source.end(*check).await }.boxed());
                    }
                }
            }
        }
    }
}

impl BlobPart {
    /// The most bytes of one part.
    pub const BYTES_MAX: usize = FilePart::BYTES_MAX;

    /// How many bytes it is, at most [`Self::BYTES_MAX`].
    #[expect(clippy::len_without_is_empty, reason = "no part is empty")]
    pub fn len(&self) -> usize {
        self.part.len()
    }

    /// Has the system send the bytes but for the first `done` to `socket`, as many as it takes now, and says how many
    /// those were. `WouldBlock` when it takes none; any other error is the end of the answer, and the blob is marked if
    /// its bytes are to blame.
    pub fn send(&self, done: usize, socket: impl AsFd) -> io::Result<usize> {
        let sent = self.part.send(done, socket);
        if let Some(damage) = sent.as_ref().err().and_then(damage_of) {
            let source = Arc::clone(&self.source);
            tokio::spawn(async move { source.found(damage).await });
        }
        sent
    }
}

impl Source {
    /// The piece that was held back, or the end of the connection.
    async fn end(&self, check: Check) -> Option<io::Result<Bytes>> {
        if check.hasher.finish() == self.read.digest {
            let (metadata, digest) = (self.watch.metadata.clone(), self.read.digest.to_string());
            // The client does not wait for a note; one that is lost is made by the next reader.
            tokio::spawn(async move {
                if let Err(error) = metadata.note_verified(vec![digest], now_ms()).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a verified blob could not be noted"
                    );
                }
            });
            return check.held.map(Ok);
        }
        self.found(Damage::Wrong).await;
        let wrong = format!("the stored bytes of {} are not its own", self.read.digest);
        Some(Err(io::Error::new(io::ErrorKind::InvalidData, wrong)))
    }

    async fn found(&self, damage: Damage) {
        if let Err(error) = self.watch.found(&self.read, damage).await {
            tracing::error!(
                digest = %self.read.digest,
                error = &error as &dyn std::error::Error,
                "a damaged blob could not be marked"
            );
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.read.fmt(to)
    }
}
