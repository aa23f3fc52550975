//! The schema brought forward while others serve: one process at a time, a transaction for each step, and never a wait
//! for a lock that requests would have to stand behind.

use super::super::Tx;
use super::super::migrate::{self, Step, Stopped, Upgrade};
use super::connections::Connections;
use super::pause;
use crate::error::Error;
use crate::pool::Failure;
use sqlx::{Connection, Row};
use std::time::Duration;

/// Requests that come after a step that waits for a table wait behind it: so it gives up soon, and tries again.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0";
/// Any number, the same in every version: one migration at a time.
const TURN: &str = "SELECT CASE WHEN pg_try_advisory_xact_lock(4806228391722093) THEN 1 ELSE 0 END";
/// How long a process waits between two looks whether another has ended its step.
const TURN_PAUSE: Duration = Duration::from_millis(200);
/// Looks between two lines in the log.
const TOLD_EVERY: u32 = 50;
/// Tries of a step whose locks others hold, a few seconds apart: some minutes in all.
const TRIES_MAX: u32 = 60;
const ADVICE: &str = "mend what the database complains about and start berth again; if it cannot be mended, go on with \
     the version before and report this message";
const ADVICE_LOCKED: &str = "some session holds a lock on a table that the step changes: find it in pg_stat_activity \
     (transactions that have been open for long), end it, and start berth again";

/// Applies every missing step.
pub(super) async fn run(
    connections: &Connections,
    steps: &'static [Step],
    mut upgrade: Upgrade,
) -> Result<(), Error> {
    let (mut looks, mut tries) = (0_u32, 0);
    loop {
        match step(connections, (steps, upgrade)).await {
            Ok(Turn::Taken) => {
                if looks.is_multiple_of(TOLD_EVERY) {
                    tracing::info!("another process upgrades the database; waiting for it");
                }
                looks += 1;
                tokio::time::sleep(TURN_PAUSE).await;
            }
            // Whoever may begin may go on.
            Ok(Turn::Applied) => (tries, upgrade) = (0, Upgrade::Apply),
            Ok(Turn::Done) => return Ok(()),
            Err(Stopped::Step { name, failure }) if failure.is_locked() => {
                tries += 1;
                if tries == TRIES_MAX {
                    return Err(Stopped::Step { name, failure }.into_error(ADVICE_LOCKED));
                }
                tracing::info!(
                    step = name,
                    tries,
                    "others hold what the schema step needs; trying again"
                );
                tokio::time::sleep(pause(8) * tries.min(6)).await;
            }
            Err(stopped) => return Err(stopped.into_error(ADVICE)),
        }
    }
}

enum Turn {
    /// Another process has it.
    Taken,
    Applied,
    /// Nothing is missing.
    Done,
}

async fn step(connections: &Connections, steps: (&'static [Step], Upgrade)) -> Result<Turn, Stopped> {
    let opening = |failure: Failure| Stopped::Unfit(failure.into_error("upgrade the database"));
    let sql = |error: sqlx::Error| opening(error.into());
    let mut lent = connections.lend().await.map_err(opening)?;
    let mut tx = lent.connection().begin_with(BEGIN).await.map_err(sql)?;
    let is_ours: i32 = sqlx::query(TURN)
        .fetch_one(&mut *tx)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(sql)?;
    let turn = if is_ours == 0 {
        Turn::Taken
    } else {
        match migrate::next(&mut Tx::from(&mut *tx), steps, |step| step.postgres).await? {
            Some(_) => Turn::Applied,
            None => Turn::Done,
        }
    };
    // A step whose commit gets no answer is looked for at the next start.
    tx.commit().await.map_err(sql)?;
    lent.give_back(&Ok(()));
    Ok(turn)
}

#[cfg(test)]
mod tests;
