//! A crowd as its peers see it, and what holds whatever they say and do not say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::leases::Leases;
use super::members::Have;
use super::*;

const NONE: [u32; 0] = [];

fn key(peer: usize) -> PeerKey {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&peer.to_le_bytes());
    key
}

fn named(peer: usize) -> Arc<SwarmPeer> {
    Arc::new(SwarmPeer {
        id: format!("p{peer}"),
        address: format!("10.0.0.1:{peer}"),
        fingerprint: format!("{peer:064x}"),
    })
}

fn set(chunks: u32, has: &BTreeSet<u32>) -> ChunkSet {
    let mut bytes = vec![0_u8; chunks.div_ceil(8) as usize];
    for chunk in has {
        bytes[*chunk as usize / 8] |= 1 << (chunk % 8);
    }
    ChunkSet::of_bytes(&bytes, chunks)
}

/// A crowd under test, and what its peers have and hold.
struct Scene {
    crowd: Crowd,
    chunks: u32,
    now: i64,
    has: BTreeMap<usize, BTreeSet<u32>>,
}

impl Scene {
    fn new(chunks: u32) -> Self {
        Self {
            crowd: Crowd::new(7),
            chunks,
            now: 1_000_000,
            has: BTreeMap::new(),
        }
    }

    fn join(&mut self, peer: usize, want: u8, failed: &[usize]) -> Told {
        let has = self.has.entry(peer).or_default();
        let failed: Vec<String> = failed.iter().map(|peer| format!("p{peer}")).collect();
        let joining = Joining {
            key: key(peer),
            peer: &named(peer),
            have: Some(set(self.chunks, has)),
            want,
            failed: &failed,
            has_room: true,
        };
        let told = self.crowd.join(self.now, self.chunks, &joining);
        self.check();
        told
    }

    fn gets(&mut self, peer: usize, chunks: impl IntoIterator<Item = u32>) {
        self.has.entry(peer).or_default().extend(chunks);
    }

    fn seed(&mut self, peer: usize) -> bool {
        let seeds = self.crowd.seed(self.now, key(peer), &named(peer), true);
        self.check();
        seeds
    }

    /// What is counted is what a recount finds.
    fn check(&self) {
        let members = &self.crowd.members;
        let (mut whole, mut copies) = (0, vec![0; self.chunks as usize]);
        for handle in members.present() {
            let member = members.get(*handle);
            match &member.have {
                _ if !member.is_counted => {}
                Have::Whole => whole += 1,
                Have::Part(have) => have.iter().for_each(|chunk| copies[chunk as usize] += 1),
            }
            assert!(member.leases.len() <= usize::from(LEASES_MAX));
            assert!(member.neighbours.len() <= NEIGHBOURS_MAX);
        }
        assert_eq!(self.crowd.whole, whole);
        let Some(leases) = &self.crowd.leases else { return };
        leases.check();
        for chunk in 0..leases.chunks() {
            assert_eq!(
                leases.copies(chunk),
                copies[chunk as usize],
                "copies of chunk {chunk}"
            );
            if let Some(holder) = leases.holder(chunk) {
                assert!(
                    members.get(holder).leases.contains(&chunk),
                    "who holds chunk {chunk}"
                );
            }
        }
    }
}

#[test]
fn each_chunk_leaves_the_registry_once() {
    let (mut scene, mut fetched) = (Scene::new(40), Vec::new());
    // Each fetches what it leased and gets the rest from whoever it is told of.
    while scene.has.len() < 8 || scene.has.values().any(|has| has.len() < 40) {
        for peer in 0..8 {
            let told = scene.join(peer, 16, &[]);
            fetched.extend(told.leases.iter().copied());
            scene.gets(peer, told.leases);
            for (_, have) in told.peers {
                scene.gets(peer, have.iter());
            }
        }
        scene.now += 1000;
    }
    fetched.sort_unstable();
    assert_eq!(fetched, (0..40).collect::<Vec<_>>());
}

#[test]
fn who_shows_nothing_yet_is_given_little() {
    let mut scene = Scene::new(100);
    assert_eq!(scene.join(1, 16, &[]).leases, [0]);
    assert_eq!(scene.join(2, 16, &[]).leases, [1]);
    // A lost answer loses nothing.
    assert_eq!(scene.join(1, 16, &[]).leases, [0]);
    scene.gets(1, [0]);
    assert_eq!(scene.join(1, 16, &[]).leases, [2, 3]);
    assert_eq!(scene.join(2, 0, &[]).leases, [1]);
}

