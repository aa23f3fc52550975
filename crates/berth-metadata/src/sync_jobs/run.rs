//! A copy while it is made: begun, cancelled, given up for a while, ended. Every change but the first is refused when the
//! copy runs no more, and so a copy that was cancelled stays so.

use super::SyncFigures;
use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::jobs;
use crate::pool::{Durability, Failure, Tx};
use crate::regions::{self, Region};
use crate::sql::{Meaning, change, first};
use crate::tag_events::{SYNC, sync_job};
use sqlx::Row;

/// Copies of one repository that are kept after their end.
const KEPT: i64 = 1000;
/// An attempt that comes so long after it was due ends a time in which nobody tried, in milliseconds.
const UNTRIED_MS: i64 = 3600 * 1000;

/// A copy to make.
#[derive(Clone, Debug)]
pub struct SyncWork {
    /// The copy.
    pub id: i64,
    /// The repository that the tag is in.
    pub repository_id: i64,
    /// Its full name.
    pub repository: String,
    /// Its name without the organisation.
    pub image: String,
    /// The tag.
    pub tag: String,
    /// Where it goes.
    pub region: Region,
    /// The organisation there that receives it.
    pub remote_organization: String,
    /// Whether a tag that is there already is replaced.
    pub overwrite: bool,
    /// The ids of the registries that the tag came through, by commas.
    pub origin: String,
    /// When it was begun first since its region was away or nobody tried, milliseconds since the epoch.
    pub started_at: i64,
    /// How often it was begun, this time included.
    pub attempts: i64,
    /// How often the destination did not want it.
    pub refusals: i64,
    /// Bytes that were sent in earlier attempts.
    pub bytes_sent: i64,
}

/// How a copy ended.
#[derive(Clone, Debug)]
pub struct SyncEnd {
    /// SWR's word for it.
    pub status: &'static str,
    /// What there is to say about it, as a sentence.
    pub detail: String,
    /// What was moved.
    pub figures: SyncFigures,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// Why a copy goes on later, and when.
#[derive(Clone, Debug)]
pub struct SyncPause {
    /// A sentence.
    pub detail: String,
    /// Milliseconds since the epoch.
    pub next_attempt_at: i64,
    /// Whether the destination did not want it.
    pub refused: bool,
    /// Whether the whole region is away: that time does not count as time in which it was tried.
    pub is_away: bool,
    /// What was moved until now.
    pub figures: SyncFigures,
    /// Milliseconds since the epoch.
    pub now: i64,
}

impl Metadata {
    /// The digest that a tag names, also that of a damaged manifest.
    pub async fn tag_digest(&self, repository_id: i64, tag: &str) -> Result<Option<String>, Error> {
        const FIND: &str = "SELECT digest FROM tags WHERE repository_id = $1 AND tag = $2";
        let find = sqlx::query(FIND).bind(repository_id).bind(tag.to_owned());
        self.find("find what a tag names", find, |row| Ok(row.try_get(0)?))
            .await
    }

    /// Begins a copy, or goes on with one whose process ended; none when there is nothing to do any more.
    /// [`Conflict::Taken`] while another copy of the tag to the same destination runs, or was cancelled and does not know it
    /// yet.
    pub async fn begin_sync_job(&self, id: i64, now: i64) -> Result<Option<SyncWork>, Error> {
        self.pool
            .write("begin a copy", Durability::Relaxed, (), move |tx, ()| {
                Box::pin(begin(tx, id, now))
            })
            .await
    }

    /// Notes what a running copy copies and how far it is; false when it runs no more.
    pub async fn save_sync_progress(
        &self,
        id: i64,
        digest: &str,
        figures: SyncFigures,
        now: i64,
    ) -> Result<bool, Error> {
        const SAVE: &str = "UPDATE sync_jobs SET digest = $2, blobs_total = $3, blobs_done = $4, bytes_total = $5, \
             bytes_done = $6, bytes_sent = $7, bytes_mounted = $8, bytes_existing = $9, updated_at = $10 \
             WHERE id = $1 AND status = 'running'";
        let digest = digest.to_owned();
        let statement = move || {
            figures
                .bound(sqlx::query(SAVE).bind(id).bind(digest.clone()))
                .bind(now)
        };
        let saved = self.change("note how far a copy is", Durability::Relaxed, statement);
        Ok(saved.await? > 0)
    }

    /// Ends a running copy, and forgets the repository's oldest ended ones beyond a thousand; false when it ran no more.
    pub async fn end_sync_job(&self, id: i64, end: SyncEnd) -> Result<bool, Error> {
        self.pool
            .write("end a copy", Durability::Durable, end, move |tx, end| {
                Box::pin(finish(tx, id, end))
            })
            .await
    }

    /// Lets a running copy wait for its next attempt; false when it ran no more, or a newer copy of the tag takes its
    /// place.
    pub async fn postpone_sync_job(&self, id: i64, pause: SyncPause) -> Result<bool, Error> {
        match self.postpone_once(id, pause.clone()).await {
            // A newer one was queued in the middle of this, and is seen the second time.
            Err(Error::Conflict(Conflict::Taken)) => self.postpone_once(id, pause).await,
            other => other,
        }
    }

