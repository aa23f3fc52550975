//! Nodes that pull one image at once through a swarm, chunk by chunk: the tracker leases each chunk to one node, which gets it from the
//! registry; everybody else gets it from those neighbours that have it, the rarest first. Seeded: the same plan gives the same outcome.

use super::links::{Link, Links, Transfer};
use crate::data::Rng;

/// What is simulated. Rates are bytes in a second.
#[derive(Clone, Debug)]
pub struct Plan {
    pub nodes: usize,
    pub chunks: usize,
    pub chunk_bytes: f64,
    pub node_rate: f64,
    pub origin_rate: f64,
    /// How many others a node gets to know.
    pub neighbours: usize,
    /// Chunks that a node sends and gets at one time.
    pub uploads: usize,
    pub downloads: usize,
    /// Chunks that a node may hold a lease on at one time.
    pub leases: usize,
    /// Chunks that are leased at one time, to all nodes together.
    pub leases_of_all: usize,
    /// Seconds over which the nodes begin, evenly.
    pub spread: f64,
    pub seed: u64,
}

/// What became of it.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// Seconds that each node took, from its own beginning.
    pub seconds: Vec<f64>,
    /// Chunks that each node sent to others, and those that each got.
    pub sent: Vec<u64>,
    pub received: Vec<u64>,
    /// Chunks that the registry sent.
    pub origin: u64,
    /// When the last node had all.
    pub end: f64,
}

/// Plays a plan to its end.
pub fn play(plan: &Plan) -> Outcome {
    let mut swarm = Swarm::new(plan);
    let mut begun = 0;
    while swarm.complete < plan.nodes {
        let until = if begun < plan.nodes {
            plan.begin(begun)
        } else {
            f64::MAX
        };
        if let Some(transfer) = swarm.links.next(until) {
            swarm.take(transfer);
        } else {
            assert!(begun < plan.nodes, "no node waits for ever: a lease always ends");
            swarm.begin(begun);
            begun += 1;
        }
    }
    Outcome {
        seconds: swarm.seconds,
        sent: swarm.links.sent()[..plan.nodes].to_vec(),
        received: swarm.links.received()[..plan.nodes].to_vec(),
        origin: swarm.links.sent()[plan.nodes],
        end: swarm.links.now(),
    }
}

impl Plan {
    /// When a node begins.
    fn begin(&self, node: usize) -> f64 {
        self.spread * node as f64 / self.nodes as f64
    }

    /// The registry's number among the ends of links.
    fn origin(&self) -> usize {
        self.nodes
    }
}

struct Swarm<'a> {
    plan: &'a Plan,
    links: Links,
    rng: Rng,
    /// Whom each node asks, and who asks each node.
    asks: Vec<Vec<usize>>,
    asked_by: Vec<Vec<usize>>,
    /// A bit for each chunk of each node: has it; has it or is about to.
    has: Bits,
    taken: Bits,
    /// How many of those whom a node asks have a chunk.
    copies: Vec<u16>,
    /// Chunks that nobody has a lease on yet, in the order in which they are given out.
    unleased: Vec<usize>,
    leased: Vec<usize>,
    begun: Vec<bool>,
    left: Vec<usize>,
    complete: usize,
    seconds: Vec<f64>,
}

