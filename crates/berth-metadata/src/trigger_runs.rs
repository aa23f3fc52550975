//! Runs of triggers, from the event or the person that asked to their end. Knows no cluster: how far a run is, is a text
//! that others read. The runs of one trigger act one at a time and in the order of their events.

mod turn;

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::jobs::{self, NewJob};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use crate::triggers::{TriggerRow, trigger, trigger_fields};
use sqlx::Row;
use sqlx::any::AnyRow;

pub use turn::{SaveTriggerRun, TriggerStep, TriggerStepKind, TriggerTurn};

/// The kind of the jobs that carry runs out.
pub const TRIGGER: &str = "trigger";

/// One time that a trigger acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRun {
    /// Never used again.
    pub id: i64,
    /// Its place in the order of what happened to tags; none for runs of versions that did not act.
    pub event: Option<i64>,
    /// The tag.
    pub tag: String,
    /// What the tag named.
    pub digest: Option<String>,
    /// What the tag named before.
    pub previous: Option<String>,
    /// Why it runs.
    pub why: String,
    /// The name of who asked or pushed; none when nobody is known.
    pub user_name: Option<String>,
    /// `waiting` and `running` until it ended, then how.
    pub status: String,
    /// Why it ended so, in a sentence.
    pub detail: String,
    /// How far it is, as JSON.
    pub state: String,
    /// Tries that failed for now, in a row.
    pub failures: i64,
    /// The run whose images it puts back.
    pub undoes: Option<i64>,
    /// When it was asked for, milliseconds since the epoch.
    pub at: i64,
    /// When it began to act.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
}

impl TriggerRun {
    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "waiting" | "running")
    }
}

/// A run with what it takes to carry it out.
#[derive(Clone, Debug)]
pub struct TriggerTask {
    /// The run.
    pub run: TriggerRun,
    /// Its trigger, as it is now.
    pub trigger: TriggerRow,
    /// The account that the image belongs to.
    pub account_id: String,
    /// The image, with its organization.
    pub repository: String,
    /// Whether something newer happened to what the trigger waits for.
    pub is_outdated: bool,
}

/// A run that somebody asks for.
#[derive(Clone, Debug)]
pub struct WantTriggerRun {
    /// The trigger.
    pub trigger_id: i64,
    /// The tag to roll out.
    pub tag: String,
    /// What it names.
    pub digest: String,
    /// Why it runs.
    pub why: &'static str,
    /// Who asks.
    pub user_id: Option<String>,
    /// The run whose images it puts back, and those as a state.
    pub undoes: Option<(i64, String)>,
    /// The kind of its job.
    pub kind: &'static str,
    /// The lane of its job.
    pub lane: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

macro_rules! run_fields {
    () => {
        "h.id AS run_id, h.event, h.tag, h.digest, h.previous, h.why, u.name AS user_name, h.status, h.detail, h.state, \
         h.failures, h.undoes, h.at, h.started_at, h.ended_at"
    };
}

macro_rules! runs {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            run_fields!(),
            " FROM trigger_history h LEFT JOIN users u ON u.id = h.user_id WHERE ",
            $condition
        )
    };
}

pub(crate) const HISTORY: &str = runs!("h.trigger_id = $1 AND h.id < $2 ORDER BY h.id DESC LIMIT $3");
pub(crate) const TASK: &str = concat!(
    "SELECT ",
    run_fields!(),
    ", ",
    trigger_fields!(),
    ", r.full_name, o.account_id, (SELECT MAX(n.event) FROM trigger_history n WHERE n.trigger_id = h.trigger_id \
     AND n.event IS NOT NULL) AS newest FROM trigger_history h JOIN triggers t ON t.id = h.trigger_id \
     LEFT JOIN clusters c ON c.id = t.cluster LEFT JOIN users u ON u.id = h.user_id \
     JOIN repositories r ON r.id = t.repository_id JOIN organizations o ON o.id = r.organization_id WHERE h.id = $1"
);

impl Metadata {
    /// At most `limit` runs of a trigger, newest first, those before the one of id `before`.
    pub async fn trigger_runs(
        &self,
        trigger_id: i64,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<TriggerRun>, Error> {
        let statement = sqlx::query(HISTORY)
            .bind(trigger_id)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit);
        self.list("list runs of a trigger", statement, run).await
    }

    /// A run of a trigger.
    pub async fn trigger_run(&self, trigger_id: i64, id: i64) -> Result<Option<TriggerRun>, Error> {
        const FIND: &str = runs!("h.trigger_id = $1 AND h.id = $2");
        let statement = sqlx::query(FIND).bind(trigger_id).bind(id);
        self.find("find a run of a trigger", statement, run).await
    }

