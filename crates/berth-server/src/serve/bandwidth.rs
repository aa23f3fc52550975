//! How many bytes of blobs go out in a second, in fair shares: whoever waits to send and has sent least has the next turn. Counts
//! pieces of bodies before they are read, so that it holds whichever way they are sent.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// What a piece is taken for until it is known how long it is.
const PIECE_BYTES: u64 = 64 << 10;
/// Payers that are remembered before those are forgotten who owe nothing.
const PAYERS_MAX: usize = 1024;

/// To whose share bytes count; an answer carries it as an extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    /// An account, by its id.
    Account(String),
    /// An address of those who do not log in.
    Address(IpAddr),
}

/// The bytes that may go out.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    bytes_per_second: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When what was sent is paid.
    free_at: Instant,
    /// Those who wait, by the bytes that their payer had sent when their turn is; and a number of their own.
    waiting: BTreeMap<Ticket, Arc<Notify>>,
    /// Bytes that a payer has sent, counted from those of whoever sent least.
    sent: HashMap<Payer, u64>,
    /// What was sent by who had the last turn: who comes new begins there.
    level: u64,
    next: u64,
}

type Ticket = (u64, u64);

impl Bandwidth {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            state: Mutex::new(State {
                free_at: Instant::now(),
                waiting: BTreeMap::new(),
                sent: HashMap::new(),
                level: 0,
                next: 0,
            }),
        }
    }

    /// Waits for the turn of one piece.
    async fn turn(self: Arc<Self>, payer: Payer) {
        let queued = Queued::new(&self, &payer);
        loop {
            let wait = {
                let mut state = self.state();
                let now = Instant::now();
                let is_first = state.waiting.keys().next() == Some(&queued.ticket);
                if is_first && state.free_at <= now {
                    state.level = state.level.max(queued.ticket.0);
                    return;
                }
                is_first.then_some(state.free_at)
            };
            match wait {
                Some(free_at) => tokio::time::sleep_until(free_at).await,
                None => queued.told.notified().await,
            }
        }
    }

    /// Counts what was sent at a turn.
    fn charge(&self, payer: &Payer, bytes: u64) {
        let mut state = self.state();
        let time = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / self.bytes_per_second);
        state.free_at = state.free_at.max(Instant::now()) + time;
        if let Some(sent) = state.sent.get_mut(payer) {
            *sent = sent.saturating_add(bytes).saturating_sub(PIECE_BYTES);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits; dropped, the next one is told.
struct Queued<'a> {
    bandwidth: &'a Bandwidth,
    ticket: Ticket,
    told: Arc<Notify>,
}

impl<'a> Queued<'a> {
    fn new(bandwidth: &'a Bandwidth, payer: &Payer) -> Self {
        let told = Arc::new(Notify::new());
        let mut state = bandwidth.state();
        let level = state.level;
        if state.sent.len() >= PAYERS_MAX {
            state.sent.retain(|_, sent| *sent > level);
        }
        let sent = state.sent.entry(payer.clone()).or_insert(level);
        let turn = (*sent).max(level);
        *sent = turn + PIECE_BYTES;
        state.next += 1;
        let ticket = (turn, state.next);
        state.waiting.insert(ticket, Arc::clone(&told));
        drop(state);
        Self {
            bandwidth,
            ticket,
            told,
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.bandwidth.state();
        state.waiting.remove(&self.ticket);
        if let Some(first) = state.waiting.values().next() {
            first.notify_one();
        }
    }
}

/// The pieces of one body.
pub(super) struct Shaped {
    bandwidth: Arc<Bandwidth>,
    payer: Payer,
    turn: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    has_turn: bool,
}

impl Shaped {
    pub(super) fn new(bandwidth: Arc<Bandwidth>, payer: Payer) -> Self {
        Self {
            bandwidth,
            payer,
            turn: None,
            has_turn: false,
        }
    }

    /// Ready when the next piece may be sent.
    pub(super) fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.has_turn {
            return Poll::Ready(());
        }
        let turn = self
            .turn
            .get_or_insert_with(|| Box::pin(Arc::clone(&self.bandwidth).turn(self.payer.clone())));
        std::task::ready!(turn.as_mut().poll(context));
        self.turn = None;
        self.has_turn = true;
        Poll::Ready(())
    }

    /// Notes the piece that was sent.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.has_turn = false;
        self.bandwidth.charge(&self.payer, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Sends pieces for a payer until the time is over; answers how many bytes.
    async fn send(bandwidth: Arc<Bandwidth>, payer: &str, until: Instant) -> u64 {
        let payer = Payer::Account(payer.to_owned());
        let mut sent = 0;
        while tokio::time::timeout_at(until, Arc::clone(&bandwidth).turn(payer.clone()))
            .await
            .is_ok()
        {
            bandwidth.charge(&payer, MIB);
            sent += MIB;
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_have_the_same_share_however_many_downloads_each_has() {
        let bandwidth = Arc::new(Bandwidth::new(100 * MIB));
        let until = Instant::now() + Duration::from_secs(10);
        let greedy = (0..9).map(|_| send(Arc::clone(&bandwidth), "greedy", until));
        let modest = send(Arc::clone(&bandwidth), "modest", until);
        let (greedy, modest) = tokio::join!(futures_util::future::join_all(greedy), modest);
        let greedy: u64 = greedy.into_iter().sum();
        let all = greedy + modest;
        assert!((990..=1011).contains(&(all / MIB)), "{}", all / MIB);
        assert!(modest * 100 >= all * 45, "{} of {}", modest / MIB, all / MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_alone_has_everything_and_owes_nobody_for_it() {
        let bandwidth = Arc::new(Bandwidth::new(10 * MIB));
        let begin = Instant::now();
        let alone = send(Arc::clone(&bandwidth), "early", begin + Duration::from_secs(10)).await;
        assert!((99..=101).contains(&(alone / MIB)), "{}", alone / MIB);
        let until = begin + Duration::from_secs(20);
        let (early, late) = tokio::join!(
            send(Arc::clone(&bandwidth), "early", until),
            send(Arc::clone(&bandwidth), "late", until)
        );
        assert!(early.abs_diff(late) <= 2 * MIB, "{early} {late}");
    }
}