    async fn postpone_once(&self, id: i64, pause: SyncPause) -> Result<bool, Error> {
        self.pool
            .write("postpone a copy", Durability::Durable, pause, move |tx, pause| {
                Box::pin(postpone(tx, id, pause))
            })
            .await
    }

    /// Cancels a copy that waits or runs: true; false for one that ended, none when the repository has none of that id.
    pub async fn cancel_sync_job(
        &self,
        repository_id: i64,
        id: i64,
        detail: &str,
        now: i64,
    ) -> Result<Option<bool>, Error> {
        const CANCEL: &str = "UPDATE sync_jobs SET status = 'cancel', detail = $3, ended_at = $4, updated_at = $4 \
             WHERE repository_id = $1 AND id = $2 AND status IN ('waiting', 'running')";
        self.pool
            .write(
                "cancel a copy",
                Durability::Durable,
                detail.to_owned(),
                move |tx, detail| {
                    Box::pin(async move {
                        let cancel = sqlx::query(CANCEL)
                            .bind(repository_id)
                            .bind(id)
                            .bind(detail.clone())
                            .bind(now);
                        if change(tx, cancel).await? > 0 {
                            return Ok(Some(true));
                        }
                        Ok(exists(tx, repository_id, id).await?.then_some(false))
                    })
                },
            )
            .await
    }

