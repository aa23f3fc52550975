//! Links and what goes through them: each end shares its rate evenly among its transfers, and what one cannot use because its other end is
//! slower goes to the rest, as TCP comes near to. Owns the clock. Knows nothing of chunks or of who wants what.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// A link: bytes in a second, both ways.
#[derive(Clone, Copy)]
pub struct Link {
    pub up: f64,
    pub down: f64,
}

/// Bytes on their way from one end to another; `what` is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub from: usize,
    pub to: usize,
    pub what: usize,
}

struct Flow {
    transfer: Transfer,
    left: f64,
    rate: f64,
    since: f64,
    /// Marks of an earlier rate are no longer meant.
    turn: u32,
    /// Where it stands in the lists of its two ends.
    at: [usize; 2],
}

impl Flow {
    /// Where it comes from and where it goes, as `UP` and `DOWN` count.
    fn ends(&self) -> [usize; 2] {
        [self.transfer.from, self.transfer.to]
    }
}

/// When a flow will have ended if nothing changes.
struct Mark {
    time: f64,
    flow: usize,
    turn: u32,
}

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Mark {}

impl PartialOrd for Mark {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mark {
    /// The earliest is the greatest; of two at one time the older flow.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .time
            .total_cmp(&self.time)
            .then_with(|| other.flow.cmp(&self.flow))
            .then_with(|| other.turn.cmp(&self.turn))
    }
}

const UP: usize = 0;
const DOWN: usize = 1;
/// Shares are right to this part: closer takes long and tells nothing.
const CLOSE: f64 = 0.01;
/// How often the shares of ends are looked at again for each that changed.
const LOOKS_MAX: usize = 200;

pub struct Links {
    rates: Vec<Link>,
    now: f64,
    flows: Vec<Flow>,
    unused: Vec<usize>,
    /// The flows out of and into each end.
    busy: [Vec<Vec<usize>>; 2],
    /// What an end has for each of its flows that can use so much.
    shares: [Vec<f64>; 2],
    /// Ends whose flows changed since rates were last right.
    changed: VecDeque<(usize, usize)>,
    marks: BinaryHeap<Mark>,
    sent: Vec<u64>,
    received: Vec<u64>,
    bytes: f64,
}

impl Links {
    /// All ends, and the bytes of every transfer.
    pub fn new(links: Vec<Link>, bytes: f64) -> Self {
        let ends = links.len();
        Self {
            shares: [
                links.iter().map(|link| link.up).collect(),
                links.iter().map(|link| link.down).collect(),
            ],
            rates: links,
            now: 0.0,
            flows: Vec::new(),
            unused: Vec::new(),
            busy: [vec![Vec::new(); ends], vec![Vec::new(); ends]],
            changed: VecDeque::new(),
            marks: BinaryHeap::new(),
            sent: vec![0; ends],
            received: vec![0; ends],
            bytes,
        }
    }

    pub fn now(&self) -> f64 {
        self.now
    }

    /// How many transfers leave this end now.
    pub fn leaving(&self, end: usize) -> usize {
        self.busy[UP][end].len()
    }

    /// How many transfers come to this end now.
    pub fn coming(&self, end: usize) -> usize {
        self.busy[DOWN][end].len()
    }

    /// Transfers that each end has sent to their end.
    pub fn sent(&self) -> &[u64] {
        &self.sent
    }

    /// Transfers that each end has got.
    pub fn received(&self) -> &[u64] {
        &self.received
    }

    pub fn start(&mut self, transfer: Transfer) {
        let ends = [transfer.from, transfer.to];
        let flow = Flow {
            transfer,
            left: self.bytes,
            rate: 0.0,
            since: self.now,
            turn: 0,
            at: [UP, DOWN].map(|way| self.busy[way][ends[way]].len()),
        };
        let id = if let Some(id) = self.unused.pop() {
            let turn = self.flows[id].turn + 1;
            self.flows[id] = Flow { turn, ..flow };
            id
        } else {
            self.flows.push(flow);
            self.flows.len() - 1
        };
        for way in [UP, DOWN] {
            self.busy[way][ends[way]].push(id);
            self.changed.push_back((way, ends[way]));
        }
    }

    /// Goes on to the next end of a transfer, but not beyond `until`: then there is none.
    pub fn next(&mut self, until: f64) -> Option<Transfer> {
        self.share();
        while let Some(mark) = self.marks.peek() {
            if mark.time > until {
                break;
            }
            let mark = self.marks.pop().expect("a mark was seen");
            if self.flows[mark.flow].turn == mark.turn {
                self.now = self.now.max(mark.time);
                return Some(self.end(mark.flow));
            }
        }
        self.now = self.now.max(until);
        None
    }

