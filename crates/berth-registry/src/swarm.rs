//! Node agents that share layers: who has which chunk of a blob, and who fetches what from the registry. Soft state of one
//! process; whoever may not pull a blob hears what they would hear for its bytes.

mod chunks;
mod crowd;
mod node;
mod preheat;
mod replicas;
mod table;
mod ticket;
mod tracker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use berth_metadata::Replica;
use berth_oci::{Digest, RepositoryName};
use serde_json::Value;

use crate::Registry;
use crate::access::Caller;
use crate::blob::size;
use crate::clock::now_ms;
use crate::error::Error;
use crate::limits::SwarmLimits;

pub use chunks::{CHUNK_BYTES, ChunkSet};
pub use crowd::SwarmPeer;
use crowd::Told;
use node::Meetings;
pub use node::{Nodes, SwarmFigures, SwarmNode};
pub(crate) use preheat::connected_since;
pub(crate) use preheat::{AheadOfRollout, labels_text};
pub use preheat::{NodeDone, NodeJob, NodeWork, PreheatPlace, WantedPreheat, WantedPreheatRule};
use replicas::Question;
pub(crate) use replicas::Replicas;
pub(crate) use table::Tables;
use table::{Table, TableOf};
use tracker::Tracker;
pub use tracker::{SwarmJoin, Tracked};

/// How long a request for a table waits until it is made.
const TABLE_PATIENCE: Duration = Duration::from_secs(2);
/// Blobs of so many bytes have their chunks hashed when they are pushed, if an agent was heard here not longer ago.
const HASHED_AHEAD_FROM: u64 = 64 << 20;
const AGENTS_KNOWN_MS: i64 = 3600 * 1000;
/// Time between two words of a replica that it is there, and how long each holds.
const ANNOUNCED_EVERY: Duration = Duration::from_secs(3);
const REPLICA_TTL_MS: i64 = 12_000;
/// Time between two looks for peers that are gone.
const SWEPT_EVERY: Duration = Duration::from_secs(10);

/// What this process knows of sharing nodes.
pub(crate) struct Swarm {
    is_enabled: bool,
    tracker: Tracker,
    tables: Tables,
    replicas: Replicas,
    meetings: Meetings,
}

/// A blob of which the caller was found to be allowed to pull it.
#[derive(Debug)]
pub struct SharedBlob(TableOf);

/// What becomes of a request to join.
#[derive(Debug)]
pub enum SwarmAnswer {
    /// The peer is in.
    Joined(Box<Swarmed>),
    /// The hashes of the blob's chunks are being made: ask again.
    TableComing,
}

/// What a peer is told.
#[derive(Debug)]
pub struct Swarmed {
    /// Bytes of the blob.
    pub size: u64,
    /// SHA-256 of each chunk, one after another, when the table was asked for.
    pub hashes: Option<Arc<[u8]>>,
    /// What it shows other peers.
    pub ticket: String,
    /// Others, with what they have.
    pub peers: Vec<(Arc<SwarmPeer>, Arc<ChunkSet>)>,
    /// All chunks that it shall fetch from the registry.
    pub leases: Vec<u32>,
    /// How long a lease holds, in milliseconds.
    pub lease_ms: i64,
    /// When it shall renew, in milliseconds.
    pub renew_ms: i64,
}

impl Swarm {
    pub(crate) fn new(limits: &SwarmLimits, tables: Tables, replicas: Replicas) -> Self {
        let peers_max = usize::try_from(limits.peers_max).unwrap_or(usize::MAX);
        Self {
            is_enabled: limits.enabled,
            tracker: Tracker::new(peers_max, rand::random()),
            tables,
            replicas,
            meetings: Meetings::default(),
        }
    }

    /// A blob came. A long one of which agents may ask soon has its chunks hashed ahead; without agents nothing is done.
    pub(crate) fn pushed(&self, digest: &Digest, key: &str, size: u64) {
        if size >= HASHED_AHEAD_FROM
            && self.is_enabled
            && self.meetings.heard_at() > now_ms() - AGENTS_KNOWN_MS
        {
            self.tables.begin(&TableOf {
                digest: digest.clone(),
                key: key.to_owned(),
                size,
            });
        }
    }

    /// What this process tracks now.
    pub(crate) fn tracked(&self) -> Tracked {
        self.tracker.tracked()
    }

    /// What a peer of a blob is told by whoever tracks it.
    async fn join(&self, digest: &Digest, chunks: u32, join: &SwarmJoin) -> Told {
        if let Some(tracks) = self.replicas.tracker_of(digest) {
            let question = Question::Join {
                digest: digest.clone(),
                chunks,
                join: join.clone(),
            };
            if let Some(told) = self.replicas.ask_join(&tracks, &question, chunks).await {
                return told;
            }
        }
        self.tracker.join(now_ms(), digest, chunks, join)
    }

