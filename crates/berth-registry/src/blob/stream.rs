//! A blob's bytes as a client takes them: watched for damage, and counted for the repository.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use berth_blob::ByteStream;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use crate::counting::Counter;
use crate::damage::{BlobPiece, Watched};

/// The bytes of an opened blob: a stream of them, or of [`BlobPiece`]s for a taker that need not look at them. What is
/// taken counts as sent.
pub struct BlobStream {
    bytes: Source,
    counter: Arc<Counter>,
}

/// Where the bytes come from.
enum Source {
    Stored(Watched),
    /// On their way here, or past: nothing of them lies where the system could send it from.
    Passing(ByteStream),
}

impl BlobStream {
    pub(super) fn new(bytes: Watched, counter: Arc<Counter>) -> Self {
        Self {
            bytes: Source::Stored(bytes),
            counter,
        }
    }

    /// The bytes of a blob that is being fetched.
    pub(crate) fn passing(bytes: ByteStream, counter: Arc<Counter>) -> Self {
        Self {
            bytes: Source::Passing(bytes),
            counter,
        }
    }

    /// The next piece: where the bytes lie, when that is known, sending them needs not wait for a disk, and nobody has
    /// to look at them. Errors and the end are those of the stream.
    pub fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<BlobPiece>>> {
        let piece = match &mut self.bytes {
            Source::Stored(bytes) => bytes.poll_piece(context),
            Source::Passing(bytes) => {
                let read = bytes.poll_next_unpin(context);
                read.map(|item| item.map(|read| read.map(BlobPiece::Read)))
            }
        };
        if let Poll::Ready(Some(Ok(piece))) = &piece {
            let length = match piece {
                BlobPiece::Read(bytes) => bytes.len(),
                BlobPiece::Part(part) => part.len(),
            };
            self.counter.sent(length as u64);
        }
        piece
    }
}

impl Stream for BlobStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let read = match &mut self.bytes {
            Source::Stored(bytes) => bytes.poll_next_unpin(context),
            Source::Passing(bytes) => bytes.poll_next_unpin(context),
        };
        if let Poll::Ready(Some(Ok(bytes))) = &read {
            self.counter.sent(bytes.len() as u64);
        }
        read
    }
}
