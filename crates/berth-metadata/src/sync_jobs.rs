//! Copies of tags to other regions: queued here, and kept with what came of them.

pub(crate) mod follow;
mod run;
mod status;

pub use run::{SyncEnd, SyncPause, SyncWork};
pub use status::{DestinationStanding, SyncStanding};

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::jobs;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, Statement, first, lists, made, markers};
use crate::tag_events::sync_job;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// Tags to copy to one destination.
#[derive(Clone, Debug)]
pub struct NewSyncJobs {
    /// The repository that they are in.
    pub repository_id: i64,
    /// The tags.
    pub tags: Vec<String>,
    /// The row of the region that they go to.
    pub region: i64,
    /// That region's id.
    pub region_id: String,
    /// The organisation there that receives them.
    pub remote_organization: String,
    /// Whether a tag that is there already is replaced.
    pub overwrite: bool,
    /// Who asked for it.
    pub operator_id: String,
    /// The name of who asked for it, as it was then.
    pub operator_name: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// A copy of one tag to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncJob {
    /// Grows from job to job.
    pub id: i64,
    /// The tag.
    pub tag: String,
    /// The row of the region that it goes to; none when that is gone.
    pub region: Option<i64>,
    /// The region that it goes to, which may be gone.
    pub region_id: String,
    /// The organisation there that receives it.
    pub remote_organization: String,
    /// Whether a tag that is there already is replaced.
    pub overwrite: bool,
    /// SWR's word for how far it is; `waiting` until somebody takes it on.
    pub status: String,
    /// Who asked for it.
    pub operator_id: String,
    /// The name of who asked for it, as it was then.
    pub operator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
    /// How it went until now.
    pub course: SyncCourse,
}

/// How a copy went until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncCourse {
    /// What the tag named when the copy was queued or, once it was begun, what is copied.
    pub digest: Option<String>,
    /// When the oldest push happened that it brings; none when somebody asked for it. Milliseconds since the epoch.
    pub pushed_at: Option<i64>,
    /// How often it was begun.
    pub attempts: i64,
    /// When it is tried again, if that is known; milliseconds since the epoch.
    pub next_attempt_at: Option<i64>,
    /// When it was begun first; milliseconds since the epoch.
    pub started_at: Option<i64>,
    /// Milliseconds since the epoch.
    pub ended_at: Option<i64>,
    /// What there is to say about it, as a sentence; may be empty.
    pub detail: String,
    /// What was moved.
    pub figures: SyncFigures,
}

/// What a copy moves. Blobs are counted once each, whatever names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncFigures {
    /// Blobs that belong to it.
    pub blobs_total: i64,
    /// Those that are at the destination.
    pub blobs_done: i64,
    /// Bytes of all its blobs.
    pub bytes_total: i64,
    /// Those that are at the destination.
    pub bytes_done: i64,
    /// Bytes that were sent, those included that were sent twice.
    pub bytes_sent: i64,
    /// Bytes that did not travel because another repository there had them.
    pub bytes_mounted: i64,
    /// Bytes that did not travel because they were there.
    pub bytes_existing: i64,
}

impl SyncFigures {
    /// Binds all of them, in the order of their declaration.
    fn bound(self, statement: Statement) -> Statement {
        statement
            .bind(self.blobs_total)
            .bind(self.blobs_done)
            .bind(self.bytes_total)
            .bind(self.bytes_done)
            .bind(self.bytes_sent)
            .bind(self.bytes_mounted)
            .bind(self.bytes_existing)
    }
}

/// Which end of a history comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryOrder {
    /// The newest first.
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

macro_rules! job_columns {
    () => {
        "SELECT id, tag, region, region_id, remote_organization, overwrite, status, operator_id, operator_name, created_at, \
         updated_at, digest, pushed_at, attempts, next_attempt_at, started_at, ended_at, detail, blobs_total, blobs_done, \
         bytes_total, bytes_done, bytes_sent, bytes_mounted, bytes_existing FROM sync_jobs WHERE repository_id = $1 "
    };
}

impl Metadata {
    /// Queues copies of tags and answers those of them that the repository does not hold; a copy that waits already is
    /// not queued again, and overwrites as its rule says when it waits because of a push. [`Conflict::RepositoryGone`] when it or the region is gone.
    pub async fn create_sync_jobs(&self, new: NewSyncJobs) -> Result<Vec<String>, Error> {
        self.pool
            .write("queue copies of tags", Durability::Durable, new, |tx, new| {
                Box::pin(create(tx, new))
            })
            .await
    }

