//! The peers of one blob: what each has, who fetches which chunk from the registry, who is told of whom. A pure function
//! of what it was told and when: it reads no clock, and its dice are its own.

mod leases;
mod members;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chunks::ChunkSet;
use leases::Leases;
use members::{Handle, Have, Member, Members};

/// An agent, as others reach and recognise it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmPeer {
    /// What it calls itself.
    pub id: String,
    /// Address and port of its side for other agents.
    pub address: String,
    /// SHA-256 of its certificate, in hexadecimal digits.
    pub fingerprint: String,
}

/// What tells a peer from all others: its id and its certificate, so that nobody takes the place of another.
pub(super) type PeerKey = [u8; 16];

/// How long a peer is known without a word from it.
pub(super) const TTL_MS: i64 = 30_000;
/// The same for one that only gives, and says so less often.
const SEED_TTL_MS: i64 = 90_000;
/// Most peers that one answer names.
pub(super) const NEIGHBOURS_MAX: usize = 20;
/// Most leases of one peer.
pub(super) const LEASES_MAX: u8 = 16;
/// Leases of a peer that has not shown yet that it gets what it is given.
const FIRST_ALLOWANCE: u8 = 1;
/// How long nothing is leased of a blob that others have been fetching, as the first word of it shows: this process began
/// anew, and who has which chunk is told within this time.
const HEARING_MS: i64 = 2_500;
/// How many peers make another a suspect, when there are many.
const ACCUSERS: usize = 3;
/// How long a peer is suspected, and how long nobody is told again of one that failed them.
const SUSPECTED_MS: i64 = 60_000;
/// Most peers that failed somebody which are remembered.
const SHUNNED_MAX: usize = 32;
/// Most chunks that are looked through for one whose owners all failed a peer.
const LOOKED_THROUGH_MAX: usize = 4096;
/// Most peers of one blob.
pub(super) const PEERS_MAX: usize = 20_000;
/// Most peers that only give, and no more of which are needed.
const SEEDS_MAX: usize = 256;
const RENEW_MS_MIN: i64 = 1_000;
const RENEW_MS_MAX: i64 = 10_000;

/// A peer that joins or renews.
pub(super) struct Joining<'a> {
    pub(super) key: PeerKey,
    pub(super) peer: &'a Arc<SwarmPeer>,
    /// None when it does not know yet.
    pub(super) have: Option<ChunkSet>,
    /// How many leases it wants beyond those it has.
    pub(super) want: u8,
    /// Ids of peers that failed it.
    pub(super) failed: &'a [String],
    /// Whether there is room for one more.
    pub(super) has_room: bool,
}

/// What a peer is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Others, with what they have.
    pub peers: Vec<(Arc<SwarmPeer>, Arc<ChunkSet>)>,
    /// All chunks that it shall fetch from the registry.
    pub leases: Vec<u32>,
    /// How long a lease holds, in milliseconds.
    pub lease_ms: i64,
    /// When it shall renew, in milliseconds.
    pub renew_ms: i64,
}

/// The peers of one blob.
#[derive(Debug)]
pub(super) struct Crowd {
    members: Members,
    /// None while only seeds are known, and nobody said how long the blob is.
    leases: Option<Leases>,
    /// Peers with all of it that are no suspects.
    whole: usize,
    /// Nothing is leased before.
    heard_at: i64,
}

impl Crowd {
    pub(super) fn new(dice: u64) -> Self {
        Self {
            members: Members::new(dice),
            leases: None,
            whole: 0,
            heard_at: 0,
        }
    }

    pub(super) fn leased(&self) -> usize {
        self.leases.as_ref().map_or(0, Leases::held)
    }

    /// Its peers.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Takes a peer in, or hears of it again, and tells it what to do.
    pub(super) fn join(&mut self, now: i64, chunks: u32, joining: &Joining<'_>) -> Told {
        self.expire(now);
        let has_some = |have: &ChunkSet| !have.is_whole() && have.iter().next().is_some();
        if self.leases.is_none() && joining.have.as_ref().is_some_and(has_some) {
            self.heard_at = now + HEARING_MS;
        }
        // A digest has one length.
        self.leases.get_or_insert_with(|| Leases::new(chunks));
        let Some(me) = self.enter(now, joining) else {
            let peers = self.members.some(now, NEIGHBOURS_MAX);
            return self.told(Vec::new(), &peers);
        };
        if let Some(have) = &joining.have {
            self.hear(now, me, have.clone());
        }
        for id in joining.failed {
            self.accuse(now, me, id);
        }
        self.grant(now, me, joining.want);
        let peers = match self.members.get(me).have {
            // Nothing is left to be had.
            Have::Whole => Vec::new(),
            Have::Part(_) => self.members.neighbours(now, me),
        };
        let leases = self.members.get(me).leases.clone();
        self.told(leases, &peers)
    }

