//! Writing an upload: from a stream of small buffers to large writes and one sync.
//! While one batch is being written, the next one is gathered, so a body costs two batches of memory whatever its
//! size, and a client that stalls holds no thread.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use rustix::fs::FlockOperation;
use tokio::task::JoinHandle;

use super::joined;
use crate::{ByteStream, Error};

/// How much one write takes to the disk.
const BATCH_BYTES: usize = 512 << 10;
/// Buffers below this size are copied together, so that a body in tiny pieces does not become tiny writes.
const COPY_BELOW_BYTES: usize = 16 << 10;
/// After so many bytes a sync runs beside the writes, so that the last one, which the client waits for, is short.
const SYNC_EVERY_BYTES: u64 = 32 << 20;

/// Writes `body` to the file `path` from `offset` on, and moves `offset` over what is durable.
pub(super) async fn append(path: PathBuf, offset: &mut u64, mut body: ByteStream) -> Result<(), Error> {
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
    *offset = writer.finish(batch).await?;
    broken.map_or(Ok(()), |error| Err(Error::Body(error)))
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

    /// Writes the rest and makes everything durable; the upload's new offset.
    async fn finish(self, batch: Batch) -> Result<u64, Error> {
        let sink = self.sink().await?;
        if batch.bytes == 0 && sink.file.is_none() {
            return Ok(sink.start);
        }
        joined(tokio::task::spawn_blocking(move || sink.write(batch)?.sync())).await
    }
}

/// The side of an append that waits for the disk.
struct Sink {
    path: PathBuf,
    start: u64,
    end: u64,
    file: Option<Arc<Claim>>,
    /// Up to where a sync beside the writes was begun.
    early_end: u64,
    /// How that sync ends.
    early: Option<Receiver<io::Result<()>>>,
}

impl Sink {
    fn new(path: PathBuf, start: u64) -> Self {
        Self {
            path,
            start,
            end: start,
            file: None,
            early_end: start,
            early: None,
        }
    }

    fn write(mut self, mut batch: Batch) -> Result<Self, Error> {
        batch.seal();
        if self.file.is_none() {
            self.file = Some(Arc::new(self.open()?));
        }
        let file = self.file.as_ref().expect("opened above");
        let written = write_all_at(file, &batch.parts, self.end);
        self.end += batch.bytes as u64;
        match written.and_then(|()| self.sync_early()) {
            Ok(()) => Ok(self),
            Err(error) => Err(self.restore("write an upload", error)),
        }
    }

    /// Has the disk begin with what is written, at most one sync at a time.
    fn sync_early(&mut self) -> io::Result<()> {
        let Some(file) = self
            .file
            .as_ref()
            .filter(|_| self.end - self.early_end >= SYNC_EVERY_BYTES)
        else {
            return Ok(());
        };
        match self.early.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return Ok(()),
            Some(Ok(done)) => done?,
            Some(Err(TryRecvError::Disconnected)) | None => {}
        }
        let (file, (told, early)) = (Arc::clone(file), mpsc::sync_channel(1));
        (self.early, self.early_end) = (Some(early), self.end);
        tokio::task::spawn_blocking(move || {
            let done = file.sync_data();
            // Before the append can end, so that whoever comes next does not find the upload still claimed.
            drop(file);
            told.send(done)
        });
        Ok(())
    }

    fn sync(self) -> Result<u64, Error> {
        let last = self.file.as_ref().map_or(Ok(()), |file| file.sync_data());
        // A failure is told once for each open file, so the earlier sync may have swallowed it.
        let early = self
            .early
            .as_ref()
            .and_then(|early| early.recv().ok())
            .unwrap_or(Ok(()));
        match last.and(early) {
            Ok(()) => Ok(self.end),
            Err(error) => Err(self.restore("sync an upload", error)),
        }
    }

    /// Opens the file at the place where this append goes on, alone.
    fn open(&self) -> Result<Claim, Error> {
        let failed = |source| Error::from_io("open an upload", source);
        let file = claim(&self.path, self.start == 0)?.ok_or(Error::NotFound)?;
        let found = file.metadata().map_err(failed)?.len();
        if found < self.start {
            return Err(failed(too_short(found, self.start)));
        }
        if found > self.start {
            file.set_len(self.start).map_err(failed)?;
        }
        Ok(file)
    }

    /// Takes away what a failed append left behind, and says why it failed.
    fn restore(self, doing: &str, error: io::Error) -> Error {
        if let Some(early) = &self.early {
            // Only waits: whatever it tells comes after the first failure.
            early.recv().ok();
        }
        let restored = match &self.file {
            Some(file) if self.start > 0 => file.set_len(self.start),
            _ => fs::remove_file(&self.path),
        };
        if let Err(error) = restored {
            // The next append, or the sweep of unfinished uploads, drops these bytes.
            tracing::warn!(path = %self.path.display(), %error, "bytes of a failed append stay behind");
        }
        Error::from_io(doing, error)
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

impl Drop for Claim {
    /// Closing is not enough: a process that is being started beside us has the file open until it runs its program.
    fn drop(&mut self) {
        if let Err(error) = rustix::fs::flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "an upload stays locked until its file is closed");
        }
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
