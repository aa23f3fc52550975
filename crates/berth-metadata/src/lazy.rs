//! Indexes for lazy starts: which images get one with every push, those that were asked for and what came of it. A run is
//! queued as a job by the transaction that wants it.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::jobs::{self, NewJob};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// The kind of the jobs: of a run.
pub const LAZY: &str = "lazy";
/// Runs of a repository that are kept.
const RUNS_KEPT: i64 = 1_000;

/// A rule: pushes of these tags get an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LazyRule {
    /// The organization.
    pub organization_id: i64,
    /// The repository; none: all of the organization.
    pub repository_id: Option<i64>,
    /// Which tags, a pattern; empty: all.
    pub tags: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// An index to make.
#[derive(Clone, Debug)]
pub struct NewLazyRun {
    /// The repository.
    pub repository_id: i64,
    /// Of a manifest or an index of manifests.
    pub digest: String,
    /// Under which it was asked for.
    pub tag: Option<String>,
    /// Who wants it.
    pub user_id: Option<String>,
    /// Whether a rule wants it.
    pub by_rule: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LazyStatus {
    /// It waits for its turn.
    Waiting,
    /// Somebody is at it.
    Running,
    /// There is an index for at least one platform.
    Done,
    /// There is none.
    Failed,
}

impl LazyStatus {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let all = [Self::Waiting, Self::Running, Self::Done, Self::Failed];
        let found = all.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| Failure::Broken(format!("'{text}' is no state of a run for an index")))
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LazyRun {
    /// Never used again.
    pub id: i64,
    /// The repository.
    pub repository_id: i64,
    /// Of a manifest or an index of manifests.
    pub digest: String,
    /// Under which it was asked for.
    pub tag: Option<String>,
    /// That user's name, while the user exists.
    pub user_name: Option<String>,
    /// Whether a rule wanted it.
    pub by_rule: bool,
    /// How far it is.
    pub status: LazyStatus,
    /// What was made for each platform, JSON of the caller's.
    pub images: String,
    /// Why it failed; empty when it did not.
    pub detail: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch; none: it waits.
    pub started_at: Option<i64>,
    /// Milliseconds since the epoch; none: it waits or is under way.
    pub ended_at: Option<i64>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct EndLazyRun {
    /// The run.
    pub id: i64,
    /// [`LazyStatus::Done`] or [`LazyStatus::Failed`].
    pub status: LazyStatus,
    /// What was made for each platform, JSON of the caller's.
    pub images: String,
    /// Why it failed; empty when it did not.
    pub detail: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// The columns that [`read`] reads.
macro_rules! runs {
    ($which:literal) => {
        concat!(
            "SELECT l.id, l.repository_id, l.digest, l.tag, u.name, l.by_rule, l.status, l.images, l.detail, \
             l.created_at, l.started_at, l.ended_at FROM lazy_runs l LEFT JOIN users u ON u.id = l.user_id ",
            $which
        )
    };
}

impl Metadata {
    /// Sets the rule of an organization or of a repository, in the place of the one that it has.
    /// [`Conflict::OrganizationGone`] when the place is gone.
    pub async fn put_lazy_rule(&self, rule: LazyRule) -> Result<(), Error> {
        self.pool
            .write("set a rule for indexes", Durability::Durable, rule, |tx, rule| {
                Box::pin(put_rule(tx, rule))
            })
            .await
    }

    /// The rules for a repository: its own, that of its organization. Of the organization alone without a repository.
    pub async fn lazy_rules(
        &self,
        organization_id: i64,
        repository_id: Option<i64>,
    ) -> Result<Vec<LazyRule>, Error> {
        const LIST: &str = "SELECT organization_id, repository_id, tags, created_at, updated_at FROM lazy_rules \
             WHERE organization_id = $1 AND (repository_id IS NULL OR repository_id = $2) ORDER BY id";
        // No row has that id.
        let list = sqlx::query(LIST)
            .bind(organization_id)
            .bind(repository_id.unwrap_or(-1));
        self.list("list rules for indexes", list, |row| {
            Ok(LazyRule {
                organization_id: row.try_get(0)?,
                repository_id: row.try_get(1)?,
                tags: row.try_get(2)?,
                created_at: row.try_get(3)?,
                updated_at: row.try_get(4)?,
            })
        })
        .await
    }

    /// Deletes the rule of a repository, or of an organization; false when it has none.
    pub async fn delete_lazy_rule(
        &self,
        organization_id: i64,
        repository_id: Option<i64>,
    ) -> Result<bool, Error> {
        const OF_IMAGE: &str = "DELETE FROM lazy_rules WHERE organization_id = $1 AND repository_id = $2";
        const OF_ALL: &str = "DELETE FROM lazy_rules WHERE organization_id = $1 AND repository_id IS NULL";
        let statement = move || match repository_id {
            Some(id) => sqlx::query(OF_IMAGE).bind(organization_id).bind(id),
            None => sqlx::query(OF_ALL).bind(organization_id),
        };
        let deleted = self.change("delete a rule for indexes", Durability::Durable, statement);
        Ok(deleted.await? > 0)
    }

    /// Queues a run and answers its id; that of the one that waits already for the same, if there is one.
    /// [`Conflict::RepositoryGone`].
    pub async fn want_lazy_run(&self, wanted: NewLazyRun) -> Result<i64, Error> {
        self.pool
            .write("queue an index", Durability::Durable, wanted, |tx, wanted| {
                Box::pin(want(tx, wanted))
            })
            .await
    }

    /// Begins a run, or goes on with it after an interruption; none when it ended or is gone.
    pub async fn begin_lazy_run(&self, id: i64, now: i64) -> Result<Option<LazyRun>, Error> {
        self.pool
            .write("begin an index", Durability::Durable, (), move |tx, ()| {
                Box::pin(begin(tx, id, now))
            })
            .await
    }

    /// Ends a run that is under way.
    pub async fn end_lazy_run(&self, end: EndLazyRun) -> Result<(), Error> {
        self.pool
            .write("end an index", Durability::Durable, end, |tx, ended| {
                Box::pin(end_run(tx, ended))
            })
            .await
    }

    /// A page of a repository's runs, newest first, those before the one of id `before`.
    pub async fn lazy_runs(
        &self,
        repository_id: i64,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<LazyRun>, Error> {
        const LIST: &str = runs!("WHERE l.repository_id = $1 AND l.id < $2 ORDER BY l.id DESC LIMIT $3");
        let page = sqlx::query(LIST)
            .bind(repository_id)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit);
        self.list("list runs for indexes", page, read).await
    }
}

async fn put_rule(tx: &mut Tx<'_>, rule: &LazyRule) -> Result<(), Failure> {
    const OF_IMAGE: &str = "INSERT INTO lazy_rules (organization_id, repository_id, tags, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $4) ON CONFLICT (repository_id) WHERE repository_id IS NOT NULL \
         DO UPDATE SET tags = excluded.tags, updated_at = excluded.updated_at";
    const OF_ALL: &str = "INSERT INTO lazy_rules (organization_id, repository_id, tags, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $4) ON CONFLICT (organization_id) WHERE repository_id IS NULL \
         DO UPDATE SET tags = excluded.tags, updated_at = excluded.updated_at";
    let text = if rule.repository_id.is_some() {
        OF_IMAGE
    } else {
        OF_ALL
    };
    let put = sqlx::query(text)
        .bind(rule.organization_id)
        .bind(rule.repository_id)
        .bind(rule.tags.clone())
        .bind(rule.updated_at);
    change(tx, put).await.reference(Conflict::OrganizationGone)?;
    Ok(())
}

/// Queues a run in the transaction that wants it.
pub(crate) async fn want(tx: &mut Tx<'_>, wanted: &NewLazyRun) -> Result<i64, Failure> {
    const WAIT: &str = "INSERT INTO lazy_runs (repository_id, digest, tag, user_id, by_rule, status, images, detail, \
         created_at) VALUES ($1, $2, $3, $4, $5, 'waiting', '[]', '', $6) ON CONFLICT DO NOTHING RETURNING id";
    const WAITING: &str =
        "SELECT id FROM lazy_runs WHERE repository_id = $1 AND digest = $2 AND status = 'waiting'";
    const PLACE: &str = "SELECT organization_id FROM repositories WHERE id = $1";
    let wait = sqlx::query(WAIT)
        .bind(wanted.repository_id)
        .bind(wanted.digest.clone())
        .bind(wanted.tag.clone())
        .bind(wanted.user_id.clone())
        .bind(i64::from(wanted.by_rule))
        .bind(wanted.now);
    let mut row = first(tx, wait).await.reference(Conflict::RepositoryGone)?;
    if row.is_none() {
        let waiting = sqlx::query(WAITING)
            .bind(wanted.repository_id)
            .bind(wanted.digest.clone());
        row = first(tx, waiting).await?;
    }
    let row = row.ok_or_else(|| Failure::Broken("no run for an index waits".to_owned()))?;
    let place = first(tx, sqlx::query(PLACE).bind(wanted.repository_id)).await?;
    let place = place.ok_or(Conflict::RepositoryGone)?;
    let id = row.try_get(0)?;
    let job = NewJob {
        kind: LAZY,
        subject: id,
        // Organizations take turns.
        lane: format!("organization/{}", place.try_get::<i64, _>(0)?),
        due_at: wanted.now,
    };
    jobs::queue(tx, &job).await?;
    Ok(id)
}

async fn begin(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<Option<LazyRun>, Failure> {
    const BEGIN: &str = "UPDATE lazy_runs SET status = 'running', started_at = COALESCE(started_at, $2) \
         WHERE id = $1 AND status IN ('waiting', 'running')";
    const FIND: &str = runs!("WHERE l.id = $1");
    if change(tx, sqlx::query(BEGIN).bind(id).bind(now)).await? == 0 {
        return Ok(None);
    }
    let row = first(tx, sqlx::query(FIND).bind(id)).await?;
    row.as_ref().map(read).transpose()
}

async fn end_run(tx: &mut Tx<'_>, end: &EndLazyRun) -> Result<(), Failure> {
    const END: &str = "UPDATE lazy_runs SET status = $2, images = $3, detail = $4, ended_at = $5 \
         WHERE id = $1 AND status = 'running' RETURNING repository_id";
    const OLD: &str = "DELETE FROM lazy_runs WHERE repository_id = $1 AND ended_at IS NOT NULL AND id <= \
         (SELECT o.id FROM lazy_runs o WHERE o.repository_id = $1 ORDER BY o.id DESC LIMIT 1 OFFSET $2)";
    let ended = sqlx::query(END)
        .bind(end.id)
        .bind(end.status.as_str())
        .bind(end.images.clone())
        .bind(end.detail.clone())
        .bind(end.now);
    if let Some(row) = first(tx, ended).await? {
        let repository_id: i64 = row.try_get(0)?;
        change(tx, sqlx::query(OLD).bind(repository_id).bind(RUNS_KEPT)).await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<LazyRun, Failure> {
    Ok(LazyRun {
        id: row.try_get(0)?,
        repository_id: row.try_get(1)?,
        digest: row.try_get(2)?,
        tag: row.try_get(3)?,
        user_name: row.try_get(4)?,
        by_rule: row.try_get::<i64, _>(5)? != 0,
        status: LazyStatus::read(&row.try_get::<String, _>(6)?)?,
        images: row.try_get(7)?,
        detail: row.try_get(8)?,
        created_at: row.try_get(9)?,
        started_at: row.try_get(10)?,
        ended_at: row.try_get(11)?,
    })
}