    /// A run with what it takes to carry it out; none when it or its trigger is gone.
    pub async fn trigger_task(&self, id: i64) -> Result<Option<TriggerTask>, Error> {
        self.find("find a run", sqlx::query(TASK).bind(id), |row| {
            let run = run(row)?;
            let newest: Option<i64> = row.try_get("newest")?;
            Ok(TriggerTask {
                is_outdated: newest > run.event,
                trigger: trigger(row)?,
                account_id: row.try_get("account_id")?,
                repository: row.try_get("full_name")?,
                run,
            })
        })
        .await
    }

    /// Queues a run that somebody asks for, after all that happened before, and answers its id;
    /// [`Conflict::Changed`] when the trigger is gone.
    pub async fn want_trigger_run(&self, wanted: WantTriggerRun) -> Result<i64, Error> {
        self.pool
            .write(
                "queue a run of a trigger",
                Durability::Durable,
                wanted,
                |tx, wanted| Box::pin(want(tx, wanted)),
            )
            .await
    }

    /// Forgets up to `limit` runs that were asked for before `before` and have ended, and answers how many.
    pub async fn forget_trigger_runs(&self, before: i64, limit: i64) -> Result<u64, Error> {
        let statement = move || sqlx::query(FORGET).bind(before).bind(limit);
        self.change("forget runs of triggers", Durability::Relaxed, statement)
            .await
    }
}

/// The oldest that ended: runs come and mostly end in the order of their ids.
pub(crate) const FORGET: &str = "DELETE FROM trigger_history WHERE at < $1 AND id IN (SELECT id FROM trigger_history \
     WHERE status NOT IN ('waiting', 'running') ORDER BY id LIMIT $2)";

async fn want(tx: &mut Tx<'_>, wanted: &WantTriggerRun) -> Result<i64, Failure> {
    // The order of runs is that of events: a number of theirs is drawn, and nothing else follows from it.
    const DRAW: &str = "INSERT INTO tag_events (repository_id, tag, digest, why, origin, at) \
         SELECT repository_id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), '', CAST($5 AS BIGINT) \
         FROM triggers WHERE id = $1 RETURNING id";
    const DRAWN: &str = "DELETE FROM tag_events WHERE id = $1";
    const INSERT: &str = "INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, event, digest, why, \
         user_id, status, state, undoes) VALUES ($1, $2, 0, '', $3, $4, $5, $6, $7, 'waiting', $8, $9) RETURNING id";
    let draw = sqlx::query(DRAW)
        .bind(wanted.trigger_id)
        .bind(wanted.tag.clone())
        .bind(wanted.digest.clone())
        .bind(wanted.why)
        .bind(wanted.now);
    let event: i64 = first(tx, draw).await?.ok_or(Conflict::Changed)?.try_get(0)?;
    change(tx, sqlx::query(DRAWN).bind(event)).await?;
    let (undoes, state) = match &wanted.undoes {
        Some((id, state)) => (Some(*id), state.clone()),
        None => (None, "{}".to_owned()),
    };
    let insert = sqlx::query(INSERT)
        .bind(wanted.trigger_id)
        .bind(wanted.tag.clone())
        .bind(wanted.now)
        .bind(event)
        .bind(wanted.digest.clone())
        .bind(wanted.why)
        .bind(wanted.user_id.clone())
        .bind(state)
        .bind(undoes);
    let inserted = first(tx, insert).await.reference(Conflict::Changed)?;
    let row = inserted.ok_or_else(|| Failure::Broken("no row for a new run".to_owned()))?;
    let job = NewJob {
        kind: wanted.kind,
        subject: row.try_get(0)?,
        lane: wanted.lane.clone(),
        due_at: wanted.now,
    };
    jobs::queue(tx, &job).await?;
    Ok(job.subject)
}

fn run(row: &AnyRow) -> Result<TriggerRun, Failure> {
    Ok(TriggerRun {
        id: row.try_get("run_id")?,
        event: row.try_get("event")?,
        tag: row.try_get("tag")?,
        digest: row.try_get("digest")?,
        previous: row.try_get("previous")?,
        why: row.try_get::<Option<String>, _>("why")?.unwrap_or_default(),
        user_name: row.try_get("user_name")?,
        status: row.try_get("status")?,
        detail: row.try_get("detail")?,
        state: row.try_get("state")?,
        failures: row.try_get("failures")?,
        undoes: row.try_get("undoes")?,
        at: row.try_get("at")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}