    /// A page of a repository's copies, and how many there are in all.
    pub async fn list_sync_jobs(
        &self,
        repository_id: i64,
        order: HistoryOrder,
        offset: i64,
        limit: i64,
    ) -> Result<(Vec<SyncJob>, i64), Error> {
        let count = sqlx::query(COUNT).bind(repository_id);
        let total = self
            .find("count copies of tags", count, |row| Ok(row.try_get(0)?))
            .await?;
        let text = match order {
            HistoryOrder::NewestFirst => NEWEST_FIRST,
            HistoryOrder::OldestFirst => OLDEST_FIRST,
        };
        let page = sqlx::query(text).bind(repository_id).bind(limit).bind(offset);
        let rows = self.list("list copies of tags", page, job).await?;
        Ok((rows, total.unwrap_or_default()))
    }

    /// A repository's copy of that id.
    pub async fn sync_job(&self, repository_id: i64, id: i64) -> Result<Option<SyncJob>, Error> {
        const FIND: &str = concat!(job_columns!(), "AND id = $2");
        let find = sqlx::query(FIND).bind(repository_id).bind(id);
        self.find("find a copy of a tag", find, job).await
    }
}

pub(crate) const COUNT: &str = "SELECT COUNT(*) FROM sync_jobs WHERE repository_id = $1";
pub(crate) const NEWEST_FIRST: &str = concat!(job_columns!(), "ORDER BY id DESC LIMIT $2 OFFSET $3");
pub(crate) const OLDEST_FIRST: &str = concat!(job_columns!(), "ORDER BY id LIMIT $2 OFFSET $3");

async fn create(tx: &mut Tx<'_>, new: &NewSyncJobs) -> Result<Vec<String>, Failure> {
    const INSERT: &str = "INSERT INTO sync_jobs (repository_id, tag, region, region_id, remote_organization, \
         overwrite, status, operator_id, operator_name, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8, $9, $9) \
         ON CONFLICT (repository_id, tag, region, remote_organization) WHERE status = 'waiting' \
         DO UPDATE SET origin = '', \
         overwrite = CASE WHEN sync_jobs.pushed_at IS NULL THEN excluded.overwrite ELSE sync_jobs.overwrite END \
         RETURNING id";
    let held = held(tx, new.repository_id, &new.tags).await?;
    let (held, missing): (Vec<_>, Vec<_>) = new.tags.iter().cloned().partition(|tag| held.contains(tag));
    for tag in held {
        let insert = sqlx::query(INSERT)
            .bind(new.repository_id)
            .bind(tag)
            .bind(new.region)
            .bind(new.region_id.clone())
            .bind(new.remote_organization.clone())
            .bind(i64::from(new.overwrite))
            .bind(new.operator_id.clone())
            .bind(new.operator_name.clone())
            .bind(new.now);
        let row = first(tx, insert).await.reference(Conflict::RepositoryGone)?;
        let row = row.ok_or_else(|| Failure::Broken("no id for a new copy".to_owned()))?;
        jobs::queue(tx, &sync_job(row.try_get(0)?, new.region, new.now)).await?;
    }
    Ok(missing)
}

/// Which of the tags the repository holds.
async fn held(tx: &mut Tx<'_>, repository_id: i64, tags: &[String]) -> Result<BTreeSet<String>, Failure> {
    let mut held = BTreeSet::new();
    for list in lists(tags) {
        let text = format!(
            "SELECT tag FROM tags WHERE repository_id = $1 AND tag IN ({})",
            markers(2, list.len())
        );
        let select = list
            .into_iter()
            .fold(made(text).bind(repository_id), sqlx::query::Query::bind);
        for row in select.fetch_all(&mut *tx).await? {
            held.insert(row.try_get(0)?);
        }
    }
    Ok(held)
}

fn job(row: &AnyRow) -> Result<SyncJob, Failure> {
    Ok(SyncJob {
        id: row.try_get("id")?,
        tag: row.try_get("tag")?,
        region: row.try_get("region")?,
        region_id: row.try_get("region_id")?,
        remote_organization: row.try_get("remote_organization")?,
        overwrite: row.try_get::<i64, _>("overwrite")? != 0,
        status: row.try_get("status")?,
        operator_id: row.try_get("operator_id")?,
        operator_name: row.try_get("operator_name")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        course: SyncCourse {
            digest: row.try_get("digest")?,
            pushed_at: row.try_get("pushed_at")?,
            attempts: row.try_get("attempts")?,
            next_attempt_at: row.try_get("next_attempt_at")?,
            started_at: row.try_get("started_at")?,
            ended_at: row.try_get("ended_at")?,
            detail: row.try_get("detail")?,
            figures: SyncFigures {
                blobs_total: row.try_get("blobs_total")?,
                blobs_done: row.try_get("blobs_done")?,
                bytes_total: row.try_get("bytes_total")?,
                bytes_done: row.try_get("bytes_done")?,
                bytes_sent: row.try_get("bytes_sent")?,
                bytes_mounted: row.try_get("bytes_mounted")?,
                bytes_existing: row.try_get("bytes_existing")?,
            },
        },
    })
}