    fn end(&mut self, id: usize) -> Transfer {
        let Flow { transfer, at, .. } = self.flows[id];
        let ends = self.flows[id].ends();
        for way in [UP, DOWN] {
            let list = &mut self.busy[way][ends[way]];
            list.swap_remove(at[way]);
            if let Some(&moved) = list.get(at[way]) {
                self.flows[moved].at[way] = at[way];
            }
            self.changed.push_back((way, ends[way]));
        }
        self.flows[id].turn += 1;
        self.unused.push(id);
        self.sent[transfer.from] += 1;
        self.received[transfer.to] += 1;
        transfer
    }

    /// Gives every flow its share: an end whose share changed makes the other ends of its flows look at theirs again.
    fn share(&mut self) {
        let looks_max = self.changed.len() * LOOKS_MAX;
        let mut touched = Vec::new();
        let mut looks = 0;
        while let Some((way, end)) = self.changed.pop_front() {
            touched.extend_from_slice(&self.busy[way][end]);
            let share = self.share_of(way, end);
            let before = std::mem::replace(&mut self.shares[way][end], share);
            looks += 1;
            if (share - before).abs() <= before * CLOSE || looks > looks_max {
                continue;
            }
            for &flow in &self.busy[way][end] {
                let other = (1 - way, self.flows[flow].ends()[1 - way]);
                if !self.changed.contains(&other) {
                    self.changed.push_back(other);
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for flow in touched {
            self.set_rate(flow);
        }
    }

    /// An even share of an end's rate for those of its flows that can use it.
    fn share_of(&self, way: usize, end: usize) -> f64 {
        let link = self.rates[end];
        let mut rest = [link.up, link.down][way];
        let flows = &self.busy[way][end];
        let mut others: Vec<f64> = flows
            .iter()
            .map(|&flow| self.shares[1 - way][self.flows[flow].ends()[1 - way]])
            .collect();
        others.sort_unstable_by(f64::total_cmp);
        let mut share = rest;
        for (before, other) in others.iter().enumerate() {
            share = rest / (others.len() - before) as f64;
            if *other >= share {
                break;
            }
            rest -= other;
        }
        share
    }

    fn set_rate(&mut self, id: usize) {
        let [from, to] = self.flows[id].ends();
        let rate = self.shares[UP][from].min(self.shares[DOWN][to]);
        let flow = &mut self.flows[id];
        if flow.rate == rate {
            return;
        }
        flow.left = (flow.left - flow.rate * (self.now - flow.since)).max(0.0);
        flow.rate = rate;
        flow.since = self.now;
        flow.turn += 1;
        self.marks.push(Mark {
            time: self.now + flow.left / rate,
            flow: id,
            turn: flow.turn,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Link = Link { up: 10.0, down: 10.0 };

    fn transfer(from: usize, to: usize) -> Transfer {
        Transfer { from, to, what: 0 }
    }

    #[test]
    fn one_transfer_has_the_slower_end_to_itself() {
        let slow = Link { up: 1.0, down: 5.0 };
        let mut links = Links::new(vec![END, slow], 100.0);
        links.start(transfer(0, 1));
        assert_eq!(links.next(f64::MAX), Some(transfer(0, 1)));
        assert_eq!(links.now(), 20.0);
    }

    #[test]
    fn transfers_share_an_end_and_who_stays_gets_the_rest() {
        let mut links = Links::new(vec![END; 3], 100.0);
        links.start(transfer(0, 1));
        assert_eq!(links.next(5.0), None);
        links.start(transfer(0, 2));
        // 50 bytes are left of the first: ten seconds at half the rate, while the second gets 50 of its 100.
        assert_eq!(links.next(f64::MAX), Some(transfer(0, 1)));
        assert_eq!(links.now(), 15.0);
        assert_eq!(links.next(f64::MAX), Some(transfer(0, 2)));
        assert_eq!(links.now(), 20.0);
        assert_eq!((links.sent(), links.received()), (&[2, 0, 0][..], &[0, 1, 1][..]));
    }

    #[test]
    fn what_one_cannot_use_the_others_get() {
        let slow = Link { up: 1.0, down: 2.0 };
        let mut links = Links::new(vec![END, slow, END], 80.0);
        links.start(transfer(0, 1));
        links.start(transfer(0, 2));
        assert_eq!(links.next(f64::MAX), Some(transfer(0, 2)));
        assert_eq!(links.now(), 10.0);
        assert_eq!(links.next(f64::MAX), Some(transfer(0, 1)));
        assert_eq!(links.now(), 40.0);
    }

    #[test]
    fn nothing_ends_beyond_the_time_asked_for() {
        let mut links = Links::new(vec![END; 2], 100.0);
        links.start(transfer(0, 1));
        assert_eq!(links.next(9.0), None);
        assert_eq!(links.now(), 9.0);
        assert_eq!(links.next(11.0), Some(transfer(0, 1)));
        assert_eq!(links.next(f64::MAX), None);
    }
}
