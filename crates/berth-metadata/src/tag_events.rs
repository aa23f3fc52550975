//! Tags that came to name something else, for those who wait for that: written by the transaction that moved the tag,
//! gone with the one that queues what follows.

use crate::Metadata;
use crate::by::{By, TagChange};
use crate::error::Error;
use crate::jobs::{self, NewJob};
use crate::lazy::{self, NewLazyRun};
use crate::pool::{Durability, Failure, Tx};
use crate::preheats::{self, NewPreheat};
use crate::sql::{change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A tag that came to name something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagEvent {
    /// Larger than those of earlier events of the same tag.
    pub id: i64,
    /// The repository.
    pub repository_id: i64,
    /// The tag.
    pub tag: String,
    /// What it names now.
    pub digest: String,
    /// What it named before; none: it is new.
    pub previous: Option<String>,
    /// Why.
    pub why: TagChange,
    /// Who moved it, none for the registry itself.
    pub user_id: Option<String>,
    /// The ids of the registries that it came through, by commas; empty when it was pushed here.
    pub origin: String,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// What follows from an event.
#[derive(Clone, Debug, Default)]
pub struct EventFollows {
    /// The triggers that it sets off, and the job that each needs, whose subject is not known yet.
    pub triggers: Vec<(i64, FollowJob)>,
    /// The rules that send it elsewhere.
    pub sync_rules: Vec<i64>,
    /// Whether what the tag names gets an index for lazy starts.
    pub lazy: bool,
    /// What nodes shall have, by the rules that want it.
    pub preheats: Vec<NewPreheat>,
}

/// The job that does what a trigger wants.
#[derive(Clone, Debug)]
pub struct FollowJob {
    /// Its kind.
    pub kind: &'static str,
    /// Its lane.
    pub lane: String,
}

impl Metadata {
    /// The oldest events after that of id `after`.
    pub async fn tag_events(&self, after: i64, limit: i64) -> Result<Vec<TagEvent>, Error> {
        const LIST: &str = "SELECT id, repository_id, tag, digest, previous, why, user_id, origin, at FROM tag_events \
             WHERE id > $1 ORDER BY id LIMIT $2";
        self.list(
            "list events of tags",
            sqlx::query(LIST).bind(after).bind(limit),
            read,
        )
        .await
    }

    /// Queues what follows from an event and forgets it, all or nothing; false when another process did already.
    pub async fn settle_event(
        &self,
        event: TagEvent,
        follows: EventFollows,
        now: i64,
    ) -> Result<bool, Error> {
        let input = (event, follows, now);
        self.pool
            .write(
                "queue what follows from an event",
                Durability::Durable,
                input,
                |tx, (event, follows, now)| Box::pin(settle(tx, event, follows, *now)),
            )
            .await
    }
}

/// Whether anything waits for the tags of a repository to move, as a condition.
macro_rules! is_awaited {
    ($repository:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM triggers t WHERE t.repository_id = ",
            $repository,
            " AND t.enabled = 1) OR EXISTS (SELECT 1 FROM sync_rules s WHERE s.repository_id = ",
            $repository,
            " AND s.automatic = 1) OR EXISTS (SELECT 1 FROM lazy_rules l WHERE l.organization_id = \
             (SELECT p.organization_id FROM repositories p WHERE p.id = ",
            $repository,
            ") AND (l.repository_id IS NULL OR l.repository_id = ",
            $repository,
            ")) OR EXISTS (SELECT 1 FROM preheat_rules h WHERE h.organization_id = \
             (SELECT p.organization_id FROM repositories p WHERE p.id = ",
            $repository,
            ") AND (h.repository_id IS NULL OR h.repository_id = ",
            $repository,
            ") AND h.enabled = 1))"
        )
    };
}
pub(crate) use is_awaited;

/// Where an event is written, and what it says.
pub(crate) struct Moved<'a> {
    pub(crate) repository_id: i64,
    pub(crate) tag: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) previous: Option<&'a str>,
    pub(crate) why: TagChange,
    pub(crate) by: &'a By,
    pub(crate) origin: &'a str,
}

/// Notes that a tag moved, if somebody waits for that.
pub(crate) async fn note(tx: &mut Tx<'_>, moved: Moved<'_>) -> Result<(), Failure> {
    const NOTE: &str = concat!(
        "INSERT INTO tag_events (repository_id, tag, digest, previous, why, user_id, origin, at) \
         SELECT r.id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT), \
         CAST($7 AS TEXT), CAST($8 AS BIGINT) FROM repositories r WHERE r.id = $1 AND ",
        is_awaited!("r.id")
    );
    let note = sqlx::query(NOTE)
        .bind(moved.repository_id)
        .bind(moved.tag.to_owned())
        .bind(moved.digest.to_owned())
        .bind(moved.previous.map(str::to_owned))
        .bind(moved.why.as_str())
        .bind(moved.by.user_id.clone())
        .bind(moved.origin.to_owned())
        .bind(moved.by.now);
    change(tx, note).await?;
    Ok(())
}

