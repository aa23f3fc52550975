//! What only the database knows, asked for when somebody reads metrics and not more often than it is worth: however often and
//! by however many they are read, the database is asked the same few times.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use berth_registry::{Error, Registry, Shared, StoredNow};

/// How long an answer about jobs and nodes is good.
const SHARED_FOR: Duration = Duration::from_secs(10);
/// How long one about what is stored is: it reads every blob's row.
const STORED_FOR: Duration = Duration::from_mins(5);
/// How long whoever reads metrics waits for the database.
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers of the database, kept for a while.
pub(super) struct Polled {
    registry: Arc<Registry>,
    shared: Arc<Kept<Shared>>,
    stored: Arc<Kept<StoredNow>>,
}

/// One answer. What could not be asked is forgotten: an old figure would look like a true one.
struct Kept<T> {
    answer: Mutex<Option<(Instant, T)>>,
    /// One asks at a time.
    asking: tokio::sync::Mutex<()>,
}

impl<T: Clone + Send + 'static> Kept<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(None),
            asking: tokio::sync::Mutex::new(()),
        })
    }

    fn is_fresh(&self, good_for: Duration) -> bool {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().is_some_and(|(at, _)| at.elapsed() < good_for)
    }

    /// The answer as of not long ago. One that takes longer than the patience of who asks is there for the next.
    async fn get<F>(self: &Arc<Self>, good_for: Duration, ask: F) -> Option<T>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        if !self.is_fresh(good_for) {
            let kept = Arc::clone(self);
            let asked = tokio::spawn(async move {
                let _turn = kept.asking.lock().await;
                if kept.is_fresh(good_for) {
                    return;
                }
                let found = ask.await.inspect_err(|error| {
                    tracing::warn!(%error, "the database gives no figures");
                });
                let mut answer = kept.answer.lock().unwrap_or_else(PoisonError::into_inner);
                *answer = found.ok().map(|found| (Instant::now(), found));
            });
            let _in_time = tokio::time::timeout(PATIENCE, asked).await;
        }
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().map(|(_, found)| found.clone())
    }
}

impl Polled {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            shared: Kept::new(),
            stored: Kept::new(),
        }
    }

    /// What the database says, as far as it does.
    pub(super) async fn now(&self) -> (Option<Shared>, Option<StoredNow>) {
        let registry = Arc::clone(&self.registry);
        let shared = self
            .shared
            .get(SHARED_FOR, async move { registry.shared_figures().await });
        let registry = Arc::clone(&self.registry);
        let stored = self
            .stored
            .get(STORED_FOR, async move { registry.stored_now().await });
        tokio::join!(shared, stored)
    }
}
