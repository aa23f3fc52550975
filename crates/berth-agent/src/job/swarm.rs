//! A blob from its swarm: leases and peers of the tracker, chunks of both, until all are there.
//!
//! Goes on with what is known when the tracker is gone, and takes chunks from the registry without a lease when nothing
//! moves. Who gives wrong bytes is never asked again.

mod fetch;
mod listen;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_oci::Digest;
use rand::RngExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::board::{Board, Origin};
use super::{Ended, Job, Jobs};
use crate::figures;
use crate::peers::{Asked, Fault};
use crate::registry::{self, Joining, Source};
use crate::wire::{Bitmap, FAILED_MAX, Join, Joined, LEASES_MAX, Moved};
use fetch::{Landed, Missed};
use listen::Heard;

/// Leases that are wanted at first; the tracker gives more to those who finish theirs.
pub(super) const WANT: u8 = LEASES_MAX;
/// With so few leases left the tracker is asked for more at once.
const LEASES_LOW: usize = 2;
/// How often at most the tracker is asked.
const RENEW_EVERY: Duration = Duration::from_millis(100);
/// What the tracker may say about when to renew, and how long leases hold.
const RENEW_MAX: Duration = Duration::from_secs(15);
const LEASE_MAX: Duration = Duration::from_mins(1);
/// How often it is looked whether anything moves.
const GLANCE: Duration = Duration::from_millis(100);
/// How long nothing may move before a chunk is taken without a lease, when the tracker does not answer.
const STILL: Duration = Duration::from_secs(2);
/// When to give up: nothing came for so long although all was tried.
const HOPELESS: Duration = Duration::from_secs(20);
/// How long a dead or slow peer is left alone.
const AWAY: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_secs(5);
/// Peers that are known at one time.
const PEERS_MAX: usize = 40;
/// Failures of the registry in a row.
const FAULTS_MAX: u32 = 4;
/// How long a whole blob is announced, and how often.
const LINGER: Duration = Duration::from_mins(2);
const LINGER_EVERY: Duration = Duration::from_secs(10);

/// The work of one job.
struct Swarm<'a> {
    jobs: &'a Arc<Jobs>,
    job: &'a Arc<Job>,
    board: Board,
    ticket: watch::Sender<Arc<str>>,
    fetches: JoinSet<Landed>,
    renewals: JoinSet<(Source, Join, Joining)>,
    listeners: HashMap<String, AbortHandle>,
    heard: (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
    /// Peers that are not asked until then.
    away: HashMap<String, Instant>,
    failed: Vec<String>,
    moved: Moved,
    renew_at: Instant,
    renewed: Instant,
    is_tracked: bool,
    lease: Duration,
    /// When something came last, and since when nothing is on its way.
    moved_at: Instant,
    still_since: Option<(Instant, Duration)>,
    faults: u32,
}

/// Fetches what is missing.
pub(super) async fn fill(jobs: &Arc<Jobs>, job: &Arc<Job>, joined: Box<Joined>) -> Result<(), Ended> {
    let mut swarm = Swarm::new(jobs, job, &joined);
    swarm.take_in(*joined);
    let done = swarm.run().await;
    jobs.add_moved(swarm.moved);
    for listener in swarm.listeners.values() {
        listener.abort();
    }
    done
}

/// Tells the tracker for a while that the blob is here, so that others come.
pub(super) async fn linger(jobs: &Arc<Jobs>, digest: Digest, source: Source) {
    let end = Instant::now() + LINGER;
    while let Some(chunks) = jobs.cache.holds(&digest).filter(|_| Instant::now() < end) {
        let moved = jobs.take_moved();
        let join = Join {
            peer: jobs.me.clone(),
            have: Some(Bitmap::full(chunks)),
            want: 0,
            failed: Vec::new(),
            table: false,
            moved,
        };
        match jobs.registry.join(&source, &digest, &join).await {
            Joining::Joined(_) => {}
            Joining::Unreachable | Joining::Later(_) => jobs.add_moved(moved),
            Joining::Off | Joining::Refused => {
                jobs.add_moved(moved);
                return;
            }
        }
        tokio::time::sleep(LINGER_EVERY).await;
    }
}

impl<'a> Swarm<'a> {
    fn new(jobs: &'a Arc<Jobs>, job: &'a Arc<Job>, joined: &Joined) -> Self {
        let now = Instant::now();
        Self {
            jobs,
            job,
            board: Board::new(job.entry.chunks(), job.entry.have()),
            ticket: watch::Sender::new(joined.ticket.as_str().into()),
            fetches: JoinSet::new(),
            renewals: JoinSet::new(),
            listeners: HashMap::new(),
            heard: mpsc::channel(64),
            away: HashMap::new(),
            failed: Vec::new(),
            moved: Moved::default(),
            renew_at: now,
            renewed: now,
            is_tracked: true,
            lease: LEASE_MAX,
            moved_at: now,
            still_since: None,
            faults: 0,
        }
    }

