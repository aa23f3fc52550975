//! The listener over real sockets: what it does when certificates change, bodies stand still, and the end comes.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, put};
use futures_util::TryStreamExt as _;
use http::StatusCode;
use rcgen::{CertificateParams, CertifiedIssuer, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::{Answers, Arrival, Certificate, Phases, Room, Server, Timeouts};
use crate::body;
use crate::metrics::Traffic;
use crate::overload::{Bounds, Gate};

/// Long enough for anything that must not happen in a test.
const NEVER: Duration = Duration::from_mins(10);
mod crowd;

const PATIENT: Timeouts = Timeouts {
    header: NEVER,
    body_stall: NEVER,
    response_stall: NEVER,
    response_rate_min: 0,
    grace: NEVER,
};

struct Running {
    address: SocketAddr,
    phases: Phases,
    end: JoinHandle<()>,
    /// How many uploads have come to their handler.
    uploads: Arc<AtomicU64>,
}

impl Running {
    async fn has_begun_an_upload(&self) {
        while self.uploads.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A server that answers with the number of bytes it was sent, or says why it did not get all.
async fn start(timeouts: Timeouts, tls: Option<Arc<rustls::ServerConfig>>) -> Running {
    start_in(
        Room {
            connections_max: NonZeroU32::new(100).unwrap(),
            of_address_max: None,
        },
        timeouts,
        tls,
    )
    .await
}

/// The same with room for so many connections.
async fn start_in(room: Room, timeouts: Timeouts, tls: Option<Arc<rustls::ServerConfig>>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let uploads = Arc::new(AtomicU64::new(0));
    let router = Router::new()
        .route("/upload", put(upload))
        .route("/peer", get(peer))
        .route("/endless", get(endless))
        .with_state(Arc::clone(&uploads));
    let phases = Phases::default();
    let server = Server {
        listener,
        tls,
        answers: router,
        gate: Arc::new(Gate::new(Bounds {
            requests_max: 100,
            uploads_max: 100,
            wait: NEVER,
        })),
        bandwidth: None,
        traffic: Arc::new(Traffic::new("")),
        trusted_proxies: Vec::new(),
        timeouts,
        room,
    };
    let end = tokio::spawn(server.run(phases.clone()));
    Running {
        address,
        phases,
        end,
        uploads,
    }
}

impl Answers for Router {
    fn is_proxy(&self, _: IpAddr) -> bool {
        false
    }

    fn client(&self, request: &Request) -> IpAddr {
        request.extensions().get::<Arrival>().unwrap().peer().address.ip()
    }

    async fn answer(&self, request: Request) -> Response {
        let Ok(answer) = self.clone().oneshot(request).await;
        answer
    }
}

async fn upload(State(uploads): State<Arc<AtomicU64>>, request: Request) -> (StatusCode, String) {
    uploads.fetch_add(1, Ordering::SeqCst);
    let received = AtomicU64::new(0);
    let count = |bytes: bytes::Bytes| {
        received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        std::future::ready(Ok(()))
    };
    let done = body::bytes(request.into_body()).try_for_each(count).await;
    let received = received.into_inner();
    match done {
        Ok(()) => (StatusCode::CREATED, format!("all {received}")),
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => (
            StatusCode::REQUEST_TIMEOUT,
            format!("stalled after {received}: {error}"),
        ),
        Err(error) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("saved {received}: {error}"),
        ),
    }
}

async fn peer(request: Request) -> String {
    request
        .extensions()
        .get::<Arrival>()
        .unwrap()
        .peer()
        .address
        .to_string()
}

/// How many endless responses are being sent.
static ENDLESS: AtomicU64 = AtomicU64::new(0);

async fn endless() -> axum::body::Body {
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            ENDLESS.fetch_sub(1, Ordering::SeqCst);
        }
    }
    ENDLESS.fetch_add(1, Ordering::SeqCst);
    let chunks = futures_util::stream::unfold(Counted, async |counted| {
        Some((
            Ok::<_, std::io::Error>(bytes::Bytes::from(vec![0; 65536])),
            counted,
        ))
    });
    axum::body::Body::from_stream(chunks)
}

/// A connection that has sent the header of an upload of ten bytes and the first five.
async fn half_an_upload(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"PUT /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello")
        .await
        .unwrap();
    stream
}

