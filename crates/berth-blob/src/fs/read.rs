//! Reading a blob: straight from the page cache while it is there, on a thread that may wait when it is not.
//! A stream keeps its file open, so deleting the key does not disturb it.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use rustix::fs::{Advice, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};

use super::{blocking, missing};
use crate::{ByteStream, Error};

/// How much one item of the stream holds.
const ITEM_BYTES: usize = 256 << 10;
/// How far ahead the disk is asked to read once a stream had to wait for it.
const AHEAD_BYTES: u64 = 8 << 20;

/// Streams the bytes `range` of the file `path`.
pub(super) async fn open(path: PathBuf, range: Range<u64>) -> Result<ByteStream, Error> {
    let file = match open_cached(&path) {
        Ok(file) => file,
        Err(_) => blocking(move || File::open(path).map_err(|source| missing("open a blob", source))).await?,
    };
    let reader = Reader {
        file: Arc::new(file),
        next: range.start,
        end: range.end,
        ahead: 0,
        recycled: None,
    };
    Ok(stream::unfold(Some(reader), Reader::item).boxed())
}

/// Opens a file without waiting for the disk; an error when that would be necessary, or cannot be had here.
fn open_cached(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).map(File::from)
}

struct Reader {
    file: Arc<File>,
    next: u64,
    end: u64,
    /// Up to where the disk was asked to read ahead.
    ahead: u64,
    /// The item handed out last: its memory is used again when the consumer is done with it.
    recycled: Option<Bytes>,
}

impl Reader {
    /// The next item and what follows it; nothing follows the end of the range or an error.
    async fn item(reader: Option<Self>) -> Option<(io::Result<Bytes>, Option<Self>)> {
        let mut reader = reader.filter(|reader| reader.next < reader.end)?;
        match reader.read().await {
            Ok(bytes) => {
                reader.next += bytes.len() as u64;
                reader.recycled = Some(bytes.clone());
                Some((Ok(bytes), Some(reader)))
            }
            Err(error) => Some((Err(error), None)),
        }
    }

    async fn read(&mut self) -> io::Result<Bytes> {
        let buffer = self.buffer();
        match read_at(&self.file, buffer, self.next, ReadWriteFlags::NOWAIT) {
            Ok(bytes) => Ok(bytes),
            Err((buffer, Errno::AGAIN | Errno::OPNOTSUPP)) => self.read_cold(buffer).await,
            Err((_, error)) => Err(told(error)),
        }
    }

    /// Reads on a thread that may wait for the disk, and has the disk go on with what comes next.
    async fn read_cold(&mut self, buffer: BytesMut) -> io::Result<Bytes> {
        let (file, next) = (Arc::clone(&self.file), self.next);
        let ahead = (next + AHEAD_BYTES).min(self.end);
        let advise = NonZeroU64::new(ahead.saturating_sub(self.ahead.max(next)));
        let advise_from = self.ahead.max(next);
        self.ahead = self.ahead.max(ahead);
        let read = tokio::task::spawn_blocking(move || {
            if let Some(length) = advise {
                // Only advice: a file system that takes none still reads.
                let _ = rustix::fs::fadvise(&file, advise_from, Some(length), Advice::WillNeed);
            }
            read_at(&file, buffer, next, ReadWriteFlags::empty()).map_err(|(_, error)| told(error))
        });
        read.await.map_err(io::Error::other)?
    }

    fn buffer(&mut self) -> BytesMut {
        let length = usize::try_from(self.end - self.next).map_or(ITEM_BYTES, |left| left.min(ITEM_BYTES));
        match self.recycled.take().map(Bytes::try_into_mut) {
            Some(Ok(mut buffer)) if buffer.len() >= length => {
                buffer.truncate(length);
                buffer
            }
            _ => BytesMut::zeroed(length),
        }
    }
}

/// Fills the front of `buffer` from `offset` on: at least one byte, or the file is shorter than it should be.
fn read_at(
    file: &File,
    mut buffer: BytesMut,
    offset: u64,
    flags: ReadWriteFlags,
) -> Result<Bytes, (BytesMut, Errno)> {
    loop {
        match rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut buffer)], offset, flags) {
            Ok(0) => return Err((buffer, Errno::NODATA)),
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer.freeze());
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err((buffer, error)),
        }
    }
}

/// The error as [`crate::BlobStore::open`] promises it.
fn told(error: Errno) -> io::Error {
    match error {
        Errno::NODATA => io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the blob is shorter than it should be",
        ),
        Errno::IO => io::Error::new(io::ErrorKind::InvalidData, io::Error::from(error)),
        error => error.into(),
    }
}
