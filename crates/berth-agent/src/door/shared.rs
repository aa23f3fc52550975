//! The door for other agents: chunks, and which of them are here, for those who have the registry's ticket.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use berth_oci::{Digest, ErrorCode};
use bytes::Bytes;
use futures_util::Stream;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Answers, Body, empty, refusal, streamed, whole};
use crate::cache::Entry;
use crate::figures;
use crate::job::Jobs;
use crate::tickets::{Keys, Refusal};
use crate::wire::TICKET_SCHEME;

/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(3);
/// How long the question what is here is held.
const HELD: Duration = Duration::from_secs(5);
/// How many wait for each turn that there is.
const QUEUE: usize = 2;

/// What is behind the door for other agents.
pub(crate) struct Shared {
    jobs: Arc<Jobs>,
    keys: Arc<Keys>,
    slots: Arc<Semaphore>,
    queue_max: usize,
    waiting: AtomicUsize,
}

/// What another agent asks for.
enum Asked {
    Chunk(Digest, usize),
    Have(Digest, usize),
}

impl Shared {
    /// Gives so many chunks at one time.
    pub(crate) fn new(jobs: Arc<Jobs>, keys: Arc<Keys>, slots: usize) -> Self {
        Self {
            jobs,
            keys,
            slots: Arc::new(Semaphore::new(slots)),
            queue_max: slots * QUEUE,
            waiting: AtomicUsize::new(0),
        }
    }

    async fn chunk(&self, entry: Arc<Entry>, chunk: usize) -> Response<Body> {
        if chunk >= entry.chunks() || !entry.has(chunk) {
            return empty(StatusCode::NOT_FOUND);
        }
        let Some(turn) = self.turn().await else {
            figures::add(&self.jobs.figures.busy, 1);
            let mut answer = empty(StatusCode::SERVICE_UNAVAILABLE);
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        };
        if !entry.prove(chunk).await {
            return empty(StatusCode::NOT_FOUND);
        }
        let (start, length) = entry.extent(chunk);
        figures::add(&self.jobs.figures.shared, length as u64);
        streamed(
            StatusCode::OK,
            length as u64,
            pieces(entry, start, start + length as u64, turn),
        )
    }

    /// A place among those who are given chunks, unless too many wait.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(turn) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(turn);
        }
        let waiting = Waiting::one_more(&self.waiting);
        if waiting.before >= self.queue_max {
            return None;
        }
        tokio::time::timeout(TURN, Arc::clone(&self.slots).acquire_owned())
            .await
            .ok()?
            .ok()
    }

    /// Which chunks are here, as soon as there are more than the other side knows of.
    async fn have(entry: Arc<Entry>, since: usize) -> Response<Body> {
        let mut changes = entry.changes();
        let more = async {
            // Ends with the entry at the latest, whose sender is gone then.
            while entry.count() <= since && changes.changed().await.is_ok() {}
        };
        let is_more = tokio::time::timeout(HELD, more).await;
        tracing::trace!(digest = %entry.digest(), more = is_more.is_ok(), "another agent asked what is here");
        whole(
            StatusCode::OK,
            "application/octet-stream",
            entry.have().as_bytes().to_vec(),
        )
    }
}

impl Answers for Shared {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        fingerprint: Option<Arc<str>>,
    ) -> Response<Body> {
        let Some(asked) = asked_for(&request) else {
            return empty(StatusCode::NOT_FOUND);
        };
        let (Asked::Chunk(digest, _) | Asked::Have(digest, _)) = &asked;
        let login = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|login| login.to_str().ok());
        let ticket = login.and_then(|login| login.strip_prefix(TICKET_SCHEME)?.strip_prefix(' '));
        let (Some(ticket), Some(fingerprint)) = (ticket, fingerprint) else {
            return refusal(
                StatusCode::UNAUTHORIZED,
                ErrorCode::Unauthorized,
                "a ticket of the registry is needed",
            );
        };
        match self
            .keys
            .check(&self.jobs.registry, ticket, &fingerprint, digest)
            .await
        {
            Ok(()) => {}
            Err(Refusal::Invalid) => {
                return refusal(
                    StatusCode::UNAUTHORIZED,
                    ErrorCode::Unauthorized,
                    "this ticket is not valid",
                );
            }
            Err(Refusal::Foreign) => {
                return refusal(
                    StatusCode::FORBIDDEN,
                    ErrorCode::Denied,
                    "this ticket is for somebody or something else",
                );
            }
        }
        // Not as a use: what others fetch keeps nothing here that this node does not need.
        let Some(entry) = self.jobs.cache.peek(digest) else {
            return empty(StatusCode::NOT_FOUND);
        };
        match asked {
            Asked::Chunk(_, chunk) => self.chunk(entry, chunk).await,
            Asked::Have(_, since) => Self::have(entry, since).await,
        }
    }
}

/// One more who waits.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn one_more(count: &'a AtomicUsize) -> Self {
        let before = count.fetch_add(1, Ordering::Relaxed);
        Self { count, before }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn asked_for(request: &Request<Incoming>) -> Option<Asked> {
    if *request.method() != Method::GET {
        return None;
    }
    let path = request.uri().path();
    if let Some(rest) = path.strip_prefix("/chunk/") {
        let (digest, chunk) = rest.split_once('/')?;
        return Some(Asked::Chunk(digest.parse().ok()?, chunk.parse().ok()?));
    }
    let digest = path.strip_prefix("/have/")?.parse().ok()?;
    let since = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("since="));
    Some(Asked::Have(
        digest,
        since.map_or(Some(0), |since| since.parse().ok())?,
    ))
}

fn pieces(
    entry: Arc<Entry>,
    start: u64,
    end: u64,
    turn: OwnedSemaphorePermit,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    futures_util::stream::try_unfold((entry, start..end, turn), async |(entry, left, turn)| {
        if left.is_empty() {
            return Ok(None);
        }
        let piece = entry.read(left.start, left.end - left.start).await?;
        let left = left.start + piece.len() as u64..left.end;
        Ok(Some((piece, (entry, left, turn))))
    })
}
