//! The crowds of all blobs, each under the lock of its part, so that one that is joined by thousands keeps no other waiting.
//! Bounded as a whole: what has no room is not tracked, and costs bytes from the registry, nothing else.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_oci::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::chunks::ChunkSet;
use super::crowd::{Crowd, Joining, PeerKey, SwarmPeer, Told};

const PARTS: usize = 64;

/// What a peer says when it joins the swarm of a blob, or renews.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SwarmJoin {
    /// Who it is.
    pub peer: SwarmPeer,
    /// The chunks it has, bit by bit, when it knows how many there are.
    pub have: Option<Vec<u8>>,
    /// How many leases it wants beyond those it has.
    pub want: u8,
    /// Ids of peers that failed it.
    pub failed: Vec<String>,
    /// Bytes that came from other peers since it was heard last.
    pub moved_peers: u64,
    /// Bytes that came from the registry since then.
    pub moved_registry: u64,
}

/// What the tracker holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// Blobs with peers.
    pub swarms: usize,
    /// Peers of all of them together.
    pub peers: usize,
    /// Chunks that somebody is to fetch from the registry.
    pub leases: usize,
}

/// The crowds of all blobs that this process tracks.
#[derive(Debug)]
pub(crate) struct Tracker {
    parts: Box<[Mutex<HashMap<Digest, Crowd>>]>,
    hashes: RandomState,
    peers: AtomicUsize,
    peers_max: usize,
    dice: AtomicU64,
}

impl Tracker {
    /// At most `peers_max` peers of all blobs together; `dice` makes its choices.
    pub(crate) fn new(peers_max: usize, dice: u64) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            hashes: RandomState::new(),
            peers: AtomicUsize::new(0),
            peers_max,
            dice: AtomicU64::new(dice),
        }
    }

    /// Takes a peer of a blob of so many chunks in, or hears of it again, and says what it shall do.
    pub(crate) fn join(&self, now: i64, digest: &Digest, chunks: u32, join: &SwarmJoin) -> Told {
        let have = join.have.as_deref();
        let joining = Joining {
            key: key_of(&join.peer),
            peer: &Arc::new(join.peer.clone()),
            have: have.map(|bytes| ChunkSet::of_bytes(bytes, chunks)),
            want: join.want,
            failed: &join.failed,
            has_room: self.has_room(),
        };
        let mut part = self.part(digest);
        let crowd = part.entry(digest.clone()).or_insert_with(|| self.crowd());
        self.counted(crowd, |crowd| crowd.join(now, chunks, &joining))
    }

    /// Hears that a peer has these blobs and gives them. Anybody can say so of anything: half of the room is kept for those who
    /// join.
    pub(crate) fn seed(&self, now: i64, peer: &SwarmPeer, digests: &[Digest]) {
        let (key, peer) = (key_of(peer), Arc::new(peer.clone()));
        for digest in digests {
            let has_room = self.peers.load(Ordering::Relaxed) < self.peers_max / 2;
            let mut part = self.part(digest);
            if has_room || part.contains_key(digest) {
                let crowd = part.entry(digest.clone()).or_insert_with(|| self.crowd());
                self.counted(crowd, |crowd| crowd.seed(now, key, &peer, has_room));
            }
        }
    }

    /// Forgets peers that were not heard of, and blobs without peers.
    pub(crate) fn sweep(&self, now: i64) {
        for part in &self.parts {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.retain(|_, crowd| {
                self.counted(crowd, |crowd| crowd.expire(now));
                crowd.len() > 0
            });
            part.shrink_to_fit();
        }
    }

    /// What is held now.
    pub(crate) fn tracked(&self) -> Tracked {
        let mut tracked = Tracked {
            peers: self.peers.load(Ordering::Relaxed),
            ..Tracked::default()
        };
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            tracked.swarms += part.len();
            tracked.leases += part.values().map(Crowd::leased).sum::<usize>();
        }
        tracked
    }

    fn has_room(&self) -> bool {
        self.peers.load(Ordering::Relaxed) < self.peers_max
    }

    fn crowd(&self) -> Crowd {
        Crowd::new(self.hashes.hash_one(self.dice.fetch_add(1, Ordering::Relaxed)))
    }

    fn part(&self, digest: &Digest) -> MutexGuard<'_, HashMap<Digest, Crowd>> {
        let hash = self.hashes.hash_one(digest);
        let part = &self.parts[usize::try_from(hash % PARTS as u64).unwrap_or(0)];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to a crowd and counts who came and went.
    fn counted<T>(&self, crowd: &mut Crowd, change: impl FnOnce(&mut Crowd) -> T) -> T {
        let before = crowd.len();
        let done = change(crowd);
        let after = crowd.len();
        if after > before {
            self.peers.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.peers.fetch_sub(before - after, Ordering::Relaxed);
        }
        done
    }
}

