//! A blob from its swarm: leases and peers of the tracker, chunks of both, until all are there.
//!
//! Goes on with what is known when the tracker is gone, and takes chunks from the registry without a lease when nothing
//! moves. Who gives wrong bytes is never asked again.

mod fetch;
mod listen;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::board::{Board, Origin};
use super::share::Share;
use super::{Ended, Job, Jobs};
use crate::figures;
use crate::peers::{Asked, Fault};
use crate::registry::{self, Joining, Source};
use crate::wire::{FAILED_MAX, Join, Joined, LEASES_MAX, Peer};
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
/// At most so many times the life of a lease nothing comes before a chunk is taken without one.
const STUCK: f64 = 1.5;
/// When to give up: nothing came for so long although all was tried.
const HOPELESS: Duration = Duration::from_secs(20);
/// How long a dead or slow peer is left alone.
const AWAY: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_secs(5);
/// Peers that are known at one time.
const PEERS_MAX: usize = 40;
/// Failures of the registry in a row.
const FAULTS_MAX: u32 = 4;

/// The work of one job.
struct Swarm<'a> {
    jobs: &'a Arc<Jobs>,
    job: &'a Arc<Job>,
    board: Board,
    share: Share<'a>,
    ticket: watch::Sender<Arc<str>>,
    fetches: JoinSet<Landed>,
    renewals: JoinSet<(Source, Join, Joining)>,
    /// The chunks on their way, to be given up when they come from elsewhere.
    flights: Vec<(usize, AbortHandle)>,
    listeners: HashMap<String, AbortHandle>,
    listening: JoinSet<()>,
    heard: (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
    /// Peers that are not asked until then.
    away: HashMap<String, Instant>,
    failed: Vec<String>,
    renew_at: Instant,
    renewed: Instant,
    is_tracked: bool,
    lease: Duration,
    /// When something came last, and since when nothing is on its way.
    moved_at: Instant,
    still_since: Option<(Instant, Duration)>,
    /// When a chunk was last taken without a lease.
    alone_at: Instant,
    faults: u32,
}

/// Fetches what is missing.
pub(super) async fn fill(jobs: &Arc<Jobs>, job: &Arc<Job>, joined: Box<Joined>) -> Result<(), Ended> {
    let mut swarm = Swarm::new(jobs, job, &joined);
    swarm.take_in(*joined);
    swarm.run().await
}