#[test]
fn few_chunks_are_on_their_way_at_one_time() {
    let mut scene = Scene::new(100);
    let leased: Vec<_> = (0..24)
        .map(|peer| scene.join(peer, 2, &[]).leases.len())
        .collect();
    assert_eq!(leased[..9], [1, 1, 1, 1, 1, 1, 1, 1, 0], "one for each");
    assert_eq!(leased.iter().sum::<usize>(), 8);
    // One that came makes room for another, for whoever asks first.
    scene.now += 3_000;
    scene.gets(0, [0]);
    assert_eq!(scene.join(0, 0, &[]).leases, NONE);
    assert_eq!(scene.join(23, 2, &[]).leases, [8]);
    assert_eq!(scene.join(22, 2, &[]).leases, NONE);
    // When all of them come soon there may be one more, and when one is late no more than at first.
    for (peer, chunk) in (1..8)
        .map(|peer| (peer, u32::try_from(peer).unwrap()))
        .chain([(23, 8)])
    {
        scene.gets(peer, [chunk]);
    }
    scene.now += 1_000;
    scene.join(23, 0, &[]);
    let leased: usize = (8..16).map(|peer| scene.join(peer, 1, &[]).leases.len()).sum();
    assert_eq!(leased, 1);
}

#[test]
fn what_others_have_is_heard_before_it_is_leased_anew() {
    let mut scene = Scene::new(4);
    // As after a restart of the registry: the first to renew has some of it.
    scene.gets(1, [0]);
    assert_eq!(scene.join(1, 2, &[]).leases, NONE);
    scene.gets(2, [1, 2]);
    assert_eq!(scene.join(2, 2, &[]).leases, NONE);
    scene.now += HEARING_MS;
    assert_eq!(scene.join(1, 2, &[]).leases, [3]);
}

#[test]
fn what_a_stalled_or_dead_peer_had_leased_goes_to_another() {
    let mut scene = Scene::new(1);
    let told = scene.join(1, 2, &[]);
    assert_eq!((told.leases.as_slice(), told.lease_ms), ([0].as_slice(), 20_000));
    assert_eq!(scene.join(2, 2, &[]).leases, NONE);
    scene.now += 20_000;
    // It is there, but it did not get it: the other has it first.
    assert_eq!(scene.join(1, 2, &[]).leases, NONE);
    assert_eq!(scene.join(2, 2, &[]).leases, [0]);
    // The other is not heard of any more.
    for _ in 0..4 {
        scene.now += 8_000;
        scene.join(1, 0, &[]);
    }
    assert_eq!(scene.join(1, 2, &[]).leases, [0]);
}

#[test]
fn a_lease_holds_three_times_what_a_chunk_takes() {
    let mut scene = Scene::new(20);
    for (took, lease_ms) in [(8_000, 24_000), (8_000, 24_000), (4_000, 21_000), (100, 15_825)] {
        let leases = scene.join(1, 1, &[]).leases;
        scene.now += took;
        scene.gets(1, leases);
        assert_eq!(scene.join(1, 0, &[]).lease_ms, lease_ms);
    }
}

#[test]
fn who_is_heard_of_keeps_a_lease_for_a_while() {
    let mut scene = Scene::new(1);
    assert_eq!(scene.join(1, 1, &[]).leases, [0]);
    for _ in 0..8 {
        scene.now += 9_000;
        assert_eq!(scene.join(1, 1, &[]).leases, [0], "its link is slow");
        assert_eq!(scene.join(2, 1, &[]).leases, NONE);
    }
    // But not for ever.
    scene.now += 9_000;
    assert_eq!(scene.join(2, 1, &[]).leases, [0]);
}

#[test]
fn who_is_slower_than_others_keeps_a_lease_for_its_time_alone() {
    let mut scene = Scene::new(3);
    assert_eq!(scene.join(1, 1, &[]).leases, [0]);
    for chunk in [1, 2] {
        // The second of these was leased later and came before.
        assert_eq!(scene.join(2, 1, &[]).leases, [chunk]);
        scene.now += 1_000;
        scene.gets(2, [chunk]);
    }
    scene.join(2, 0, &[]);
    for _ in 0..2 {
        scene.now += 6_000;
        assert_eq!(scene.join(1, 1, &[]).leases, [0]);
        assert_eq!(scene.join(2, 1, &[]).leases, NONE);
    }
    scene.now += 6_000;
    assert_eq!(scene.join(2, 1, &[]).leases, [0]);
}

#[test]
fn one_slow_chunk_makes_no_long_leases() {
    let mut scene = Scene::new(2);
    assert_eq!(scene.join(1, 1, &[]).leases, [0]);
    for _ in 0..7 {
        scene.now += 9_000;
        assert_eq!(scene.join(1, 1, &[]).leases, [0]);
    }
    scene.gets(1, [0]);
    assert_eq!(scene.join(1, 0, &[]).lease_ms, 60_000);
}

