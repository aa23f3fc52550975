//! Writing an upload: from a stream of small buffers to large writes and one sync, beside which the next write may begin.
//! While one batch is being written, the next one is gathered, so a body costs two batches of memory whatever its
//! size, and a client that stalls holds no thread.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use rustix::fs::FlockOperation;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{ahead, joined};
use crate::{ByteStream, Error, Written};

/// How much one write takes to the disk. Less would wake the threads on both sides more often than the bytes are worth.
const BATCH_BYTES: usize = 1 << 20;
/// Buffers below this size are copied together, so that a body in tiny pieces does not become tiny writes.
const COPY_BELOW_BYTES: usize = 16 << 10;
/// After so many bytes the disk begins with them, so that the sync, which the client waits for, finds little left to do.
const BEGIN_EVERY_BYTES: u64 = 4 << 20;
/// Blocks are taken for as many bytes as came already, between these: once for many writes, and not for small bodies.
const RESERVED_BYTES_MIN: u64 = 1 << 20;
const RESERVED_BYTES_MAX: u64 = 16 << 20;

/// Writes `body` to the file `path` from `offset` on, and moves `offset` over what is written.
pub(super) async fn write(path: PathBuf, offset: &mut u64, mut body: ByteStream) -> Result<Written, Error> {
    let mut writer = Writer::Idle(Sink::new(path, *offset));
    let mut batch = Batch::default();
    let broken = loop {
        match body.next().await {
            Some(Ok(chunk)) => batch.push(chunk),
            Some(Err(error)) => break Some(error),
            None => break None,
        }
        if batch.bytes >= BATCH_BYTES {
            writer = writer.write(std::mem::take(&mut batch)).await?;
        }
    };
    let (end, durable) = writer.finish(batch).await?;
    *offset = end;
    Ok(Written { durable, broken })
}

/// Buffers on their way into one write.
#[derive(Default)]
struct Batch {
    parts: Vec<Bytes>,
    small: BytesMut,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        if chunk.len() < COPY_BELOW_BYTES {
            self.small.extend_from_slice(&chunk);
        } else {
            self.seal();
            self.parts.push(chunk);
        }
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.parts.push(self.small.split().freeze());
        }
    }
}

/// The side of an append that runs in the request: it has at most one batch under way.
enum Writer {
    Idle(Sink),
    Busy(JoinHandle<Result<Sink, Error>>),
}

impl Writer {
    async fn sink(self) -> Result<Sink, Error> {
        match self {
            Self::Idle(sink) => Ok(sink),
            Self::Busy(task) => joined(task).await,
        }
    }

    async fn write(self, batch: Batch) -> Result<Self, Error> {
        let sink = self.sink().await?;
        Ok(Self::Busy(tokio::task::spawn_blocking(move || sink.write(batch))))
    }

    /// Writes the rest and begins to make everything durable; the upload's new offset, and the end of that.
    async fn finish(
        self,
        batch: Batch,
    ) -> Result<(u64, Option<BoxFuture<'static, Result<(), Error>>>), Error> {
        let sink = self.sink().await?;
        if batch.bytes == 0 && sink.file.is_none() {
            return Ok((sink.start, None));
        }
        let (written, end) = oneshot::channel();
        // In one go, as mostly somebody waits for both.
        let task = tokio::task::spawn_blocking(move || {
            let unsynced = sink.write(batch)?.release()?;
            // Nobody listens any more when the request is gone.
            let _gone = written.send(unsynced.end);
            unsynced.sync()
        });
        let Ok(end) = end.await else {
            joined(task).await?;
            unreachable!("without an error it says what is written");
        };
        Ok((end, Some(joined(task).boxed())))
    }
}

/// The side of an append that waits for the disk.
struct Sink {
    path: PathBuf,
    start: u64,
    end: u64,
    file: Option<Claim>,
    /// Up to where the disk was told to begin.
    begun_end: u64,
    /// Up to where blocks were taken before their bytes came.
    reserved_end: u64,
}

impl Sink {
    fn new(path: PathBuf, start: u64) -> Self {
        Self {
            path,
            start,
            end: start,
            file: None,
            begun_end: start,
            reserved_end: start,
        }
    }