async fn settle(
    tx: &mut Tx<'_>,
    event: &TagEvent,
    follows: &EventFollows,
    now: i64,
) -> Result<bool, Failure> {
    const FORGET: &str = "DELETE FROM tag_events WHERE id = $1";
    if change(tx, sqlx::query(FORGET).bind(event.id)).await? == 0 {
        return Ok(false);
    }
    for (trigger, job) in &follows.triggers {
        set_off(tx, event, (*trigger, job), now).await?;
    }
    for rule in &follows.sync_rules {
        send(tx, event, *rule, now).await?;
    }
    if follows.lazy {
        index(tx, event, now).await?;
    }
    for preheat in &follows.preheats {
        preheats::create(tx, preheat).await?;
    }
    Ok(true)
}

async fn set_off(
    tx: &mut Tx<'_>,
    event: &TagEvent,
    (trigger, job): (i64, &FollowJob),
    now: i64,
) -> Result<(), Failure> {
    // A trigger that went meanwhile is set off no more.
    const INSERT: &str = "INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, event, digest, previous, \
         why, user_id, status) SELECT t.id, CAST($2 AS TEXT), 0, '', CAST($3 AS BIGINT), CAST($4 AS BIGINT), \
         CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS TEXT), 'waiting' FROM triggers t \
         WHERE t.id = $1 ON CONFLICT DO NOTHING RETURNING id";
    let insert = sqlx::query(INSERT)
        .bind(trigger)
        .bind(event.tag.clone())
        .bind(event.at)
        .bind(event.id)
        .bind(event.digest.clone())
        .bind(event.previous.clone())
        .bind(event.why.as_str())
        .bind(event.user_id.clone());
    let Some(run) = first(tx, insert).await? else {
        return Ok(());
    };
    let job = NewJob {
        kind: job.kind,
        subject: run.try_get(0)?,
        lane: job.lane.clone(),
        due_at: now,
    };
    jobs::queue(tx, &job).await
}

async fn send(tx: &mut Tx<'_>, event: &TagEvent, rule: i64, now: i64) -> Result<(), Failure> {
    // A copy that waits already becomes the copy of what the tag names now, by the rule. What came two ways is sent both:
    // each may lack what came by the other.
    const INSERT: &str = "INSERT INTO sync_jobs (repository_id, tag, region, region_id, remote_organization, overwrite, \
         status, operator_id, operator_name, created_at, updated_at, digest, origin, pushed_at) \
         SELECT s.repository_id, CAST($2 AS TEXT), s.region, r.region_id, s.remote_organization, s.overwrite, 'waiting', \
         COALESCE(CAST($3 AS TEXT), ''), COALESCE(u.name, ''), CAST($4 AS BIGINT), CAST($4 AS BIGINT), \
         CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS BIGINT) FROM sync_rules s JOIN regions r ON r.id = s.region \
         LEFT JOIN users u ON u.id = $3 WHERE s.id = $1 \
         ON CONFLICT (repository_id, tag, region, remote_organization) WHERE status = 'waiting' \
         DO UPDATE SET overwrite = excluded.overwrite, digest = excluded.digest, \
         origin = CASE WHEN excluded.origin = sync_jobs.origin THEN sync_jobs.origin ELSE '' END, \
         pushed_at = COALESCE(sync_jobs.pushed_at, excluded.pushed_at), updated_at = excluded.updated_at \
         RETURNING id, region";
    let insert = sqlx::query(INSERT)
        .bind(rule)
        .bind(event.tag.clone())
        .bind(event.user_id.clone())
        .bind(now)
        .bind(event.digest.clone())
        .bind(event.origin.clone())
        .bind(event.at);
    let Some(row) = first(tx, insert).await? else {
        return Ok(());
    };
    jobs::queue(tx, &sync_job(row.try_get(0)?, row.try_get(1)?, now)).await
}

async fn index(tx: &mut Tx<'_>, event: &TagEvent, now: i64) -> Result<(), Failure> {
    const IS_THERE: &str = "SELECT id FROM repositories WHERE id = $1";
    // One that went meanwhile has no index to wait for.
    let place = sqlx::query(IS_THERE).bind(event.repository_id);
    if first(tx, place).await?.is_none() {
        return Ok(());
    }
    let wanted = NewLazyRun {
        repository_id: event.repository_id,
        digest: event.digest.clone(),
        tag: Some(event.tag.clone()),
        user_id: event.user_id.clone(),
        by_rule: true,
        now,
    };
    lazy::want(tx, &wanted).await.map(drop)
}

/// The job that makes a copy.
pub(crate) fn sync_job(id: i64, region: i64, now: i64) -> NewJob {
    NewJob {
        kind: SYNC,
        subject: id,
        lane: region_lane(region),
        due_at: now,
    }
}

/// The kind of the jobs that send tags to other regions.
pub const SYNC: &str = "sync";

/// The lane of what is sent to a region.
pub fn region_lane(region: i64) -> String {
    format!("region/{region}")
}

fn read(row: &AnyRow) -> Result<TagEvent, Failure> {
    Ok(TagEvent {
        id: row.try_get(0)?,
        repository_id: row.try_get(1)?,
        tag: row.try_get(2)?,
        digest: row.try_get(3)?,
        previous: row.try_get(4)?,
        why: TagChange::read(&row.try_get::<String, _>(5)?)?,
        user_id: row.try_get(6)?,
        origin: row.try_get(7)?,
        at: row.try_get(8)?,
    })
}