impl<'a> Swarm<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut rng = Rng::new(plan.seed);
        let node = Link {
            up: plan.node_rate,
            down: plan.node_rate,
        };
        let mut links = vec![node; plan.nodes];
        links.push(Link {
            up: plan.origin_rate,
            down: plan.origin_rate,
        });
        let asks: Vec<Vec<usize>> = (0..plan.nodes).map(|node| others(plan, node, &mut rng)).collect();
        let mut asked_by = vec![Vec::new(); plan.nodes];
        for (node, others) in asks.iter().enumerate() {
            for &other in others {
                asked_by[other].push(node);
            }
        }
        let mut unleased: Vec<usize> = (0..plan.chunks).collect();
        shuffle(&mut unleased, &mut rng);
        Self {
            plan,
            links: Links::new(links, plan.chunk_bytes),
            rng,
            asks,
            asked_by,
            has: Bits::new(plan),
            taken: Bits::new(plan),
            copies: vec![0; plan.nodes * plan.chunks],
            unleased,
            leased: vec![0; plan.nodes],
            begun: vec![false; plan.nodes],
            left: vec![plan.chunks; plan.nodes],
            complete: 0,
            seconds: vec![0.0; plan.nodes],
        }
    }

    fn begin(&mut self, node: usize) {
        self.begun[node] = true;
        self.fetch(node);
    }

    /// A chunk has come: it is looked at by those who ask this node, and both ends may go on.
    fn take(&mut self, transfer: Transfer) {
        let Transfer { from, to, what } = transfer;
        self.has.set(to, what);
        for at in 0..self.asked_by[to].len() {
            let other = self.asked_by[to][at];
            self.copies[other * self.plan.chunks + what] += 1;
        }
        if from == self.plan.origin() {
            self.leased[to] -= 1;
        }
        self.left[to] -= 1;
        if self.left[to] == 0 {
            self.complete += 1;
            self.seconds[to] = self.links.now() - self.plan.begin(to);
        }
        // Who got a chunk asks for the next one no earlier than those who waited for the same slot.
        if from == self.plan.origin() {
            self.lease_out();
        } else {
            self.offer(from);
        }
        self.offer(to);
        self.fetch(to);
    }

    /// Lets the tracker lease a chunk to one of those who wait, by lot.
    fn lease_out(&mut self) {
        let first = self.rng.next_u64() as usize % self.plan.nodes;
        for at in 0..self.plan.nodes {
            if self.unleased.is_empty() {
                return;
            }
            let node = (first + at) % self.plan.nodes;
            if self.is_open(node)
                && let Some(transfer) = self.lease(node)
            {
                self.start(transfer);
                return;
            }
        }
    }

    /// Starts as many transfers to a node as it may have.
    fn fetch(&mut self, node: usize) {
        while self.is_open(node) {
            let Some(transfer) = self.lease(node).or_else(|| self.rarest(node)) else {
                return;
            };
            self.start(transfer);
        }
    }

    /// Lets others take what a node with a free slot has: those who wait for it, in an order by lot.
    fn offer(&mut self, node: usize) {
        let count = self.asked_by[node].len();
        if count == 0 {
            return;
        }
        let first = self.rng.next_u64() as usize % count;
        for at in 0..count {
            if self.links.leaving(node) >= self.plan.uploads {
                return;
            }
            let other = self.asked_by[node][(first + at) % count];
            if self.is_open(other)
                && let Some(what) = self.rarest_of(other, Some(node))
            {
                self.start(Transfer {
                    from: node,
                    to: other,
                    what,
                });
            }
        }
    }

    fn is_open(&self, node: usize) -> bool {
        self.begun[node] && self.links.coming(node) < self.plan.downloads
    }

    fn start(&mut self, transfer: Transfer) {
        self.taken.set(transfer.to, transfer.what);
        self.links.start(transfer);
    }

    /// A chunk that nobody has a lease on.
    fn lease(&mut self, node: usize) -> Option<Transfer> {
        if self.leased[node] >= self.plan.leases
            || self.links.leaving(self.plan.origin()) >= self.plan.leases_of_all
        {
            return None;
        }
        let what = self.unleased.pop()?;
        self.leased[node] += 1;
        Some(Transfer {
            from: self.plan.origin(),
            to: node,
            what,
        })
    }

    /// The rarest chunk that a node lacks and the least busy of those who have it and a free slot.
    fn rarest(&mut self, node: usize) -> Option<Transfer> {
        let what = self.rarest_of(node, None)?;
        let from = self.asks[node]
            .iter()
            .copied()
            .filter(|&other| self.serves(other) && self.has.get(other, what))
            .min_by_key(|&other| self.links.leaving(other))?;
        Some(Transfer { from, to: node, what })
    }

    fn serves(&self, node: usize) -> bool {
        self.links.leaving(node) < self.plan.uploads
    }

    /// Of the chunks that a node lacks and this one, or any with a free slot, has: one of those with the fewest copies.
    fn rarest_of(&mut self, node: usize, from: Option<usize>) -> Option<usize> {
        let mut best = u16::MAX;
        let mut found = None;
        let mut equals = 0;
        for word in 0..self.has.words {
            let mut offered = match from {
                Some(from) => self.has.word(from, word),
                None => self.asks[node]
                    .iter()
                    .filter(|&&other| self.serves(other))
                    .fold(0, |all, &other| all | self.has.word(other, word)),
            };
            offered &= !self.taken.word(node, word);
            while offered != 0 {
                let what = word * 64 + offered.trailing_zeros() as usize;
                offered &= offered - 1;
                let copies = self.copies[node * self.plan.chunks + what];
                if copies < best {
                    (best, found, equals) = (copies, Some(what), 1);
                } else if copies == best {
                    equals += 1;
                    if self.rng.next_u64().is_multiple_of(equals) {
                        found = Some(what);
                    }
                }
            }
        }
        found
    }
}

