//! The registry, as the agent asks it: relayed requests, rights, ranges of blobs, the tracker.
//!
//! Each request carries the login of the client that it is for; the agent's own is for its node channel alone.

use std::io;
use std::time::Duration;

use berth_oci::Digest;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{Client, Response, Url};
use tokio::time::{Instant, timeout_at};

use crate::Error;
use crate::wire::{self, Join, Joined, KEY_PATH, NODES_PATH, Node, NodeAnswer};

/// How long the registry may be silent while bytes of a blob come.
const SILENCE: Duration = Duration::from_secs(15);
/// How long it may be silent otherwise: it may have to ask another registry, and holds the node channel for 30 seconds.
const THOUGHT: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer of the tracker may take.
const TRACKER: Duration = Duration::from_secs(10);
/// The tracker holds a node's request for 30 seconds.
const NODE: Duration = Duration::from_secs(45);
/// Most bytes of an answer of the tracker: tables and bitmaps of the largest blobs.
const TRACKER_BYTES_MAX: usize = 16 << 20;
/// Most bytes of a refusal that are read, and the code of a blob that is not there.
const ERROR_BYTES_MAX: usize = 64 << 10;
const BLOB_UNKNOWN: &[u8] = b"BLOB_UNKNOWN";
/// Most bytes of a manifest.
const MANIFEST_BYTES_MAX: usize = 8 << 20;
const AGENT: &str = concat!("berth-agent/", env!("CARGO_PKG_VERSION"));

/// The way to the registry.
pub(crate) struct Registry {
    base: String,
    /// Gives redirects on to the client.
    relay: Client,
    /// Follows redirects to where blobs are.
    fetch: Client,
}

/// Where a client asks for a blob, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The repository, as it stands in the path.
    pub(crate) name: String,
    /// The query, such as `ns=docker.io`.
    pub(crate) query: Option<String>,
    pub(crate) authorization: Option<HeaderValue>,
}

/// What the registry says of a blob.
#[derive(Debug)]
pub(crate) enum Stat {
    /// It has it, with so many bytes.
    There(u64),
    /// It would give it, of unknown size, or says no: its own answer is for the client.
    Other,
    /// It is not reached.
    Unreachable,
}

/// What the tracker says.
#[derive(Debug)]
pub(crate) enum Joining {
    Joined(Box<Joined>),
    /// The table of chunks is being made.
    Later(Duration),
    /// The blob is not here yet: of a mirrored image its first client may have it before it is stored.
    Absent,
    /// There are no swarms here.
    Off,
    /// This login may not, or not any more.
    Refused,
    /// It does not answer, or not sensibly.
    Unreachable,
}

/// Why bytes of a blob do not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// This login may not, or not any more, or the blob is gone.
    #[error("the registry refuses: {0}")]
    Refused(StatusCode),
    /// It said when to come back, or is not reached.
    #[error("the registry is not reached or busy")]
    Unavailable(Option<Duration>),
    /// It does not know ranges.
    #[error("the registry answers something else")]
    Strange,
}

