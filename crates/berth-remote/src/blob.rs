//! Blobs of another registry as streams: gone on with where a connection broke off, and checked by digest at the end.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use berth_oci::{ContentRange, Digest, digest::Hasher};
use bytes::{Buf, Bytes};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::Repository;
use crate::error::Error;
use crate::exchange::Ask;
use crate::retry::Backoff;

/// Breaks that one blob's stream survives, with progress between them.
const BREAKS_MAX: u32 = 100;

/// The bytes of a blob, from where they were asked for to the end. When that was the beginning, a stream that ends
/// without an error held what the digest promises.
pub struct Blob {
    size: Option<u64>,
    stream: BoxStream<'static, Result<Bytes, Error>>,
}

/// Bytes from the middle of a blob, which nothing was compared with.
pub type BlobPart = BoxStream<'static, Result<Bytes, Error>>;

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Blob {
    /// Bytes of the whole blob, when the registry says it: compare it with the descriptor before reading.
    pub fn size(&self) -> Option<u64> {
        self.size
    }
}

impl Stream for Blob {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}

/// A blob on its way.
struct Reading {
    repository: Repository,
    digest: Digest,
    response: Response,
    /// The next byte to hand on, counted from the beginning of the blob.
    position: u64,
    /// Bytes that come first and are known already: the registry does not send parts.
    skipped: u64,
    size: Option<u64>,
    /// None when the beginning is not read here.
    hasher: Option<Hasher>,
    breaks_left: u32,
    backoff: Backoff,
}

/// An answer with bytes of a blob.
struct Opened {
    response: Response,
    skipped: u64,
    size: Option<u64>,
}

impl Repository {
    /// Whether a blob is in the repository.
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        let url = self.url(&format!("blobs/{digest}"))?;
        // Who asks is about to push most often: the token serves for both.
        let ask = Ask::new(Method::HEAD, url, &[self.push_scope()]);
        match self.exchange().send(&ask).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How many bytes a blob of the repository has, for somebody who pulls; [`Error::NotFound`] when it is not there, none
    /// when the registry does not say it.
    pub async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let ask = Ask::new(Method::HEAD, url, &[self.pull_scope()]);
        let answer = self.exchange().send(&ask).await?;
        let length = answer.header(CONTENT_LENGTH.as_str());
        Ok(length.and_then(|length| length.parse().ok()))
    }

    /// The bytes of a blob from `start` to the end, unchecked, with one request and nothing after a break; none when the
    /// registry would send all that comes before them, too.
    pub async fn blob_part(&self, digest: &Digest, part: Range<u64>) -> Result<Option<BlobPart>, Error> {
        let opened = self.open(digest, (part.start, Some(part.end))).await?;
        if opened.skipped > 0 {
            return Ok(None);
        }
        let (exchange, left) = (Arc::clone(&self.remote.exchange), part.end - part.start);
        let start = (exchange, opened.response, left);
        Ok(Some(
            stream::try_unfold(start, async |(exchange, mut response, left)| {
                if left == 0 {
                    return Ok(None);
                }
                let Some(mut bytes) = exchange.transport().next(&mut response).await? else {
                    return Err(Error::unavailable("a part of a blob ended early"));
                };
                bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - bytes.len() as u64;
                Ok(Some((bytes, (exchange, response, left))))
            })
            .boxed(),
        ))
    }

    /// The bytes of a blob from `start` to the end. Connections that break are made anew, and the stream goes on.
    /// With a `start` the caller checks the digest: the bytes before it are not here.
    pub async fn blob(&self, digest: &Digest, start: u64) -> Result<Blob, Error> {
        let mut backoff = Backoff::new(self.exchange().limits());
        let opened = loop {
            let error = match self.open(digest, (start, None)).await {
                Ok(opened) => break opened,
                Err(error) => error,
            };
            match backoff.pause(&error) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        };
        let reading = Reading {
            repository: self.clone(),
            digest: digest.clone(),
            response: opened.response,
            position: start,
            skipped: opened.skipped,
            size: opened.size,
            hasher: (start == 0).then(|| Hasher::new(digest.algorithm())),
            breaks_left: BREAKS_MAX,
            backoff: Backoff::new(self.exchange().limits()),
        };
        Ok(Blob {
            size: opened.size,
            stream: stream::try_unfold(reading, Reading::step).boxed(),
        })
    }

    /// Asks for a blob from `start` on, to its end or before `end`; what is answered may begin before.
    async fn open(&self, digest: &Digest, (start, end): (u64, Option<u64>)) -> Result<Opened, Error> {
        let url = self.url(&format!("blobs/{digest}"))?;
        // The digest is that of the bytes as they are stored.
        let mut ask =
            Ask::get(url, &[self.pull_scope()]).header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if start > 0 {
            let last = end.map_or_else(String::new, |end| end.saturating_sub(1).to_string());
            let range = HeaderValue::from_str(&format!("bytes={start}-{last}"));
            ask = ask.header(RANGE, range.expect("a number is visible ASCII"));
        }
        let answer = self.exchange().send_once(&ask, None).await?;
        if answer
            .header(CONTENT_ENCODING.as_str())
            .is_some_and(|coding| coding != "identity")
        {
            return Err(Error::malformed(
                "the registry sends a blob packed otherwise than it is stored",
            ));
        }
        let length = answer
            .header(CONTENT_LENGTH.as_str())
            .and_then(|length| length.parse::<u64>().ok());
        let (skipped, size) = if answer.status() == StatusCode::PARTIAL_CONTENT {
            let told = answer.header(CONTENT_RANGE.as_str()).and_then(part);
            let (range, size) = told.ok_or_else(wrong_part)?;
            let behind = range.end.checked_add(1);
            if range.start != start || end.or(size).is_some_and(|end| behind != Some(end)) {
                return Err(wrong_part());
            }
            (0, size)
        } else {
            (start, length)
        };
        Ok(Opened {
            response: answer.into_response(),
            skipped,
            size,
        })
    }
}

