//! Nodes that are there: what they give, what they said, and what they shall do. Their requests wait at whichever replica
//! took them; what is known of them is in rows, written every few seconds.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berth_metadata::{MetNode, Metadata, Node, SwarmTotals};
use berth_oci::Digest;
use tokio::sync::Notify;

use super::preheat::{NodeDone, NodeWork, connected_since, labels_text};
use super::{SwarmJoin, SwarmPeer};
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;

/// How long a node waits for something to do.
const HELD: Duration = Duration::from_secs(25);
/// Time between two looks for work for those that wait.
const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// Time between two writes of what nodes said.
const NOTED_EVERY: Duration = Duration::from_secs(3);
/// How long a node is remembered, and an image that nodes were to have.
const FORGOTTEN_AFTER_MS: i64 = 30 * 24 * 3600 * 1000;
/// Most nodes that are told of work in one look.
const AWAITED_MAX: i64 = 10_000;
/// Most nodes of one list.
const LISTED_MAX: i64 = 1_000;

/// An account's id and what a node of it calls itself.
type NodeKey = (String, String);

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct SwarmNode {
    /// Its agent.
    pub peer: SwarmPeer,
    /// What it is called by.
    pub labels: BTreeMap<String, String>,
    /// Blobs that it has whole.
    pub seeds: Vec<Digest>,
    /// What became of images that it was told of.
    pub done: Vec<NodeDone>,
    /// Bytes that came from other peers since it was heard last.
    pub moved_peers: u64,
    /// Bytes that came from the registry since then.
    pub moved_registry: u64,
}

/// The nodes of an account, and what all of them said.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// Those that were met lately, by name.
    pub nodes: Vec<Node>,
    /// How many are connected to any replica, of all accounts; for the operator's account alone.
    pub figures: Option<SwarmFigures>,
}

/// What nodes share, of all accounts.
#[derive(Clone, Copy, Debug)]
pub struct SwarmFigures {
    /// Nodes that are connected.
    pub connected: i64,
    /// Blobs that this process tracks.
    pub swarms: usize,
    /// Their peers.
    pub peers: usize,
    /// What agents said in all.
    pub totals: SwarmTotals,
}

/// Nodes that wait here, and what was not written yet.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    met: Mutex<HashMap<NodeKey, MetNode>>,
    waiting: Mutex<HashMap<NodeKey, Arc<Notify>>>,
    heard_at: AtomicI64,
    joins: AtomicU64,
    peers_bytes: AtomicU64,
    registry_bytes: AtomicU64,
}

impl Meetings {
    /// Adds what a peer said when it joined.
    pub(super) fn joined(&self, join: &SwarmJoin) {
        self.joins.fetch_add(1, Ordering::Relaxed);
        self.moved(join.moved_peers, join.moved_registry);
    }

    /// When an agent was heard here last, milliseconds since the epoch.
    pub(super) fn heard_at(&self) -> i64 {
        self.heard_at.load(Ordering::Relaxed)
    }

    fn moved(&self, peers: u64, registry: u64) {
        self.heard_at.store(now_ms(), Ordering::Relaxed);
        self.peers_bytes.fetch_add(peers, Ordering::Relaxed);
        self.registry_bytes.fetch_add(registry, Ordering::Relaxed);
    }

    fn meet(&self, node: MetNode) {
        let mut met = lock(&self.met);
        let key = (node.account_id.clone(), node.id.clone());
        let before = met.remove(&key);
        let (peers, registry) = before.map_or((0, 0), |before| (before.peers_bytes, before.registry_bytes));
        met.insert(
            key,
            MetNode {
                peers_bytes: node.peers_bytes.saturating_add(peers),
                registry_bytes: node.registry_bytes.saturating_add(registry),
                ..node
            },
        );
    }

    async fn write(&self, metadata: &Metadata) -> Result<(), Error> {
        let met: Vec<MetNode> = std::mem::take(&mut *lock(&self.met)).into_values().collect();
        let take = |figure: &AtomicU64| i64::try_from(figure.swap(0, Ordering::Relaxed)).unwrap_or(i64::MAX);
        let totals = SwarmTotals {
            joins: take(&self.joins),
            peers_bytes: take(&self.peers_bytes),
            registry_bytes: take(&self.registry_bytes),
        };
        if !met.is_empty() || totals != SwarmTotals::default() {
            metadata.note_nodes(met, totals, now_ms()).await?;
        }
        Ok(())
    }
}

/// A node that waits here, until this is dropped.
struct Waiting<'a> {
    meetings: &'a Meetings,
    key: NodeKey,
    woken: Arc<Notify>,
}

