//! Who is asked for which chunk next: what is there, who has what, what is on its way. Pure but for chance.
//!
//! Own leases first, then the rarest chunk that somebody has, at random among equals. What the registry gives without a
//! lease is bounded by [`Board::take_alone`].

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rand::RngExt as _;

use crate::wire::{Bitmap, Peer};

/// Of them from the registry, while there are other nodes.
const REGISTRY_FLIGHTS_MAX: usize = 1;
/// The same without any.
const LONELY_FLIGHTS_MAX: usize = 2;
/// Of them from one peer.
const PEER_FLIGHTS_MAX: usize = 2;
/// At the end, a chunk that takes longer than this, and twice as long as others, is asked for once more elsewhere.
const LATE: Duration = Duration::from_secs(3);
/// Peers whose chunks took alike, to so many milliseconds, are as good as one another.
const ALIKE_MS: u128 = 500;
/// How often a peer may be slow before it is forgotten.
const SLOW_MAX: u32 = 3;
/// How often it may not have what it says, which a blob that left its cache explains.
const LACKING_MAX: u32 = 3;

/// Where a chunk is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Registry,
    /// The agent with this id.
    Peer(String),
}

/// A chunk on its way.
struct Flight {
    chunk: usize,
    origin: Origin,
    since: Instant,
}

/// Another agent in this swarm.
struct Known {
    peer: Peer,
    have: Bitmap,
    free_at: Instant,
    slow: u32,
    lacking: u32,
    /// How long its last chunks took, from the question.
    took: Duration,
}

/// The state of one swarm as this agent sees it.
pub(super) struct Board {
    chunks: usize,
    have: Bitmap,
    leases: BTreeSet<usize>,
    peers: HashMap<String, Known>,
    flights: Vec<Flight>,
    alone: usize,
    registry_free_at: Option<Instant>,
    /// How long a chunk takes, of late.
    usual: Duration,
}

impl Board {
    pub(super) fn new(chunks: usize, have: Bitmap) -> Self {
        Self {
            chunks,
            have,
            leases: BTreeSet::new(),
            peers: HashMap::new(),
            flights: Vec::new(),
            alone: 0,
            registry_free_at: None,
            usual: Duration::ZERO,
        }
    }

    /// Takes in what is there now.
    pub(super) fn set_have(&mut self, have: Bitmap) {
        self.have = have;
        let have = &self.have;
        self.leases.retain(|chunk| !have.has(*chunk));
    }

    /// All leases held now.
    pub(super) fn set_leases(&mut self, leases: &[u32]) {
        let leases = leases.iter().map(|chunk| *chunk as usize);
        self.leases = leases
            .filter(|chunk| *chunk < self.chunks && !self.have.has(*chunk))
            .collect();
    }

    pub(super) fn leases(&self) -> usize {
        self.leases.len()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.have.count() == self.chunks
    }

    /// Takes in a peer, or what it has now.
    pub(super) fn add_peer(&mut self, peer: Peer, have: Bitmap, now: Instant) {
        let have = have.fit(self.chunks);
        match self.peers.get_mut(&peer.id) {
            Some(known) if known.peer == peer => {
                // The tracker knows less than the peer itself told since.
                if have.count() > known.have.count() {
                    known.have = have;
                }
            }
            _ => {
                let known = Known {
                    peer: peer.clone(),
                    have,
                    free_at: now,
                    slow: 0,
                    lacking: 0,
                    took: Duration::ZERO,
                };
                self.peers.insert(peer.id, known);
            }
        }
    }

    /// What a peer said itself.
    pub(super) fn heard(&mut self, id: &str, have: Bitmap) {
        if let Some(known) = self.peers.get_mut(id) {
            known.have = have.fit(self.chunks);
        }
    }

    pub(super) fn forget(&mut self, id: &str) -> Option<Peer> {
        self.peers.remove(id).map(|known| known.peer)
    }

    pub(super) fn peer(&self, id: &str) -> Option<&Peer> {
        self.peers.get(id).map(|known| &known.peer)
    }

    /// A peer that said it has a chunk and has not; whether that was so too often.
    pub(super) fn lacks(&mut self, id: &str, chunk: usize) -> bool {
        self.peers.get_mut(id).is_some_and(|known| {
            known.have.unset(chunk);
            known.lacking += 1;
            known.lacking >= LACKING_MAX
        })
    }

    /// Leaves a peer alone until then; whether it was slow too often.
    pub(super) fn rest(&mut self, id: &str, until: Instant, is_slow: bool) -> bool {
        self.peers.get_mut(id).is_some_and(|known| {
            known.free_at = until;
            known.slow += u32::from(is_slow);
            known.slow >= SLOW_MAX
        })
    }

