//! Who is in a crowd: found by key, drawn by chance, forgotten in time. Each of these costs the same in a small crowd and in
//! a large one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{FIRST_ALLOWANCE, NEIGHBOURS_MAX, PeerKey, SwarmPeer};
use crate::swarm::chunks::ChunkSet;

/// Draws for each place among the neighbours: some hit nobody who may be named.
const DRAWS: usize = 4;

/// Names a member for as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Handle {
    slot: u32,
    generation: u32,
}

/// What a member has.
#[derive(Clone, Debug)]
pub(super) enum Have {
    Whole,
    Part(Arc<ChunkSet>),
}

#[derive(Debug)]
pub(super) struct Member {
    key: PeerKey,
    pub(super) peer: Arc<SwarmPeer>,
    pub(super) have: Have,
    /// Whether what it has counts.
    pub(super) is_counted: bool,
    until: i64,
    /// Whom it was told of last.
    pub(super) neighbours: Vec<Handle>,
    /// Who failed it, and until when it is not told of them.
    pub(super) shunned: Vec<(Handle, i64)>,
    /// Whom it failed, and until when that counts.
    pub(super) accusers: Vec<(Handle, i64)>,
    pub(super) suspect_until: i64,
    pub(super) leases: Vec<u32>,
    /// How many leases it may have now.
    pub(super) allowance: u8,
    /// Where it is among the present.
    place: usize,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    member: Option<Box<Member>>,
}

#[derive(Debug)]
pub(super) struct Members {
    slots: Vec<Slot>,
    unused: Vec<u32>,
    present: Vec<Handle>,
    by_key: HashMap<PeerKey, Handle>,
    /// Whom to look at in which second, whether they were heard of since.
    ends: BTreeMap<i64, Vec<Handle>>,
    dice: u64,
}

impl Member {
    /// Whether a chunk is among what it has, when that is not all.
    pub(super) fn has_part(&self, chunk: u32) -> bool {
        matches!(&self.have, Have::Part(have) if have.has(chunk))
    }
}

