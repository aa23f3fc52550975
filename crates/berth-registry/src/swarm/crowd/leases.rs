//! Which chunk of a blob is fetched from the registry by whom: each that nobody has is given to one peer at a time, and to
//! another when that one has not got it in time. Refuses to know who the peers are.

use std::collections::{BTreeSet, HashMap};

use super::Handle;

/// How long a lease holds before anything is known of the time a chunk takes.
const FIRST_TTL_MS: i64 = 20_000;
const TTL_MS_MIN: i64 = 10_000;
const TTL_MS_MAX: i64 = 120_000;
/// How many times the expected time a lease holds.
const PATIENCE: i64 = 3;
/// Chunks of a blob that are leased at one time: so many at first, and from here to there later. Too many share the
/// registry's link until each comes so late that nobody has anything to give meanwhile; too few leave the link idle.
const BOUND_FIRST: usize = 8;
const BOUND_MIN: usize = 8;
const BOUND_MAX: usize = 64;
/// When as many leases as may be ended well within this time, one more may be; one that takes longer than that makes
/// them fewer.
const QUICK_MS: i64 = 1_500;
const SLOW_MS: i64 = 4_000;
/// How many times as long one lasts whose holder is heard of all the time and does not get its chunk.
const TRIES: i64 = 4;
/// How long whoever did not get a chunk in time waits for it, so that another has it first.
const PAUSE_MS: i64 = 3_000;

#[derive(Clone, Copy, Debug)]
struct Lease {
    holder: Handle,
    granted_at: i64,
    ends_at: i64,
}

/// The leases of one blob.
#[derive(Debug)]
pub(super) struct Leases {
    /// How many peers that are still fetching have each chunk.
    copies: Vec<u32>,
    /// Chunks without copy and lease.
    free: BTreeSet<u32>,
    held: HashMap<u32, Lease>,
    ends: BTreeSet<(i64, u32)>,
    /// Who let the lease of a chunk end, and when it may have it again.
    paused: HashMap<u32, (Handle, i64)>,
    /// Milliseconds between a lease and the word that its chunk is there.
    expected_ms: Option<i64>,
    /// When the newest lease was granted that ended with its chunk, and to whom.
    done: Option<(i64, Handle)>,
    bound: usize,
    /// Leases that ended soon, since there was one more last.
    quick: usize,
}

impl Leases {
    pub(super) fn new(chunks: u32) -> Self {
        Self {
            copies: vec![0; chunks as usize],
            free: (0..chunks).collect(),
            held: HashMap::new(),
            ends: BTreeSet::new(),
            paused: HashMap::new(),
            expected_ms: None,
            done: None,
            bound: BOUND_FIRST,
            quick: 0,
        }
    }

    pub(super) fn chunks(&self) -> u32 {
        u32::try_from(self.copies.len()).unwrap_or(u32::MAX)
    }

    /// How long a new lease holds.
    pub(super) fn ttl_ms(&self) -> i64 {
        self.expected_ms.map_or(FIRST_TTL_MS, |expected| {
            (expected * PATIENCE).clamp(TTL_MS_MIN, TTL_MS_MAX)
        })
    }

    /// How many chunks are leased.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// How many may be at one time.
    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    pub(super) fn copies(&self, chunk: u32) -> u32 {
        self.copies[chunk as usize]
    }

    pub(super) fn add_copy(&mut self, chunk: u32) {
        let copies = &mut self.copies[chunk as usize];
        *copies += 1;
        if *copies == 1 {
            self.free.remove(&chunk);
        }
    }

    pub(super) fn remove_copy(&mut self, chunk: u32) {
        let copies = &mut self.copies[chunk as usize];
        *copies -= 1;
        self.free_again(chunk);
    }

    fn free_again(&mut self, chunk: u32) {
        if self.copies[chunk as usize] == 0 && !self.held.contains_key(&chunk) {
            self.free.insert(chunk);
        }
    }