impl Registry {
    /// The registry at an address, trusting the system's authorities and the given ones (PEM).
    pub(crate) fn new(base: &str, authorities: Option<&[u8]>) -> Result<Self, Error> {
        let url = Url::parse(base).map_err(|error| Error::Setting(format!("{base}: {error}")))?;
        if !matches!(url.scheme(), "http" | "https")
            || !matches!(url.path(), "" | "/")
            || url.query().is_some()
        {
            return Err(Error::Setting(format!(
                "{base}: the registry is named by its scheme, host and port, such as https://registry.example"
            )));
        }
        let certificates = match authorities {
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(Error::internal)?,
            None => Vec::new(),
        };
        let build = |redirects: reqwest::redirect::Policy, silence: Duration| {
            let builder = Client::builder()
                .redirect(redirects)
                .connect_timeout(CONNECT)
                .read_timeout(silence)
                .user_agent(AGENT)
                // Chunks that come side by side over one connection would share its window.
                .http1_only()
                .tcp_nodelay(true);
            let builder = if certificates.is_empty() {
                builder
            } else {
                builder.tls_certs_merge(certificates.clone())
            };
            builder.build().map_err(Error::internal)
        };
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            relay: build(reqwest::redirect::Policy::none(), THOUGHT)?,
            fetch: build(reqwest::redirect::Policy::limited(3), SILENCE)?,
        })
    }

    /// Sends a client's request on and returns the head of the answer, whatever it says.
    pub(crate) async fn forward(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Option<reqwest::Body>,
    ) -> Result<Response, reqwest::Error> {
        let url = format!("{}{path_and_query}", self.base);
        let request = self.relay.request(method, url).headers(headers);
        match body {
            Some(body) => request.body(body),
            None => request,
        }
        .send()
        .await
    }

    /// Whether this client may have the blob, and how large it is.
    pub(crate) async fn stat(&self, source: &Source, digest: &Digest) -> Stat {
        let request = self.relay.head(self.blob(source, digest));
        let Ok(answer) = authorized(request, source).send().await else {
            return Stat::Unreachable;
        };
        let length = answer
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok());
        match length.and_then(|length| length.parse().ok()) {
            Some(length) if answer.status() == StatusCode::OK => Stat::There(length),
            _ => Stat::Other,
        }
    }

    /// Bytes of a blob from an offset to another one, both ends included; exactly these, or an error on the way.
    pub(crate) async fn range(
        &self,
        source: &Source,
        digest: &Digest,
        start: u64,
        end: u64,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, Fault> {
        let request = self.fetch.get(self.blob(source, digest));
        let request = authorized(request, source).header(RANGE, format!("bytes={start}-{end}"));
        let answer = request.send().await.map_err(|_| Fault::Unavailable(None))?;
        let status = answer.status();
        let expected = format!("bytes {start}-{end}/");
        let told = answer
            .headers()
            .get(CONTENT_RANGE)
            .and_then(|range| range.to_str().ok());
        match status {
            StatusCode::PARTIAL_CONTENT if told.is_some_and(|told| told.starts_with(&expected)) => {}
            StatusCode::OK if start == 0 && answer.content_length() == Some(end + 1) => {}
            StatusCode::TOO_MANY_REQUESTS => return Err(Fault::Unavailable(retry_after(answer.headers()))),
            status if status.is_server_error() => {
                return Err(Fault::Unavailable(retry_after(answer.headers())));
            }
            status if status.is_client_error() => return Err(Fault::Refused(status)),
            _ => return Err(Fault::Strange),
        }
        Ok(answer.bytes_stream().map_err(io::Error::other))
    }

    /// Joins the swarm of a blob, or renews.
    pub(crate) async fn join(&self, source: &Source, digest: &Digest, join: &Join) -> Joining {
        let path = wire::join_path(&source.name, digest);
        let request = self
            .relay
            .post(self.url(&path, source))
            .timeout(TRACKER)
            .json(join);
        let Ok(answer) = authorized(request, source).send().await else {
            return Joining::Unreachable;
        };
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::ACCEPTED => {
                return Joining::Later(retry_after(answer.headers()).unwrap_or(Duration::from_secs(1)));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Joining::Refused,
            StatusCode::NOT_FOUND => {
                let body = whole(answer, ERROR_BYTES_MAX).await.unwrap_or_default();
                let is_absent = body.windows(BLOB_UNKNOWN.len()).any(|part| part == BLOB_UNKNOWN);
                return if is_absent { Joining::Absent } else { Joining::Off };
            }
            StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED => return Joining::Off,
            _ => return Joining::Unreachable,
        }
        let body = whole(answer, TRACKER_BYTES_MAX).await;
        match body.and_then(|body| serde_json::from_slice::<Joined>(&body).ok()) {
            Some(joined) if joined.chunk_bytes == wire::CHUNK_BYTES => Joining::Joined(Box::new(joined)),
            _ => Joining::Unreachable,
        }
    }

    /// The public keys of tickets.
    pub(crate) async fn keys(&self) -> Option<serde_json::Value> {
        let request = self
            .relay
            .get(format!("{}{KEY_PATH}", self.base))
            .timeout(TRACKER);
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        serde_json::from_slice(&whole(answer, TRACKER_BYTES_MAX).await?).ok()
    }

    /// Begins a round of the node channel: the registry has taken what the node says, and its answer comes when it has one.
    /// An error is the status, none when the registry is not reached.
    pub(crate) async fn node(
        &self,
        login: &HeaderValue,
        node: &Node,
    ) -> Result<impl Future<Output = Option<NodeAnswer>> + Send + use<>, Option<StatusCode>> {
        let end = Instant::now() + NODE;
        let request = self.relay.post(format!("{}{NODES_PATH}", self.base));
        let request = request.header(AUTHORIZATION, login).json(node);
        // The timeout of the whole is the only one: the registry is silent on purpose.
        let answer = timeout_at(end, request.timeout(NODE).send()).await;
        let answer = answer.map_err(|_| None)?.map_err(|_| None)?;
        if answer.status() != StatusCode::OK {
            return Err(Some(answer.status()));
        }
        Ok(async move {
            let body = timeout_at(end, whole(answer, TRACKER_BYTES_MAX)).await.ok()??;
            serde_json::from_slice(&body).ok()
        })
    }

    /// A manifest by digest, with its media type; its bytes are checked.
    pub(crate) async fn manifest(&self, source: &Source, digest: &Digest) -> Option<(String, Bytes)> {
        let url = self.url(&format!("/v2/{}/manifests/{digest}", source.name), source);
        let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.docker.distribution.manifest.v2+json, */*";
        let request = self.relay.get(url).header(http::header::ACCEPT, accept);
        let answer = authorized(request, source)
            .send()
            .await
            .ok()?
            .error_for_status()
            .ok()?;
        let media_type = answer
            .headers()
            .get(http::header::CONTENT_TYPE)?
            .to_str()
            .ok()?
            .to_owned();
        let bytes = whole(answer, MANIFEST_BYTES_MAX).await?;
        (Digest::of(digest.algorithm(), &bytes) == *digest).then_some((media_type, bytes))
    }

    fn blob(&self, source: &Source, digest: &Digest) -> String {
        self.url(&format!("/v2/{}/blobs/{digest}", source.name), source)
    }

    fn url(&self, path: &str, source: &Source) -> String {
        match &source.query {
            Some(query) => format!("{}{path}?{query}", self.base),
            None => format!("{}{path}", self.base),
        }
    }
}

fn authorized(request: reqwest::RequestBuilder, source: &Source) -> reqwest::RequestBuilder {
    match &source.authorization {
        Some(authorization) => request.header(AUTHORIZATION, authorization),
        None => request,
    }
}

/// The whole body of an answer, unless it is larger than allowed or breaks off.
async fn whole(answer: Response, max: usize) -> Option<Bytes> {
    let mut body = Vec::new();
    let mut stream = answer.bytes_stream();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.ok()?;
        if body.len() + bytes.len() > max {
            return None;
        }
        body.extend_from_slice(&bytes);
    }
    Some(body.into())
}

/// When to come back, if it is said in seconds; a minute at most.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds.min(60)))
}
