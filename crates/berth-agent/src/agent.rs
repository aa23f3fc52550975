//! The agent put together: its settings, its parts, its start and its end.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::cache::Cache;
use crate::channel::Channel;
use crate::door::local::Local;
use crate::door::shared::Shared;
use crate::door::{self};
use crate::figures::Figures;
use crate::identity::Identity;
use crate::job::Jobs;
use crate::peers::Peers;
use crate::registry::Registry;
use crate::tickets::Keys;
use crate::wire::{LABELS_MAX, Peer};

/// What an agent needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The registry, such as `https://registry.example`.
    pub registry: String,
    /// Authorities to trust for it beside the system's: a file of certificates (PEM).
    pub registry_ca: Option<PathBuf>,
    /// Where clients of this node ask.
    pub listen: SocketAddr,
    /// Whether `listen` may be reached from other machines.
    pub open_to_all: bool,
    /// Where other agents ask.
    pub peer_listen: SocketAddr,
    /// The address at which they reach it, when it is another one.
    pub peer_address: Option<SocketAddr>,
    /// Folder of the cache.
    pub cache: PathBuf,
    /// Most bytes in it.
    pub cache_bytes: u64,
    /// File with the agent's own login, `user:password` or a token; without it there is no node channel.
    pub login: Option<PathBuf>,
    /// What the node is called by in preheats.
    pub labels: BTreeMap<String, String>,
    /// Chunks that are given to other agents at one time.
    pub upload_slots: usize,
}

/// A running agent; it ends when it is dropped.
#[derive(Debug)]
pub struct Agent {
    /// Where clients of this node ask.
    pub local: SocketAddr,
    /// How other agents know it.
    pub peer: Peer,
    stop: CancellationToken,
}

impl Agent {
    /// Starts an agent in the runtime of the caller.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        check(&settings)?;
        let authorities = match &settings.registry_ca {
            Some(path) => Some(fs::read(path).map_err(Error::file(path, "read"))?),
            None => None,
        };
        let registry = Arc::new(Registry::new(&settings.registry, authorities.as_deref())?);
        let cache = Arc::new(Cache::open(&settings.cache, settings.cache_bytes)?);
        let identity = Identity::make()?;
        let (local, peer) = (
            listen(settings.listen).await?,
            listen(settings.peer_listen).await?,
        );
        let place = |listener: &TcpListener| listener.local_addr().map_err(Error::internal);
        let me = Peer {
            id: id(&settings.cache)?,
            address: settings.peer_address.unwrap_or(place(&peer)?).to_string(),
            fingerprint: identity.fingerprint(),
        };
        let acceptor = TlsAcceptor::from(Arc::new(identity.server()?));
        let (peers, figures) = (
            Arc::new(Peers::new(me.clone(), identity)),
            Arc::new(Figures::default()),
        );
        let stop = CancellationToken::new();
        let jobs = Arc::new(Jobs::new(registry, cache, peers, figures, stop.clone()));
        let keys = Arc::new(Keys::default());
        let agent = Self {
            local: place(&local)?,
            peer: me,
            stop: stop.clone(),
        };
        let shared = Shared::new(Arc::clone(&jobs), Arc::clone(&keys), settings.upload_slots);
        tokio::spawn(door::open(
            local,
            None,
            Arc::new(Local::new(Arc::clone(&jobs))),
            stop.clone(),
        ));
        tokio::spawn(door::open(peer, Some(acceptor), Arc::new(shared), stop.clone()));
        if let Some(login) = settings.login {
            let channel = Channel::new(jobs, keys, login, settings.labels);
            tokio::spawn(async move {
                tokio::select! {
                    () = channel.speak() => {}
                    () = channel.work() => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        Ok(agent)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn check(settings: &Settings) -> Result<(), Error> {
    let wrong = |reason: &str| Err(Error::Setting(reason.to_owned()));
    if !settings.listen.ip().is_loopback() && !settings.open_to_all {
        return wrong(
            "clients of other machines would be answered at this address: listen on 127.0.0.1, or say --open-to-all",
        );
    }
    let address = settings.peer_address.unwrap_or(settings.peer_listen);
    if address.ip().is_unspecified() {
        return wrong(
            "other agents need an address of this node: name it in --peer-listen or --peer-address",
        );
    }
    if settings.labels.len() > LABELS_MAX {
        return wrong("a node has 64 labels at most");
    }
    if settings.upload_slots == 0 {
        return wrong("an agent gives at least one chunk at a time");
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| Error::Listen { address, source })
}

/// The agent's id, made at its first start and kept with the cache.
fn id(folder: &Path) -> Result<String, Error> {
    let path = folder.join("id");
    if let Ok(text) = fs::read_to_string(&path) {
        let is_id = text.len() == 32
            && text
                .bytes()
                .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        if is_id {
            return Ok(text);
        }
    }
    let id = hex::encode(rand::random::<[u8; 16]>());
    fs::write(&path, &id).map_err(Error::file(&path, "written"))?;
    Ok(id)
}
