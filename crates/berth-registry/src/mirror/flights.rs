//! One piece of work for all who want its outcome at the same time, done to its end whoever of them leaves.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::failed::Failed;
use crate::error::Error;

/// Work that is under way at once.
pub(super) const WAITING_MAX: usize = 4096;

/// Work by what it is about.
#[derive(Debug)]
pub(super) struct Flights<T> {
    going: Arc<Going<T>>,
}

type Going<T> = Mutex<HashMap<String, watch::Receiver<Option<Result<T, Failed>>>>>;

/// What all work of a process is tracked with, and ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    pub(super) tracker: TaskTracker,
    pub(super) closing: CancellationToken,
}

/// Forgets work when it has ended, however.
struct Entry<T> {
    going: Arc<Going<T>>,
    key: String,
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        going.remove(&self.key);
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self {
            going: Arc::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// The outcome of the work that is under way under this key, or of `work`, and whether it was that.
    pub(super) async fn join<F>(
        &self,
        key: String,
        tasks: &Tasks,
        work: impl FnOnce() -> F,
    ) -> (Result<T, Failed>, bool)
    where
        F: Future<Output = Result<T, Failed>> + Send + 'static,
    {
        let (mut outcome, is_first) = {
            let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
            match going.get(&key) {
                Some(outcome) => (outcome.clone(), false),
                None if going.len() >= WAITING_MAX => return (Err(Error::Unavailable.into()), false),
                None => {
                    let (sender, outcome) = watch::channel(None);
                    going.insert(key.clone(), outcome.clone());
                    let entry = Entry {
                        going: Arc::clone(&self.going),
                        key,
                    };
                    let (work, closing) = (work(), tasks.closing.clone());
                    tasks.tracker.spawn(async move {
                        let done = tokio::select! {
                            done = work => done,
                            () = closing.cancelled() => Err(Error::Unavailable.into()),
                        };
                        drop(entry);
                        sender.send_replace(Some(done));
                    });
                    (outcome, true)
                }
            }
        };
        let done = match outcome.wait_for(Option::is_some).await {
            Ok(done) => done.clone(),
            Err(_) => None,
        };
        let gone = || Err(Error::internal("fetching through a mirror", "the work broke off").into());
        (done.unwrap_or_else(gone), is_first)
    }
}