impl Reading {
    /// The next bytes and what is left to read; none at the end, once it has been checked.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        loop {
            let repository = self.repository.clone();
            match repository.exchange().transport().next(&mut self.response).await {
                Ok(Some(bytes)) => {
                    if let Some(bytes) = self.unknown(bytes)? {
                        return Ok(Some((bytes, self)));
                    }
                }
                Ok(None) if self.is_short() => self.reopen(Error::unavailable("a blob ended early")).await?,
                Ok(None) => return self.checked().map(|()| None),
                Err(error) => self.reopen(error).await?,
            }
        }
    }

    /// What of these bytes was not handed on before.
    fn unknown(&mut self, mut bytes: Bytes) -> Result<Option<Bytes>, Error> {
        let known = usize::try_from(self.skipped)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        bytes.advance(known);
        self.skipped -= known as u64;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.position += bytes.len() as u64;
        let most = self
            .size
            .unwrap_or(self.repository.exchange().limits().blob_bytes_max);
        if self.position > most {
            return Err(Error::Mismatch(format!(
                "the blob {} has more bytes than it should",
                self.digest
            )));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        self.backoff.progressed();
        Ok(Some(bytes))
    }

    fn is_short(&self) -> bool {
        self.skipped > 0 || self.size.is_some_and(|size| self.position < size)
    }

    fn checked(&self) -> Result<(), Error> {
        let is_wrong = self
            .hasher
            .as_ref()
            .is_some_and(|hasher| hasher.finish() != self.digest);
        if is_wrong {
            return Err(Error::Mismatch(format!(
                "the blob {} of {} is not what its digest says",
                self.digest, self.repository.name
            )));
        }
        Ok(())
    }

    /// Asks for the rest after a break.
    async fn reopen(&mut self, error: Error) -> Result<(), Error> {
        let mut error = error;
        loop {
            let pause = self.backoff.pause(&error).filter(|_| self.breaks_left > 0);
            let Some(pause) = pause else { return Err(error) };
            self.breaks_left -= 1;
            tokio::time::sleep(pause).await;
            match self.repository.open(&self.digest, (self.position, None)).await {
                Ok(opened) => {
                    if opened.size.is_some() && self.size.is_some() && opened.size != self.size {
                        return Err(Error::Mismatch(format!(
                            "the blob {} changed its size",
                            self.digest
                        )));
                    }
                    self.size = self.size.or(opened.size);
                    self.skipped = opened.skipped;
                    self.response = opened.response;
                    return Ok(());
                }
                Err(again) => error = again,
            }
        }
    }
}

fn wrong_part() -> Error {
    Error::malformed("the registry sends another part of a blob than it was asked for")
}

/// A `Content-Range` and the whole size, when it is told.
fn part(header: &str) -> Option<(ContentRange, Option<u64>)> {
    let size = header.rsplit_once('/').map_or("*", |(_, size)| size.trim());
    let range: ContentRange = header.parse().ok()?;
    match size {
        "*" => Some((range, None)),
        size => Some((range, Some(size.parse().ok()?))),
    }
}
