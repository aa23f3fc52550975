//! Other agents, as this one asks them: what they have, and for chunks; and whom not to ask ever again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berth_oci::Digest;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::AUTHORIZATION;
use moka::sync::Cache;
use reqwest::{Client, Response};

use crate::flights::Flights;
use crate::identity::Identity;
use crate::registry::retry_after;
use crate::wire::{Bitmap, CHUNKS_MAX, Peer, TICKET_SCHEME};

/// How long a peer may be silent while a chunk comes.
const SILENCE: Duration = Duration::from_secs(2);
/// How long it may think before the first byte: its queue holds a request for three seconds.
const FIRST_BYTE: Duration = Duration::from_secs(6);
/// How long a whole chunk may take: slower ones are left for others.
const CHUNK: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(2);
/// A peer holds the question what it has for 5 seconds.
const HAVE: Duration = Duration::from_secs(8);
/// Connections that are kept for peers.
const CLIENTS_MAX: u64 = 200;
const CLIENT_IDLE: Duration = Duration::from_mins(2);
/// Liars that are remembered; more than that and the oldest are not, each of whose chunks is checked all the same.
const LIARS_MAX: usize = 10_000;

/// This agent and the others.
pub(crate) struct Peers {
    me: Peer,
    identity: Identity,
    clients: Cache<(String, String), Client>,
    liars: Mutex<HashSet<String>>,
}

/// What is asked of a peer, and by what right.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) peer: Peer,
    pub(crate) digest: Digest,
    pub(crate) ticket: Arc<str>,
}

/// Why a peer gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has too much to do just now.
    Busy(Duration),
    /// It has not what was asked for.
    NotThere,
    /// It does not take the ticket.
    Refused,
    /// It is too slow, or stood still.
    Slow,
    /// It is not reached, is another one, or makes no sense.
    Dead,
}

impl Peers {
    pub(crate) fn new(me: Peer, identity: Identity) -> Self {
        Self {
            me,
            identity,
            clients: Cache::builder()
                .max_capacity(CLIENTS_MAX)
                .time_to_idle(CLIENT_IDLE)
                .build(),
            liars: Mutex::default(),
        }
    }

    /// This agent, as others know it.
    pub(crate) fn me(&self) -> &Peer {
        &self.me
    }
    /// Never asks this one again.
    pub(crate) fn distrust(&self, peer: &Peer) {
        let mut liars = self.liars.lock().unwrap_or_else(PoisonError::into_inner);
        if liars.len() < LIARS_MAX {
            liars.insert(peer.fingerprint.clone());
        }
        self.clients.invalidate(&key(peer));
    }

    /// Whether it may be asked.
    pub(crate) fn is_trusted(&self, peer: &Peer) -> bool {
        let liars = self.liars.lock().unwrap_or_else(PoisonError::into_inner);
        !liars.contains(&peer.fingerprint)
    }

    /// A chunk by its number, of so many bytes, unchecked; `flights` hears when it comes.
    pub(crate) async fn chunk(
        &self,
        asked: &Asked,
        chunk: (usize, usize),
        flights: &Flights,
    ) -> Result<Bytes, Fault> {
        let whole = self.chunk_in_time(asked, chunk, flights);
        tokio::time::timeout(CHUNK, whole)
            .await
            .unwrap_or(Err(Fault::Slow))
    }

    async fn chunk_in_time(
        &self,
        asked: &Asked,
        (chunk, length): (usize, usize),
        flights: &Flights,
    ) -> Result<Bytes, Fault> {
        let path = format!("chunk/{}/{chunk}", asked.digest);
        let mut answer = self.ask(asked, &path, FIRST_BYTE).await?;
        let _coming = flights.come();
        let mut bytes = BytesMut::with_capacity(length);
        loop {
            let piece = tokio::time::timeout(SILENCE, answer.chunk()).await;
            match piece.map_err(|_| Fault::Slow)?.map_err(|_| Fault::Dead)? {
                None => break,
                // One byte more shows that it is wrong.
                Some(piece) if bytes.len() + piece.len() > length => return Ok(Bytes::new()),
                Some(piece) => bytes.extend_from_slice(&piece),
            }
        }
        Ok(bytes.freeze())
    }

    /// What a peer has, as soon as it has more than `since` chunks, or after some seconds.
    pub(crate) async fn have(&self, asked: &Asked, since: usize) -> Result<Bitmap, Fault> {
        let path = format!("have/{}?since={since}", asked.digest);
        let whole = async {
            let mut answer = self.ask(asked, &path, HAVE).await?;
            let mut bytes = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(|_| Fault::Dead)? {
                if bytes.len() + piece.len() > CHUNKS_MAX / 8 {
                    return Err(Fault::Dead);
                }
                bytes.extend_from_slice(&piece);
            }
            Bitmap::from_bytes(bytes).ok_or(Fault::Dead)
        };
        tokio::time::timeout(HAVE, whole)
            .await
            .unwrap_or(Err(Fault::Slow))
    }

    async fn ask(&self, asked: &Asked, path: &str, patience: Duration) -> Result<Response, Fault> {
        let url = format!("https://{}/{path}", asked.peer.address);
        let client = self.client(&asked.peer).ok_or(Fault::Dead)?;
        let ticket = format!("{TICKET_SCHEME} {}", asked.ticket);
        let answer = client.get(url).header(AUTHORIZATION, ticket).send();
        let answer = tokio::time::timeout(patience, answer)
            .await
            .map_err(|_| Fault::Slow)?;
        let answer = answer.map_err(|_| Fault::Dead)?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::SERVICE_UNAVAILABLE => {
                let after = retry_after(answer.headers()).unwrap_or(Duration::from_millis(300));
                Err(Fault::Busy(after))
            }
            StatusCode::NOT_FOUND => Err(Fault::NotThere),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Fault::Refused),
            _ => Err(Fault::Dead),
        }
    }

    fn client(&self, peer: &Peer) -> Option<Client> {
        if let Some(client) = self.clients.get(&key(peer)) {
            return Some(client);
        }
        let config = self.identity.client(&peer.fingerprint).ok()?;
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .build()
            .ok()?;
        self.clients.insert(key(peer), client.clone());
        Some(client)
    }
}

fn key(peer: &Peer) -> (String, String) {
    (peer.address.clone(), peer.fingerprint.clone())
}
