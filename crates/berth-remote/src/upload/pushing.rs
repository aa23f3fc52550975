//! One push under way: what is known about it, the next request, and what a failure means for it.

use berth_oci::Digest;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use reqwest::{Method, StatusCode, Url};

use super::{BlobPush, UploadSession};
use crate::Repository;
use crate::error::Error;
use crate::exchange::{Answer, Ask};
use crate::retry::Backoff;
use crate::transport::Outgoing;

/// Breaks that one push survives, with progress between them.
const BREAKS_MAX: u32 = 100;
/// Sessions that one push begins: the first, and others after one was forgotten.
const SESSIONS_MAX: u32 = 4;
/// Bytes of the first chunk after a break.
const PROBE_BYTES: u64 = 1 << 20;
/// How often one session may be out of step.
const MISSTEPS_MAX: u32 = 2;
/// How many times a blob's bytes are sent before the registry is taken for one that loses them.
const TIMES_MAX: u64 = 4;

/// A push under way.
pub(super) struct Pushing<'a> {
    repository: &'a Repository,
    push: &'a BlobPush<'a>,
    /// Everything goes in the closing request: the blob is small, or the registry takes no chunks.
    is_whole: bool,
    bytes_sent: u64,
    /// The registry found other bytes than the digest promises, once.
    is_mistaken: bool,
    sessions_left: u32,
    breaks_left: u32,
    /// The registry may still be writing what came over the connection that broke, and then not take what is sent now:
    /// little is sent first.
    is_probing: bool,
    /// How often this session may still be asked where it stands because it was somewhere else.
    missteps_left: u32,
    /// Bytes of this session that the registry had at most.
    farthest: u64,
    backoff: Backoff,
}

/// What is known about the push.
enum Stand {
    /// There is no session.
    Nowhere,
    /// There was a session; the registry says whether it still is, and how far it got.
    Unsure(UploadSession),
    /// The registry waits for what follows.
    At(UploadSession),
}

impl<'a> Pushing<'a> {
    pub(super) fn new(repository: &'a Repository, push: &'a BlobPush<'a>) -> Self {
        let limits = repository.exchange().limits();
        Self {
            repository,
            push,
            is_whole: push.size <= limits.chunk_bytes,
            bytes_sent: 0,
            is_mistaken: false,
            sessions_left: SESSIONS_MAX,
            breaks_left: BREAKS_MAX,
            is_probing: false,
            missteps_left: MISSTEPS_MAX,
            farthest: 0,
            backoff: Backoff::new(limits),
        }
    }

    pub(super) fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    pub(super) async fn run(&mut self) -> Result<(), Error> {
        let kept = self
            .push
            .session
            .clone()
            .filter(|session| self.is_usable(session));
        // One that nothing was sent to, as far as is known, may have taken bytes before its process ended.
        let mut stand = kept.map_or(Stand::Nowhere, Stand::Unsure);
        loop {
            match self.advance(&stand).await {
                Ok(None) => return Ok(()),
                Ok(Some(session)) => {
                    (self.push.notice)(&session);
                    if session.offset > self.farthest {
                        self.farthest = session.offset;
                        self.backoff.progressed();
                    }
                    stand = Stand::At(session);
                }
                Err(error) => stand = self.recover(stand, error).await?,
            }
        }
    }

    /// Whether a session of before can be one of this blob, which the registry can be asked about. What it kept elsewhere, or
    /// at an address that was its own once, is of no use.
    fn is_usable(&self, session: &UploadSession) -> bool {
        self.is_asked(session) && session.digest == *self.push.digest && session.offset <= self.push.size
    }

    /// Sends the next request; where the push stands then, or none when the blob is there.
    async fn advance(&mut self, stand: &Stand) -> Result<Option<UploadSession>, Error> {
        match stand {
            Stand::Nowhere => {
                let is_first = self.sessions_left == SESSIONS_MAX;
                // The closing request may have done its work before its answer was lost.
                if !is_first && self.repository.has_blob(self.push.digest).await? {
                    return Ok(None);
                }
                self.sessions_left -= 1;
                self.farthest = 0;
                self.missteps_left = MISSTEPS_MAX;
                self.repository.begin(self.push.digest).await.map(Some)
            }
            Stand::Unsure(session) => self.ask(session).await.map(Some),
            Stand::At(session)
                if self.is_whole && session.offset == 0 || session.offset == self.push.size =>
            {
                self.finish(session).await.map(|()| None)
            }
            Stand::At(session) => self.append(session).await.map(Some),
        }
    }