impl Members {
    pub(super) fn new(dice: u64) -> Self {
        Self {
            slots: Vec::new(),
            unused: Vec::new(),
            present: Vec::new(),
            by_key: HashMap::new(),
            ends: BTreeMap::new(),
            dice: dice | 1,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.present.len()
    }

    pub(super) fn find(&self, key: PeerKey) -> Option<Handle> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn try_get(&self, handle: Handle) -> Option<&Member> {
        let slot = self.slots.get(handle.slot as usize)?;
        slot.member
            .as_deref()
            .filter(|_| slot.generation == handle.generation)
    }

    pub(super) fn get(&self, handle: Handle) -> &Member {
        self.try_get(handle).expect("handles of the present are kept")
    }

    pub(super) fn get_mut(&mut self, handle: Handle) -> &mut Member {
        let slot = &mut self.slots[handle.slot as usize];
        let member = slot.member.as_deref_mut();
        member.expect("handles of the present are kept")
    }

    /// A new member, which has all of the blob until somebody says otherwise, and counts for nothing yet.
    pub(super) fn insert(&mut self, key: PeerKey, peer: &Arc<SwarmPeer>, until: i64) -> Handle {
        let slot = self.unused.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                member: None,
            });
            u32::try_from(self.slots.len() - 1).expect("crowds are bounded")
        });
        let handle = Handle {
            slot,
            generation: self.slots[slot as usize].generation,
        };
        self.slots[slot as usize].member = Some(Box::new(Member {
            key,
            peer: Arc::clone(peer),
            have: Have::Whole,
            is_counted: false,
            until,
            neighbours: Vec::new(),
            shunned: Vec::new(),
            accusers: Vec::new(),
            suspect_until: 0,
            leases: Vec::new(),
            allowance: FIRST_ALLOWANCE,
            place: self.present.len(),
        }));
        self.present.push(handle);
        self.by_key.insert(key, handle);
        self.ends.entry(second(until)).or_default().push(handle);
        handle
    }

    /// A member was heard of; it may be elsewhere by now.
    pub(super) fn renew(&mut self, handle: Handle, peer: &Arc<SwarmPeer>, until: i64) {
        let member = self.get_mut(handle);
        member.until = member.until.max(until);
        if member.peer != *peer {
            member.peer = Arc::clone(peer);
        }
    }

    pub(super) fn remove(&mut self, handle: Handle) {
        let slot = &mut self.slots[handle.slot as usize];
        let member = slot.member.take().expect("handles of the present are kept");
        slot.generation = slot.generation.wrapping_add(1);
        self.unused.push(handle.slot);
        self.by_key.remove(&member.key);
        self.present.swap_remove(member.place);
        if let Some(moved) = self.present.get(member.place).copied() {
            self.get_mut(moved).place = member.place;
        }
    }

    /// Members that were not heard of for too long. Each is looked at once in that time, not at every word of others.
    pub(super) fn expired(&mut self, now: i64) -> Vec<Handle> {
        let mut gone = Vec::new();
        while let Some(due) = self.ends.first_entry()
            && *due.key() <= now / 1000
        {
            for handle in due.remove() {
                let Some(until) = self.try_get(handle).map(|member| member.until) else {
                    continue;
                };
                if until <= now {
                    gone.push(handle);
                } else {
                    self.ends.entry(second(until)).or_default().push(handle);
                }
            }
        }
        gone
    }

    /// The neighbour of that id, if the member was told of one.
    pub(super) fn told_of(&self, me: Handle, id: &str) -> Option<Handle> {
        let known = self.get(me).neighbours.iter().copied();
        known
            .filter(|known| *known != me)
            .find(|known| self.try_get(*known).is_some_and(|member| member.peer.id == id))
    }

    /// Whom a member is told of: mostly those that it knows, because connections to them are open; when there are more,
    /// another takes the place of one of them each time, so that no group stays among itself.
    pub(super) fn neighbours(&mut self, now: i64, me: Handle) -> Vec<Handle> {
        let mut chosen = std::mem::take(&mut self.get_mut(me).neighbours);
        chosen.retain(|other| self.may_be_named(now, me, *other));
        if chosen.len() == NEIGHBOURS_MAX && self.len() > NEIGHBOURS_MAX + 1 {
            let one = self.draw(chosen.len());
            chosen.swap_remove(one);
        }
        if self.len() <= 2 * NEIGHBOURS_MAX {
            let start = self.draw(self.len());
            for step in 0..self.len() {
                self.choose(now, me, (start + step) % self.len(), &mut chosen);
            }
        } else {
            for _ in 0..DRAWS * (NEIGHBOURS_MAX - chosen.len()) {
                let one = self.draw(self.len());
                self.choose(now, me, one, &mut chosen);
            }
        }
        self.get_mut(me).neighbours.clone_from(&chosen);
        chosen
    }

    /// Some of the members, for somebody who is none.
    pub(super) fn some(&mut self, now: i64, most: usize) -> Vec<Handle> {
        let mut chosen = Vec::new();
        for _ in 0..DRAWS * most.min(self.len()) {
            let one = self.draw(self.len());
            let other = self.present[one];
            if chosen.len() < most && !chosen.contains(&other) && self.get(other).suspect_until <= now {
                chosen.push(other);
            }
        }
        chosen
    }

    fn choose(&self, now: i64, me: Handle, place: usize, chosen: &mut Vec<Handle>) {
        let other = self.present[place];
        if chosen.len() < NEIGHBOURS_MAX && !chosen.contains(&other) && self.may_be_named(now, me, other) {
            chosen.push(other);
        }
    }

    fn may_be_named(&self, now: i64, me: Handle, other: Handle) -> bool {
        other != me
            && self
                .try_get(other)
                .is_some_and(|member| member.until > now && member.suspect_until <= now)
            && !self
                .get(me)
                .shunned
                .iter()
                .any(|(who, until)| *who == other && *until > now)
    }

    /// A number below `sides` (xorshift64*).
    fn draw(&mut self, sides: usize) -> usize {
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        let high = self.dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        usize::try_from((high * sides as u64) >> 32).unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn present(&self) -> &[Handle] {
        &self.present
    }
}

/// The second in which a time is over.
fn second(time_ms: i64) -> i64 {
    time_ms / 1000 + 1
}