    fn write(mut self, mut batch: Batch) -> Result<Self, Error> {
        batch.seal();
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        self.reserve(&file, batch.bytes as u64);
        let written = write_all_at(&file, &batch.parts, self.end);
        self.end += batch.bytes as u64;
        let begun = written.and_then(|()| self.begin(&file));
        self.file = Some(file);
        match begun {
            Ok(()) => Ok(self),
            Err(error) => Err(self.restore("write an upload", error)),
        }
    }

    /// Has blocks taken for many writes at once, which costs less than for each of their pages.
    fn reserve(&mut self, file: &File, bytes: u64) {
        if self.end == self.start || self.end + bytes <= self.reserved_end {
            return;
        }
        let from = self.reserved_end.max(self.end);
        let to = from + self.end.clamp(RESERVED_BYTES_MIN, RESERVED_BYTES_MAX);
        // Refused by a full disk, where what comes may have room nevertheless, or by one that does this with each write: not
        // asked again, and given back as it may be taken in part.
        self.reserved_end = ahead::reserve(file, from..to).map_or(u64::MAX, |()| to);
    }

    fn begin(&mut self, file: &File) -> io::Result<()> {
        if self.end - self.begun_end >= BEGIN_EVERY_BYTES {
            ahead::begin(file, self.begun_end..self.end)?;
            self.begun_end = self.end;
        }
        Ok(())
    }

    /// Gives back the blocks that no byte came for, and lets others write.
    fn release(mut self) -> Result<Unsynced, Error> {
        let file = self.file.take().expect("a write opens the file");
        if self.reserved_end > self.end
            && let Err(error) = file.set_len(self.end)
        {
            self.file = Some(file);
            return Err(self.restore("end an upload's file", error));
        }
        file.release();
        Ok(Unsynced {
            path: self.path,
            start: self.start,
            end: self.end,
            file,
        })
    }

    /// Opens the file at the place where this append goes on, alone.
    fn open(&self) -> Result<Claim, Error> {
        let failed = |source| Error::from_io("open an upload", source);
        let file = claim(&self.path, self.start == 0)?.ok_or(Error::NotFound)?;
        let found = file.metadata().map_err(failed)?.len();
        if found < self.start {
            return Err(failed(too_short(found, self.start)));
        }
        // Also when nothing is beyond it: blocks that were taken for more may be.
        if self.start > 0 || found > 0 {
            file.set_len(self.start).map_err(failed)?;
        }
        Ok(file)
    }

    /// Takes away what a failed append left behind, and says why it failed.
    fn restore(self, doing: &str, error: io::Error) -> Error {
        let file = self.file.as_deref();
        restore(&self.path, file.filter(|_| self.start > 0), self.start);
        Error::from_io(doing, error)
    }
}

/// An append whose bytes are all written. Others may write behind them now.
struct Unsynced {
    path: PathBuf,
    start: u64,
    end: u64,
    file: Claim,
}

impl Unsynced {
    fn sync(self) -> Result<(), Error> {
        self.file.sync_data().map_err(|error| {
            // Not when somebody has written since: who that was drops these bytes, or lives with them.
            if let Ok(Some(file)) = claim(&self.path, false)
                && file.metadata().is_ok_and(|found| found.len() == self.end)
            {
                restore(&self.path, (self.start > 0).then_some(&*file), self.start);
            }
            Error::from_io("sync an upload", error)
        })
    }
}

/// Takes a file back to where an append began; one that began it is removed.
fn restore(path: &Path, file: Option<&File>, start: u64) {
    let restored = match file {
        Some(file) => file.set_len(start),
        None => fs::remove_file(path),
    };
    if let Err(error) = restored {
        // The next append, or the sweep of unfinished uploads, drops these bytes.
        tracing::warn!(path = %path.display(), %error, "bytes of a failed append stay behind");
    }
}

/// The file of an upload, open for nobody else to write.
pub(super) struct Claim(File);

