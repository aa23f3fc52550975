//! A client of another registry: logins, pulls, pushes that go on after a break, mounts and referrers.
//!
//! Owns the protocol's client side and what may not be trusted about the other side: everything it answers is bounded,
//! checked by digest, and never shown raw. Refuses to know rows, stored bytes, and why something is copied. Which
//! addresses may be reached is the caller's word: the [`reqwest::Client`] and the [`Guard`].

mod address;
mod auth;
mod blob;
mod budget;
mod challenge;
mod error;
mod exchange;
mod link;
mod login;
mod manifest;
mod referrers;
mod retry;
mod tags;
mod transport;
mod upload;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use blob::{Blob, BlobPart};
pub use budget::Budget;
pub use error::Error;
use exchange::{Ask, Exchange};
pub use login::Login;
pub use manifest::{ManifestHead, Put, RemoteManifest};
pub use referrers::{Referrers, fallback_tag};
use reqwest::Url;
pub use transport::ByteStream;
use transport::Transport;
pub use upload::{BlobPush, Mount, Pushed, Source, UploadSession};

/// Which addresses may be reached, as the caller has it.
///
/// Every address that the other registry names is asked about before it is used: redirects, token realms, upload
/// locations. A resolver of the client cannot do it alone, because an address that is a number is never resolved.
#[derive(Clone)]
pub struct Guard {
    check: Arc<Check>,
    refusal: fn(&reqwest::Error) -> Option<String>,
}

type Check = dyn Fn(&Url) -> Result<(), String> + Send + Sync;

impl Guard {
    /// `check` refuses an address with a sentence; `refusal` finds the sentence in an error of the client when its
    /// resolver refused, so that it is not taken for a fault that passes.
    pub fn new(
        check: impl Fn(&Url) -> Result<(), String> + Send + Sync + 'static,
        refusal: fn(&reqwest::Error) -> Option<String>,
    ) -> Self {
        Self {
            check: Arc::new(check),
            refusal,
        }
    }

    /// Everything may be reached.
    pub fn open() -> Self {
        Self::new(|_| Ok(()), |_| None)
    }
}

/// How much the other side may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long nothing may move, in either direction, before a request counts as broken.
    pub stall: Duration,
    /// How long the answer to a request that has sent everything may take: a registry may copy gigabytes then.
    pub answer: Duration,
    /// How often a request is sent when it fails for a reason that passes; for a blob, how often without any progress.
    pub attempts: u32,
    /// The longest pause between two attempts. A `Retry-After` beyond it ends the call, and the error tells it.
    pub pause_max: Duration,
    /// Bytes of a manifest, of a page of a list, or of an index of referrers.
    pub document_bytes_max: usize,
    /// Entries of a list, over all its pages.
    pub entries_max: usize,
    /// Pages of a list.
    pub pages_max: usize,
    /// Bytes of one request of a blob's upload. A smaller blob travels in one request.
    pub chunk_bytes: u64,
    /// Bytes of a blob whose size the other side does not tell.
    pub blob_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stall: Duration::from_mins(1),
            answer: Duration::from_mins(5),
            attempts: 4,
            pause_max: Duration::from_secs(30),
            document_bytes_max: 4 << 20,
            entries_max: 200_000,
            pages_max: 1000,
            chunk_bytes: 64 << 20,
            blob_bytes_max: 1 << 40,
        }
    }
}

/// Gives a builder of clients what a [`Remote`] needs: no redirects (they are followed here, where it is known who gets
/// the login), no proxy of the environment, and a time limit for connecting alone: what stalls is noticed here, and a
/// large layer takes its time. Set the builder's resolver before or after, and no total time limit.
pub fn configure(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(Duration::from_secs(10))
        // A client's limit for silence would run while a long body is sent; there is no way to unset it.
        .read_timeout(Duration::from_hours(24))
        .pool_idle_timeout(Duration::from_secs(30))
        .tcp_keepalive(Duration::from_secs(30))
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(20))
}

/// Another registry. Cheap to clone; clones share tokens and connections.
#[derive(Clone)]
pub struct Remote {
    exchange: Arc<Exchange>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.base())
    }
}

/// What a registry says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// The header `Berth-Registry-Id`: which Berth it is, if it is one.
    pub registry_id: Option<String>,
}

impl Remote {
    /// A registry at `base`: `http` or `https`, a host, perhaps a port and a path that stands before `/v2/`.
    /// `client` is one that [`configure`] had a hand in. [`Error::Invalid`] for an address that is none. With `http`
    /// everybody on the way can read the login.
    pub fn new(
        base: &str,
        login: Option<Login>,
        client: reqwest::Client,
        guard: Guard,
        limits: Limits,
    ) -> Result<Self, Error> {
        let transport = Transport::new(address::base(base)?, client, guard, limits);
        let exchange = Exchange::new(transport, login);
        Ok(Self {
            exchange: Arc::new(exchange),
        })
    }

    /// Its address, without a `/` at the end.
    pub fn base(&self) -> &str {
        self.exchange.base().as_str().trim_end_matches('/')
    }

    /// Asks whether it is a registry and, when it wants a login at its door, whether this one is good.
    pub async fn ping(&self) -> Result<Ping, Error> {
        let url = self.exchange.url("")?;
        let answer = self.exchange.send(&Ask::get(url, &[])).await?;
        let id = answer.header("berth-registry-id");
        let is_id = |id: &&str| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic() && b != b',');
        Ok(Ping {
            registry_id: id.filter(is_id).map(str::to_owned),
        })
    }

    /// What the registry last said of how much more it will answer.
    pub fn budget(&self) -> Option<Budget> {
        self.exchange.budget()
    }

    /// One of its repositories; any name that the distribution specification allows, one component being enough.
    /// [`Error::Invalid`] for another.
    pub fn repository(&self, name: &str) -> Result<Repository, Error> {
        if !is_repository_name(name) {
            return Err(Error::Invalid(format!(
                "{} is not the name of a repository",
                error::shown(name)
            )));
        }
        Ok(Repository {
            remote: self.clone(),
            name: name.to_owned(),
        })
    }
}

/// A repository of another registry.
#[derive(Debug, Clone)]
pub struct Repository {
    remote: Remote,
    name: String,
}

impl Repository {
    /// Its name there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The registry that it is in.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    fn exchange(&self) -> &Exchange {
        &self.remote.exchange
    }

    /// The address of something in it.
    fn url(&self, rest: &str) -> Result<Url, Error> {
        self.exchange().url(&format!("{}/{rest}", self.name))
    }

    fn pull_scope(&self) -> String {
        format!("repository:{}:pull", self.name)
    }

    fn push_scope(&self) -> String {
        format!("repository:{}:pull,push", self.name)
    }
}

/// distribution-spec, "Pulling manifests": components of letters, digits and separators, 255 characters at most.
fn is_repository_name(name: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_component = |component: &str| {
        let bytes = component.as_bytes();
        let ends_well = |b: Option<&u8>| b.is_some_and(|b| is_word(*b));
        ends_well(bytes.first())
            && ends_well(bytes.last())
            && bytes.iter().all(|b| is_word(*b) || b"._-".contains(b))
            && !component.contains("..")
    };
    name.len() <= 255 && name.split('/').all(is_component)
}
