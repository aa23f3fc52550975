//! Runs of retentions: asked for or regular, one at a time for each repository, with what came of them. A run that waits is
//! queued as a job by the same transaction.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::jobs::{self, NewJob};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// The kind of the jobs: of a repository; of all of an organisation, whose id is negative then; of all there are, for 0.
pub const RETENTION: &str = "retention";
/// Runs of a repository that are kept.
const RUNS_KEPT: i64 = 1_000;
/// Lines of a repository's log that are kept.
const LINES_KEPT: i64 = 200_000;
/// What somebody waits for is due before what comes regularly.
const DUE_FIRST: i64 = 0;

/// Why a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionWhy {
    /// A rule was set or changed.
    Set,
    /// Somebody asked for it.
    Asked,
    /// It is time.
    Regular,
}

impl RetentionWhy {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Asked => "asked",
            Self::Regular => "regular",
        }
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let all = [Self::Set, Self::Asked, Self::Regular];
        let found = all.into_iter().find(|why| why.as_str() == text);
        found.ok_or_else(|| Failure::Broken(format!("'{text}' is no reason for a run of a retention")))
    }
}

/// A run to queue.
#[derive(Clone, Debug)]
pub struct WantRetentionRun {
    /// The repository whose tags are to be judged.
    pub repository_id: i64,
    /// Why.
    pub why: RetentionWhy,
    /// Who wants it.
    pub user_id: Option<String>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRun {
    /// Never used again.
    pub id: i64,
    /// Why it is.
    pub why: RetentionWhy,
    /// Who wanted it.
    pub user_id: Option<String>,
    /// That user's name, while the user exists.
    pub user_name: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch; none: it waits.
    pub started_at: Option<i64>,
    /// Milliseconds since the epoch; none: it waits or is under way.
    pub ended_at: Option<i64>,
    /// Tags that were judged.
    pub tags: i64,
    /// Tags that it deleted.
    pub deleted: i64,
    /// Bytes of blobs that nothing live needs without them.
    pub freed_bytes: i64,
    /// Which tags it kept, JSON of the caller's.
    pub kept: String,
    /// Why it did not come to its end.
    pub failed: Option<String>,
}

/// What came of a run, so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndRetentionRun {
    /// The run.
    pub id: i64,
    /// Tags that were judged.
    pub tags: i64,
    /// Which tags it kept, JSON of the caller's.
    pub kept: String,
    /// Why it did not come to its end.
    pub failed: Option<String>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

const LIST: &str = "SELECT r.id, r.why, r.user_id, u.name, r.created_at, r.started_at, r.ended_at, r.tags, r.deleted, \
     r.freed_bytes, r.kept, r.failed FROM retention_runs r LEFT JOIN users u ON u.id = r.user_id \
     WHERE r.repository_id = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3";

impl Metadata {
    /// Queues a run and answers its id; that of the one that waits already, if there is one.
    /// [`Conflict::RepositoryGone`].
    pub async fn want_retention_run(&self, wanted: WantRetentionRun) -> Result<i64, Error> {
        self.pool
            .write(
                "queue a run of a retention",
                Durability::Durable,
                wanted,
                |tx, wanted| Box::pin(want(tx, wanted)),
            )
            .await
    }

    /// Begins the run that waits, or a regular one, and answers its id; none when the repository is gone. Another one that
    /// is under way was interrupted: only one is done at a time.
    pub async fn begin_retention_run(&self, repository_id: i64, now: i64) -> Result<Option<i64>, Error> {
        self.pool
            .write(
                "begin a run of a retention",
                Durability::Durable,
                (),
                move |tx, ()| Box::pin(begin(tx, repository_id, now)),
            )
            .await
    }

    /// Ends a run. Of regular runs in a row that did nothing, or that failed alike before they did, the last one is kept.
    pub async fn end_retention_run(&self, end: EndRetentionRun) -> Result<(), Error> {
        self.pool
            .write(
                "end a run of a retention",
                Durability::Durable,
                end,
                |tx, ended| Box::pin(end_run(tx, ended)),
            )
            .await
    }