impl Deref for Claim {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Claim {
    /// Lets others write. Closing is not enough: a process that is being started beside us has the file open until it runs its
    /// program.
    fn release(&self) {
        if let Err(error) = rustix::fs::flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "an upload stays locked until its file is closed");
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release();
    }
}

/// Opens the file of an upload and keeps everyone else from writing it until the file is closed, also other
/// processes. None when it is not there and is not to be created.
pub(super) fn claim(path: &Path, create: bool) -> Result<Option<Claim>, Error> {
    let failed = |source| Error::from_io("open an upload", source);
    loop {
        let file = match OpenOptions::new()
            .write(true)
            .create(create)
            .truncate(false)
            .open(path)
        {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::Busy),
            Err(error) => return Err(failed(error.into())),
        }
        let file = Claim(file);
        // Whoever had the file before us may have renamed or removed it after we opened it.
        let ours = file.metadata().map_err(failed)?;
        match fs::metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => return Ok(Some(file)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
}

pub(super) fn too_short(found: u64, expected: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the upload has {found} of {expected} bytes"),
    )
}

pub(super) fn write_all_at(file: &File, parts: &[Bytes], mut offset: u64) -> io::Result<()> {
    let parts = parts.iter().filter(|part| !part.is_empty());
    let mut slices: Vec<IoSlice<'_>> = parts.map(|part| IoSlice::new(part)).collect();
    let mut left = slices.as_mut_slice();
    while !left.is_empty() {
        match rustix::io::pwritev(file, left, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut left, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;

    fn body(parts: u64, broken: Option<io::Error>) -> ByteStream {
        let parts = (0..parts).map(|n| Ok(Bytes::from(vec![u8::try_from(n % 251).unwrap(); 128 << 10])));
        Box::pin(stream::iter(parts.chain(broken.map(Err))))
    }

    /// Writes, and waits until that is durable; whether the body came whole.
    async fn append(path: &Path, offset: &mut u64, body: ByteStream) -> bool {
        let written = write(path.to_owned(), offset, body).await.unwrap();
        written.durable.expect("it waits for the disk").await.unwrap();
        written.broken.is_none()
    }

    /// A body of so many parts, after an append that was killed when it had taken blocks and written beyond the offset; the bytes
    /// and the blocks there are then.
    async fn appended(before: u64, stray: (u64, u64), parts: u64, broken: Option<io::Error>) -> (u64, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upload");
        let mut offset = 0;
        if before > 0 {
            append(&path, &mut offset, body(before, None)).await;
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(offset + stray.0).unwrap();
            // A file system that cannot leaves nothing behind either.
            ahead::reserve(&file, offset..offset + stray.1).ok();
        }
        let is_broken = broken.is_some();
        let start = offset;
        assert_eq!(append(&path, &mut offset, body(parts, broken)).await, !is_broken);
        assert_eq!(offset, start + parts * 128 * KIB);
        let found = fs::metadata(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let expected = (0..before).chain(0..parts);
        assert!(
            bytes
                .chunks(128 << 10)
                .zip(expected)
                .all(|(part, n)| part.iter().all(|byte| u64::from(*byte) == n % 251)),
            "the bytes are not those that were sent"
        );
        (found.len(), found.blocks() * 512)
    }

    #[tokio::test]
    async fn an_upload_takes_no_more_of_the_disk_than_its_bytes() {
        for (before, stray, parts, is_broken) in [
            (0, (0, 0), 3, false),
            (0, (0, 0), 9, false),
            (0, (0, 0), 13, true),
            (0, (0, 0), 300, false),
            (9, (0, 0), 21, false),
            // Killed before or after the first byte beyond the offset.
            (9, (0, 8 * MIB), 1, false),
            (9, (300 * KIB, 8 * MIB), 1, false),
            (9, (300 * KIB, 8 * MIB), 40, true),
        ] {
            let broken = is_broken.then(|| io::Error::other("gone"));
            let (length, taken) = appended(before, stray, parts, broken).await;
            assert_eq!(length, (before + parts) * 128 * KIB);
            assert!(taken <= length + 64 * KIB, "{taken} bytes taken for {length}");
        }
    }
}
