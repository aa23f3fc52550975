//! A range of a blob as a stream that never ends early: a connection that is lost goes on where it broke.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;

use super::bucket::Bucket;
use super::failure::{says, translated};
use crate::{ByteStream, Error};

const DOING: &str = "read a blob";
/// How often a stream may go on after a loss...
const RESUMES: u32 = 8;
/// ...without having carried this many bytes since.
const RESUME_EARNED_BYTES: u64 = 16 << 20;

struct Download {
    bucket: Arc<Bucket>,
    path: Path,
    rest: Range<u64>,
    etag: Option<String>,
    body: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    resumes: u32,
    /// Bytes since the last loss.
    carried: u64,
}

pub(super) async fn open(bucket: &Arc<Bucket>, path: Path, range: Range<u64>) -> Result<ByteStream, Error> {
    if range.is_empty() {
        bucket.size(DOING, &path).await?;
        return Ok(stream::empty().boxed());
    }
    let mut download = Download {
        bucket: Arc::clone(bucket),
        path,
        rest: range,
        etag: None,
        body: None,
        resumes: RESUMES,
        carried: 0,
    };
    match download.connect().await {
        Err(Error::Internal { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(stream::iter([Err(source)]).boxed());
        }
        connected => connected?,
    }
    let items = stream::unfold(Some(download), |download| async move {
        let mut download = download?;
        match download.next().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(download))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(items.boxed())
}

impl Download {
    /// Asks for what is left.
    async fn connect(&mut self) -> Result<(), Error> {
        let wanted = self.rest.clone();
        let answer = match self.bucket.get(&self.path, Some(wanted.clone())).await {
            Err(error) if says(&error, &["InvalidRange"]) => return Err(short(&wanted)),
            answer => answer.map_err(|error| translated(DOING, error))?,
        };
        if answer.range != wanted {
            return Err(short(&wanted));
        }
        if self.etag.is_some() && self.etag != answer.meta.e_tag {
            let source = io::Error::new(io::ErrorKind::InvalidData, "the blob changed while it was read");
            return Err(Error::Internal {
                doing: DOING.to_owned(),
                source,
            });
        }
        self.etag.clone_from(&answer.meta.e_tag);
        self.body = Some(answer.into_stream());
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.rest.is_empty() {
            if self.body.is_none() {
                self.connect().await.map_err(into_io)?;
            }
            let body = self.body.as_mut().expect("it was just made");
            let lost = match tokio::time::timeout(self.bucket.patience.stall, body.next()).await {
                Ok(Some(Ok(chunk))) if chunk.len() as u64 <= self.rest.end - self.rest.start => {
                    self.advance(chunk.len() as u64);
                    return Ok(Some(chunk));
                }
                Ok(Some(Ok(_))) => {
                    return Err(io::Error::other("more bytes than asked for"));
                }
                Ok(Some(Err(error))) => io::Error::other(error),
                // Not an end of the blob, which would be damage: the length was agreed.
                Ok(None) => io::Error::from(io::ErrorKind::ConnectionReset),
                Err(_) => io::Error::from(io::ErrorKind::TimedOut),
            };
            self.body = None;
            if self.resumes == 0 {
                return Err(lost);
            }
            self.resumes -= 1;
            self.carried = 0;
            tokio::time::sleep(self.bucket.patience.pause(RESUMES - self.resumes)).await;
        }
        Ok(None)
    }

    fn advance(&mut self, bytes: u64) {
        self.rest.start += bytes;
        self.carried += bytes;
        if self.carried >= RESUME_EARNED_BYTES {
            self.carried = 0;
            self.resumes = (self.resumes + 1).min(RESUMES);
        }
    }
}

/// All of an object, whatever its length; none is [`Error::NotFound`].
pub(super) async fn open_whole(bucket: &Arc<Bucket>, path: Path) -> Result<ByteStream, Error> {
    let length = bucket.size(DOING, &path).await?;
    open(bucket, path, 0..length).await
}

fn short(wanted: &Range<u64>) -> Error {
    let source = format!("the blob ends before byte {}", wanted.end);
    Error::Internal {
        doing: DOING.to_owned(),
        source: io::Error::new(io::ErrorKind::UnexpectedEof, source),
    }
}

pub(super) fn into_io(error: Error) -> io::Error {
    match error {
        Error::NotFound => io::Error::new(io::ErrorKind::NotFound, error),
        Error::Internal { source, .. } | Error::Unavailable { source, .. } => source,
        error => io::Error::other(error),
    }
}