    async fn run(&mut self) -> Result<(), Ended> {
        loop {
            self.board.set_have(self.job.entry.have());
            if self.board.is_whole() {
                return Ok(());
            }
            self.set_off();
            self.renew_when_due();
            self.look()?;
            tokio::select! {
                Some(landed) = self.fetches.join_next() => {
                    if let Ok(landed) = landed {
                        self.landed(landed)?;
                    }
                }
                Some(Ok((source, join, joining))) = self.renewals.join_next() => self.renewed(&source, &join, joining),
                Some(heard) = self.heard.1.recv() => self.take_word(heard),
                () = tokio::time::sleep(GLANCE) => {}
            }
        }
    }

    /// Takes in an answer of the tracker.
    fn take_in(&mut self, joined: Joined) {
        let now = Instant::now();
        self.ticket.send_replace(joined.ticket.into());
        self.renewed = now;
        self.is_tracked = true;
        self.renew_at = now + Duration::from_millis(joined.renew_ms).clamp(RENEW_EVERY, RENEW_MAX);
        self.lease = Duration::from_millis(joined.lease_ms).min(LEASE_MAX);
        self.board.set_leases(&joined.leases);
        self.away.retain(|_, until| *until > now);
        for neighbour in joined.peers.into_iter().take(crate::wire::PEERS_MAX) {
            let peer = neighbour.peer;
            let is_welcome = peer.is_valid()
                && peer.id != self.jobs.me.id
                && !self.away.contains_key(&peer.id)
                && self.jobs.peers.is_trusted(&peer)
                && (self.listeners.len() < PEERS_MAX || self.board.peer(&peer.id).is_some());
            if is_welcome {
                self.listen_to(&peer);
                self.board.add_peer(peer, neighbour.have, now);
            }
        }
    }

    /// Hears from a peer what it has, as long as it is known; from one with a new address anew.
    fn listen_to(&mut self, peer: &crate::wire::Peer) {
        let is_known = self.board.peer(&peer.id) == Some(peer);
        let hears = self
            .listeners
            .get(&peer.id)
            .is_some_and(|listener| !listener.is_finished());
        if is_known && hears {
            return;
        }
        let asked = self.asked(peer);
        let (ticket, heard) = (self.ticket.subscribe(), self.heard.0.clone());
        let task = tokio::spawn(listen::to(Arc::clone(&self.jobs.peers), asked, ticket, heard));
        if let Some(before) = self.listeners.insert(peer.id.clone(), task.abort_handle()) {
            before.abort();
        }
    }

    fn asked(&self, peer: &crate::wire::Peer) -> Asked {
        Asked {
            peer: peer.clone(),
            digest: self.job.entry.digest().clone(),
            ticket: Arc::clone(&self.ticket.borrow()),
        }
    }

    /// Asks for as many chunks as may be on their way.
    fn set_off(&mut self) {
        while let Some((chunk, origin)) = self.board.next(Instant::now()) {
            let asked = match &origin {
                Origin::Registry => None,
                Origin::Peer(id) => self.board.peer(id).map(|peer| self.asked(peer)),
            };
            let (jobs, job) = (Arc::clone(self.jobs), Arc::clone(self.job));
            self.fetches.spawn(async move {
                let outcome = fetch::chunk(&jobs, &job, asked, chunk).await;
                Landed {
                    chunk,
                    origin,
                    outcome,
                }
            });
        }
    }

    fn renew_when_due(&mut self) {
        let now = Instant::now();
        if now < self.renew_at || !self.renewals.is_empty() {
            return;
        }
        let Some(source) = self.job.source(0) else {
            self.renew_at = now + RENEW_MAX;
            return;
        };
        let left = usize::from(LEASES_MAX).saturating_sub(self.board.leases());
        let mut moved = std::mem::take(&mut self.moved);
        let elsewhere = self.jobs.take_moved();
        moved.peers += elsewhere.peers;
        moved.registry += elsewhere.registry;
        let mut failed = std::mem::take(&mut self.failed);
        self.failed = failed.split_off(failed.len().min(FAILED_MAX));
        let join = Join {
            peer: self.jobs.me.clone(),
            have: Some(self.job.entry.have()),
            want: u8::try_from(left).unwrap_or(LEASES_MAX),
            failed,
            table: false,
            moved,
        };
        let (jobs, digest) = (Arc::clone(self.jobs), self.job.entry.digest().clone());
        self.renewals.spawn(async move {
            let joining = jobs.registry.join(&source, &digest, &join).await;
            (source, join, joining)
        });
        // Until its answer says better.
        self.renew_at = now + STILL;
    }