    /// Hears that a peer has all of the blob and gives it; false when it is not needed.
    pub(super) fn seed(&mut self, now: i64, key: PeerKey, peer: &Arc<SwarmPeer>, has_room: bool) -> bool {
        self.expire(now);
        let me = match self.members.find(key) {
            Some(me) => me,
            None if has_room && self.whole < SEEDS_MAX => self.members.insert(key, peer, now + SEED_TTL_MS),
            None => return false,
        };
        self.members.renew(me, peer, now + SEED_TTL_MS);
        self.uncount(me);
        self.members.get_mut(me).have = Have::Whole;
        self.end_leases(now, me);
        self.count(now, me);
        true
    }

    /// Forgets peers that were not heard of, and takes back what they had leased.
    pub(super) fn expire(&mut self, now: i64) {
        for gone in self.members.expired(now) {
            self.uncount(gone);
            if let Some(leases) = &mut self.leases {
                for chunk in std::mem::take(&mut self.members.get_mut(gone).leases) {
                    leases.give_back(chunk);
                }
            }
            self.members.remove(gone);
        }
        let Some(leases) = &mut self.leases else { return };
        for (chunk, holder) in leases.expire(now) {
            let member = self.members.get_mut(holder);
            member.leases.retain(|held| *held != chunk);
            member.allowance = (member.allowance / 2).max(1);
        }
    }

    fn enter(&mut self, now: i64, joining: &Joining<'_>) -> Option<Handle> {
        let until = now + TTL_MS;
        match self.members.find(joining.key) {
            Some(me) => {
                self.members.renew(me, joining.peer, until);
                // The time of a suspect may be over.
                self.count(now, me);
                Some(me)
            }
            None if joining.has_room && self.len() < PEERS_MAX => {
                let me = self.members.insert(joining.key, joining.peer, until);
                let chunks = self.leases.as_ref().map_or(0, Leases::chunks);
                self.members.get_mut(me).have = Have::Part(Arc::new(ChunkSet::empty(chunks)));
                self.count(now, me);
                Some(me)
            }
            None => None,
        }
    }

    /// What a peer has now.
    fn hear(&mut self, now: i64, me: Handle, have: ChunkSet) {
        let Some(leases) = &mut self.leases else { return };
        let member = self.members.get_mut(me);
        let mut finished = 0;
        member.leases.retain(|chunk| {
            let is_done = have.has(*chunk);
            if is_done {
                leases.done(now, *chunk);
                finished += 1;
            }
            !is_done
        });
        for chunk in &member.leases {
            leases.extend(now, *chunk);
        }
        member.allowance = member.allowance.saturating_add(finished).min(LEASES_MAX);
        match &member.have {
            // Most often: it has some more than before.
            Have::Part(before) if member.is_counted && !have.is_whole() => {
                have.without(Some(before))
                    .for_each(|chunk| leases.add_copy(chunk));
                before
                    .without(Some(&have))
                    .for_each(|chunk| leases.remove_copy(chunk));
                member.have = Have::Part(Arc::new(have));
            }
            _ => {
                self.uncount(me);
                let member = self.members.get_mut(me);
                member.have = if have.is_whole() {
                    Have::Whole
                } else {
                    Have::Part(Arc::new(have))
                };
                self.count(now, me);
            }
        }
    }

    fn end_leases(&mut self, now: i64, me: Handle) {
        let Some(leases) = &mut self.leases else { return };
        for chunk in std::mem::take(&mut self.members.get_mut(me).leases) {
            leases.done(now, chunk);
        }
    }

    /// Lets what a peer has count, unless it is a suspect.
    fn count(&mut self, now: i64, me: Handle) {
        let member = self.members.get_mut(me);
        if member.is_counted || member.suspect_until > now {
            return;
        }
        member.is_counted = true;
        match (&member.have, &mut self.leases) {
            (Have::Whole, _) => self.whole += 1,
            (Have::Part(have), Some(leases)) => have.iter().for_each(|chunk| leases.add_copy(chunk)),
            (Have::Part(_), None) => {}
        }
    }

    fn uncount(&mut self, me: Handle) {
        let member = self.members.get_mut(me);
        if !std::mem::take(&mut member.is_counted) {
            return;
        }
        match (&member.have, &mut self.leases) {
            (Have::Whole, _) => self.whole -= 1,
            (Have::Part(have), Some(leases)) => have.iter().for_each(|chunk| leases.remove_copy(chunk)),
            (Have::Part(_), None) => {}
        }
    }