#[test]
fn a_chunk_that_was_lost_with_its_peer_is_leased_again() {
    let mut scene = Scene::new(1);
    let leases = scene.join(1, 1, &[]).leases;
    scene.gets(1, leases);
    scene.join(1, 0, &[]);
    assert_eq!(scene.join(2, 1, &[]).leases, NONE);
    scene.now += 31_000;
    assert_eq!(scene.join(2, 1, &[]).leases, [0]);
}

#[test]
fn several_who_were_failed_make_a_suspect() {
    let mut scene = Scene::new(8);
    // It says that it has all, and gives nobody anything.
    scene.gets(9, 0..8);
    for peer in [9, 1, 2, 3, 4] {
        scene.join(peer, 0, &[]);
    }
    for peer in [1, 2] {
        let told = scene.join(peer, 4, &[9]);
        // Who it failed is told of others, and gets what only that one has from the registry.
        assert!(told.peers.iter().all(|(other, _)| other.id != "p9"), "{peer}");
        assert_eq!(told.leases.len(), 1, "{peer}");
    }
    assert!(
        scene
            .join(4, 0, &[])
            .peers
            .iter()
            .any(|(other, _)| other.id == "p9")
    );
    scene.join(3, 0, &[9]);
    let told = scene.join(4, 4, &[]);
    assert!(told.peers.iter().all(|(other, _)| other.id != "p9"));
    assert_eq!(told.leases.len(), 1, "what it said to have counts no more");
    assert_eq!(scene.join(9, 4, &[]).leases, NONE);
    // After a while it may try again.
    scene.now += SUSPECTED_MS;
    scene.join(9, 0, &[]);
    assert!(
        scene
            .join(4, 0, &[])
            .peers
            .iter()
            .any(|(other, _)| other.id == "p9")
    );
}

#[test]
fn one_peer_makes_no_suspect() {
    let mut scene = Scene::new(8);
    scene.gets(9, 0..8);
    for peer in [9, 1, 2] {
        scene.join(peer, 0, &[]);
    }
    for _ in 0..10 {
        scene.join(1, 0, &[9]);
    }
    assert!(
        scene
            .join(2, 0, &[])
            .peers
            .iter()
            .any(|(other, _)| other.id == "p9")
    );
}

#[test]
fn nobody_accuses_whom_they_were_not_told_of() {
    let mut scene = Scene::new(8);
    scene.gets(9, 0..8);
    scene.join(9, 0, &[]);
    // Their first word: they were told of nobody.
    for peer in 1..5 {
        scene.join(peer, 0, &[9]);
    }
    assert!(
        scene
            .join(6, 0, &[])
            .peers
            .iter()
            .any(|(other, _)| other.id == "p9")
    );
}

#[test]
fn seeds_are_enough_and_not_too_many() {
    let mut scene = Scene::new(8);
    for peer in 0..SEEDS_MAX {
        assert!(scene.seed(peer));
    }
    assert!(!scene.seed(SEEDS_MAX), "one more is not needed");
    assert!(scene.seed(0), "who is known stays");
    let told = scene.join(1000, 16, &[]);
    assert_eq!(told.leases, NONE);
    assert_eq!(told.peers.len(), NEIGHBOURS_MAX);
    assert!(told.peers.iter().all(|(_, have)| have.is_whole()));
    scene.now += 91_000;
    assert_eq!(scene.join(1000, 16, &[]).leases, [0]);
    assert_eq!(scene.crowd.len(), 1);
}

#[test]
fn who_has_all_is_told_of_nobody() {
    let mut scene = Scene::new(3);
    scene.join(1, 0, &[]);
    scene.gets(2, 0..3);
    let told = scene.join(2, 16, &[]);
    assert_eq!((told.peers, told.leases), (Vec::new(), Vec::new()));
}

#[test]
fn in_a_large_crowd_each_is_told_of_twenty_and_the_renewals_grow_rare() {
    let mut crowd = Crowd::new(3);
    let (mut renew_ms, mut known) = (0, vec![0; 5000]);
    for peer in 0..5000 {
        let joining = Joining {
            key: key(peer),
            peer: &named(peer),
            have: None,
            want: 0,
            failed: &[],
            has_room: true,
        };
        let told = crowd.join(0, 100, &joining);
        assert_eq!(told.peers.len(), peer.min(NEIGHBOURS_MAX));
        let others: BTreeSet<&str> = told.peers.iter().map(|(peer, _)| peer.id.as_str()).collect();
        assert_eq!(others.len(), told.peers.len());
        for other in others {
            known[other[1..].parse::<usize>().unwrap()] += 1;
        }
        renew_ms = told.renew_ms;
    }
    assert_eq!(renew_ms, 5000);
    // Chance spreads them: the first are known to many, but not to all.
    assert!(known.iter().all(|count| *count < 400), "{:?}", known.iter().max());
}