/// Everything the server sends until it closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// A connection that got one answer. Connections are accepted in their order, so those made before it are served too.
async fn an_idle_connection(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
    stream
}

#[tokio::test]
async fn a_stop_lets_a_running_upload_end_and_closes_idle_connections() {
    let server = start(PATIENT, None).await;
    let mut uploading = half_an_upload(server.address).await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    let idle = an_idle_connection(server.address).await;

    server.has_begun_an_upload().await;
    server.phases.stopping.cancel();
    assert_eq!(rest(idle).await, "", "an idle connection is closed");
    assert_eq!(rest(silent).await, "", "so is one that never asked");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "no new connection is accepted"
    );

    uploading.write_all(b"world").await.unwrap();
    let answer = rest(uploading).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    assert!(answer.ends_with("all 10"), "{answer}");
    server.end.await.unwrap();
}

#[tokio::test]
async fn a_stop_lets_an_upload_over_http2_end_and_closes_an_idle_connection() {
    let server = start(PATIENT, None).await;
    let url = |path: &str| format!("http://{}/{path}", server.address);
    let client = || {
        reqwest::Client::builder()
            .http2_prior_knowledge()
            .build()
            .unwrap()
    };
    let idle = client();
    let peer = idle.get(url("peer")).send().await.unwrap().text().await.unwrap();
    assert!(peer.starts_with("127.0.0.1:"));
    let (bytes, body) = tokio::sync::mpsc::channel::<Result<&str, std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, async |mut body| Some((body.recv().await?, body)));
    let uploading = client()
        .put(url("upload"))
        .body(reqwest::Body::wrap_stream(body))
        .send();
    let uploading = tokio::spawn(uploading);
    for part in ["hel", "lo", "wor"] {
        bytes.send(Ok(part)).await.unwrap();
    }
    server.has_begun_an_upload().await;

    server.phases.stopping.cancel();
    bytes.send(Ok("ld")).await.unwrap();
    drop(bytes);
    let answer = uploading.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.text().await.unwrap(), "all 10");
    server.end.await.unwrap();
}

#[tokio::test]
async fn at_the_end_of_the_grace_time_an_upload_saves_how_far_it_came() {
    let server = start(
        Timeouts {
            grace: Duration::from_millis(1),
            ..PATIENT
        },
        None,
    )
    .await;
    let uploading = half_an_upload(server.address).await;
    an_idle_connection(server.address).await;

    server.has_begun_an_upload().await;
    server.phases.stopping.cancel();
    let answer = rest(uploading).await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable"), "{answer}");
    assert!(answer.ends_with("saved 5: the server is stopping"), "{answer}");
    server.end.await.unwrap();
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let server = start(PATIENT, None).await;
    let uploading = half_an_upload(server.address).await;
    an_idle_connection(server.address).await;

    server.has_begun_an_upload().await;
    server.phases.stopping.cancel();
    server.phases.aborting.cancel();
    server.end.await.unwrap();
    let mut answer = String::new();
    // The system may tell the client of the cut as an end or as a reset; either way there is no answer.
    let _ = { uploading }.read_to_string(&mut answer).await;
    assert_eq!(answer, "");
}

