//! The bytes of a blob on their way out: read, or, where they lie in a file and in memory, named by their place in it.
//! It refuses to know who takes them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use rustix::io::Errno;

use crate::ByteStream;

/// The bytes that [`BlobStore::open`](crate::BlobStore::open) answers: a stream of them, or of [`Piece`]s for those who
/// need not look at them.
pub struct BlobBytes(Box<dyn Pieces>);

/// Where bytes come from. An error ends them.
pub(crate) trait Pieces: Send {
    /// The next bytes.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;

    /// The next bytes, or where they lie.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece>>>;
}

/// Some bytes of a blob.
#[derive(Debug)]
pub enum Piece {
    /// As they were read.
    Read(Bytes),
    /// Where they lie.
    Part(FilePart),
}

/// Bytes that lie in a file, and in the system's memory when they were handed out.
#[derive(Debug, Clone)]
pub struct FilePart {
    file: Arc<File>,
    range: Range<u64>,
}

impl BlobBytes {
    pub(crate) fn new(pieces: impl Pieces + 'static) -> Self {
        Self(Box::new(pieces))
    }

    /// The next piece: where the bytes lie, when that is known and sending them needs not wait for a disk.
    /// Errors and the end are those of the stream.
    pub fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece>>> {
        self.0.poll_piece(context)
    }
}

impl Stream for BlobBytes {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_read(context)
    }
}

impl Pieces for ByteStream {
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.poll_next_unpin(context)
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece>>> {
        self.poll_next_unpin(context)
            .map(|item| item.map(|read| read.map(Piece::Read)))
    }
}

impl FilePart {
    /// The most bytes of one part.
    pub const BYTES_MAX: usize = 1 << 20;

    pub(crate) fn new(file: Arc<File>, range: Range<u64>) -> Self {
        Self { file, range }
    }

    /// How many bytes it is, at most [`Self::BYTES_MAX`].
    #[expect(clippy::len_without_is_empty, reason = "no part is empty")]
    pub fn len(&self) -> usize {
        usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX)
    }

    /// Has the system send the bytes but for the first `done` to `socket`, as many as it takes now, and says how many
    /// those were. `WouldBlock` when it takes none; else the error's kind tells what is wrong with the bytes as
    /// [`BlobStore::open`](crate::BlobStore::open) has it, or that the other side is gone.
    pub fn send(&self, done: usize, socket: impl AsFd) -> io::Result<usize> {
        let mut offset = self.range.start + done as u64;
        let left = self.len().saturating_sub(done);
        loop {
            match rustix::fs::sendfile(&socket, &self.file, Some(&mut offset), left) {
                Ok(0) if left > 0 => return Err(told(Errno::NODATA)),
                Ok(sent) => return Ok(sent),
                Err(Errno::INTR) => {}
                Err(error) => return Err(told(error)),
            }
        }
    }
}

/// The error as [`crate::BlobStore::open`] promises it.
pub(crate) fn told(error: Errno) -> io::Error {
    match error {
        Errno::NODATA => io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the blob is shorter than it should be",
        ),
        Errno::IO => io::Error::new(io::ErrorKind::InvalidData, io::Error::from(error)),
        error => error.into(),
    }
}
