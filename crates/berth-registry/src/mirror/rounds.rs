//! Rounds of fetching ahead that this process does: one of a mirror at a time, and few at once. A lease keeps other processes
//! away and not this one, which may take again what it holds.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::Error;

/// Rounds that a process does at once.
const ROUNDS_AT_ONCE: usize = 4;

/// What rounds there are.
#[derive(Debug)]
pub(super) struct Rounds {
    going: Arc<Mutex<HashSet<i64>>>,
    turns: Semaphore,
}

/// A mirror's round, from before it waits for its turn until it has ended, however.
#[derive(Debug)]
pub(super) struct Going {
    going: Arc<Mutex<HashSet<i64>>>,
    mirror_id: i64,
}

impl Drop for Going {
    fn drop(&mut self) {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        going.remove(&self.mirror_id);
    }
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            going: Arc::default(),
            turns: Semaphore::new(ROUNDS_AT_ONCE),
        }
    }
}

impl Rounds {
    /// A round of a mirror, none while one goes on.
    pub(super) fn begin(&self, mirror_id: i64) -> Option<Going> {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        going.insert(mirror_id).then(|| Going {
            going: Arc::clone(&self.going),
            mirror_id,
        })
    }

    /// Waits until there is a turn for a round.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let turn = self.turns.acquire().await;
        turn.map_err(|closed| Error::internal("waiting to fetch ahead", closed))
    }
}
