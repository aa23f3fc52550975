//! One reader of a blob: from the disk, from chunks on their way, from the store itself when neither has the bytes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use rustix::io::{Errno, pread};

use super::chunk::{BlobId, ChunkId};
use super::fetch::{Fetch, Fetches, Place};
use crate::{BlobBytes, BlobStore, Error};

/// How much one item from the disk holds.
const ITEM_BYTES: u64 = 256 << 10;

/// A reader, at a place in its parts.
pub(super) struct Reading<S> {
    store: S,
    fetches: Fetches,
    key: String,
    size: u64,
    source: Source,
    /// The chunk after the current one: held so that it is fetched.
    ahead: Option<Arc<Fetch>>,
    /// Whether the cache has failed this reader.
    is_direct: bool,
}

/// What is read now.
enum Source {
    None,
    File(ChunkId, Arc<File>),
    Coming(ChunkId, Arc<Fetch>),
    Store(BlobBytes),
}

impl<S: BlobStore + Clone> Reading<S> {
    pub(super) fn new(store: S, fetches: Fetches, (key, size): (String, u64)) -> Self {
        Self {
            store,
            fetches,
            key,
            size,
            source: Source::None,
            ahead: None,
            is_direct: false,
        }
    }

    /// Reads parts one after the other. What the store says at the beginning is said here.
    pub(super) async fn read(
        mut self,
        parts: Vec<Range<u64>>,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send, Error> {
        let mut parts = parts.into_iter();
        let mut part = parts.next().unwrap_or(0..0);
        let first = if part.is_empty() {
            None
        } else {
            self.next(&part).await?
        };
        part.start += first.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let first = stream::iter(first.map(Ok));
        let rest = stream::try_unfold((self, part, parts), async |(mut reading, mut part, mut parts)| {
            while part.is_empty() {
                match parts.next() {
                    Some(next) => {
                        reading.source = Source::None;
                        part = next;
                    }
                    None => return Ok(None),
                }
            }
            let read = reading.next(&part).await.map_err(into_io)?;
            let bytes = read.ok_or(io::ErrorKind::UnexpectedEof)?;
            part.start += bytes.len() as u64;
            Ok(Some((bytes, (reading, part, parts))))
        });
        Ok(first.chain(rest.into_stream()))
    }

    /// The next bytes of `rest`, which has some.
    async fn next(&mut self, rest: &Range<u64>) -> Result<Option<Bytes>, Error> {
        loop {
            let within = |id: ChunkId| {
                let chunk = id.range();
                chunk
                    .contains(&rest.start)
                    .then(|| rest.start - chunk.start..rest.end.min(chunk.end) - chunk.start)
            };
            match &mut self.source {
                Source::Store(bytes) => {
                    let read = bytes.next().await.transpose();
                    return read.map_err(|source| Error::Internal {
                        doing: "read a blob".to_owned(),
                        source,
                    });
                }
                Source::File(id, file) => {
                    if let Some(range) = within(*id) {
                        match read_at(file, range).await {
                            Ok(bytes) => return Ok(Some(bytes)),
                            Err(error) => {
                                tracing::warn!(%error, key = self.key, "a chunk of the cache cannot be read");
                                let (disk, id) = (Arc::clone(self.fetches.shelf()), *id);
                                let _gone = tokio::task::spawn_blocking(move || disk.forget(id)).await;
                                self.is_direct = true;
                            }
                        }
                    }
                }
                Source::Coming(id, fetch) => {
                    if let Some(range) = within(*id) {
                        if let Some(bytes) = fetch.next(range.start).await {
                            let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
                            return Ok(Some(bytes.slice(..bytes.len().min(length))));
                        }
                        // It has ended: it is on the disk, or the store knows why it is not.
                        self.is_direct = !self.fetches.shelf().has(*id);
                    }
                }
                Source::None => {}
            }
            self.source = self.find(rest).await?;
        }
    }

    async fn find(&mut self, rest: &Range<u64>) -> Result<Source, Error> {
        let id = ChunkId::at(BlobId::of(&self.key), self.size, rest.start);
        if self.is_direct {
            let opened = self.store.open(&self.key, rest.clone()).await?;
            return Ok(Source::Store(opened));
        }
        let place = self.fetches.place(&self.store, &self.key, id);
        let next = ChunkId {
            number: id.number + 1,
            ..id
        };
        self.ahead = None;
        if rest.end > id.range().end
            && let Place::Coming(ahead) = self.fetches.place(&self.store, &self.key, next)
        {
            self.ahead = Some(ahead);
        }
        match place {
            Place::Coming(fetch) => Ok(Source::Coming(id, fetch)),
            Place::Shelf => {
                self.fetches.figures.hits.inc();
                let disk = Arc::clone(self.fetches.shelf());
                let opened = tokio::task::spawn_blocking(move || disk.open_chunk(id)).await;
                match opened.ok().flatten() {
                    Some(file) => Ok(Source::File(id, Arc::new(file))),
                    // Thrown away between two looks: it is fetched anew at the next.
                    None => Ok(Source::None),
                }
            }
            Place::Store => {
                self.is_direct = true;
                Ok(Source::None)
            }
        }
    }
}

/// The first bytes of a range of a file.
async fn read_at(file: &Arc<File>, range: Range<u64>) -> io::Result<Bytes> {
    let file = Arc::clone(file);
    let length = usize::try_from((range.end - range.start).min(ITEM_BYTES)).unwrap_or(0);
    let read = tokio::task::spawn_blocking(move || {
        let mut buffer = BytesMut::zeroed(length);
        loop {
            match pread(&file, &mut buffer[..], range.start) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    buffer.truncate(read);
                    return Ok(buffer.freeze());
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    });
    read.await.unwrap_or_else(|gone| Err(io::Error::other(gone)))
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::NotFound => io::Error::new(io::ErrorKind::NotFound, error),
        Error::Internal { source, .. } | Error::Unavailable { source, .. } => source,
        error => io::Error::other(error),
    }
}