/// The nodes that one gets to know: all, or so many by lot.
fn others(plan: &Plan, node: usize, rng: &mut Rng) -> Vec<usize> {
    if plan.nodes <= plan.neighbours + 1 {
        return (0..plan.nodes).filter(|&other| other != node).collect();
    }
    let mut found = Vec::with_capacity(plan.neighbours);
    while found.len() < plan.neighbours {
        let other = rng.next_u64() as usize % plan.nodes;
        if other != node && !found.contains(&other) {
            found.push(other);
        }
    }
    found
}

fn shuffle(items: &mut [usize], rng: &mut Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.next_u64() as usize % (last + 1));
    }
}

/// A row of bits for each node.
struct Bits {
    bits: Vec<u64>,
    words: usize,
}

impl Bits {
    fn new(plan: &Plan) -> Self {
        let words = plan.chunks.div_ceil(64);
        Self {
            bits: vec![0; plan.nodes * words],
            words,
        }
    }

    fn word(&self, node: usize, word: usize) -> u64 {
        self.bits[node * self.words + word]
    }

    fn get(&self, node: usize, at: usize) -> bool {
        self.word(node, at / 64) >> (at % 64) & 1 == 1
    }

    fn set(&mut self, node: usize, at: usize) {
        self.bits[node * self.words + at / 64] |= 1 << (at % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(nodes: usize) -> Plan {
        Plan {
            nodes,
            chunks: 50,
            chunk_bytes: 4e6,
            node_rate: 12.5e6,
            origin_rate: 25e6,
            neighbours: 20,
            uploads: 6,
            downloads: 8,
            leases: 4,
            leases_of_all: 16,
            spread: 0.0,
            seed: 1,
        }
    }

    fn floor(plan: &Plan) -> f64 {
        plan.chunks as f64 * plan.chunk_bytes / plan.node_rate
    }

    #[test]
    fn one_node_pulls_at_the_rate_of_its_link() {
        let plan = plan(1);
        let outcome = play(&plan);
        assert!((outcome.seconds[0] - floor(&plan)).abs() < 1e-6);
        assert_eq!(outcome.origin, 50);
    }

    #[test]
    fn what_was_sent_was_got_and_each_chunk_left_the_registry_once() {
        for nodes in [2, 8, 24, 100] {
            for seed in 1..4 {
                let outcome = play(&Plan { seed, ..plan(nodes) });
                assert_eq!(outcome.origin, 50, "{nodes} nodes");
                assert_eq!(outcome.received, vec![50; nodes], "{nodes} nodes");
                let sent: u64 = outcome.sent.iter().sum();
                assert_eq!(sent + outcome.origin, 50 * nodes as u64, "{nodes} nodes");
            }
        }
    }

    #[test]
    fn no_node_is_below_its_floor_and_no_link_above_its_rate() {
        for spread in [0.0, 20.0] {
            for nodes in [2, 8, 24, 100] {
                let plan = Plan {
                    spread,
                    ..plan(nodes)
                };
                let outcome = play(&plan);
                let floor = floor(&plan) - 1e-6;
                assert!(outcome.seconds.iter().all(|&took| took >= floor), "{nodes} nodes");
                let most = plan.node_rate * outcome.end + 1e-6;
                for &sent in &outcome.sent {
                    assert!(sent as f64 * plan.chunk_bytes <= most, "{nodes} nodes");
                }
                let origin = outcome.origin as f64 * plan.chunk_bytes;
                assert!(origin <= plan.origin_rate * outcome.end + 1e-6, "{nodes} nodes");
            }
        }
    }

    #[test]
    fn the_registry_is_the_floor_where_it_is_the_slowest() {
        let plan = Plan {
            origin_rate: 6.25e6,
            ..plan(16)
        };
        let outcome = play(&plan);
        assert!(outcome.end >= 2.0 * floor(&plan) - 1e-6);
    }

    #[test]
    fn a_seed_gives_one_outcome() {
        assert_eq!(play(&plan(30)), play(&plan(30)));
        assert_ne!(play(&plan(30)), play(&Plan { seed: 2, ..plan(30) }));
    }
}
