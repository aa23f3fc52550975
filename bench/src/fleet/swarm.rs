//! A stranger in the swarm of an image, who speaks to the tracker as agents do: one that watches until every chunk has left the registry, and
//! one that says it has all and gives random bytes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use clap::Args;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::data::{Rng, sha256};
use crate::h1::{Body, Sink};
use crate::registry::{MANIFEST, Session, Target};
use crate::tls;

const CHUNK: u64 = 4 << 20;
const WATCHED_EVERY: Duration = Duration::from_millis(200);
const JOINED_EVERY: Duration = Duration::from_secs(1);
/// How long the question what is here is held when nothing came.
const HELD: Duration = Duration::from_secs(5);
/// Most bytes of a request's head.
const HEAD_MAX: usize = 64 << 10;

#[derive(Args)]
pub struct SwarmArgs {
    /// The registry, as in `run`
    #[arg(long)]
    target: String,
    #[arg(long)]
    repository: String,
    #[arg(long, default_value = "v1")]
    tag: String,
}

#[derive(Args)]
pub struct LiarArgs {
    #[command(flatten)]
    swarm: SwarmArgs,
    /// Where other agents reach it
    #[arg(long)]
    listen: String,
    /// Its certificate and key (PEM)
    #[arg(long)]
    certificate: String,
    #[arg(long)]
    key: String,
}

/// Ends when those in the swarm have every chunk of every layer between them.
pub async fn watch(args: SwarmArgs) -> Result<()> {
    let peer = json!({"id": "watch", "address": "127.0.0.1:1", "fingerprint": "0".repeat(64)});
    let mut stranger = Stranger::open(&args, peer).await?;
    loop {
        let mut missing = 0;
        for (digest, size) in stranger.layers.clone() {
            let chunks = size.div_ceil(CHUNK);
            let mut all = vec![0; bitmap(chunks).len()];
            for peer in stranger.join(&digest, None).await? {
                let have = B64.decode(peer["have"].as_str().context("peer without have")?)?;
                all.iter_mut().zip(have).for_each(|(all, have)| *all |= have);
            }
            let there: u32 = all.iter().map(|byte: &u8| byte.count_ones()).sum();
            missing += chunks.saturating_sub(u64::from(there));
        }
        if missing == 0 {
            return Ok(());
        }
        sleep(WATCHED_EVERY).await;
    }
}

/// Says that it has everything and gives random bytes, until it is ended. Writes a line for each lie.
pub async fn lie(args: LiarArgs) -> Result<()> {
    let pem = std::fs::read(&args.certificate)?;
    let certificates: Vec<CertificateDer> = rustls_pemfile::certs(&mut &pem[..]).collect::<Result<_, _>>()?;
    let fingerprint = sha256(certificates.first().context("no certificate")?);
    let fingerprint = fingerprint.trim_start_matches("sha256:");
    let pem = std::fs::read(&args.key)?;
    let key = rustls_pemfile::private_key(&mut &pem[..])?.context("no key")?;
    let listener = TcpListener::bind(&args.listen).await?;
    let peer = json!({"id": "liar", "address": args.listen, "fingerprint": fingerprint});
    let mut stranger = Stranger::open(&args.swarm, peer).await?;
    let layers = Arc::new(stranger.layers.clone());
    tokio::spawn(serve(listener, acceptor(certificates, key)?, layers));
    loop {
        for (digest, size) in stranger.layers.clone() {
            stranger
                .join(&digest, Some(&bitmap(size.div_ceil(CHUNK))))
                .await?;
        }
        sleep(JOINED_EVERY).await;
    }
}

/// All of so many chunks.
fn bitmap(chunks: u64) -> Vec<u8> {
    let mut all = vec![255; chunks.div_ceil(8) as usize];
    if let (Some(last), rest @ 1..) = (all.last_mut(), chunks % 8) {
        *last = (1 << rest) - 1;
    }
    all
}

struct Stranger {
    session: Session,
    peer: Value,
    layers: Vec<(String, u64)>,
}

