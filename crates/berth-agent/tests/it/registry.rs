//! A registry with a tracker, as small as can be, that does what a test tells it.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth_agent::wire::{
    Bitmap, CHUNK_BYTES, ChunkTable, Done, Join, Joined, Neighbour, Node, NodeAnswer, Peer, Preheat,
    TICKET_AUDIENCE, Ticket,
};
use berth_oci::{Algorithm, Digest, RangeOutcome, RangeRequest};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData as _};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

/// The login that may pull.
pub(crate) const GOOD: &str = "Bearer good";
/// A login that is known and may not.
pub(crate) const POOR: &str = "Bearer poor";
/// The challenge to others.
pub(crate) const CHALLENGE: &str = "Bearer realm=\"https://elsewhere.example/token\",service=\"berth\"";

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

pub(crate) struct Registry {
    pub(crate) url: String,
    pub(crate) state: Arc<State>,
    stop: CancellationToken,
}

pub(crate) struct State {
    key: KeyPair,
    pub(crate) blobs: Mutex<HashMap<Digest, Bytes>>,
    pub(crate) manifests: Mutex<HashMap<Digest, Bytes>>,
    swarms: Mutex<HashMap<Digest, Swarm>>,
    /// Bytes of blobs that left.
    pub(crate) sent: AtomicU64,
    pub(crate) has_swarms: AtomicBool,
    /// How many times the tables are still being made.
    pub(crate) later: AtomicU32,
    /// How many answers with blobs break off in the middle.
    pub(crate) breaks: AtomicU32,
    /// Whether answers with blobs stand still after their first piece, and how many do.
    pub(crate) stands_still: AtomicBool,
    pub(crate) standing: Arc<AtomicU32>,
    /// Requests as they came: method, path, query.
    pub(crate) requests: Mutex<Vec<String>>,
    pub(crate) preheats: Mutex<Vec<Preheat>>,
    pub(crate) over: Mutex<Vec<String>>,
    /// Manifests that are asked for in vain.
    pub(crate) unanswered: Mutex<Vec<Digest>>,
    pub(crate) done: Mutex<Vec<Done>>,
    pub(crate) nodes: Mutex<Vec<Node>>,
    /// Whether all rounds of a node's channel but the first are held for ever, and manifests until one is.
    pub(crate) holds: AtomicBool,
    held: Arc<AtomicU32>,
    /// How many rounds were held when it was told last how jobs ended.
    pub(crate) held_when_done: AtomicU32,
}

/// A round that is held, until its connection ends.
struct Held(Arc<AtomicU32>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Swarm {
    peers: BTreeMap<String, (Peer, Bitmap)>,
    leases: HashMap<usize, (String, Instant)>,
    failed: Vec<String>,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            key: KeyPair::generate().unwrap(),
            blobs: Mutex::default(),
            manifests: Mutex::default(),
            swarms: Mutex::default(),
            sent: AtomicU64::new(0),
            has_swarms: AtomicBool::new(true),
            later: AtomicU32::new(0),
            breaks: AtomicU32::new(0),
            stands_still: AtomicBool::new(false),
            standing: Arc::default(),
            requests: Mutex::default(),
            preheats: Mutex::default(),
            over: Mutex::default(),
            unanswered: Mutex::default(),
            done: Mutex::default(),
            nodes: Mutex::default(),
            holds: AtomicBool::new(false),
            held: Arc::default(),
            held_when_done: AtomicU32::new(0),
        });
        let stop = CancellationToken::new();
        let (shared, stopped) = (Arc::clone(&state), stop.clone());
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    () = stopped.cancelled() => return,
                };
                let (state, stopped) = (Arc::clone(&shared), stopped.clone());
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let state = Arc::clone(&state);
                        async move { Ok::<_, Infallible>(state.answer(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    tokio::select! {
                        _ = connection.serve_connection(TokioIo::new(stream), service) => {}
                        () = stopped.cancelled() => {}
                    }
                });
            }
        });
        Self { url, state, stop }
    }

    /// Cuts all connections and takes no more.
    pub(crate) fn kill(&self) {
        self.stop.cancel();
    }

    /// A blob of so many bytes, unlike any other.
    pub(crate) fn add_blob(&self, size: usize) -> Digest {
        let mut bytes = vec![0; size];
        rand::fill(&mut bytes[..]);
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        self.state
            .blobs
            .lock()
            .unwrap()
            .insert(digest.clone(), bytes.into());
        digest
    }

    pub(crate) fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Lets the tracker name a peer that says it has everything.
    pub(crate) fn add_peer(&self, digest: &Digest, peer: Peer) {
        let chunks = self.state.blobs.lock().unwrap()[digest].len().div_ceil(4 << 20);
        let mut swarms = self.state.swarms.lock().unwrap();
        let swarm = swarms.entry(digest.clone()).or_default();
        swarm.peers.insert(peer.id.clone(), (peer, Bitmap::full(chunks)));
    }

    /// The peers of which agents said that they failed.
    pub(crate) fn failed(&self, digest: &Digest) -> Vec<String> {
        self.state.swarms.lock().unwrap()[digest].failed.clone()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.kill();
    }
}