    /// Leaves the registry alone until then.
    pub(super) fn rest_registry(&mut self, until: Instant) {
        self.registry_free_at = Some(until);
    }

    /// Lets one chunk come from the registry without a lease.
    pub(super) fn take_alone(&mut self) {
        self.alone = 1;
    }

    /// How many chunks are on their way.
    pub(super) fn flights(&self) -> usize {
        self.flights.len()
    }

    /// Whether nothing came for longer than a chunk should take.
    pub(super) fn is_late(&self, quiet: Duration) -> bool {
        quiet > LATE.max(self.usual * 2)
    }

    /// Whether nothing is on its way.
    pub(super) fn is_still(&self) -> bool {
        self.flights.is_empty()
    }

    /// A chunk did not come from where it was asked for.
    pub(super) fn missed(&mut self, chunk: usize, origin: &Origin) {
        let is_this = |flight: &Flight| flight.chunk == chunk && flight.origin == *origin;
        self.flights.retain(|flight| !is_this(flight));
    }

    /// A chunk came: nothing of it is on its way any more, wherever it was asked for.
    pub(super) fn came(&mut self, chunk: usize, now: Instant) {
        let flights = self.flights.iter().filter(|flight| flight.chunk == chunk);
        if let Some(flight) = flights.min_by_key(|flight| flight.since) {
            let took = now.saturating_duration_since(flight.since);
            self.usual = (self.usual * 3 + took) / 4;
            if let Origin::Peer(id) = &flight.origin
                && let Some(known) = self.peers.get_mut(id)
            {
                known.took = (known.took + took) / 2;
            }
        }
        self.flights.retain(|flight| flight.chunk != chunk);
    }

