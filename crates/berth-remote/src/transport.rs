//! One request on its way and its answer on the way back: nothing stalls for ever, nothing grows without bound, and what
//! goes wrong becomes an [`Error`]. Refuses to know logins.

use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;

use crate::error::{Error, shown};
use crate::{Guard, Limits, address, retry};

/// Bytes on their way; an error item ends them.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Bytes of an error's body that are read.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// Bytes of one piece of a request's body.
const PIECE_BYTES_MAX: usize = 64 << 10;
/// The name that requests carry.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("berth/", env!("CARGO_PKG_VERSION")));

/// The way to one registry and to what it names.
pub(crate) struct Transport {
    pub(crate) base: Url,
    pub(crate) limits: Limits,
    client: reqwest::Client,
    guard: Guard,
}

/// A request without its body.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
}

/// The body of a request.
pub(crate) enum Payload {
    Bytes(Bytes),
    Stream(Outgoing),
}

impl Transport {
    pub(crate) fn new(base: Url, client: reqwest::Client, guard: Guard, limits: Limits) -> Self {
        Self {
            base,
            limits,
            client,
            guard,
        }
    }

    /// Sends a request and waits for the head of its answer, whatever its status is.
    pub(crate) async fn transmit(&self, head: Head<'_>, payload: Payload) -> Result<Response, Error> {
        (self.guard.check)(head.url).map_err(Error::Blocked)?;
        let is_read = matches!(*head.method, Method::GET | Method::HEAD);
        let request = self.client.request(head.method.clone(), head.url.clone());
        let mut request = request.headers(head.headers).header(USER_AGENT, AGENT);
        let mut journey = None;
        match payload {
            Payload::Bytes(bytes) if is_read && bytes.is_empty() => {}
            // Said aloud: without a length, some servers wait for a body or refuse the request.
            Payload::Bytes(bytes) if bytes.is_empty() => request = request.header(CONTENT_LENGTH, 0),
            Payload::Bytes(bytes) => request = request.body(bytes),
            Payload::Stream(outgoing) => {
                journey = Some(Arc::clone(&outgoing.journey));
                request = request
                    .header(CONTENT_LENGTH, outgoing.journey.length)
                    .body(reqwest::Body::wrap_stream(outgoing.into_stream()));
            }
        }
        let patience = if is_read {
            self.limits.stall
        } else {
            self.limits.answer
        };
        let answer = match &journey {
            None => tokio::time::timeout(patience, request.send()).await.ok(),
            Some(journey) => self.while_it_moves(journey, request.send()).await,
        };
        match answer {
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => Err(self.broken(head.url, error, journey.as_deref())),
            None => Err(Error::unavailable(format!(
                "{} does not answer",
                address::place(head.url)
            ))),
        }
    }

    /// Waits as long as bytes leave, and for the answer once all have left.
    async fn while_it_moves<T>(&self, journey: &Journey, answer: impl Future<Output = T>) -> Option<T> {
        let mut answer = pin!(answer);
        let mut before = 0;
        loop {
            let sent = journey.sent();
            let patience = if sent == journey.length {
                self.limits.answer
            } else {
                self.limits.stall
            };
            if let Ok(answer) = tokio::time::timeout(patience, &mut answer).await {
                return Some(answer);
            }
            let now = journey.sent();
            if now == before {
                return None;
            }
            before = now;
        }
    }

    /// A whole body, which has at most so many bytes and comes within the time of an answer: a byte now and then is no
    /// stall, and never ends.
    pub(crate) async fn bytes(&self, response: Response, max: usize) -> Result<Bytes, Error> {
        let place = address::place(response.url());
        let whole = tokio::time::timeout(self.limits.answer, self.whole(response, max)).await;
        whole.unwrap_or_else(|_| {
            Err(Error::unavailable(format!(
                "{place} takes too long for an answer"
            )))
        })
    }

    async fn whole(&self, mut response: Response, max: usize) -> Result<Bytes, Error> {
        let too_large = || Error::malformed(format!("an answer of the registry has more than {max} bytes"));
        let told = response.content_length().unwrap_or_default();
        if told > max as u64 {
            return Err(too_large());
        }
        let mut whole = Vec::new();
        while let Some(bytes) = self.next(&mut response).await? {
            if whole.len() + bytes.len() > max {
                return Err(too_large());
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.into())
    }

    /// The next bytes of a body; none at its end.
    pub(crate) async fn next(&self, response: &mut Response) -> Result<Option<Bytes>, Error> {
        let url = response.url().clone();
        match tokio::time::timeout(self.limits.stall, response.chunk()).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(self.broken(&url, error, None)),
            Err(_) => Err(Error::unavailable(format!(
                "{} stopped in the middle of an answer",
                address::place(&url)
            ))),
        }
    }