impl<'a> Waiting<'a> {
    fn new(meetings: &'a Meetings, key: NodeKey) -> Self {
        let woken = Arc::new(Notify::new());
        let before = lock(&meetings.waiting).insert(key.clone(), Arc::clone(&woken));
        // The node came again while it waited: one request of it that waits is enough.
        if let Some(before) = before {
            before.notify_one();
        }
        Self { meetings, key, woken }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.meetings.waiting);
        // Another request of the same node may have taken its place.
        if waiting
            .get(&self.key)
            .is_some_and(|woken| Arc::ptr_eq(woken, &self.woken))
        {
            waiting.remove(&self.key);
        }
    }
}

impl Registry {
    /// Hears of a node with any user's login, and answers what ends with what it shall do, or with nothing after a while.
    pub async fn meet_node(
        self: &Arc<Self>,
        caller: &Caller,
        node: SwarmNode,
    ) -> Result<impl Future<Output = NodeWork> + Send + use<>, Error> {
        let Caller::User(user) = caller else {
            return Err(Error::Unauthenticated);
        };
        let labels = labels_text(&node.labels)?;
        let key = (user.account_id.clone(), node.peer.id.clone());
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.swarm.meetings.moved(node.moved_peers, node.moved_registry);
        self.swarm.meetings.meet(MetNode {
            account_id: key.0.clone(),
            id: key.1.clone(),
            user_name: user.user_name.clone(),
            address: node.peer.address.clone(),
            labels,
            seeds: count(node.seeds.len() as u64),
            peers_bytes: count(node.moved_peers),
            registry_bytes: count(node.moved_registry),
        });
        self.settle_node((&key.0, &key.1), node.done).await?;
        self.swarm.seed(&node.peer, node.seeds).await;
        let (registry, caller) = (Arc::clone(self), caller.clone());
        Ok(async move {
            let work = registry.work_when_there_is(&caller, key).await;
            work.unwrap_or_else(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a node could not be told what it shall do");
                NodeWork::default()
            })
        })
    }

    async fn work_when_there_is(&self, caller: &Caller, key: NodeKey) -> Result<NodeWork, Error> {
        let waiting = Waiting::new(&self.swarm.meetings, key);
        let node = (waiting.key.0.as_str(), waiting.key.1.as_str());
        let work = self.node_work(caller, node).await?;
        if !work.jobs.is_empty() || !work.over.is_empty() {
            return Ok(work);
        }
        if tokio::time::timeout(HELD, waiting.woken.notified())
            .await
            .is_err()
        {
            return Ok(NodeWork::default());
        }
        self.node_work(caller, node).await
    }

    /// The nodes of the caller's account, for its administrators; the operator's see what all share, too.
    pub async fn nodes(&self, caller: &Caller) -> Result<Nodes, Error> {
        let account = match caller {
            Caller::System => None,
            Caller::User(user) => {
                caller.require_administrator(&user.account_name)?;
                Some(user.account_id.as_str())
            }
            Caller::Anonymous => return Err(Error::Unauthenticated),
        };
        let now = now_ms();
        let since = connected_since(now);
        let nodes = self.metadata.nodes(account, since, None, LISTED_MAX).await?;
        let figures = if self.require_operating_account(caller).await.is_ok() {
            let tracked = self.swarm.tracker.tracked();
            Some(SwarmFigures {
                connected: self.metadata.count_nodes(since).await?,
                swarms: tracked.swarms,
                peers: tracked.peers,
                totals: self.metadata.swarm_totals().await?,
            })
        } else {
            None
        };
        Ok(Nodes { nodes, figures })
    }

    /// Lets nodes that wait here know when something waits for them.
    pub(crate) async fn wake_nodes(&self) -> Result<(), Error> {
        if lock(&self.swarm.meetings.waiting).is_empty() {
            return Ok(());
        }
        let awaited = self.metadata.awaited_nodes(now_ms(), AWAITED_MAX).await?;
        let waiting = lock(&self.swarm.meetings.waiting);
        for node in awaited {
            if let Some(woken) = waiting.get(&node) {
                woken.notify_one();
            }
        }
        Ok(())
    }

    /// Writes what nodes said.
    pub(crate) async fn write_nodes(&self) -> Result<(), Error> {
        self.swarm.meetings.write(&self.metadata).await
    }

    /// Wakes nodes and writes what they said, for as long as it is polled.
    pub(crate) async fn follow_nodes(&self) {
        let wake = async {
            loop {
                tokio::time::sleep(LOOKED_EVERY).await;
                if let Err(error) = self.wake_nodes().await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "nodes may not hear of what they shall do");
                }
            }
        };
        let write = async {
            loop {
                tokio::time::sleep(NOTED_EVERY).await;
                if let Err(error) = self.write_nodes().await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "what nodes said could not be noted");
                }
            }
        };
        tokio::join!(wake, write);
    }

    /// Forgets nodes that are gone for long, and what they were to have.
    pub(crate) async fn forget_nodes(&self) -> Result<(), Error> {
        let before = now_ms() - FORGOTTEN_AFTER_MS;
        self.metadata.forget_nodes(before).await?;
        self.metadata.forget_preheats(before).await?;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