    /// A peer was failed by another that it was told of. When several say so, nobody is told of that one for a while.
    fn accuse(&mut self, now: i64, me: Handle, id: &str) {
        let Some(failed) = self.members.told_of(me, id) else {
            return;
        };
        let until = now + SUSPECTED_MS;
        let accuser = self.members.get_mut(me);
        accuser.neighbours.retain(|known| *known != failed);
        accuser.shunned.retain(|(_, until)| *until > now);
        if accuser.shunned.len() == SHUNNED_MAX {
            accuser.shunned.remove(0);
        }
        accuser.shunned.push((failed, until));
        let others = self.len() - 1;
        let member = self.members.get_mut(failed);
        member.accusers.retain(|(who, until)| *who != me && *until > now);
        member.accusers.push((me, until));
        if member.accusers.len() >= ACCUSERS.min(others).max(2) {
            member.accusers.clear();
            member.suspect_until = until;
            self.uncount(failed);
            // It would have its chunks to itself.
            if let Some(leases) = &mut self.leases {
                for chunk in std::mem::take(&mut self.members.get_mut(failed).leases) {
                    leases.give_back(chunk);
                }
            }
        }
    }

    fn grant(&mut self, now: i64, me: Handle, want: u8) {
        let Some(leases) = &mut self.leases else { return };
        // Among many, one chunk is nearer than two of which one waits for the other.
        let fair = (leases.bound() / (self.members.len() - self.whole).max(1)).max(1);
        let member = self.members.get_mut(me);
        let Have::Part(have) = &member.have else { return };
        if !member.is_counted {
            return;
        }
        let held = member.leases.len();
        let most = (held + usize::from(want))
            .min(usize::from(member.allowance.min(LEASES_MAX)))
            .min(fair);
        if self.whole == 0 && now >= self.heard_at {
            while member.leases.len() < most
                && leases.held() < leases.bound()
                && let Some(chunk) = leases.grant_next(now, me)
            {
                member.leases.push(chunk);
            }
        }
        if member.shunned.is_empty() || member.leases.len() >= most {
            return;
        }
        let (have, shunned) = (Arc::clone(have), member.shunned.clone());
        let (whole, chunks) = (self.whole, leases.chunks());
        let shunned = shunned.iter().filter(|(_, until)| *until > now);
        let failing: Vec<&Member> = shunned
            .filter_map(|(who, _)| self.members.try_get(*who))
            .filter(|member| member.is_counted)
            .collect();
        let failing_whole = failing
            .iter()
            .filter(|member| matches!(member.have, Have::Whole))
            .count();
        if failing_whole < whole {
            return;
        }
        let all = ChunkSet::whole(chunks);
        let lacking = all.without(Some(&have)).take(LOOKED_THROUGH_MAX);
        let unreachable = lacking.filter(|chunk| {
            let among = failing.iter().filter(|member| member.has_part(*chunk)).count();
            among >= leases.copies(*chunk) as usize
        });
        let unreachable: Vec<u32> = unreachable.collect();
        for chunk in unreachable {
            if self.members.get(me).leases.len() >= most {
                return;
            }
            if leases.grant(now, chunk, me) {
                self.members.get_mut(me).leases.push(chunk);
            }
        }
    }

    fn told(&self, leases: Vec<u32>, peers: &[Handle]) -> Told {
        let known = self.leases.as_ref();
        let chunks = known.map_or(0, Leases::chunks);
        let whole = std::cell::OnceCell::new();
        let peers = peers.iter().map(|peer| {
            let member = self.members.get(*peer);
            let have = match &member.have {
                Have::Whole => Arc::clone(whole.get_or_init(|| Arc::new(ChunkSet::whole(chunks)))),
                Have::Part(have) => Arc::clone(have),
            };
            (Arc::clone(&member.peer), have)
        });
        let lease_ms = known.map_or(0, Leases::ttl_ms);
        // What all of them ask in a second stays the same, however many they are.
        let renew_ms = i64::try_from(self.len()).unwrap_or(RENEW_MS_MAX);
        let renew_ms = renew_ms.clamp(RENEW_MS_MIN, RENEW_MS_MAX);
        Told {
            peers: peers.collect(),
            renew_ms: if leases.is_empty() {
                renew_ms
            } else {
                renew_ms.min(lease_ms / 3)
            },
            leases,
            lease_ms,
        }
    }
}