    /// Whether the registry itself keeps the session.
    fn is_asked(&self, session: &UploadSession) -> bool {
        let url = self.repository.address(session);
        url.is_ok_and(|url| self.repository.exchange().is_own(&url))
    }

    /// Asks how far a session got.
    async fn ask(&mut self, session: &UploadSession) -> Result<UploadSession, Error> {
        self.is_probing = true;
        let ask = self.request(Method::GET, self.repository.address(session)?);
        let answer = self.repository.exchange().send_once(&ask, None).await?;
        let taken = answer.header(RANGE.as_str()).map(taken);
        let offset =
            taken.ok_or_else(|| Error::malformed("the registry does not say how far an upload got"))?;
        if offset > self.push.size {
            return Err(Error::malformed("the registry has more of a blob than there is"));
        }
        self.next(session, &answer, offset)
    }

    /// Sends the next chunk.
    async fn append(&mut self, session: &UploadSession) -> Result<UploadSession, Error> {
        let left = self.push.size - session.offset;
        let chunk = self.repository.exchange().limits().chunk_bytes;
        let chunk = if self.is_probing {
            chunk.min(PROBE_BYTES)
        } else {
            chunk
        };
        let length = chunk.max(session.chunk_bytes_min).min(left);
        let end = session.offset + length;
        let ask = self
            .request(Method::PATCH, self.repository.address(session)?)
            .header(CONTENT_RANGE, number(&format!("{}-{}", session.offset, end - 1)));
        let answer = self.send(&ask, session.offset, length).await?;
        self.is_probing = false;
        // A registry may take less than it was sent.
        let offset = answer.header(RANGE.as_str()).map_or(end, taken);
        if offset <= session.offset || offset > end {
            return Err(Error::malformed("the registry miscounts the bytes of a blob"));
        }
        self.next(session, &answer, offset)
    }

    /// Closes the session, with everything that is left.
    async fn finish(&mut self, session: &UploadSession) -> Result<(), Error> {
        let mut url = self.repository.address(session)?;
        url.query_pairs_mut()
            .append_pair("digest", self.push.digest.as_str());
        let ask = self.request(Method::PUT, url);
        let answer = self
            .send(&ask, session.offset, self.push.size - session.offset)
            .await;
        let answer = answer.map_err(|error| self.judged(error))?;
        match answer.status() {
            StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT => {
                self.repository.check_kept(&answer, self.push.digest)
            }
            status => Err(Error::malformed(format!(
                "the registry answers {} to the end of a blob",
                status.as_u16()
            ))),
        }
    }

    fn judged(&self, error: Error) -> Error {
        let digest: &Digest = self.push.digest;
        match error {
            Error::Refused {
                code: Some(code),
                message,
                ..
            } if code == "DIGEST_INVALID" => Error::Mismatch(format!(
                "the registry finds that the bytes it was sent are not {digest}: {message}"
            )),
            error => error,
        }
    }

    /// Sends bytes of the blob as the body of a request.
    async fn send(&mut self, ask: &Ask, offset: u64, length: u64) -> Result<Answer, Error> {
        let exchange = self.repository.exchange();
        if length == 0 {
            return exchange.send_once(ask, None).await;
        }
        let most = self.push.size.saturating_mul(TIMES_MAX);
        if self.bytes_sent > most {
            return Err(Error::Unavailable {
                reason: "the registry loses what it is sent".to_owned(),
                // Not now: nobody waits longer than the longest pause.
                after: Some(exchange.limits().pause_max.saturating_mul(2)),
            });
        }
        let stream = (self.push.source)(offset).await.map_err(Error::Source)?;
        let outgoing = Outgoing::new(stream, length);
        let journey = outgoing.journey();
        let answer = exchange.send_once(ask, Some(outgoing)).await;
        self.bytes_sent = self.bytes_sent.saturating_add(journey.sent());
        answer
    }