    /// The next chunk to ask for, and where; it counts as on its way from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<(usize, Origin)> {
        let (chunk, origin) = self
            .leased(now)
            .or_else(|| self.rarest(now))
            .or_else(|| self.lonely(now))
            .or_else(|| self.late(now))?;
        if origin == Origin::Registry && !self.leases.contains(&chunk) {
            self.alone = 0;
        }
        self.flights.push(Flight {
            chunk,
            origin: origin.clone(),
            since: now,
        });
        Some((chunk, origin))
    }

    fn leased(&self, now: Instant) -> Option<(usize, Origin)> {
        let chunk = self.leases.iter().copied().find(|chunk| self.is_wanted(*chunk))?;
        self.registry_is_free(now).then_some((chunk, Origin::Registry))
    }

    fn lonely(&self, now: Instant) -> Option<(usize, Origin)> {
        if self.alone == 0 || !self.registry_is_free(now) {
            return None;
        }
        let wanted: Vec<usize> = (0..self.chunks).filter(|chunk| self.is_wanted(*chunk)).collect();
        let index = rand::rng().random_range(0..wanted.len().max(1));
        Some((*wanted.get(index)?, Origin::Registry))
    }

    fn rarest(&self, now: Instant) -> Option<(usize, Origin)> {
        let free: Vec<&Known> = self
            .peers
            .values()
            .filter(|known| self.is_free(known, now))
            .collect();
        if free.is_empty() {
            return None;
        }
        let mut best: Option<(usize, usize)> = None;
        let mut equals = 0_u32;
        for chunk in (0..self.chunks).filter(|chunk| self.is_wanted(*chunk)) {
            if !free.iter().any(|known| known.have.has(chunk)) {
                continue;
            }
            let holders = self.peers.values().filter(|known| known.have.has(chunk)).count();
            let is_better = match best {
                Some((_, fewest)) if holders > fewest => false,
                Some((_, fewest)) if holders == fewest => {
                    equals += 1;
                    rand::rng().random_range(0..equals) == 0
                }
                _ => {
                    equals = 1;
                    true
                }
            };
            if is_better {
                best = Some((chunk, holders));
            }
        }
        let (chunk, _) = best?;
        Some((chunk, self.holder(&free, chunk)?))
    }

    /// A chunk that keeps the end waiting, from a second peer.
    fn late(&self, now: Instant) -> Option<(usize, Origin)> {
        if (0..self.chunks).any(|chunk| self.is_wanted(chunk)) {
            return None;
        }
        let free: Vec<&Known> = self
            .peers
            .values()
            .filter(|known| self.is_free(known, now))
            .collect();
        self.flights.iter().find_map(|flight| {
            let is_late = self.is_late(now.saturating_duration_since(flight.since))
                && self.flights_of(flight.chunk) == 1;
            let others: Vec<&Known> = free
                .iter()
                .filter(|known| flight.origin != Origin::Peer(known.peer.id.clone()))
                .copied()
                .collect();
            is_late
                .then(|| self.holder(&others, flight.chunk))
                .flatten()
                .map(|origin| (flight.chunk, origin))
        })
    }

    /// One of those who have a chunk, that is asked for the fewest others and has little to do; now and then whatever it
    /// has to do, because that changes.
    fn holder(&self, among: &[&Known], chunk: usize) -> Option<Origin> {
        let holders = among.iter().filter(|known| known.have.has(chunk));
        let is_bold = rand::rng().random_ratio(1, 8);
        let took = |known: &Known| {
            if is_bold {
                0
            } else {
                known.took.as_millis() / ALIKE_MS
            }
        };
        let best = holders.min_by_key(|known| {
            (
                self.asked_of(&known.peer.id),
                took(known),
                rand::rng().random::<u32>(),
            )
        })?;
        Some(Origin::Peer(best.peer.id.clone()))
    }

    fn is_wanted(&self, chunk: usize) -> bool {
        !self.have.has(chunk) && self.flights_of(chunk) == 0
    }

    fn is_free(&self, known: &Known, now: Instant) -> bool {
        known.free_at <= now && self.asked_of(&known.peer.id) < PEER_FLIGHTS_MAX
    }

    fn registry_is_free(&self, now: Instant) -> bool {
        if self.registry_free_at.is_some_and(|free_at| now < free_at) {
            return false;
        }
        let flights = self
            .flights
            .iter()
            .filter(|flight| flight.origin == Origin::Registry);
        let most = if self.peers.is_empty() {
            LONELY_FLIGHTS_MAX
        } else {
            REGISTRY_FLIGHTS_MAX
        };
        flights.count() < most
    }

    fn flights_of(&self, chunk: usize) -> usize {
        self.flights.iter().filter(|flight| flight.chunk == chunk).count()
    }

    fn asked_of(&self, id: &str) -> usize {
        let is_theirs = |flight: &&Flight| matches!(&flight.origin, Origin::Peer(peer) if peer == id);
        self.flights.iter().filter(is_theirs).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: &str) -> Peer {
        Peer {
            id: id.to_owned(),
            address: "127.0.0.1:1".to_owned(),
            fingerprint: "00".repeat(32),
        }
    }

    fn set(chunks: &[usize]) -> Bitmap {
        let mut set = Bitmap::new(8);
        for chunk in chunks {
            set.set(*chunk);
        }
        set
    }

    fn from(id: &str) -> Origin {
        Origin::Peer(id.to_owned())
    }

    #[test]
    fn leases_come_first_then_the_rarest() {
        let now = Instant::now();
        let mut board = Board::new(8, set(&[0]));
        board.set_leases(&[3, 0, 99]);
        board.add_peer(peer("a"), set(&[1, 2]), now);
        board.add_peer(peer("b"), set(&[1]), now);
        assert_eq!(board.next(now), Some((3, Origin::Registry)));
        assert_eq!(board.next(now), Some((2, from("a"))));
        assert_eq!(board.next(now).map(|(chunk, _)| chunk), Some(1));
        assert_eq!(board.next(now), None);
        board.set_have(set(&[0, 3]));
        board.came(3, now);
        assert_eq!(board.next(now), None, "nobody has more");
        board.take_alone();
        let (chunk, origin) = board.next(now).unwrap();
        assert!(chunk >= 4 && origin == Origin::Registry);
        assert_eq!(board.next(now), None, "one at a time");
    }

    #[test]
    fn a_peer_is_asked_for_few_chunks_and_rests_when_it_says_so() {
        let now = Instant::now();
        let mut board = Board::new(8, set(&[]));
        board.add_peer(peer("a"), Bitmap::full(8), now);
        assert!(board.next(now).is_some() && board.next(now).is_some());
        assert_eq!(board.next(now), None);
        let mut board = Board::new(8, set(&[]));
        board.add_peer(peer("a"), Bitmap::full(8), now);
        assert!(!board.rest("a", now + LATE, true));
        assert_eq!(board.next(now), None);
        assert!(board.next(now + LATE).is_some());
        assert!(!board.rest("a", now, true) && board.rest("a", now, true));
    }

    #[test]
    fn a_late_chunk_at_the_end_is_asked_for_once_more() {
        let now = Instant::now();
        let mut board = Board::new(8, set(&[0, 1, 2, 3, 4, 5, 6]));
        board.add_peer(peer("a"), set(&[7]), now);
        assert_eq!(board.next(now), Some((7, from("a"))));
        board.add_peer(peer("b"), set(&[7]), now);
        assert_eq!(board.next(now), None);
        let later = now + LATE * 2;
        assert_eq!(board.next(later), Some((7, from("b"))));
        board.add_peer(peer("c"), set(&[7]), now);
        assert_eq!(board.next(later), None, "two at most");
        board.missed(7, &from("b"));
        board.set_have(Bitmap::full(8));
        assert!(board.is_whole() && !board.is_still());
    }
}