    /// Queues a copy that did not succeed once more: true; false for one that waits, runs or succeeded or whose region is
    /// gone, none when the repository has none of that id. [`Conflict::Taken`] when another copy of the tag waits for the
    /// same destination.
    pub async fn retry_sync_job(&self, repository_id: i64, id: i64, now: i64) -> Result<Option<bool>, Error> {
        self.pool
            .write("retry a copy", Durability::Durable, (), move |tx, ()| {
                Box::pin(retry(tx, (repository_id, id), now))
            })
            .await
    }
}

async fn begin(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<Option<SyncWork>, Failure> {
    const FIND: &str = "SELECT j.repository_id, r.full_name, r.image, j.tag, j.region, j.remote_organization, j.overwrite, \
         j.origin, r.listed FROM sync_jobs j JOIN repositories r ON r.id = j.repository_id \
         WHERE j.id = $1 AND j.status IN ('waiting', 'running')";
    const BEGIN: &str = "UPDATE sync_jobs SET status = 'running', attempts = attempts + 1, next_attempt_at = NULL, \
         started_at = CASE WHEN next_attempt_at < $3 THEN $2 ELSE COALESCE(started_at, $2) END, updated_at = $2 \
         WHERE id = $1 RETURNING attempts, started_at, refusals, bytes_sent";
    const GONE: &str = "UPDATE sync_jobs SET status = 'cancel', detail = 'the image or the region is gone', \
         ended_at = $2, updated_at = $2 WHERE id = $1";
    // The attempt at a cancelled copy hears of it after a while, and may still put its tag until then.
    const LEAVING: &str = "SELECT 1 FROM jobs h JOIN sync_jobs o ON o.id = h.subject JOIN sync_jobs j ON j.id = $1 \
         WHERE h.kind = $2 AND h.holder IS NOT NULL AND o.id <> j.id AND o.status = 'cancel' \
         AND o.repository_id = j.repository_id AND o.tag = j.tag AND o.region = j.region \
         AND o.remote_organization = j.remote_organization LIMIT 1";
    let Some(row) = first(tx, sqlx::query(FIND).bind(id)).await? else {
        return Ok(None);
    };
    let region = match row.try_get::<Option<i64>, _>("region")? {
        Some(region) if row.try_get::<i64, _>("listed")? != 2 => regions::by_row(tx, region).await?,
        _ => None,
    };
    let Some(region) = region else {
        change(tx, sqlx::query(GONE).bind(id).bind(now)).await?;
        return Ok(None);
    };
    let running = sqlx::query(BEGIN)
        .bind(id)
        .bind(now)
        .bind(now.saturating_sub(UNTRIED_MS));
    let begun = first(tx, running).await.unique(Conflict::Taken)?;
    let leaving = sqlx::query(LEAVING).bind(id).bind(SYNC);
    if first(tx, leaving).await?.is_some() {
        return Err(Conflict::Taken.into());
    }
    let begun = begun.ok_or_else(|| Failure::Broken("no row for a copy that begins".to_owned()))?;
    Ok(Some(SyncWork {
        id,
        repository_id: row.try_get("repository_id")?,
        repository: row.try_get("full_name")?,
        image: row.try_get("image")?,
        tag: row.try_get("tag")?,
        region,
        remote_organization: row.try_get("remote_organization")?,
        overwrite: row.try_get::<i64, _>("overwrite")? != 0,
        origin: row.try_get("origin")?,
        started_at: begun.try_get("started_at")?,
        attempts: begun.try_get("attempts")?,
        refusals: begun.try_get("refusals")?,
        bytes_sent: begun.try_get("bytes_sent")?,
    }))
}

async fn finish(tx: &mut Tx<'_>, id: i64, end: &SyncEnd) -> Result<bool, Failure> {
    const END: &str = "UPDATE sync_jobs SET status = $2, blobs_total = $3, blobs_done = $4, bytes_total = $5, \
         bytes_done = $6, bytes_sent = $7, bytes_mounted = $8, bytes_existing = $9, detail = $10, ended_at = $11, \
         updated_at = $11 WHERE id = $1 AND status = 'running' RETURNING repository_id";
    const FORGET: &str = "DELETE FROM sync_jobs WHERE repository_id = $1 AND status NOT IN ('waiting', 'running') \
         AND id <= (SELECT o.id FROM sync_jobs o WHERE o.repository_id = $1 AND o.status NOT IN ('waiting', 'running') \
         ORDER BY o.id DESC LIMIT 1 OFFSET $2)";
    let update = end.figures.bound(sqlx::query(END).bind(id).bind(end.status));
    let update = update.bind(end.detail.clone()).bind(end.now);
    let Some(row) = first(tx, update).await? else {
        return Ok(false);
    };
    let repository_id: i64 = row.try_get(0)?;
    change(tx, sqlx::query(FORGET).bind(repository_id).bind(KEPT)).await?;
    Ok(true)
}

async fn postpone(tx: &mut Tx<'_>, id: i64, pause: &SyncPause) -> Result<bool, Failure> {
    // The newer one answers for the older push, too.
    const NEWER: &str = "UPDATE sync_jobs SET pushed_at = (SELECT CASE WHEN o.pushed_at < sync_jobs.pushed_at \
         OR sync_jobs.pushed_at IS NULL THEN o.pushed_at ELSE sync_jobs.pushed_at END FROM sync_jobs o WHERE o.id = $1) \
         WHERE status = 'waiting' AND id <> $1 AND EXISTS (SELECT 1 FROM sync_jobs k WHERE k.id = $1 \
         AND k.status = 'running' AND k.repository_id = sync_jobs.repository_id AND k.tag = sync_jobs.tag \
         AND k.region = sync_jobs.region AND k.remote_organization = sync_jobs.remote_organization) \
         AND repository_id = (SELECT w.repository_id FROM sync_jobs w WHERE w.id = $1) RETURNING id";
    const REPLACED: &str = "UPDATE sync_jobs SET status = 'cancel', detail = $2, ended_at = $3, updated_at = $3 \
         WHERE id = $1 AND status = 'running'";
    const POSTPONE: &str = "UPDATE sync_jobs SET status = 'waiting', blobs_total = $2, blobs_done = $3, bytes_total = $4, \
         bytes_done = $5, bytes_sent = $6, bytes_mounted = $7, bytes_existing = $8, detail = $9, next_attempt_at = $10, \
         updated_at = $11, refusals = refusals + $12, started_at = CASE WHEN $13 = 1 THEN NULL ELSE started_at END \
         WHERE id = $1 AND status = 'running'";
    if let Some(newer) = first(tx, sqlx::query(NEWER).bind(id)).await? {
        let newer: i64 = newer.try_get(0)?;
        let detail = format!("copy {newer} of what the tag named later took its place");
        let replaced = sqlx::query(REPLACED).bind(id).bind(detail).bind(pause.now);
        change(tx, replaced).await?;
        return Ok(false);
    }
    let update = pause.figures.bound(sqlx::query(POSTPONE).bind(id));
    let update = update
        .bind(pause.detail.clone())
        .bind(pause.next_attempt_at)
        .bind(pause.now)
        .bind(i64::from(pause.refused))
        .bind(i64::from(pause.is_away));
    Ok(change(tx, update).await.unique(Conflict::Taken)? > 0)
}

async fn retry(tx: &mut Tx<'_>, (repository_id, id): (i64, i64), now: i64) -> Result<Option<bool>, Failure> {
    const RETRY: &str = "UPDATE sync_jobs SET status = 'waiting', detail = '', attempts = 0, refusals = 0, next_attempt_at = NULL, \
         started_at = NULL, ended_at = NULL, updated_at = $3 WHERE repository_id = $1 AND id = $2 \
         AND region IS NOT NULL AND status IN ('failed', 'timeout', 'cancel') RETURNING region";
    let retry = sqlx::query(RETRY).bind(repository_id).bind(id).bind(now);
    let Some(row) = first(tx, retry).await.unique(Conflict::Taken)? else {
        return Ok(exists(tx, repository_id, id).await?.then_some(false));
    };
    jobs::queue(tx, &sync_job(id, row.try_get(0)?, now)).await?;
    Ok(Some(true))
}

async fn exists(tx: &mut Tx<'_>, repository_id: i64, id: i64) -> Result<bool, Failure> {
    const FIND: &str = "SELECT 1 FROM sync_jobs WHERE repository_id = $1 AND id = $2";
    let find = sqlx::query(FIND).bind(repository_id).bind(id);
    Ok(first(tx, find).await?.is_some())
}