#[derive(Clone, Debug)]
enum Step {
    Join {
        peer: usize,
        want: u8,
        failed: Vec<usize>,
    },
    Gets {
        peer: usize,
        chunk: u32,
    },
    Loses {
        peer: usize,
        chunk: u32,
    },
    Seed {
        peer: usize,
    },
    Wait {
        ms: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let peer = 0_usize..12;
    let step = prop_oneof![
        6 => (peer.clone(), 0_u8..=16, proptest::collection::vec(0_usize..12, 0..3))
            .prop_map(|(peer, want, failed)| Step::Join { peer, want, failed }),
        6 => (peer.clone(), 0_u32..20).prop_map(|(peer, chunk)| Step::Gets { peer, chunk }),
        1 => (peer.clone(), 0_u32..20).prop_map(|(peer, chunk)| Step::Loses { peer, chunk }),
        1 => peer.prop_map(|peer| Step::Seed { peer }),
        2 => (0_i64..12_000).prop_map(|ms| Step::Wait { ms }),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    /// Whatever is said in whatever order: what is counted is right, no chunk is leased to two, nobody is told of
    /// themselves, of somebody twice, or of somebody who is gone.
    #[test]
    fn whatever_is_said_the_count_is_right(steps in steps(), chunks in 1_u32..20) {
        let mut scene = Scene::new(chunks);
        let mut held: BTreeMap<u32, (usize, i64)> = BTreeMap::new();
        let mut heard: BTreeMap<usize, i64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Join { peer, want, failed } => {
                    let told = scene.join(peer, want, &failed);
                    heard.insert(peer, scene.now);
                    for chunk in &told.leases {
                        prop_assert!(!scene.has[&peer].contains(chunk));
                        let before = held.get(chunk).copied();
                        if let Some((holder, _)) = before.filter(|(holder, until)| *holder != peer && *until > scene.now) {
                            // Only who is gone, suspected or has the chunk loses a lease before its end.
                            let is_gone = heard[&holder] + TTL_MS <= scene.now;
                            let member = scene.crowd.members.find(key(holder));
                            let is_free = member.is_none_or(|member| {
                                let member = scene.crowd.members.get(member);
                                !member.leases.contains(chunk)
                            });
                            prop_assert!(is_gone || is_free);
                        }
                        held.insert(*chunk, (peer, scene.now + told.lease_ms));
                    }
                    let others: BTreeSet<&str> = told.peers.iter().map(|(peer, _)| peer.id.as_str()).collect();
                    prop_assert_eq!(others.len(), told.peers.len());
                    let own = named(peer);
                    prop_assert!(!others.contains(own.id.as_str()));
                    for other in others {
                        let other: usize = other[1..].parse().unwrap();
                        prop_assert!(heard[&other] + SEED_TTL_MS > scene.now);
                    }
                }
                Step::Gets { peer, chunk } => scene.gets(peer, (chunk < chunks).then_some(chunk)),
                Step::Loses { peer, chunk } => {
                    scene.has.entry(peer).or_default().remove(&chunk);
                }
                Step::Seed { peer } => {
                    if scene.seed(peer) {
                        heard.insert(peer, scene.now);
                        scene.gets(peer, 0..chunks);
                    }
                }
                Step::Wait { ms } => scene.now += ms,
            }
        }
        scene.now += SEED_TTL_MS + 1000;
        scene.crowd.expire(scene.now);
        prop_assert_eq!(scene.crowd.len(), 0);
        scene.check();
        prop_assert_eq!(scene.crowd.whole, 0);
    }

    /// As long as one peer asks again, all chunks come, whoever else dies or stalls.
    #[test]
    fn whoever_goes_on_gets_all(chunks in 1_u32..30, others in 0_usize..6) {
        let mut scene = Scene::new(chunks);
        for other in 1..=others {
            scene.join(other, 16, &[]);
        }
        for _ in 0..200 {
            let told = scene.join(0, 16, &[]);
            scene.gets(0, told.leases);
            scene.now += 2000;
        }
        prop_assert_eq!(scene.has[&0].len(), chunks as usize);
    }
}

#[test]
fn leases_of_an_unknown_time_hold_twenty_seconds() {
    assert_eq!(Leases::new(3).ttl_ms(), 20_000);
}
