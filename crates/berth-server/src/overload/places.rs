//! Places that are given in turns to those who wait, address by address, and never all to one of them. Addresses are counted in
//! so many slots and no more; two that share a slot share its turn.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// How many wait for each one that is worked on; a longer queue would only make them wait to be refused.
pub(super) const WAITING_PER_PLACE: usize = 8;
/// Slots of addresses.
const SLOTS: usize = 4096;

/// How full places are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queue {
    pub(crate) places: u64,
    pub(crate) running: u64,
    pub(crate) waiting: u64,
}

/// Places for one kind of work.
#[derive(Debug)]
pub(super) struct Places {
    count: u32,
    hasher: RandomState,
    state: Mutex<State>,
    waiting_max: usize,
    /// Places that one slot may have at a time.
    share_max: u32,
}

/// Who wants a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot(u16);

#[derive(Debug)]
struct State {
    free: u32,
    held: Box<[u32]>,
    waiting: usize,
    queues: HashMap<Slot, VecDeque<Arc<Waiter>>>,
    /// Slots with a queue, the next one first.
    turns: VecDeque<Slot>,
}

#[derive(Debug, Default)]
struct Waiter {
    granted: AtomicBool,
    told: Notify,
}

/// A place; dropped, it is the next one's.
#[derive(Debug)]
pub(super) struct Held<'a> {
    places: &'a Places,
    slot: Slot,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.places.state().give_back(self.slot, self.places.share_max);
    }
}

/// Somebody in the queue. Dropped before they took their place, it is the next one's.
struct Queued<'a> {
    places: &'a Places,
    slot: Slot,
    waiter: Arc<Waiter>,
    taken: bool,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.places.state();
        state.waiting -= 1;
        if !self.waiter.granted.load(Ordering::Acquire) {
            state.leave(self.slot, &self.waiter);
        } else if !self.taken {
            state.give_back(self.slot, self.places.share_max);
        }
    }
}

