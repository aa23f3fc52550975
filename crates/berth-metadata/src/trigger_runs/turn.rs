//! Whose turn it is at a trigger's workload: one step of one run at a time, told by the database's clock, and never a run
//! that something newer has made pointless.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{change, first, made};
use sqlx::Row;

/// Ended runs of one trigger that are kept.
const KEPT: i64 = 1000;
/// What is said of a run that something newer ended.
const SUPERSEDED: &str = "something newer happened to the image before this ended";

/// What a step of a run is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerStepKind {
    /// What comes before the workload is changed. Ends older runs but those that have changed it.
    Prepare,
    /// To change the workload. Ends all older runs; when there is a newer one, which may only prepare as yet, the run itself
    /// and older ones that have changed nothing.
    Act,
    /// To put back what the run has changed itself. Ends nothing, not even the run when there is a newer one: as long as it
    /// is open nothing newer has acted.
    Undo,
}

/// A step of a run that is about to change a workload.
#[derive(Clone, Debug)]
pub struct TriggerStep {
    /// What it is about to do.
    pub kind: TriggerStepKind,
    /// The trigger.
    pub trigger_id: i64,
    /// The run.
    pub run_id: i64,
    /// The run's place in the order of events.
    pub event: i64,
    /// What this one step is called, and nothing else is.
    pub holder: String,
    /// How long it lasts at most, in milliseconds by the database's clock.
    pub ttl_ms: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// Whether a step may change the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerTurn {
    /// It may, until its time is over.
    Taken,
    /// Not now: another step of the same trigger is at it.
    Busy,
    /// Never: the run has ended, if only by this.
    Ended,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub struct SaveTriggerRun {
    /// The run.
    pub id: i64,
    /// The step, which is over now.
    pub holder: Option<String>,
    /// `running`, `waiting`, or how the run ended.
    pub status: &'static str,
    /// Why, in a sentence.
    pub detail: String,
    /// How far the run is, as JSON.
    pub state: String,
    /// Whether it has changed the workload.
    pub has_acted: bool,
    /// Tries that failed for now, in a row.
    pub failures: i64,
    /// When it ended, if it did; milliseconds since the epoch.
    pub ended_at: Option<i64>,
}

impl Metadata {
    /// Gives a step the turn at its trigger's workload. Older runs of the trigger that have not ended end by that, and the
    /// run itself when there is a newer one, as the kind of the step says.
    pub async fn begin_trigger_step(&self, step: TriggerStep) -> Result<TriggerTurn, Error> {
        let clock = self.pool.now_expression();
        self.pool
            .write(
                "begin a step of a trigger",
                Durability::Relaxed,
                step,
                move |tx, step| Box::pin(begin(tx, step, clock)),
            )
            .await
    }

    /// Saves what came of a step and ends its turn; false when the run had ended already.
    pub async fn save_trigger_run(&self, save: SaveTriggerRun) -> Result<bool, Error> {
        self.pool
            .write(
                "save a run of a trigger",
                Durability::Durable,
                save,
                |tx, save| Box::pin(save_run(tx, save)),
            )
            .await
    }
}

async fn begin(tx: &mut Tx<'_>, step: &TriggerStep, clock: &str) -> Result<TriggerTurn, Failure> {
    const ITSELF: &str = "UPDATE trigger_history SET status = 'running', started_at = COALESCE(started_at, $2) \
         WHERE id = $1 AND status IN ('waiting', 'running')";
    // First: whoever has the trigger's row is alone with all of its runs.
    let take = made(format!(
        "UPDATE triggers SET acting = $2, acting_until = {clock} + $3 \
         WHERE id = $1 AND (acting IS NULL OR acting_until <= {clock})"
    ))
    .bind(step.trigger_id)
    .bind(step.holder.clone())
    .bind(step.ttl_ms);
    if change(tx, take).await? == 0 {
        return Ok(TriggerTurn::Busy);
    }
    if step.kind != TriggerStepKind::Undo {
        supersede(tx, step).await?;
        forget_oldest(tx, step.trigger_id).await?;
    }
    let itself = sqlx::query(ITSELF).bind(step.run_id).bind(step.now);
    if change(tx, itself).await? == 0 {
        release(tx, step.run_id, &step.holder).await?;
        return Ok(TriggerTurn::Ended);
    }
    Ok(TriggerTurn::Taken)
}

/// Ends what something newer has made pointless.
async fn supersede(tx: &mut Tx<'_>, step: &TriggerStep) -> Result<(), Failure> {
    const NEWEST: &str = "SELECT MAX(event) FROM trigger_history WHERE trigger_id = $1 AND event IS NOT NULL";
    const OTHERS: &str = "UPDATE trigger_history SET status = 'superseded', detail = $3, ended_at = $4 \
         WHERE trigger_id = $1 AND event < $2 AND status IN ('waiting', 'running') \
         AND (acted <= $5 OR id = $6)";
    let newest = first(tx, sqlx::query(NEWEST).bind(step.trigger_id)).await?;
    let newest = newest.map(|row| row.try_get::<Option<i64>, _>(0)).transpose()?;
    let newest = newest.flatten().unwrap_or(step.event);
    let acts = step.kind == TriggerStepKind::Act && step.event >= newest;
    let others = sqlx::query(OTHERS)
        .bind(step.trigger_id)
        .bind(newest)
        .bind(SUPERSEDED)
        .bind(step.now)
        .bind(i64::from(acts))
        .bind(step.run_id);
    change(tx, others).await?;
    Ok(())
}

async fn forget_oldest(tx: &mut Tx<'_>, trigger_id: i64) -> Result<(), Failure> {
    const FORGET: &str = "DELETE FROM trigger_history WHERE trigger_id = $1 AND status NOT IN ('waiting', 'running') \
         AND id <= (SELECT id FROM trigger_history WHERE trigger_id = $1 AND status NOT IN ('waiting', 'running') \
         ORDER BY id DESC LIMIT 1 OFFSET $2)";
    change(tx, sqlx::query(FORGET).bind(trigger_id).bind(KEPT)).await?;
    Ok(())
}

async fn release(tx: &mut Tx<'_>, run_id: i64, holder: &str) -> Result<(), Failure> {
    const RELEASE: &str = "UPDATE triggers SET acting = NULL, acting_until = NULL \
         WHERE id = (SELECT trigger_id FROM trigger_history WHERE id = $1) AND acting = $2";
    change(tx, sqlx::query(RELEASE).bind(run_id).bind(holder.to_owned())).await?;
    Ok(())
}

async fn save_run(tx: &mut Tx<'_>, save: &SaveTriggerRun) -> Result<bool, Failure> {
    const SAVE: &str = "UPDATE trigger_history SET status = $2, succeeded = $3, detail = $4, state = $5, failures = $6, \
         ended_at = $7, acted = $8 WHERE id = $1 AND status IN ('waiting', 'running')";
    let saved = sqlx::query(SAVE)
        .bind(save.id)
        .bind(save.status)
        .bind(i64::from(save.status == "success"))
        .bind(save.detail.clone())
        .bind(save.state.clone())
        .bind(save.failures)
        .bind(save.ended_at)
        .bind(i64::from(save.has_acted));
    let saved = change(tx, saved).await? > 0;
    if let Some(holder) = &save.holder {
        release(tx, save.id, holder).await?;
    }
    Ok(saved)
}