#[tokio::test]
async fn a_body_that_stands_still_ends_with_408() {
    let server = start(
        Timeouts {
            body_stall: Duration::from_millis(50),
            ..PATIENT
        },
        None,
    )
    .await;
    let uploading = half_an_upload(server.address).await;
    let answer = rest(uploading).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    assert!(
        answer.contains("stalled after 5: no byte of the request's body came"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_that_creeps_is_not_a_body_that_stands_still() {
    let server = start(
        Timeouts {
            body_stall: Duration::from_secs(2),
            ..PATIENT
        },
        None,
    )
    .await;
    let mut uploading = half_an_upload(server.address).await;
    for byte in b"world" {
        // Five pauses are together longer than the limit for one.
        tokio::time::sleep(Duration::from_millis(500)).await;
        uploading.write_all(&[*byte]).await.unwrap();
    }
    server.phases.stopping.cancel();
    let answer = rest(uploading).await;
    assert!(answer.ends_with("all 10"), "{answer}");
}

#[tokio::test]
async fn connections_that_ask_nothing_are_closed() {
    let server = start(
        Timeouts {
            header: Duration::from_millis(50),
            ..PATIENT
        },
        None,
    )
    .await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /peer HT").await.unwrap();
    let idle = an_idle_connection(server.address).await;
    for stream in [silent, slow, idle] {
        let answer = rest(stream).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_does_not_hold_its_response_for_ever() {
    let server = start(
        Timeouts {
            response_stall: Duration::from_millis(200),
            ..PATIENT
        },
        None,
    )
    .await;
    let mut deaf = TcpStream::connect(server.address).await.unwrap();
    deaf.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 1];
    deaf.read_exact(&mut first).await.unwrap();
    while ENDLESS.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn both_protocols_are_spoken_without_tls() {
    let server = start(PATIENT, None).await;
    for (client, version) in [
        (reqwest::Client::builder().http1_only(), http::Version::HTTP_11),
        (
            reqwest::Client::builder().http2_prior_knowledge(),
            http::Version::HTTP_2,
        ),
    ] {
        let client = client.build().unwrap();
        let answer = client
            .get(format!("http://{}/peer", server.address))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.version(), version);
        assert!(answer.headers().contains_key("x-request-id"));
    }
}

/// An authority, and certificates of it for localhost in a folder.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn certify(&self, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.0;
        let certificate = params.signed_by(&key, issuer).unwrap();
        std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("server.crt"), certificate.pem()).unwrap();
    }

    /// A client that trusts this authority only and keeps its connections.
    fn client(&self, server: SocketAddr) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([root]).http1_only();
        client
            .resolve("localhost", server)
            .pool_max_idle_per_host(1)
            .build()
            .unwrap()
    }
}

async fn ask_peer(client: &reqwest::Client, server: SocketAddr) -> Result<String, reqwest::Error> {
    client
        .get(format!("https://localhost:{}/peer", server.port()))
        .send()
        .await?
        .text()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_certificate_is_taken_over_under_load_without_dropping_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(), Authority::new());
    old.certify(folder.path());
    let files = (folder.path().join("server.crt"), folder.path().join("server.key"));
    let certificate = Certificate::load(&files.0, &files.1).unwrap();
    let server = start(PATIENT, Some(certificate.server_config().unwrap())).await;
    let follower = tokio::spawn(certificate.follow(server.phases.stopping.clone()));
    let address = server.address;

    let kept = old.client(address);
    let first = ask_peer(&kept, address).await.unwrap();
    let go_on = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(AtomicU64::new(0));
    let load = tokio::spawn({
        let (client, go_on, asked) = (old.client(address), Arc::clone(&go_on), Arc::clone(&asked));
        async move {
            let mut peers = std::collections::BTreeSet::new();
            while go_on.load(Ordering::Relaxed) {
                peers.insert(ask_peer(&client, address).await.unwrap());
                asked.fetch_add(1, Ordering::Relaxed);
            }
            peers
        }
    });

    // A broken pair first: the old one stays.
    std::fs::write(&files.0, "no certificate").unwrap();
    tokio::time::sleep(super::tls::LOOK_EVERY * 2).await;
    ask_peer(&old.client(address), address).await.unwrap();
    // Then a certificate that does not fit its key, and the key some time later.
    new.certify(folder.path());
    while ask_peer(&new.client(address), address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        ask_peer(&old.client(address), address).await.is_err(),
        "new connections get the new certificate"
    );

    assert_eq!(
        ask_peer(&kept, address).await.unwrap(),
        first,
        "the connection of before still stands"
    );
    go_on.store(false, Ordering::Relaxed);
    assert_eq!(
        load.await.unwrap().len(),
        1,
        "the load went over one connection all the time"
    );
    assert!(asked.load(Ordering::Relaxed) > 0);
    server.phases.stopping.cancel();
    server.end.await.unwrap();
    follower.await.unwrap().unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    Authority::new().certify(folder.path());
    std::fs::write(path("other.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    for (certificate, key, expected) in [
        ("none", "server.key", "none cannot be read"),
        ("empty", "server.key", "empty holds no usable certificate"),
        ("server.crt", "empty", "empty holds no usable private key"),
        (
            "server.crt",
            "other.key",
            "other.key does not fit the certificate in",
        ),
    ] {
        let error = Certificate::load(&path(certificate), &path(key))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}
