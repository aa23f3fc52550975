//! Live changes for those who look on: one reader in each process takes in what the database noted (`reader`), every
//! listener follows it at its own pace (`listening`) and hears what it may know of (`hearing`). Nothing here is ever
//! waited for by what makes changes.

mod hearing;
mod listening;
mod reader;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_metadata::{Audience, Change};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::access::UserCaller;
use crate::error::Error;

pub use hearing::{LiveChange, LiveKind};
pub use listening::{Heard, Listening, Told};

/// Changes that are kept for listeners who come back, and for slow ones: whoever is further behind is cut.
const KEPT_MAX: usize = 4096;
/// Parts in which they were read.
const BATCHES_MAX: usize = 1024;
/// Streams of one login: browsers open six connections to a place at most.
const PER_LOGIN_MAX: usize = 8;

/// What was read at once.
pub(super) struct Batch {
    changes: Vec<Change>,
    /// Where those stood who listened then.
    audience: Audience,
    read_at: Instant,
    /// Everything up to this change has been read, or will never be there.
    low: i64,
    /// Whether it is not known what was missed, so that nothing a listener shows may be believed.
    resets: bool,
}

/// What this process knows of changes.
pub(crate) struct Feed {
    state: Mutex<State>,
    /// The position after the last batch.
    end: watch::Sender<u64>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    /// Since when changes are noted; none: nobody reads them here.
    generation: Option<i64>,
    batches: VecDeque<Arc<Batch>>,
    /// The position of the first of them.
    first: u64,
    /// Changes in all of them.
    kept: usize,
    /// The change after which the first batch begins.
    oldest: i64,
    low: i64,
    listeners: HashMap<Listener, usize>,
    logins: HashMap<String, usize>,
}

/// A user who listens, and their account.
type Listener = (String, String);

/// What stands at a position.
enum At {
    Batch(Arc<Batch>),
    /// Nothing yet.
    End,
    /// Nothing any more.
    Gone,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            end: watch::Sender::new(0),
            wanted: Notify::new(),
        }
    }
}

impl Feed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a listener; [`Error::TooManyStreams`].
    fn enter(&self, user: &UserCaller, login: &str, (all, per_user): (u32, u32)) -> Result<(), Error> {
        let mut state = self.state();
        let all_max = usize::try_from(all).unwrap_or(usize::MAX);
        let per_user_max = usize::try_from(per_user).unwrap_or(usize::MAX);
        let listener = (user.user_id.clone(), user.account_id.clone());
        let of_user = state.listeners.get(&listener).copied().unwrap_or_default();
        let of_login = state.logins.get(login).copied().unwrap_or_default();
        let too_many = |what: &str| Err(Error::TooManyStreams(what.to_owned()));
        if state.logins.values().sum::<usize>() >= all_max {
            return too_many("this server has as many streams of events as it may; try again later");
        }
        if of_user >= per_user_max {
            return too_many("you have as many streams of events open as a user may: close some");
        }
        if of_login >= PER_LOGIN_MAX {
            return too_many("this login has as many streams of events open as one may: close some");
        }
        *state.listeners.entry(listener).or_default() += 1;
        *state.logins.entry(login.to_owned()).or_default() += 1;
        drop(state);
        self.wanted.notify_one();
        Ok(())
    }

    fn leave(&self, listener: &Listener, login: &str) {
        let mut state = self.state();
        forget_one(&mut state.listeners, listener);
        forget_one(&mut state.logins, login);
    }

    fn listeners(&self) -> Vec<Listener> {
        self.state().listeners.keys().cloned().collect()
    }

    fn at(&self, position: u64) -> At {
        let state = self.state();
        let Some(ahead) = position.checked_sub(state.first) else {
            return At::Gone;
        };
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
        state
            .batches
            .get(ahead)
            .map_or(At::End, |batch| At::Batch(Arc::clone(batch)))
    }

    /// Begins to be read, after `oldest`.
    fn open(&self, generation: i64, oldest: i64) {
        let mut state = self.state();
        state.generation = Some(generation);
        state.oldest = oldest;
        state.low = oldest;
        drop(state);
        self.end.send_modify(|_| {});
    }

    /// Ends to be read: whoever listens is cut.
    fn close(&self) {
        let mut state = self.state();
        state.generation = None;
        // Beyond the end, so that no listener finds anything at its position.
        state.first += state.batches.len() as u64 + 1;
        state.batches.clear();
        state.kept = 0;
        let end = state.first;
        drop(state);
        self.end.send_replace(end);
    }

    fn push(&self, batch: Batch) {
        let mut state = self.state();
        state.kept += batch.changes.len();
        state.low = batch.low;
        state.batches.push_back(Arc::new(batch));
        while state.batches.len() > BATCHES_MAX || (state.kept > KEPT_MAX && state.batches.len() > 1) {
            let gone = state.batches.pop_front().expect("there are several");
            state.kept -= gone.changes.len();
            state.oldest = gone.low;
            state.first += 1;
        }
        let end = state.first + state.batches.len() as u64;
        drop(state);
        self.end.send_replace(end);
    }
}

fn forget_one<K, Q>(counted: &mut HashMap<K, usize>, key: &Q) -> Option<()>
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    let count = counted.get_mut(key)?;
    *count -= 1;
    if *count == 0 {
        counted.remove(key);
    }
    Some(())
}

#[cfg(test)]
mod tests;