    /// Lets whoever tracks them know who has blobs.
    async fn seed(&self, peer: &SwarmPeer, digests: Vec<Digest>) {
        let mut own = Vec::new();
        let mut elsewhere: HashMap<String, (Replica, Vec<Digest>)> = HashMap::new();
        for digest in digests {
            match self.replicas.tracker_of(&digest) {
                None => own.push(digest),
                Some(tracks) => {
                    let of = elsewhere.entry(tracks.id.clone());
                    of.or_insert_with(|| (tracks, Vec::new())).1.push(digest);
                }
            }
        }
        for (tracks, digests) in elsewhere.into_values() {
            let peer = peer.clone();
            let question = Question::Seeds { peer, digests };
            if !self.replicas.tell_seeds(&tracks, &question).await
                && let Question::Seeds { digests, .. } = question
            {
                own.extend(digests);
            }
        }
        self.tracker.seed(now_ms(), peer, &own);
    }

    /// The answer to another replica, when it is one.
    fn answer_replica(&self, authorization: &str, body: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(match self.replicas.question(authorization, body) {
            None => None,
            Some(Question::Join { digest, chunks, join }) => {
                let told = self.tracker.join(now_ms(), &digest, chunks, &join);
                Some(Replicas::answer_join(&told)?)
            }
            Some(Question::Seeds { peer, digests }) => {
                self.tracker.seed(now_ms(), &peer, &digests);
                Some(Vec::new())
            }
        })
    }
}

impl Registry {
    /// Whether nodes are helped to share layers.
    pub fn has_swarms(&self) -> bool {
        self.swarm.is_enabled
    }

    /// The public keys that tickets are verified with, as a set of RFC 7517.
    pub fn ticket_keys(&self) -> &Value {
        self.identity.signer.public_keys()
    }

    /// A blob that the caller may pull, as far as sharing it goes.
    pub async fn shared_blob(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<SharedBlob, Error> {
        let (_, linked) = self.linked(caller, repository, digest).await?;
        Ok(SharedBlob(TableOf {
            digest: digest.clone(),
            size: size(&linked),
            key: linked.key,
        }))
    }

    /// Takes a peer into the swarm of a blob, or hears of it again. `with_table`: the answer needs the hashes of the blob's
    /// chunks. `Invalid` for a blob that is empty or too long; `BlobUnknown` when it turns out to be damaged.
    pub async fn join_swarm(
        &self,
        SharedBlob(blob): &SharedBlob,
        join: &SwarmJoin,
        with_table: bool,
    ) -> Result<SwarmAnswer, Error> {
        let Some(chunks) = chunks::chunks_of(blob.size) else {
            return Err(Error::Invalid("blobs of this length are not shared".to_owned()));
        };
        let mut hashes = None;
        if with_table {
            match self.swarm.tables.get(blob, TABLE_PATIENCE).await? {
                Table::Made(made) => hashes = Some(made),
                Table::Coming => return Ok(SwarmAnswer::TableComing),
                Table::Damaged => return Err(Error::BlobUnknown(blob.digest.clone())),
            }
        }
        self.swarm.meetings.joined(join);
        let told = self.swarm.join(&blob.digest, chunks, join).await;
        Ok(SwarmAnswer::Joined(Box::new(Swarmed {
            size: blob.size,
            hashes,
            ticket: ticket::issue(&self.identity.signer, now_ms(), &blob.digest, &join.peer)?,
            peers: told.peers,
            leases: told.leases,
            lease_ms: told.lease_ms,
            renew_ms: told.renew_ms,
        })))
    }

    /// The answer to what another replica of this registry asks about agents; none when it does not show that it is one.
    pub fn answer_replica(&self, authorization: &str, body: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.swarm.answer_replica(authorization, body)
    }

    /// Lets other replicas know where this one is, and hears of them, for as long as it is polled.
    pub(crate) async fn meet_replicas(&self) {
        if !self.swarm.is_enabled || !self.metadata.is_shared() {
            return;
        }
        loop {
            if let Err(error) = self.meet_replicas_once().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "other replicas may not know of this one");
            }
            tokio::time::sleep(ANNOUNCED_EVERY).await;
        }
    }

    async fn meet_replicas_once(&self) -> Result<(), Error> {
        if let Some(address) = &self.limits.swarm.replica_address {
            let own = Replica {
                id: self.process.clone(),
                address: address.clone(),
            };
            self.metadata.announce_replica(&own, REPLICA_TTL_MS).await?;
        }
        self.swarm.replicas.know(self.metadata.replicas().await?);
        Ok(())
    }

    /// Forgets peers that are gone, for as long as it is polled.
    pub(crate) async fn sweep_swarms(&self) {
        loop {
            tokio::time::sleep(SWEPT_EVERY).await;
            self.swarm.tracker.sweep(now_ms());
        }
    }
}