impl State {
    /// A ticket as the tracker signs them, valid from now for so many seconds.
    pub(crate) fn ticket(&self, digest: &Digest, peer: &Peer, seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let ticket = Ticket {
            aud: TICKET_AUDIENCE.to_owned(),
            digest: digest.clone(),
            peer: peer.id.clone(),
            fingerprint: peer.fingerprint.clone(),
            exp: i64::try_from(now).unwrap() + seconds,
        };
        let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some("one".to_owned());
        let key = EncodingKey::from_ec_der(&self.key.serialize_der());
        jsonwebtoken::encode(&header, &ticket, &key).unwrap()
    }

    fn keys(&self) -> serde_json::Value {
        let point = self.key.der_bytes();
        let (x, y) = point[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        serde_json::json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256", "use": "sig", "x": text(x), "y": text(y)},
        ]})
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let target = request.uri().path_and_query().unwrap().as_str().to_owned();
        self.requests
            .lock()
            .unwrap()
            .push(format!("{} {target}", request.method()));
        let path = request.uri().path().to_owned();
        if path == "/v2/_berth/swarm/key" {
            return json(StatusCode::OK, &self.keys());
        }
        let login = request
            .headers()
            .get("authorization")
            .map(|login| login.to_str().unwrap().to_owned());
        match login.as_deref() {
            Some(GOOD) => {}
            Some(POOR) => return plain(StatusCode::FORBIDDEN, "DENIED"),
            _ => {
                let mut answer = plain(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
                answer
                    .headers_mut()
                    .insert("www-authenticate", CHALLENGE.parse().unwrap());
                return answer;
            }
        }
        if path == "/v2/_berth/swarm/nodes" {
            return self.node(request).await;
        }
        if let Some((_, digest)) = path.split_once("/_berth/swarm/") {
            return self.join(request, digest.parse().unwrap()).await;
        }
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return match digest.parse::<Digest>() {
                Ok(digest) => self.blob(&request, &digest),
                Err(_) => echo(request).await,
            };
        }
        if let Some((_, digest)) = path.split_once("/manifests/") {
            let is_held = |held: &Digest| held.as_str() == digest;
            if self.unanswered.lock().unwrap().iter().any(is_held) {
                return std::future::pending().await;
            }
            while self.holds.load(Ordering::Relaxed) && self.held.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let manifest = digest
                .parse()
                .ok()
                .and_then(|digest| self.manifests.lock().unwrap().get(&digest).cloned());
            return match manifest {
                Some(bytes) => {
                    let mut answer = whole(StatusCode::OK, bytes);
                    let media_type = "application/vnd.oci.image.manifest.v1+json";
                    answer
                        .headers_mut()
                        .insert("content-type", media_type.parse().unwrap());
                    answer
                }
                None => plain(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            };
        }
        plain(StatusCode::OK, "{}")
    }

    fn blob(self: &Arc<Self>, request: &Request<Incoming>, digest: &Digest) -> Response<Body> {
        let Some(bytes) = self.blobs.lock().unwrap().get(digest).cloned() else {
            return plain(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
        };
        let size = bytes.len() as u64;
        let range = request
            .headers()
            .get("range")
            .map(|range| range.to_str().unwrap());
        let (status, start, end) = match RangeRequest::parse(range).unwrap().resolve(size) {
            RangeOutcome::Whole => (StatusCode::OK, 0, size),
            RangeOutcome::Part { start, end_inclusive } => {
                (StatusCode::PARTIAL_CONTENT, start, end_inclusive + 1)
            }
            RangeOutcome::Parts(_) => return plain(StatusCode::PARTIAL_CONTENT, "many ranges"),
            RangeOutcome::Unsatisfiable => return plain(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID"),
        };
        let mut answer = if *request.method() == Method::HEAD {
            whole(status, Bytes::new())
        } else {
            let part = bytes.slice(usize::try_from(start).unwrap()..usize::try_from(end).unwrap());
            let is_broken = self
                .breaks
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok();
            let given = if is_broken {
                part.slice(..part.len() / 2)
            } else {
                part
            };
            let state = Arc::clone(self);
            let pieces: Vec<Bytes> = given
                .chunks(64 << 10)
                .map(|piece| given.slice_ref(piece))
                .collect();
            let end = is_broken.then(|| Err(std::io::Error::other("told to break off")));
            let counted = futures_util::stream::iter(pieces.clone()).map(move |piece| {
                state.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                Ok(Frame::data(piece))
            });
            if self.stands_still.load(Ordering::Relaxed) && pieces.len() > 1 {
                self.standing(pieces)
            } else {
                Response::new(StreamBody::new(counted.chain(futures_util::stream::iter(end))).boxed_unsync())
            }
        };
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert("content-length", (end - start).into());
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {start}-{}/{size}", end - 1);
            headers.insert("content-range", range.parse().unwrap());
        }
        answer
    }

    /// An answer that never ends, until nobody waits for it any more.
    fn standing(&self, pieces: Vec<Bytes>) -> Response<Body> {
        self.standing.fetch_add(1, Ordering::Relaxed);
        let held = Held(Arc::clone(&self.standing));
        let first = pieces.into_iter().take(1).map(|piece| Ok(Frame::data(piece)));
        let rest = futures_util::stream::once(async move {
            let _held = held;
            std::future::pending().await
        });
        Response::new(StreamBody::new(futures_util::stream::iter(first).chain(rest)).boxed_unsync())
    }

    async fn join(&self, request: Request<Incoming>, digest: Digest) -> Response<Body> {
        if !self.has_swarms.load(Ordering::Relaxed) {
            return plain(StatusCode::NOT_FOUND, "UNSUPPORTED");
        }
        let is_later = self
            .later
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if is_later.is_ok() {
            let mut answer = plain(StatusCode::ACCEPTED, "later");
            answer.headers_mut().insert("retry-after", "1".parse().unwrap());
            return answer;
        }
        let join: Join = read(request).await;
        let Some(bytes) = self.blobs.lock().unwrap().get(&digest).cloned() else {
            return plain(StatusCode::NOT_FOUND, "BLOB_UNKNOWN");
        };
        let chunks: Vec<[u8; 32]> = bytes
            .chunks(4 << 20)
            .map(|chunk| <[u8; 32]>::from(Sha256::digest(chunk)))
            .collect();
        let mut swarms = self.swarms.lock().unwrap();
        let swarm = swarms.entry(digest.clone()).or_default();
        let have = join.have.clone().unwrap_or_default().fit(chunks.len());
        swarm
            .peers
            .insert(join.peer.id.clone(), (join.peer.clone(), have));
        swarm.failed.extend(join.failed.iter().cloned());
        let leases = swarm.lease(&join.peer.id, usize::from(join.want.min(2)), chunks.len());
        let others = swarm.peers.values().filter(|(peer, _)| peer.id != join.peer.id);
        let joined = Joined {
            size: bytes.len() as u64,
            chunk_bytes: CHUNK_BYTES,
            chunks: join.table.then_some(ChunkTable(chunks)),
            ticket: self.ticket(&digest, &join.peer, 600),
            peers: others
                .take(20)
                .map(|(peer, have)| Neighbour {
                    peer: peer.clone(),
                    have: have.clone(),
                })
                .collect(),
            leases,
            lease_ms: 3000,
            renew_ms: 300,
        };
        json(StatusCode::OK, &serde_json::to_value(joined).unwrap())
    }

    async fn node(&self, request: Request<Incoming>) -> Response<Body> {
        let node: Node = read(request).await;
        if !node.done.is_empty() {
            let held = self.held.load(Ordering::Relaxed);
            self.held_when_done.store(held, Ordering::Relaxed);
        }
        self.done.lock().unwrap().extend(node.done.clone());
        self.nodes.lock().unwrap().push(node);
        if self.holds.load(Ordering::Relaxed) && self.nodes.lock().unwrap().len() > 1 {
            self.held.fetch_add(1, Ordering::Relaxed);
            let held = Held(Arc::clone(&self.held));
            let never = futures_util::stream::once(async move {
                let _held = held;
                std::future::pending().await
            });
            return Response::new(StreamBody::new(never).boxed_unsync());
        }
        // Named until it is known how they ended, as the protocol has it.
        let done = self.done.lock().unwrap();
        let is_open = |preheat: &&Preheat| !done.iter().any(|done| done.job == preheat.job);
        let preheat = self
            .preheats
            .lock()
            .unwrap()
            .iter()
            .filter(is_open)
            .cloned()
            .collect();
        let answer = NodeAnswer {
            preheat,
            over: self.over.lock().unwrap().clone(),
            key: self.keys(),
        };
        json(StatusCode::OK, &serde_json::to_value(answer).unwrap())
    }
}