fn key_of(peer: &SwarmPeer) -> PeerKey {
    let mut hasher = Sha256::new();
    hasher.update(peer.id.as_bytes());
    hasher.update([0]);
    hasher.update(peer.fingerprint.as_bytes());
    let hash = hasher.finalize();
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: usize) -> SwarmPeer {
        SwarmPeer {
            id: format!("p{number}"),
            address: format!("10.0.0.1:{number}"),
            fingerprint: String::new(),
        }
    }

    fn join(number: usize) -> SwarmJoin {
        SwarmJoin {
            peer: peer(number),
            have: None,
            want: 2,
            failed: Vec::new(),
            moved_peers: 0,
            moved_registry: 0,
        }
    }

    fn digest(number: usize) -> Digest {
        format!("sha256:{number:064x}").parse().unwrap()
    }

    #[test]
    fn beyond_its_room_it_tells_and_does_not_track() {
        let tracker = Tracker::new(8, 1);
        for number in 0..8 {
            let told = tracker.join(0, &digest(number % 2), 50, &join(number));
            assert_eq!(told.leases.len(), 1);
        }
        let told = tracker.join(0, &digest(0), 50, &join(8));
        assert!(told.leases.is_empty() && !told.peers.is_empty());
        assert_eq!(
            tracker.tracked(),
            Tracked {
                swarms: 2,
                peers: 8,
                leases: 8
            }
        );
        // Who is known stays so, and there is room again when others are gone.
        assert_eq!(tracker.join(10_000, &digest(0), 50, &join(0)).leases.len(), 1);
        tracker.sweep(31_000);
        assert_eq!(
            tracker.tracked(),
            Tracked {
                swarms: 1,
                peers: 1,
                leases: 0
            }
        );
        assert_eq!(tracker.join(31_000, &digest(0), 50, &join(8)).leases.len(), 1);
        tracker.sweep(1_000_000);
        assert_eq!(tracker.tracked(), Tracked::default());
    }

    #[test]
    fn what_is_said_of_anything_takes_half_of_the_room() {
        let tracker = Tracker::new(10, 1);
        let digests: Vec<Digest> = (0..50).map(digest).collect();
        tracker.seed(0, &peer(1), &digests);
        assert_eq!(
            tracker.tracked(),
            Tracked {
                swarms: 5,
                peers: 5,
                leases: 0
            }
        );
        tracker.seed(80_000, &peer(1), &digests[..5]);
        tracker.sweep(100_000);
        assert_eq!(tracker.tracked().peers, 5);
    }

    #[test]
    fn another_certificate_is_another_peer() {
        let tracker = Tracker::new(10, 1);
        tracker.join(0, &digest(0), 50, &join(1));
        let mut other = join(1);
        other.peer.fingerprint = "other".to_owned();
        assert_eq!(tracker.join(0, &digest(0), 50, &other).peers[0].0.fingerprint, "");
        assert_eq!(tracker.tracked().peers, 2);
    }
}