    fn request(&self, method: Method, url: Url) -> Ask {
        let octets = HeaderValue::from_static("application/octet-stream");
        let is_read = method == Method::GET;
        let ask = Ask::new(method, url, &[self.repository.push_scope()]);
        if is_read {
            ask
        } else {
            ask.header(CONTENT_TYPE, octets)
        }
    }

    fn next(&self, session: &UploadSession, answer: &Answer, offset: u64) -> Result<UploadSession, Error> {
        let location = self.repository.location(answer)?;
        Ok(UploadSession {
            digest: session.digest.clone(),
            location: location.map_or_else(|| session.location.clone(), String::from),
            offset,
            chunk_bytes_min: session.chunk_bytes_min,
        })
    }

    /// Whether what came to nothing in one session comes to nothing in another.
    fn is_hopeless(&mut self, session: &UploadSession, error: &Error) -> bool {
        match error {
            // A registry that does not know chunks says the same of the first as of a session that is gone.
            Error::NotFound(_) => {
                self.is_whole |= session.offset == 0;
                false
            }
            error if is_out_of_step(error) => false,
            // Bytes that arrived before a break may be others; those of an unbroken session are the source's.
            Error::Mismatch(_) => {
                let is_broken = self.breaks_left < BREAKS_MAX || self.push.session.is_some();
                std::mem::replace(&mut self.is_mistaken, true) || !is_broken
            }
            // Without chunks it may be taken.
            _ => std::mem::replace(&mut self.is_whole, true) && session.offset == 0,
        }
    }

    /// What to do after a failure, once the pause that it takes is over; the error when nothing is left to do.
    async fn recover(&mut self, stand: Stand, error: Error) -> Result<Stand, Error> {
        let is_lost = matches!(
            error,
            Error::NotFound(_) | Error::Malformed(_) | Error::Refused { .. } | Error::Mismatch(_)
        );
        let next = match stand {
            // Begun under another login, which was replaced since.
            Stand::Unsure(_) if matches!(error, Error::Denied(_)) => Stand::Nowhere,
            _ if !is_lost && !error.is_transient() => return Err(error),
            Stand::Nowhere if is_lost => return Err(error),
            // Another server keeps the bytes: it is written to and not asked.
            Stand::At(session) | Stand::Unsure(session) if !self.is_asked(&session) => Stand::Nowhere,
            Stand::At(session) if !is_lost => Stand::Unsure(session),
            Stand::At(session) if is_out_of_step(&error) && self.missteps_left > 0 => {
                self.missteps_left -= 1;
                Stand::Unsure(session)
            }
            Stand::At(session) => {
                if self.is_hopeless(&session, &error) {
                    return Err(error);
                }
                Stand::Nowhere
            }
            Stand::Unsure(session) if !is_lost => Stand::Unsure(session),
            Stand::Unsure(_) | Stand::Nowhere => Stand::Nowhere,
        };
        if matches!(next, Stand::Nowhere) && self.sessions_left == 0 || self.breaks_left == 0 {
            return Err(error);
        }
        self.breaks_left -= 1;
        if is_lost && matches!(next, Stand::Nowhere) {
            // The number of sessions is bounded by itself.
            return Ok(next);
        }
        match self.backoff.again(error.retry_after()) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
        Ok(next)
    }
}

/// The registry expects other bytes than it was sent, or still writes those of a connection that broke.
fn is_out_of_step(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused {
            status: 409 | 416,
            ..
        }
    )
}

/// How many bytes a `Range` of an upload says. Registries write nothing at all as `0-0`, which is what they write for
/// one byte too.
fn taken(range: &str) -> u64 {
    let range = range.trim();
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let end = range.split_once('-').and_then(|(_, end)| end.parse::<u64>().ok());
    end.filter(|end| *end > 0).map_or(0, |end| end.saturating_add(1))
}

fn number(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("numbers are visible ASCII")
}