impl Swarm {
    /// All leases of a peer: those whose chunk it has not, and new ones for chunks that nobody has or fetches.
    fn lease(&mut self, id: &str, want: usize, chunks: usize) -> Vec<u32> {
        let now = Instant::now();
        let has = |peers: &BTreeMap<String, (Peer, Bitmap)>, id: &str, chunk| {
            peers.get(id).is_some_and(|(_, have)| have.has(chunk))
        };
        let peers = &self.peers;
        self.leases
            .retain(|chunk, (holder, until)| *until > now && !has(peers, holder, *chunk));
        let free: Vec<usize> = (0..chunks)
            .filter(|chunk| !self.leases.contains_key(chunk))
            .filter(|chunk| {
                !peers
                    .values()
                    .any(|(peer, have)| have.has(*chunk) && !self.failed.contains(&peer.id))
            })
            .collect();
        for chunk in free.into_iter().take(want) {
            self.leases
                .insert(chunk, (id.to_owned(), now + Duration::from_secs(3)));
        }
        let own = self.leases.iter().filter(|(_, (holder, _))| holder == id);
        own.map(|(chunk, _)| u32::try_from(*chunk).unwrap()).collect()
    }
}

async fn read<T: serde::de::DeserializeOwned>(request: Request<Incoming>) -> T {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// 202 with the body that came.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    whole(StatusCode::ACCEPTED, body)
}

fn whole(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut answer = Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    whole(status, Bytes::from_static(text.as_bytes()))
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    whole(status, value.to_string().into())
}