    /// A page of a repository's runs, newest first, those before the one of id `before`.
    pub async fn retention_runs(
        &self,
        repository_id: i64,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<RetentionRun>, Error> {
        let page = sqlx::query(LIST)
            .bind(repository_id)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit);
        self.list("list runs of a retention", page, read).await
    }

    /// Queues runs of the next repositories that a rule is for, of one organisation or of all, those after `last`; with
    /// entries in their lists of runs when a rule was set. Answers the last one, none when there are no more.
    pub async fn queue_retention_runs(
        &self,
        organization_id: Option<i64>,
        (last, limit): (i64, i64),
        now: i64,
    ) -> Result<Option<i64>, Error> {
        self.pool
            .write(
                "queue runs of retentions",
                Durability::Relaxed,
                (),
                move |tx, ()| Box::pin(queue_page(tx, organization_id, (last, limit), now)),
            )
            .await
    }
}

/// Queues a run in the transaction that wants it.
pub(super) async fn want(tx: &mut Tx<'_>, wanted: &WantRetentionRun) -> Result<i64, Failure> {
    const WAIT: &str = "INSERT INTO retention_runs (repository_id, why, user_id, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING RETURNING id";
    const WAITING: &str = "SELECT id FROM retention_runs WHERE repository_id = $1 AND started_at IS NULL";
    const PLACE: &str = "SELECT organization_id FROM repositories WHERE id = $1";
    let wait = sqlx::query(WAIT)
        .bind(wanted.repository_id)
        .bind(wanted.why.as_str())
        .bind(wanted.user_id.clone())
        .bind(wanted.now);
    let mut row = first(tx, wait).await.reference(Conflict::RepositoryGone)?;
    if row.is_none() {
        row = first(tx, sqlx::query(WAITING).bind(wanted.repository_id)).await?;
    }
    let row = row.ok_or_else(|| Failure::Broken("no run of a retention waits".to_owned()))?;
    let place = first(tx, sqlx::query(PLACE).bind(wanted.repository_id)).await?;
    let place = place.ok_or(Conflict::RepositoryGone)?;
    let job = job(wanted.repository_id, place.try_get(0)?, DUE_FIRST);
    jobs::queue(tx, &job).await?;
    Ok(row.try_get(0)?)
}

/// Queues runs of all that the rules of an organisation are for.
pub(super) async fn queue_organization(
    tx: &mut Tx<'_>,
    organization_id: i64,
    now: i64,
) -> Result<(), Failure> {
    jobs::queue(tx, &job(-organization_id, organization_id, now.min(DUE_FIRST))).await
}

/// Organisations take turns.
fn job(subject: i64, organization_id: i64, due_at: i64) -> NewJob {
    NewJob {
        kind: RETENTION,
        subject,
        lane: format!("organization/{organization_id}"),
        due_at,
    }
}

async fn begin(tx: &mut Tx<'_>, repository_id: i64, now: i64) -> Result<Option<i64>, Failure> {
    const INTERRUPTED: &str = "UPDATE retention_runs SET ended_at = $2, failed = 'it was interrupted' \
         WHERE repository_id = $1 AND started_at IS NOT NULL AND ended_at IS NULL";
    const WAITING: &str = "UPDATE retention_runs SET started_at = $2 \
         WHERE repository_id = $1 AND started_at IS NULL RETURNING id";
    const REGULAR: &str = "INSERT INTO retention_runs (repository_id, why, created_at, started_at) \
         SELECT r.id, CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($3 AS BIGINT) FROM repositories r \
         WHERE r.id = $1 AND r.listed <> 2 RETURNING id";
    let interrupted = sqlx::query(INTERRUPTED).bind(repository_id).bind(now);
    change(tx, interrupted).await?;
    let waiting = sqlx::query(WAITING).bind(repository_id).bind(now);
    if let Some(row) = first(tx, waiting).await? {
        return Ok(Some(row.try_get(0)?));
    }
    let regular = sqlx::query(REGULAR)
        .bind(repository_id)
        .bind(RetentionWhy::Regular.as_str())
        .bind(now);
    let row = first(tx, regular).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn end_run(tx: &mut Tx<'_>, end: &EndRetentionRun) -> Result<(), Failure> {
    const END: &str = "UPDATE retention_runs SET ended_at = $2, tags = $3, kept = $4, failed = $5 \
         WHERE id = $1 RETURNING repository_id, deleted, why";
    // Idle: regular, and nothing came of it. The one before, if it was so, too, or stopped for the same reason.
    const IDLE: &str = "DELETE FROM retention_runs WHERE id = (SELECT MAX(p.id) FROM retention_runs p \
         WHERE p.repository_id = $1 AND p.id < $2) AND why = 'regular' AND deleted = 0 \
         AND COALESCE(failed, '') = $3";
    const RUNS: &str = "DELETE FROM retention_runs WHERE repository_id = $1 AND ended_at IS NOT NULL AND id <= \
         (SELECT o.id FROM retention_runs o WHERE o.repository_id = $1 ORDER BY o.id DESC LIMIT 1 OFFSET $2)";
    const LINES: &str = "DELETE FROM retention_log WHERE repository_id = $1 AND id <= \
         (SELECT o.id FROM retention_log o WHERE o.repository_id = $1 ORDER BY o.id DESC LIMIT 1 OFFSET $2)";
    let ended = sqlx::query(END)
        .bind(end.id)
        .bind(end.now)
        .bind(end.tags)
        .bind(end.kept.clone())
        .bind(end.failed.clone());
    let Some(row) = first(tx, ended).await? else {
        return Ok(());
    };
    let (repository_id, deleted): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let is_regular = RetentionWhy::read(&row.try_get::<String, _>(2)?)? == RetentionWhy::Regular;
    if is_regular && deleted == 0 {
        let idle = sqlx::query(IDLE).bind(repository_id).bind(end.id);
        change(tx, idle.bind(end.failed.clone().unwrap_or_default())).await?;
    }
    change(tx, sqlx::query(RUNS).bind(repository_id).bind(RUNS_KEPT)).await?;
    if deleted > 0 {
        change(tx, sqlx::query(LINES).bind(repository_id).bind(LINES_KEPT)).await?;
    }
    Ok(())
}

async fn queue_page(
    tx: &mut Tx<'_>,
    organization_id: Option<i64>,
    (last, limit): (i64, i64),
    now: i64,
) -> Result<Option<i64>, Failure> {
    const RULED: &str = "SELECT r.id, r.organization_id FROM repositories r WHERE r.id > $1 AND r.listed = 1 \
         AND (EXISTS (SELECT 1 FROM retentions o WHERE o.repository_id = r.id) OR EXISTS \
         (SELECT 1 FROM retention_rules u WHERE u.organization_id = r.organization_id AND u.enabled = 1)) \
         ORDER BY r.id LIMIT $2";
    const OF_ONE: &str = "SELECT r.id, r.organization_id FROM repositories r WHERE r.organization_id = $3 AND r.id > $1 \
         AND r.listed = 1 AND NOT EXISTS (SELECT 1 FROM retentions o WHERE o.repository_id = r.id) \
         ORDER BY r.id LIMIT $2";
    let page = match organization_id {
        None => sqlx::query(RULED).bind(last).bind(limit),
        Some(organization_id) => sqlx::query(OF_ONE).bind(last).bind(limit).bind(organization_id),
    };
    let rows = page.fetch_all(&mut *tx).await?;
    let mut reached = None;
    for row in &rows {
        let repository_id = row.try_get(0)?;
        reached = Some(repository_id);
        if organization_id.is_some() {
            let wanted = WantRetentionRun {
                repository_id,
                why: RetentionWhy::Set,
                user_id: None,
                now,
            };
            want(tx, &wanted).await?;
        } else {
            jobs::queue(tx, &job(repository_id, row.try_get(1)?, now)).await?;
        }
    }
    Ok(reached)
}

fn read(row: &AnyRow) -> Result<RetentionRun, Failure> {
    Ok(RetentionRun {
        id: row.try_get(0)?,
        why: RetentionWhy::read(&row.try_get::<String, _>(1)?)?,
        user_id: row.try_get(2)?,
        user_name: row.try_get(3)?,
        created_at: row.try_get(4)?,
        started_at: row.try_get(5)?,
        ended_at: row.try_get(6)?,
        tags: row.try_get(7)?,
        deleted: row.try_get(8)?,
        freed_bytes: row.try_get(9)?,
        kept: row.try_get(10)?,
        failed: row.try_get(11)?,
    })
}
