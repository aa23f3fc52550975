//! One request to the store and all attempts at it: below the S3 client, which itself tries once.
//! Any request of this crate may be carried out twice, so a lost answer is asked for again like a refused one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService, ReqwestConnector,
};
use tokio::time::{Instant, sleep, timeout};

use super::failure::Refusal;
use super::patience::{Budget, Patience, REFUSED_COST, SILENT_COST};

/// A list of 1,000 keys takes about 1 MiB; what is longer is no answer of S3.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Codes that say "later" under a status that does not.
const LATER: &[&str] = &[
    "InternalError",
    "OperationAborted",
    "ConditionalRequestConflict",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
];

/// Makes the clients of one store, which share a budget.
#[derive(Debug)]
pub(super) struct Connector {
    pub(super) patience: Patience,
    pub(super) budget: Arc<Budget>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Wire {
            inner,
            patience: self.patience.clone(),
            budget: Arc::clone(&self.budget),
        }))
    }
}

#[derive(Debug)]
struct Wire {
    inner: HttpClient,
    patience: Patience,
    budget: Arc<Budget>,
}

/// Why an attempt may be followed by another.
struct Trouble {
    what: String,
    cost: i64,
    /// How long the store asks to wait.
    wait: Option<Duration>,
}

impl Trouble {
    fn silent(error: &HttpError) -> Self {
        Self {
            what: chain(error),
            cost: SILENT_COST,
            wait: None,
        }
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let last = Instant::now() + self.patience.retries;
        let mut taken = 0;
        for attempt in 1.. {
            let limit = if is_completion(&request) {
                self.patience.completion()
            } else {
                self.patience.attempt(request.body().content_length())
            };
            let answered = timeout(limit, self.attempt(request.clone())).await;
            let trouble = match answered {
                Ok(Ok(answer)) => {
                    self.budget.give(taken);
                    return answer.map_err(refused);
                }
                Ok(Err(trouble)) => trouble,
                Err(_) => Trouble {
                    what: format!("no answer within {limit:?}"),
                    cost: SILENT_COST,
                    wait: None,
                },
            };
            let wait = trouble.wait.unwrap_or_else(|| self.patience.pause(attempt));
            // Compared as lengths of time: a store may name a wait that no clock can show.
            if wait > last.saturating_duration_since(Instant::now()) || !self.budget.take(trouble.cost) {
                let (method, path) = (request.method(), request.uri().path());
                tracing::warn!(%method, path, attempt, cause = trouble.what, "the object store does not do its work now");
                return Err(refused(Refusal::Away(trouble.what)));
            }
            taken += trouble.cost;
            sleep(wait).await;
        }
        unreachable!("attempts are counted without end")
    }
}

impl Wire {
    /// One attempt: what the store said for good, or why it is worth another.
    async fn attempt(&self, request: HttpRequest) -> Result<Result<HttpResponse, Refusal>, Trouble> {
        let streamed = is_object_read(&request);
        let response = self.inner.execute(request).await;
        let (parts, body) = response.map_err(|error| Trouble::silent(&error))?.into_parts();
        if streamed && parts.status.is_success() {
            return Ok(Ok(HttpResponse::from_parts(parts, body)));
        }
        let body = collected(body).await?;
        let text = String::from_utf8_lossy(&body);
        let is_error = !parts.status.is_success() || root(&text).starts_with("<Error");
        if !is_error {
            return Ok(Ok(HttpResponse::from_parts(parts, body.into())));
        }
        let (code, message) = (element(&text, "Code"), element(&text, "Message"));
        let passes = parts.status.is_server_error() && parts.status != StatusCode::NOT_IMPLEMENTED
            || parts.status == StatusCode::TOO_MANY_REQUESTS
            || parts.status == StatusCode::REQUEST_TIMEOUT;
        let full = parts.status == StatusCode::INSUFFICIENT_STORAGE;
        if (passes && !full) || LATER.contains(&code) {
            return Err(Trouble {
                what: format!("{} {code} {message}", parts.status.as_u16()),
                cost: REFUSED_COST,
                wait: wait(&parts.headers),
            });
        }
        Ok(Err(Refusal::Answered {
            status: parts.status,
            code: code.to_owned(),
            message: message.to_owned(),
            region: region(&parts.headers),
        }))
    }
}

/// Whether the store is to make one object of many parts, for which it may take minutes.
fn is_completion(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}

/// Whether the answer is a blob, which is passed on as it comes.
fn is_object_read(request: &HttpRequest) -> bool {
    let listing = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("list-type="));
    request.method() == Method::GET && !listing
}

async fn collected(body: HttpResponseBody) -> Result<Bytes, Trouble> {
    let mut stream = body.bytes_stream();
    let mut gathered = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Trouble::silent(&error))?;
        if gathered.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Trouble {
                what: "an answer that does not end".to_owned(),
                cost: SILENT_COST,
                wait: None,
            });
        }
        gathered.extend_from_slice(&chunk);
    }
    Ok(gathered.freeze())
}

fn refused(refusal: Refusal) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, refusal)
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn region(headers: &HeaderMap) -> Option<String> {
    let region = headers.get("x-amz-bucket-region")?.to_str().ok()?;
    Some(region.to_owned())
}

/// The text from the root element on.
fn root(text: &str) -> &str {
    let text = text.trim_start();
    let declared = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    declared.map_or(text, |(_, rest)| rest.trim_start())
}

/// What stands in the first element of this name; nothing when there is none.
fn element<'a>(text: &'a str, name: &str) -> &'a str {
    let inner = text
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    inner.map_or("", |(inner, _)| inner)
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_from_an_answer() {
        let check = |text, is_error, code, message| {
            assert_eq!(root(text).starts_with("<Error"), is_error, "{text}");
            assert_eq!((element(text, "Code"), element(text, "Message")), (code, message));
        };
        check("", false, "", "");
        check("<ListBucketResult></ListBucketResult>", false, "", "");
        check(
            "<?xml version=\"1.0\"?>\n <Error><Code>SlowDown</Code><Message>less</Message></Error>",
            true,
            "SlowDown",
            "less",
        );
        check(
            "<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>",
            false,
            "AccessDenied",
            "",
        );
    }
}
