//! Where the database stands: asked of the server, once for all who wait. Whoever asks is answered by a question that was
//! sent after they came, so the answer is never older than their request.

use super::super::Rows;
use super::super::mark::Mark;
use super::connections::Connections;
use super::fetched;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use sqlx::Row as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The transactions that are over and those that run: the text changes when one with changes begins or ends. The time tells
/// one life of a server from the next, which may have forgotten the last transactions, or be another server.
const ASK: &str =
    "SELECT CAST(pg_current_snapshot() AS text) || ' ' || CAST(pg_postmaster_start_time() AS text)";

/// Whoever gets no answer in this time reads without having been told.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

type Round = Shared<BoxFuture<'static, Option<Mark>>>;

/// The question of all who want to know.
#[derive(Clone, Default)]
pub(super) struct Asking(Arc<State>);

#[derive(Default)]
struct State {
    /// The question that whoever comes now waits for; not sent yet.
    next: Mutex<Option<Round>>,
    /// One question at a time, so that those who come meanwhile share the next.
    last: tokio::sync::Mutex<Last>,
}

#[derive(Default)]
struct Last {
    answer: String,
    /// How many answers differed from the one before.
    differed: u64,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

impl Asking {
    /// Where the database stands now; none when it does not say.
    pub(super) async fn mark(&self, connections: &Connections) -> Option<Mark> {
        let round = {
            let mut next = self.0.next.lock().unwrap_or_else(PoisonError::into_inner);
            let begun = || self.clone().ask(connections.clone()).boxed().shared();
            next.get_or_insert_with(begun).clone()
        };
        round.await
    }

    async fn ask(self, connections: Connections) -> Option<Mark> {
        let mut last = self.0.last.lock().await;
        // From here on it may be too old for whoever comes.
        self.0.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let asked = connections.bounded(
            ANSWER_TIME_MAX,
            fetched(&connections, sqlx::query(ASK), Rows::First),
        );
        let rows = asked.await.ok()?;
        let answer: String = rows.first()?.try_get(0).ok()?;
        if answer != last.answer {
            last.answer = answer;
            last.differed += 1;
        }
        Some(Mark::counted(last.differed))
    }
}
