//! Refusals on their way into the audit trail: a queue with a bound, and the count of what did not fit.

use std::sync::{Mutex, PoisonError};

use berth_metadata::AuditSeal;
use tokio::sync::Notify;

use crate::seal::Keyed;

use super::{Actor, Deed, plain};

/// Refusals that wait at most; a flood beyond it is told of in the log, as a number.
const WAITING_MAX: usize = 4096;
/// Refusals that are worth a write before the next one is due.
const WORTH_A_WRITE: usize = 512;

/// The queue.
#[derive(Debug)]
pub(crate) struct Trail {
    /// What links the events to one another.
    pub(crate) seal: AuditSeal,
    queue: Mutex<Queue>,
    filling: Notify,
    /// One write at a time: whoever reads the trail waits for what is on its way.
    pub(super) writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    lost: u64,
}

/// A refusal that waits to be written.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) actor: Actor,
    pub(super) deed: Deed,
    pub(super) at: i64,
}

/// Refusals on their way out of the queue.
pub(super) struct Taken<'a> {
    trail: &'a Trail,
    pub(super) waiting: Vec<Waiting>,
}

impl Taken<'_> {
    /// Says that they are in the trail.
    pub(super) fn written(mut self) {
        self.waiting.clear();
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut queue = self.trail.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let later = std::mem::replace(&mut queue.waiting, std::mem::take(&mut self.waiting));
        queue.waiting.extend(later);
        let lost = queue.waiting.len().saturating_sub(WAITING_MAX);
        queue.lost += lost as u64;
        queue.waiting.truncate(WAITING_MAX);
    }
}

impl Trail {
    /// An empty one, whose events are linked under this key.
    pub(crate) fn new(key: Keyed) -> Self {
        Self {
            seal: AuditSeal::new(move |text| key.sign(text)),
            queue: Mutex::default(),
            filling: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Queues a refusal of a time, milliseconds since the epoch.
    pub(super) fn add(&self, actor: Actor, mut deed: Deed, at: i64) {
        // What waits is bounded in bytes too: names and places come from those who try something out.
        deed.resource = plain(&deed.resource);
        let actor = match actor {
            Actor::Refused(presented) => Actor::Refused(plain(&presented)),
            known @ Actor::Known(_) => known,
        };
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() >= WAITING_MAX {
            queue.lost += 1;
            return;
        }
        queue.waiting.push(Waiting { actor, deed, at });
        if queue.waiting.len() == WORTH_A_WRITE {
            self.filling.notify_one();
        }
    }

    /// Takes all that wait; what is not [`Taken::written`] waits again.
    pub(super) fn take(&self) -> Taken<'_> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = std::mem::take(&mut queue.lost);
        if lost > 0 {
            tracing::error!(lost, "more was refused than the audit trail could take");
        }
        Taken {
            trail: self,
            waiting: std::mem::take(&mut queue.waiting),
        }
    }

    /// Waits until many wait.
    pub(crate) async fn filling(&self) {
        self.filling.notified().await;
    }
}