    /// What an answer that is no success means; none of the secrets `hidden` is repeated.
    pub(crate) async fn failure(&self, response: Response, hidden: &[&str]) -> Error {
        let (status, place) = (response.status(), address::place(response.url()));
        let after = retry::asked(response.headers());
        let body = self.bytes(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        let told = Told::of(&body, hidden);
        let said = if told.text.is_empty() {
            String::new()
        } else {
            format!(": {}", told.text)
        };
        let answered = format!("{place} answers {}{said}", status.as_u16());
        match status {
            StatusCode::UNAUTHORIZED => Error::Unauthorized(answered),
            StatusCode::FORBIDDEN => Error::Denied(answered),
            StatusCode::NOT_FOUND => Error::NotFound(answered),
            StatusCode::TOO_MANY_REQUESTS => Error::RateLimited {
                reason: answered,
                after,
            },
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_EARLY
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
            | StatusCode::INSUFFICIENT_STORAGE => Error::Unavailable {
                reason: answered,
                after,
            },
            // What proxies say of a server behind them.
            status if (520..=530).contains(&status.as_u16()) => Error::Unavailable {
                reason: answered,
                after,
            },
            status => Error::Refused {
                status: status.as_u16(),
                code: told.code,
                message: answered,
            },
        }
    }

    fn broken(&self, url: &Url, error: reqwest::Error, journey: Option<&Journey>) -> Error {
        if let Some(error) = journey.and_then(Journey::take_failure) {
            return Error::Source(error);
        }
        if let Some(sentence) = (self.guard.refusal)(&error) {
            return Error::Blocked(sentence);
        }
        let place = address::place(url);
        let is_connect = error.is_connect();
        // Addresses stand in the outermost error alone, and signatures in them.
        let error = error.without_url();
        let cause = innermost(&error);
        let shown = shown(&cause);
        if is_connect && cause.contains("certificate") {
            return Error::Untrusted(format!("{place} has a certificate that is not trusted: {shown}"));
        }
        let what = if is_connect { "is not reached" } else { "broke off" };
        Error::unavailable(format!("{place} {what}: {shown}"))
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// What the body of an error says.
struct Told {
    code: Option<String>,
    text: String,
}

/// The error body of the distribution specification, and of token services.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
    message: Option<String>,
    details: Option<String>,
    error_description: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorEntry {
    code: Option<String>,
    message: Option<String>,
}

impl Told {
    fn of(body: &[u8], hidden: &[&str]) -> Self {
        let plain = |text: &str| {
            let secrets = hidden.iter().filter(|secret| !secret.is_empty());
            shown(&secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…")))
        };
        let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let is_code =
            |code: &&str| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let first = body.errors.first();
        let code = first.and_then(|entry| entry.code.as_deref()).filter(is_code);
        let message = first
            .and_then(|entry| entry.message.as_deref())
            .or(body.message.as_deref())
            .or(body.details.as_deref())
            .or(body.error_description.as_deref());
        Self {
            code: code.map(str::to_owned),
            text: match (code, message.filter(|message| !message.is_empty())) {
                (Some(code), Some(message)) => format!("{code}, {}", plain(message)),
                (Some(code), None) => code.to_owned(),
                (None, message) => message.map(plain).unwrap_or_default(),
            },
        }
    }
}

/// Bytes that leave as the body of one request, and how far they got.
pub(crate) struct Outgoing {
    stream: ByteStream,
    journey: Arc<Journey>,
}

/// How far a body got.
pub(crate) struct Journey {
    length: u64,
    sent: AtomicU64,
    failure: Mutex<Option<io::Error>>,
}

impl Journey {
    /// Bytes that left.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes why the bytes ended, and tells the connection that they did.
    fn fail(&self, error: io::Error) -> io::Error {
        let told = io::Error::new(error.kind(), "the bytes to send could not be read");
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        told
    }
}

impl Outgoing {
    /// The first `length` bytes of a stream.
    pub(crate) fn new(stream: ByteStream, length: u64) -> Self {
        let journey = Journey {
            length,
            sent: AtomicU64::new(0),
            failure: Mutex::new(None),
        };
        Self {
            stream,
            journey: Arc::new(journey),
        }
    }

    /// Tells how far it gets, also after it is gone.
    pub(crate) fn journey(&self) -> Arc<Journey> {
        Arc::clone(&self.journey)
    }

    /// In small pieces, so that a slow connection is seen to move.
    fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let Self { stream, journey } = self;
        let start = (stream, journey, Bytes::new());
        futures_util::stream::try_unfold(start, async |(mut stream, journey, mut waiting)| {
            let sent = journey.sent();
            if sent == journey.length {
                return Ok(None);
            }
            while waiting.is_empty() {
                waiting = match stream.next().await {
                    Some(Ok(bytes)) => bytes,
                    Some(Err(error)) => return Err(journey.fail(error)),
                    None => {
                        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the source ended early");
                        return Err(journey.fail(error));
                    }
                };
            }
            let left = usize::try_from(journey.length - sent).unwrap_or(usize::MAX);
            let piece = waiting.split_to(waiting.len().min(left).min(PIECE_BYTES_MAX));
            journey.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Ok(Some((piece, (stream, journey, waiting))))
        })
    }
}
