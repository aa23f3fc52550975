//! Reading a blob: straight from the page cache while it is there, on a thread that may wait when it is not; and telling
//! which parts need no reading, because the system can send them as they lie there.
//! A reader keeps its file open, so deleting the key does not disturb it.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rustix::fs::{Advice, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::JoinHandle;

use super::{blocking, missing};
use crate::Error;
use crate::bytes::{FilePart, Piece, Pieces, told};

/// How much one item of the stream holds.
const ITEM_BYTES: usize = 256 << 10;
/// How far ahead the disk is asked to read once a stream had to wait for it.
const AHEAD_BYTES: u64 = 8 << 20;
/// Fewer bytes than this go out with less work when they are read and written behind their header.
const PART_BYTES_MIN: u64 = 64 << 10;
/// How far apart the places are that are looked at to see whether a part is in memory. What is missing between them
/// is read while it is sent, by a worker that waits for it: one or two reads of what the disk reads at once.
const LOOK_EVERY: u64 = 256 << 10;

/// Opens the file `path` to read the bytes `range` of it.
pub(super) async fn open(path: PathBuf, range: Range<u64>) -> Result<Reader, Error> {
    let file = match open_cached(&path) {
        Ok(file) => file,
        Err(_) => blocking(move || File::open(path).map_err(|source| missing("open a blob", source))).await?,
    };
    Ok(Reader {
        file: Arc::new(file),
        next: range.start,
        end: range.end,
        ahead: 0,
        all_cached: false,
        recycled: None,
        waiting: None,
    })
}

/// Opens the file `path` to read `parts` of it, one after the other.
pub(super) async fn open_parts(path: PathBuf, parts: Vec<Range<u64>>) -> Result<PartsReader, Error> {
    let reader = open(path, 0..0).await?;
    Ok(PartsReader {
        reader,
        later: parts.into_iter(),
    })
}

/// Opens a file without waiting for the disk; an error when that would be necessary, or cannot be had here.
fn open_cached(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).map(File::from)
}

/// A range of a file, read from its start to its end; nothing follows an error.
pub(super) struct Reader {
    file: Arc<File>,
    next: u64,
    end: u64,
    /// Up to where the disk was asked to read ahead.
    ahead: u64,
    /// Whether the part handed out last was as long as it could be, so that what follows is most likely in memory, too.
    all_cached: bool,
    /// The item handed out last: its memory is used again when the consumer is done with it.
    recycled: Option<Bytes>,
    /// The read that waits for the disk.
    waiting: Option<JoinHandle<io::Result<Bytes>>>,
}

/// Ranges of a file, read one after the other; nothing follows an error.
pub(super) struct PartsReader {
    reader: Reader,
    later: std::vec::IntoIter<Range<u64>>,
}

impl PartsReader {
    fn poll_with<T>(
        &mut self,
        mut poll: impl FnMut(&mut Reader) -> Poll<Option<io::Result<T>>>,
    ) -> Poll<Option<io::Result<T>>> {
        loop {
            match ready!(poll(&mut self.reader)) {
                None => match self.later.next() {
                    Some(part) => self.reader.go_to(part),
                    None => return Poll::Ready(None),
                },
                Some(Err(error)) => {
                    self.later = Vec::new().into_iter();
                    return Poll::Ready(Some(Err(error)));
                }
                read => return Poll::Ready(read),
            }
        }
    }
}

impl Pieces for PartsReader {
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.poll_with(|reader| reader.poll_read(context))
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece>>> {
        self.poll_with(|reader| reader.poll_piece(context))
    }
}

impl Pieces for Reader {
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.next >= self.end {
            return Poll::Ready(None);
        }
        let read = loop {
            if let Some(waiting) = &mut self.waiting {
                let read = ready!(Pin::new(waiting).poll(context));
                self.waiting = None;
                break read.unwrap_or_else(|gone| Err(io::Error::other(gone)));
            }
            let buffer = self.buffer();
            match read_at(&self.file, buffer, self.next, ReadWriteFlags::NOWAIT) {
                Ok(bytes) => break Ok(bytes),
                Err((buffer, Errno::AGAIN | Errno::OPNOTSUPP)) => self.waiting = Some(self.read_cold(buffer)),
                Err((_, error)) => break Err(told(error)),
            }
        };
        match &read {
            Ok(bytes) => {
                self.next += bytes.len() as u64;
                self.recycled = Some(bytes.clone());
            }
            Err(_) => self.next = self.end,
        }
        Poll::Ready(Some(read))
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece>>> {
        match self.part() {
            Some(part) => Poll::Ready(Some(Ok(Piece::Part(part)))),
            None => self
                .poll_read(context)
                .map(|item| item.map(|read| read.map(Piece::Read))),
        }
    }
}

impl Reader {
    /// Reads on elsewhere; what was to be read has been.
    fn go_to(&mut self, range: Range<u64>) {
        self.next = range.start;
        self.end = range.end;
        self.ahead = 0;
        self.all_cached = false;
    }

    /// Takes the next bytes as a part, as far as they are in memory; none when they are not, or not worth it.
    fn part(&mut self) -> Option<FilePart> {
        let end = self.end.min(self.next + FilePart::BYTES_MAX as u64);
        if self.waiting.is_some() || end - self.next.min(end) < PART_BYTES_MIN {
            return None;
        }
        let mut seen = self.next;
        if !std::mem::take(&mut self.all_cached) && !self.is_cached(seen) {
            return None;
        }
        while seen < end {
            let step = end.min(seen + LOOK_EVERY);
            if !self.is_cached(step - 1) {
                break;
            }
            seen = step;
        }
        if seen - self.next < PART_BYTES_MIN {
            return None;
        }
        let part = FilePart::new(Arc::clone(&self.file), self.next..seen);
        self.all_cached = seen == end;
        self.next = seen;
        Some(part)
    }

    fn is_cached(&self, offset: u64) -> bool {
        let mut byte = [0];
        let buffers = &mut [IoSliceMut::new(&mut byte)];
        rustix::io::preadv2(&self.file, buffers, offset, ReadWriteFlags::NOWAIT) == Ok(1)
    }

    /// Reads on a thread that may wait for the disk, and has the disk go on with what comes next.
    fn read_cold(&mut self, buffer: BytesMut) -> JoinHandle<io::Result<Bytes>> {
        let (file, next) = (Arc::clone(&self.file), self.next);
        let ahead = (next + AHEAD_BYTES).min(self.end);
        let advise = NonZeroU64::new(ahead.saturating_sub(self.ahead.max(next)));
        let advise_from = self.ahead.max(next);
        self.ahead = self.ahead.max(ahead);
        tokio::task::spawn_blocking(move || {
            if let Some(length) = advise {
                // Only advice: a file system that takes none still reads.
                let _ = rustix::fs::fadvise(&file, advise_from, Some(length), Advice::WillNeed);
            }
            read_at(&file, buffer, next, ReadWriteFlags::empty()).map_err(|(_, error)| told(error))
        })
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