impl Places {
    /// So many places. One address has at most three quarters of them, so that there is always one for another.
    pub(super) fn new(count: u32) -> Self {
        let waiting_max = usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            count,
            hasher: RandomState::new(),
            state: Mutex::new(State {
                free: count,
                held: vec![0; SLOTS].into(),
                waiting: 0,
                queues: HashMap::new(),
                turns: VecDeque::new(),
            }),
            waiting_max: waiting_max.saturating_mul(WAITING_PER_PLACE),
            share_max: count - count / 4,
        }
    }

    /// The slot of an address.
    pub(super) fn slot(&self, address: IpAddr) -> Slot {
        let bits = match address {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            // What one household or machine gets is one address.
            IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or(0),
        };
        let hash = self.hasher.hash_one(bits) % (SLOTS as u64);
        Slot(u16::try_from(hash).unwrap_or(0))
    }

    /// A place, if there is one and nobody waits for it.
    pub(super) fn take(&self, slot: Slot) -> Option<Held<'_>> {
        let mut state = self.state();
        // Those who wait while places are free have their share already.
        let is_next = || state.turns.is_empty() || !state.queues.contains_key(&slot);
        let is_free = state.free > 0 && state.held[slot.index()] < self.share_max && is_next();
        is_free.then(|| state.hold(slot))?;
        drop(state);
        Some(Held { places: self, slot })
    }

    /// Waits for a place; none when as many wait as may, or the time is over. One address has at most half of the queue.
    pub(super) async fn wait(&self, slot: Slot, wait_max: Duration) -> Option<Held<'_>> {
        let mut queued = self.queue(slot)?;
        // It may have come with the end of the time, or come later, until the queue is left: that is seen to there.
        tokio::time::timeout(wait_max, queued.waiter.told.notified())
            .await
            .ok();
        queued.taken = queued.waiter.granted.load(Ordering::Acquire);
        queued.taken.then(|| Held { places: self, slot })
    }

    fn queue(&self, slot: Slot) -> Option<Queued<'_>> {
        let mut state = self.state();
        let own = state.queues.get(&slot).map_or(0, VecDeque::len);
        let is_full =
            state.waiting >= self.waiting_max || own >= self.waiting_max.div_ceil(2).max(WAITING_PER_PLACE);
        if is_full {
            return None;
        }
        let waiter = Arc::new(Waiter::default());
        state.waiting += 1;
        if own == 0 {
            state.turns.push_back(slot);
        }
        state
            .queues
            .entry(slot)
            .or_default()
            .push_back(Arc::clone(&waiter));
        // A place may have become free since it was looked for.
        state.give(self.share_max);
        drop(state);
        Some(Queued {
            places: self,
            slot,
            waiter,
            taken: false,
        })
    }

    /// How full they are.
    pub(super) fn standing(&self) -> Queue {
        let state = self.state();
        Queue {
            places: u64::from(self.count),
            running: u64::from(self.count.saturating_sub(state.free)),
            waiting: state.waiting as u64,
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.state().waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl State {
    fn hold(&mut self, slot: Slot) {
        self.free -= 1;
        self.held[slot.index()] += 1;
    }

    fn give_back(&mut self, slot: Slot, share_max: u32) {
        self.free += 1;
        self.held[slot.index()] -= 1;
        if !self.turns.is_empty() {
            self.give(share_max);
        }
    }

    /// Gives what is free to those who wait, one each in turns.
    fn give(&mut self, share_max: u32) {
        let mut passed_over = 0;
        while self.free > 0 && passed_over < self.turns.len() {
            let Some(slot) = self.turns.pop_front() else {
                return;
            };
            if self.held[slot.index()] >= share_max {
                self.turns.push_back(slot);
                passed_over += 1;
                continue;
            }
            let Some(queue) = self.queues.get_mut(&slot) else {
                continue;
            };
            let Some(waiter) = queue.pop_front() else { continue };
            if queue.is_empty() {
                self.queues.remove(&slot);
            } else {
                self.turns.push_back(slot);
            }
            passed_over = 0;
            self.hold(slot);
            waiter.granted.store(true, Ordering::Release);
            waiter.told.notify_one();
        }
    }

    fn leave(&mut self, slot: Slot, waiter: &Arc<Waiter>) {
        let Some(queue) = self.queues.get_mut(&slot) else {
            return;
        };
        if let Some(at) = queue.iter().position(|queued| Arc::ptr_eq(queued, waiter)) {
            queue.remove(at);
        }
        if queue.is_empty() {
            self.queues.remove(&slot);
            self.turns.retain(|turn| *turn != slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_mins(10);

    fn take(places: &Places, slot: u16) -> Held<'_> {
        places.take(Slot(slot)).unwrap()
    }

    #[tokio::test]
    async fn those_who_wait_have_their_turns_address_by_address() {
        let places = Places::new(1);
        let held = take(&places, 9);
        // One asks for much, then two others for one each.
        let order = std::cell::RefCell::new(Vec::new());
        let waits = [1, 1, 1, 2, 3].map(|slot| {
            let (places, order) = (&places, &order);
            async move {
                let place = places.wait(Slot(slot), LONG).await.unwrap();
                order.borrow_mut().push(slot);
                drop(place);
            }
        });
        let mut waits = Box::pin(futures_util::future::join_all(waits));
        assert!(waits.as_mut().now_or_never().is_none());
        drop(held);
        waits.await;
        assert_eq!(order.into_inner(), [1, 2, 3, 1, 1]);
        assert_eq!(places.waiting(), 0);
        assert_eq!(places.state().free, 1);
    }

    #[tokio::test]
    async fn one_address_never_has_all_places() {
        let places = Places::new(8);
        let held: Vec<_> = (0..6).map(|_| take(&places, 1)).collect();
        assert!(places.take(Slot(1)).is_none());
        let waiting = places.wait(Slot(1), LONG);
        let mut waiting = Box::pin(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        // Others go past it.
        let other = take(&places, 2);
        drop(other);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        assert!(waiting.now_or_never().unwrap().is_some());
    }

    #[tokio::test]
    async fn who_goes_away_leaves_no_trace_also_when_the_place_has_just_come() {
        let places = Places::new(1);
        let held = take(&places, 1);
        let mut first = Box::pin(places.wait(Slot(1), LONG));
        assert!(first.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!((places.waiting(), places.state().turns.len()), (0, 0));
        let mut second = Box::pin(places.wait(Slot(1), LONG));
        assert!(second.as_mut().now_or_never().is_none());
        drop(held);
        drop(second);
        assert_eq!(places.state().free, 1, "it was given, and came back");
    }
}