    fn renewed(&mut self, source: &Source, join: &Join, joining: Joining) {
        if let Joining::Joined(joined) = joining {
            return self.take_in(*joined);
        }
        self.moved.peers += join.moved.peers;
        self.moved.registry += join.moved.registry;
        self.failed.extend(join.failed.iter().cloned());
        self.is_tracked = false;
        if matches!(joining, Joining::Refused) {
            self.job.drop_source(source);
        }
        self.renew_at = Instant::now() + STILL;
    }

    fn landed(&mut self, landed: Landed) -> Result<(), Ended> {
        let now = Instant::now();
        let (chunk, origin) = (landed.chunk, landed.origin);
        self.board.landed(chunk, &origin);
        match (landed.outcome, &origin) {
            (Ok(bytes), Origin::Registry) => {
                figures::add(&self.jobs.figures.registry, bytes);
                self.moved.registry += bytes;
                self.moved_at = now;
                self.faults = 0;
                if self.board.leases() <= LEASES_LOW {
                    self.renew_at = self.renew_at.min(self.renewed + RENEW_EVERY);
                }
            }
            (Ok(bytes), Origin::Peer(_)) => {
                figures::add(&self.jobs.figures.peers, bytes);
                self.moved.peers += bytes;
                self.moved_at = now;
            }
            (Err(Missed::Disk(error)), _) => return Err(Ended::Disk(error)),
            (Err(missed), Origin::Registry) => self.missed_by_registry(missed, now)?,
            (Err(missed), Origin::Peer(id)) => self.missed_by_peer(missed, &id.clone(), chunk),
        }
        Ok(())
    }

    fn missed_by_registry(&mut self, missed: Missed, now: Instant) -> Result<(), Ended> {
        self.faults += 1;
        match missed {
            Missed::Wrong => {
                figures::add(&self.jobs.figures.wrong, 1);
                return Err(Ended::Wrong);
            }
            Missed::Registry(registry::Fault::Refused(_), source) => {
                self.job.drop_source(&source);
            }
            Missed::Registry(registry::Fault::Unavailable(Some(after)), _) => {
                self.board.rest_registry(now + after);
            }
            _ => {
                let wait = Duration::from_millis(250 << self.faults.min(4));
                self.board.rest_registry(now + wait);
            }
        }
        Ok(())
    }

    fn missed_by_peer(&mut self, missed: Missed, id: &str, chunk: usize) {
        let now = Instant::now();
        match missed {
            Missed::Wrong => {
                figures::add(&self.jobs.figures.wrong, 1);
                if let Some(peer) = self.board.peer(id) {
                    tracing::warn!(peer = id, address = %peer.address, "an agent gave wrong bytes");
                    self.jobs.peers.distrust(peer);
                }
                self.give_up_on(id);
            }
            Missed::Peer(Fault::Busy(after)) => {
                // Those who were told the same do not all come back at once.
                let after = after.mul_f64(rand::rng().random_range(0.2..1.0));
                self.board.rest(id, now + after, false);
            }
            Missed::Peer(Fault::NotThere) => self.board.lacks(id, chunk),
            Missed::Peer(Fault::Refused) => {
                self.board.rest(id, now + STILL, false);
                self.renew_at = self.renew_at.min(self.renewed + STILL);
            }
            Missed::Peer(Fault::Slow) => {
                if self.board.rest(id, now + SLOW, true) {
                    self.give_up_on(id);
                }
            }
            Missed::Peer(Fault::Dead) | Missed::Disk(_) | Missed::Registry(..) | Missed::Gone => {
                self.give_up_on(id)
            }
        }
    }

    /// Forgets a peer and tells the tracker.
    fn give_up_on(&mut self, id: &str) {
        if self.board.forget(id).is_some() {
            self.failed.push(id.to_owned());
        }
        self.away.insert(id.to_owned(), Instant::now() + AWAY);
        if let Some(listener) = self.listeners.remove(id) {
            listener.abort();
        }
    }

    fn take_word(&mut self, heard: Heard) {
        match heard {
            Heard::Has(id, have) => self.board.heard(&id, have),
            Heard::Dead(id) => self.give_up_on(&id),
        }
    }

    /// Whether it goes on at all.
    fn look(&mut self) -> Result<(), Ended> {
        if self.job.is_unread() {
            return Err(Ended::Unread);
        }
        if !self.board.is_still() {
            self.still_since = None;
            return Ok(());
        }
        let patience = if self.is_tracked { self.lease } else { STILL };
        let jitter = || patience.mul_f64(rand::rng().random_range(1.0..1.5));
        let (since, patience) = *self.still_since.get_or_insert_with(|| (Instant::now(), jitter()));
        let has_login = self.job.source(0).is_some();
        let quiet = self.moved_at.elapsed();
        let is_alone = self.listeners.is_empty();
        if (!has_login || self.faults >= FAULTS_MAX) && (is_alone || quiet > HOPELESS) {
            return Err(Ended::Registry);
        }
        if since.elapsed() > patience {
            self.still_since = None;
            if has_login {
                self.board.take_alone();
            }
        }
        Ok(())
    }
}
