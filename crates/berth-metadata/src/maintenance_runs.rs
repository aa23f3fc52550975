//! Long work of the registry itself, one of a kind at a time: wanted, under way, and how it ended.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Ended runs of a kind that are kept.
const KEPT: i64 = 200;

/// A piece of long work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceRun {
    /// Larger than those of earlier ones.
    pub id: i64,
    /// What it does.
    pub kind: String,
    /// `waiting`, `running`, `done`, `failed` or `interrupted`.
    pub state: String,
    /// What was asked for, as JSON.
    pub options: String,
    /// The name of who asked for it; none: the schedule.
    pub wanted_by: Option<String>,
    /// The process that does it.
    pub holder: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub started_at: Option<i64>,
    /// Milliseconds since the epoch.
    pub ended_at: Option<i64>,
    /// How far it is, as JSON.
    pub progress: String,
    /// What it did, as JSON; `{}` until its end.
    pub report: String,
}

/// A run to ask for.
#[derive(Clone, Debug)]
pub struct WantRun {
    /// What it does.
    pub kind: String,
    /// How, as JSON.
    pub options: String,
    /// The name of who asks.
    pub wanted_by: Option<String>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// The end of a run.
#[derive(Clone, Debug)]
pub struct EndRun {
    /// The run.
    pub id: i64,
    /// The process that did it.
    pub holder: String,
    /// `done` or `failed`.
    pub state: &'static str,
    /// What it did, as JSON.
    pub report: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

macro_rules! columns {
    () => {
        "id, kind, state, options, wanted_by, holder, created_at, started_at, ended_at, progress, report"
    };
}

const ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM maintenance_runs WHERE id < $1 ORDER BY id DESC LIMIT $2"
);
const OF_KIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM maintenance_runs WHERE kind = $3 AND id < $1 ORDER BY id DESC LIMIT $2"
);

impl Metadata {
    /// Asks for a run; [`Conflict::RunExists`] while one of its kind waits or is under way.
    pub async fn want_run(&self, wanted: WantRun) -> Result<MaintenanceRun, Error> {
        const INSERT: &str = concat!(
            "INSERT INTO maintenance_runs (kind, state, options, wanted_by, created_at, progress, report) \
             VALUES ($1, 'waiting', $2, $3, $4, '{}', '{}') RETURNING ",
            columns!()
        );
        self.pool
            .write(
                "ask for maintenance",
                Durability::Durable,
                wanted,
                |tx, wanted| {
                    Box::pin(async move {
                        let insert = sqlx::query(INSERT)
                            .bind(wanted.kind.clone())
                            .bind(wanted.options.clone())
                            .bind(wanted.wanted_by.clone())
                            .bind(wanted.now);
                        let row = first(tx, insert).await.unique(Conflict::RunExists)?;
                        read(&row.ok_or_else(|| Failure::Broken("no row for a new run".to_owned()))?)
                    })
                },
            )
            .await
    }

    /// The waiting run of a kind, from now on done by `holder`. Runs that were under way are interrupted: only the
    /// holder of the kind's lease may ask.
    pub async fn begin_run(
        &self,
        kind: &str,
        holder: &str,
        now: i64,
    ) -> Result<Option<MaintenanceRun>, Error> {
        let input = (kind.to_owned(), holder.to_owned(), now);
        self.pool
            .write(
                "begin maintenance",
                Durability::Relaxed,
                input,
                |tx, (kind, holder, now)| Box::pin(begin(tx, kind, holder, *now)),
            )
            .await
    }

    /// Notes how far a run is; false when it is not this holder's any more.
    pub async fn save_run(&self, id: i64, holder: &str, progress: &str) -> Result<bool, Error> {
        const SAVE: &str =
            "UPDATE maintenance_runs SET progress = $3 WHERE id = $1 AND holder = $2 AND ended_at IS NULL";
        let (holder, progress) = (holder.to_owned(), progress.to_owned());
        let statement = move || {
            sqlx::query(SAVE)
                .bind(id)
                .bind(holder.clone())
                .bind(progress.clone())
        };
        Ok(self
            .change("save maintenance", Durability::Relaxed, statement)
            .await?
            > 0)
    }

    /// Ends a run; false when it is not this holder's any more.
    pub async fn end_run(&self, end: EndRun) -> Result<bool, Error> {
        const END: &str = "UPDATE maintenance_runs SET state = $3, report = $4, ended_at = $5 \
             WHERE id = $1 AND holder = $2 AND ended_at IS NULL";
        let statement = move || {
            sqlx::query(END)
                .bind(end.id)
                .bind(end.holder.clone())
                .bind(end.state)
                .bind(end.report.clone())
                .bind(end.now)
        };
        Ok(self
            .change("end maintenance", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// At most `limit` runs, newest first, those before the one of id `before`.
    pub async fn list_runs(
        &self,
        kind: Option<&str>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<MaintenanceRun>, Error> {
        let before = before.unwrap_or(i64::MAX);
        let statement = match kind {
            None => sqlx::query(ALL).bind(before).bind(limit),
            Some(kind) => sqlx::query(OF_KIND)
                .bind(before)
                .bind(limit)
                .bind(kind.to_owned()),
        };
        self.list("list maintenance", statement, read).await
    }

    /// The run of that id.
    pub async fn run(&self, id: i64) -> Result<Option<MaintenanceRun>, Error> {
        const FIND: &str = concat!("SELECT ", columns!(), " FROM maintenance_runs WHERE id = $1");
        self.find("find maintenance", sqlx::query(FIND).bind(id), read)
            .await
    }
}

async fn begin(
    tx: &mut Tx<'_>,
    kind: &str,
    holder: &str,
    now: i64,
) -> Result<Option<MaintenanceRun>, Failure> {
    const INTERRUPT: &str = "UPDATE maintenance_runs SET state = 'interrupted', ended_at = $2 \
         WHERE kind = $1 AND state = 'running'";
    const BEGIN: &str = concat!(
        "UPDATE maintenance_runs SET state = 'running', holder = $2, started_at = $3 \
         WHERE kind = $1 AND state = 'waiting' RETURNING ",
        columns!()
    );
    const FORGET: &str = "DELETE FROM maintenance_runs WHERE kind = $1 AND ended_at IS NOT NULL AND id < \
         (SELECT MIN(id) FROM (SELECT id FROM maintenance_runs WHERE kind = $1 ORDER BY id DESC LIMIT $2) AS kept)";
    let interrupt = sqlx::query(INTERRUPT).bind(kind.to_owned()).bind(now);
    change(tx, interrupt).await?;
    let begin = sqlx::query(BEGIN)
        .bind(kind.to_owned())
        .bind(holder.to_owned())
        .bind(now);
    let Some(row) = first(tx, begin).await? else {
        return Ok(None);
    };
    change(tx, sqlx::query(FORGET).bind(kind.to_owned()).bind(KEPT)).await?;
    read(&row).map(Some)
}

fn read(row: &AnyRow) -> Result<MaintenanceRun, Failure> {
    Ok(MaintenanceRun {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        state: row.try_get(2)?,
        options: row.try_get(3)?,
        wanted_by: row.try_get(4)?,
        holder: row.try_get(5)?,
        created_at: row.try_get(6)?,
        started_at: row.try_get(7)?,
        ended_at: row.try_get(8)?,
        progress: row.try_get(9)?,
        report: row.try_get(10)?,
    })
}