impl Stranger {
    async fn open(args: &SwarmArgs, peer: Value) -> Result<Self> {
        let target = Arc::new(Target::parse(&args.target, &tls::client_config(None)?, true)?);
        let mut session = Session::open(&target, &args.repository).await?;
        let path = session.path(&format!("manifests/{}", args.tag));
        let mut manifest = Vec::new();
        let mut sink = Sink::Collect(&mut manifest);
        let accept = [("Accept", MANIFEST)];
        let (head, _) = session
            .call("GET", &path, &accept, Body::Empty, &mut sink)
            .await?;
        head.expect(&[200], "manifest GET")?;
        let manifest: Value = serde_json::from_slice(&manifest)?;
        let layers = manifest["layers"].as_array().context("manifest without layers")?;
        let layers = layers.iter().map(|layer| {
            let digest = layer["digest"].as_str().context("no digest")?;
            Ok((digest.to_string(), layer["size"].as_u64().context("no size")?))
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            session,
            peer,
        })
    }

    /// Joins the swarm of a layer, saying what it has; the others there.
    async fn join(&mut self, digest: &str, have: Option<&[u8]>) -> Result<Vec<Value>> {
        let mut join = json!({"peer": self.peer, "want": 0, "table": false});
        if let Some(have) = have {
            join["have"] = B64.encode(have).into();
        }
        let path = self.session.path(&format!("_berth/swarm/{digest}"));
        let body = serde_json::to_vec(&join)?;
        let mut answer = Vec::new();
        let headers = [("Content-Type", "application/json")];
        let mut sink = Sink::Collect(&mut answer);
        let (head, _) = self
            .session
            .call("POST", &path, &headers, Body::Sized(&body), &mut sink)
            .await?;
        head.expect(&[200, 202], "swarm")?;
        if head.status == 202 {
            return Ok(Vec::new());
        }
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer["peers"].as_array().context("no peers")?.clone())
    }
}

fn acceptor(certificates: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, layers: Arc<Vec<(String, u64)>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, layers) = (tls.clone(), layers.clone());
        tokio::spawn(async move {
            let stream = tls.accept(stream).await?;
            converse(stream, &layers).await
        });
    }
}

/// Answers requests of one connection until it is closed.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, layers: &[(String, u64)]) -> Result<()> {
    let mut rng = Rng::new(Rng::fresh_seed());
    let mut request = Vec::new();
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            ensure!(request.len() < HEAD_MAX, "a head without an end");
            request.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&request).into_owned();
        request.clear();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let body = answer(path, layers, &mut rng);
        if path.starts_with("/have/") && !path.ends_with("since=0") {
            // There is nothing new.
            sleep(HELD).await;
        }
        let status = if body.is_empty() {
            "404 Not Found"
        } else {
            "200 OK"
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        stream.flush().await?;
    }
}

/// A full bitmap for `/have/<digest>`, a lie for `/chunk/<digest>/<i>`, nothing for all else.
fn answer(path: &str, layers: &[(String, u64)], rng: &mut Rng) -> Vec<u8> {
    let path = path.split('?').next().unwrap_or(path);
    let mut parts = path.trim_start_matches('/').split('/');
    let (what, digest, chunk) = (parts.next(), parts.next(), parts.next());
    let Some((_, size)) = layers.iter().find(|(layer, _)| Some(layer.as_str()) == digest) else {
        return Vec::new();
    };
    match (what, chunk.map(str::parse::<u64>)) {
        (Some("have"), None) => bitmap(size.div_ceil(CHUNK)),
        (Some("chunk"), Some(Ok(chunk))) if chunk < size.div_ceil(CHUNK) => {
            eprintln!("a lie about chunk {chunk}");
            let mut lie = vec![0; CHUNK.min(size - chunk * CHUNK) as usize];
            rng.fill(&mut lie);
            lie
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_liar_gives_what_is_asked_for_in_size_alone() {
        let layers = [("sha256:a".to_string(), 9 * CHUNK + 5)];
        let mut rng = Rng::new(1);
        assert_eq!(answer("/have/sha256:a?since=0", &layers, &mut rng), [255, 3]);
        assert_eq!(answer("/chunk/sha256:a/9", &layers, &mut rng).len(), 5);
        assert_eq!(answer("/chunk/sha256:a/0", &layers, &mut rng).len() as u64, CHUNK);
        assert!(answer("/chunk/sha256:a/10", &layers, &mut rng).is_empty());
        assert!(answer("/chunk/sha256:b/0", &layers, &mut rng).is_empty());
    }
}