    /// Leases that end now, with who had them.
    pub(super) fn expire(&mut self, now: i64) -> Vec<(u32, Handle)> {
        let mut ended = Vec::new();
        while let Some((ends_at, chunk)) = self.ends.first().copied()
            && ends_at <= now
        {
            self.ends.pop_first();
            let lease = self.held.remove(&chunk).expect("its end is known");
            self.paused.insert(chunk, (lease.holder, now + PAUSE_MS));
            self.free_again(chunk);
            self.bound = (self.bound / 2).max(BOUND_MIN);
            ended.push((chunk, lease.holder));
        }
        ended
    }

    /// The holder is heard of and has not got the chunk yet: a link that fills up is no reason to send it twice. One that
    /// another has overtaken is slow by itself, and all who wait for its chunk would fetch it.
    pub(super) fn extend(&mut self, now: i64, chunk: u32) {
        let (ttl, done) = (self.ttl_ms(), self.done);
        let Some(lease) = self.held.get_mut(&chunk) else {
            return;
        };
        if done.is_some_and(|(granted_at, holder)| granted_at > lease.granted_at && holder != lease.holder) {
            return;
        }
        let ends_at = (now + ttl).min(lease.granted_at + ttl * TRIES).max(lease.ends_at);
        self.ends.remove(&(lease.ends_at, chunk));
        self.ends.insert((ends_at, chunk));
        lease.ends_at = ends_at;
    }

    /// The holder has the chunk.
    pub(super) fn done(&mut self, now: i64, chunk: u32) {
        let Some(lease) = self.end(chunk) else { return };
        self.paused.remove(&chunk);
        let took = now - lease.granted_at;
        if took <= QUICK_MS {
            self.quick += 1;
            if self.quick >= self.bound {
                self.bound = (self.bound + 1).min(BOUND_MAX);
                self.quick = 0;
            }
        } else if took > SLOW_MS {
            self.bound = (self.bound - self.bound / 4).max(BOUND_MIN);
        }
        if self
            .done
            .is_none_or(|(granted_at, _)| granted_at <= lease.granted_at)
        {
            self.done = Some((lease.granted_at, lease.holder));
        }
        // What took longer than a lease holds says something of its holder alone.
        let took = took.min(self.ttl_ms());
        let before = self.expected_ms.unwrap_or(took);
        self.expected_ms = Some(before + (took - before) / 4);
    }

    /// The holder is gone.
    pub(super) fn give_back(&mut self, chunk: u32) {
        self.end(chunk);
    }

    fn end(&mut self, chunk: u32) -> Option<Lease> {
        let lease = self.held.remove(&chunk)?;
        self.ends.remove(&(lease.ends_at, chunk));
        self.free_again(chunk);
        Some(lease)
    }

    /// Leases the first chunk without copy that is free for this peer.
    pub(super) fn grant_next(&mut self, now: i64, peer: Handle) -> Option<u32> {
        let paused = &self.paused;
        let free = |chunk: &&u32| {
            paused
                .get(chunk)
                .is_none_or(|(who, until)| *who != peer || *until <= now)
        };
        let chunk = *self.free.iter().find(free)?;
        self.grant(now, chunk, peer);
        Some(chunk)
    }

    /// Leases a chunk that others have but this peer cannot get from them; false when it is leased.
    pub(super) fn grant(&mut self, now: i64, chunk: u32, peer: Handle) -> bool {
        if self.held.contains_key(&chunk) {
            return false;
        }
        let ends_at = now + self.ttl_ms();
        let lease = Lease {
            holder: peer,
            granted_at: now,
            ends_at,
        };
        self.free.remove(&chunk);
        self.paused.remove(&chunk);
        self.ends.insert((ends_at, chunk));
        self.held.insert(chunk, lease);
        true
    }

    #[cfg(test)]
    pub(super) fn holder(&self, chunk: u32) -> Option<Handle> {
        self.held.get(&chunk).map(|lease| lease.holder)
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.ends.len(), self.held.len());
        for chunk in 0..self.chunks() {
            let is_free = self.copies(chunk) == 0 && !self.held.contains_key(&chunk);
            assert_eq!(self.free.contains(&chunk), is_free, "chunk {chunk}");
        }
    }
}