impl<'a> Swarm<'a> {
    fn new(jobs: &'a Arc<Jobs>, job: &'a Arc<Job>, joined: &Joined) -> Self {
        let now = Instant::now();
        Self {
            jobs,
            job,
            board: Board::new(job.entry.chunks(), job.entry.have()),
            share: Share::of(&jobs.flights),
            ticket: watch::Sender::new(joined.ticket.as_str().into()),
            fetches: JoinSet::new(),
            renewals: JoinSet::new(),
            flights: Vec::new(),
            listeners: HashMap::new(),
            listening: JoinSet::new(),
            heard: mpsc::channel(64),
            away: HashMap::new(),
            failed: Vec::new(),
            renew_at: now,
            renewed: now,
            is_tracked: true,
            lease: LEASE_MAX,
            moved_at: now,
            still_since: None,
            alone_at: now,
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
        while self.listening.try_join_next().is_some() {}
        for neighbour in joined.peers.into_iter().take(crate::wire::PEERS_MAX) {
            let peer = neighbour.peer;
            let is_welcome = peer.is_valid()
                && peer.id != self.jobs.peers.me().id
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
    fn listen_to(&mut self, peer: &Peer) {
        let is_known = self.board.peer(&peer.id) == Some(peer);
        let is_heard = self
            .listeners
            .get(&peer.id)
            .is_some_and(|listener| !listener.is_finished());
        if is_known && is_heard {
            return;
        }
        let asked = self.asked(peer);
        let (ticket, heard) = (self.ticket.subscribe(), self.heard.0.clone());
        let listening = listen::to(Arc::clone(&self.jobs.peers), asked, ticket, heard);
        let listener = self.listening.spawn(listening);
        if let Some(before) = self.listeners.insert(peer.id.clone(), listener) {
            before.abort();
        }
    }

    fn asked(&self, peer: &Peer) -> Asked {
        Asked {
            peer: peer.clone(),
            digest: self.job.entry.digest().clone(),
            ticket: Arc::clone(&self.ticket.borrow()),
        }
    }

    /// Asks for as many chunks as may be on their way.
    fn set_off(&mut self) {
        self.share.set(self.board.flights());
        let is_late = self.board.is_late(self.moved_at.elapsed());
        while self.share.is_open(is_late)
            && let Some((chunk, origin)) = self.board.next(Instant::now())
        {
            self.share.set(self.board.flights());
            let asked = match &origin {
                Origin::Registry => None,
                Origin::Peer(id) => self.board.peer(id).map(|peer| self.asked(peer)),
            };
            let (jobs, job) = (Arc::clone(self.jobs), Arc::clone(self.job));
            let flight = self.fetches.spawn(async move {
                let outcome = fetch::chunk(&jobs, &job, asked, chunk).await;
                Landed {
                    chunk,
                    origin,
                    outcome,
                }
            });
            self.flights.push((chunk, flight));
        }
    }

    fn renew_when_due(&mut self) {
        let now = Instant::now();
        if now < self.renew_at || !self.renewals.is_empty() {
            return;
        }
        let Some(source) = self.job.source() else {
            self.renew_at = now + RENEW_MAX;
            return;
        };
        let left = usize::from(LEASES_MAX).saturating_sub(self.board.leases());
        let moved = self.jobs.take_moved_for_tracker();
        let mut failed = std::mem::take(&mut self.failed);
        self.failed = failed.split_off(failed.len().min(FAILED_MAX));
        let join = Join {
            peer: self.jobs.peers.me().clone(),
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
        self.jobs.add_moved(join.moved);
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
        if landed.outcome.is_err() {
            self.board.missed(chunk, &origin);
        } else {
            // Who was asked for it as well need not go on.
            self.board.came(chunk, now);
            for (_, flight) in self.flights.extract_if(.., |(other, _)| *other == chunk) {
                flight.abort();
            }
        }
        self.flights.retain(|(_, flight)| !flight.is_finished());
        match (landed.outcome, &origin) {
            (Ok(()), Origin::Registry) => {
                self.moved_at = now;
                self.faults = 0;
                if self.board.leases() <= LEASES_LOW {
                    self.renew_at = self.renew_at.min(self.renewed + RENEW_EVERY);
                }
            }
            (Ok(()), Origin::Peer(_)) => self.moved_at = now,
            (Err(Missed::Disk(error)), _) => return Err(Ended::Disk(error)),
            (Err(missed), Origin::Registry) => self.missed_by_registry(missed, now)?,
            (Err(missed), Origin::Peer(id)) => self.missed_by_peer(&missed, &id.clone(), chunk),
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
                self.board.rest_registry(now + RENEW_EVERY);
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

    fn missed_by_peer(&mut self, missed: &Missed, id: &str, chunk: usize) {
        let now = Instant::now();
        match *missed {
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
            Missed::Peer(Fault::NotThere) => {
                if self.board.lacks(id, chunk) {
                    self.give_up_on(id);
                }
            }
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
                self.give_up_on(id);
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
        let (has_login, quiet) = (self.job.source().is_some(), self.moved_at.elapsed());
        let is_dry = !has_login || self.faults >= FAULTS_MAX;
        if is_dry && quiet > HOPELESS {
            return Err(Ended::Registry);
        }
        if !self.board.is_still() {
            self.still_since = None;
            // All that is asked for comes to nothing.
            if has_login && quiet.min(self.alone_at.elapsed()) > self.lease.mul_f64(STUCK) {
                self.take_alone();
            }
            return Ok(());
        }
        if is_dry && self.listeners.is_empty() {
            return Err(Ended::Registry);
        }
        let patience = if self.is_tracked { self.lease } else { STILL };
        let jitter = || patience.mul_f64(rand::rng().random_range(1.0..STUCK));
        let (since, patience) = *self.still_since.get_or_insert_with(|| (Instant::now(), jitter()));
        if has_login && since.elapsed() > patience {
            self.take_alone();
        }
        Ok(())
    }

    /// Lets one chunk come from the registry without a lease.
    fn take_alone(&mut self) {
        self.still_since = None;
        self.alone_at = Instant::now();
        self.board.take_alone();
    }
}
