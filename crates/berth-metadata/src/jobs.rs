//! Work that is done beside requests: queued, claimed by one process at a time, held while it is done, ended. Knows no
//! work: a job is a kind and the id of its subject, whose own table says what it is about and how it went.
//!
//! Jobs wait in lanes, one for each place outside that they need: claims take turns between lanes, and a lane whose
//! place does not answer is paused as a whole, so that it costs nothing and holds up nobody else.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{change, first, made};
use sqlx::Row;

/// A job to queue.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What is to be done.
    pub kind: &'static str,
    /// To what: with the kind, it is queued once.
    pub subject: i64,
    /// The place that it needs.
    pub lane: String,
    /// Not before; milliseconds since the epoch.
    pub due_at: i64,
}

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Never used again.
    pub id: i64,
    /// To what something is to be done.
    pub subject: i64,
    /// The place that it needs.
    pub lane: String,
    /// How often it was claimed, this time included.
    pub attempts: i64,
    /// How often it was asked for when it was claimed.
    wanted: i64,
}

/// Whose claim it is, and of what.
#[derive(Clone, Debug)]
pub struct JobClaim {
    /// What is to be done.
    pub kind: &'static str,
    /// The process that claims.
    pub holder: String,
    /// How long it is held without being renewed, in milliseconds by the database's clock.
    pub held_ms: i64,
    /// Jobs of one lane that may be held at once.
    pub lane_max: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What becomes of a claimed job that is not done.
#[derive(Clone, Debug)]
pub struct JobAgain {
    /// Not before; milliseconds since the epoch.
    pub due_at: i64,
    /// Until when nothing of its lane is claimed, and why; none: the lane goes on.
    pub pause: Option<(i64, String)>,
}

/// A lane that is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedLane {
    /// The place.
    pub lane: String,
    /// How often in a row it failed.
    pub failures: i64,
    /// Milliseconds since the epoch.
    pub until: i64,
    /// Why.
    pub reason: String,
}

impl Metadata {
    /// Queues a job; one that is there is due at the earlier of both times, and is done once more when it is under way.
    pub async fn queue_job(&self, job: NewJob) -> Result<(), Error> {
        self.pool
            .write("queue a job", Durability::Durable, job, |tx, job| {
                Box::pin(queue(tx, job))
            })
            .await
    }

    /// Claims one due job of a kind, of the lane whose turn is longest ago; none when nothing is due.
    pub async fn claim_job(&self, claim: JobClaim) -> Result<Option<Job>, Error> {
        let clock = self.pool.now_expression();
        // Most of the time nothing is due, and a look costs no transaction.
        if self.lane_with_work(&claim, clock).await?.is_none() {
            return Ok(None);
        }
        self.pool
            .write("claim a job", Durability::Relaxed, claim, move |tx, claim| {
                Box::pin(take(tx, claim, clock))
            })
            .await
    }

    /// Holds a claimed job for longer; false when it is not this holder's any more.
    pub async fn renew_job(&self, id: i64, holder: &str, held_ms: i64) -> Result<bool, Error> {
        let clock = self.pool.now_expression();
        let text = format!("UPDATE jobs SET held_until = {clock} + $3 WHERE id = $1 AND holder = $2");
        let holder = holder.to_owned();
        let statement = move || made(text.clone()).bind(id).bind(holder.clone()).bind(held_ms);
        Ok(self
            .change("hold a job for longer", Durability::Relaxed, statement)
            .await?
            > 0)
    }

    /// Ends a claimed job, and the failures of its lane; one that was asked for again meanwhile is due at once.
    pub async fn end_job(&self, kind: &str, job: &Job, holder: &str) -> Result<(), Error> {
        let input = (kind.to_owned(), job.clone(), holder.to_owned());
        self.pool
            .write(
                "end a job",
                Durability::Relaxed,
                input,
                |tx, (kind, job, holder)| Box::pin(end(tx, kind, job, holder)),
            )
            .await
    }

    /// Gives a claimed job back, to be claimed again later.
    pub async fn postpone_job(
        &self,
        kind: &str,
        job: &Job,
        holder: &str,
        again: JobAgain,
    ) -> Result<(), Error> {
        let input = (kind.to_owned(), job.clone(), holder.to_owned(), again);
        self.pool
            .write(
                "postpone a job",
                Durability::Relaxed,
                input,
                |tx, (kind, job, holder, again)| Box::pin(postpone(tx, kind, (job, holder), again)),
            )
            .await
    }

    /// Gives all jobs of a holder back, which are due at once.
    pub async fn release_jobs(&self, holder: &str) -> Result<(), Error> {
        const RELEASE: &str = "UPDATE jobs SET holder = NULL, held_until = NULL WHERE holder = $1";
        let holder = holder.to_owned();
        let statement = move || sqlx::query(RELEASE).bind(holder.clone());
        self.change("release jobs", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// Lets a paused lane go on at once, because what was wrong with its place was put right.
    pub async fn resume_lane(&self, kind: &'static str, lane: &str) -> Result<(), Error> {
        const RESUME: &str =
            "UPDATE job_lanes SET failures = 0, paused_until = 0, reason = '' WHERE kind = $1 AND lane = $2";
        // What is under way and fails is due at once too.
        const DUE: &str = "UPDATE jobs SET due_at = 0, wanted = wanted + 1 WHERE kind = $1 AND lane = $2";
        self.pool
            .write(
                "resume a lane of jobs",
                Durability::Durable,
                lane.to_owned(),
                move |tx, lane| {
                    Box::pin(async move {
                        change(tx, sqlx::query(RESUME).bind(kind).bind(lane.clone())).await?;
                        change(tx, sqlx::query(DUE).bind(kind).bind(lane.clone())).await?;
                        Ok(())
                    })
                },
            )
            .await
    }

    /// A lane, if it is paused at that time.
    pub async fn paused_lane(&self, kind: &str, lane: &str, now: i64) -> Result<Option<PausedLane>, Error> {
        const FIND: &str = "SELECT lane, failures, paused_until, reason FROM job_lanes \
             WHERE kind = $1 AND lane = $2 AND paused_until > $3";
        let find = sqlx::query(FIND)
            .bind(kind.to_owned())
            .bind(lane.to_owned())
            .bind(now);
        self.find("find a paused lane of jobs", find, |row| {
            Ok(PausedLane {
                lane: row.try_get(0)?,
                failures: row.try_get(1)?,
                until: row.try_get(2)?,
                reason: row.try_get(3)?,
            })
        })
        .await
    }

    /// Forgets lanes that nothing waits in and whose turn was before that time, at most `limit` of them; answers how many
    /// it found. Lanes are named by what users say, so there is no end to them.
    pub async fn forget_lanes(&self, before: i64, limit: i64) -> Result<usize, Error> {
        const IDLE: &str = "SELECT kind, lane FROM job_lanes l WHERE claimed_at < $1 AND paused_until < $1 \
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = l.kind AND j.lane = l.lane) LIMIT $2";
        let idle = sqlx::query(IDLE).bind(before).bind(limit);
        let idle = self.list("list idle lanes of jobs", idle, |row| {
            Ok((row.try_get::<String, _>(0)?, row.try_get::<String, _>(1)?))
        });
        let idle = idle.await?;
        let found = idle.len();
        for lane in idle {
            self.pool
                .write("forget a lane of jobs", Durability::Relaxed, lane, |tx, lane| {
                    Box::pin(forget(tx, lane))
                })
                .await?;
        }
        Ok(found)
    }

    async fn lane_with_work(&self, claim: &JobClaim, clock: &str) -> Result<Option<String>, Error> {
        let find = made(due_lane(clock))
            .bind(claim.kind)
            .bind(claim.now)
            .bind(claim.lane_max);
        self.find("look for jobs", find, |row| Ok(row.try_get(0)?)).await
    }
}

/// Queues a job in the transaction that makes its subject.
pub(crate) async fn queue(tx: &mut Tx<'_>, job: &NewJob) -> Result<(), Failure> {
    // The update locks the lane, so that it is not forgotten before its job is there.
    const LANE: &str = "INSERT INTO job_lanes (kind, lane) VALUES ($1, $2) \
         ON CONFLICT (kind, lane) DO UPDATE SET lane = excluded.lane";
    const JOB: &str = "INSERT INTO jobs (kind, subject, lane, due_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (kind, subject) DO UPDATE SET lane = excluded.lane, wanted = jobs.wanted + 1, \
         due_at = CASE WHEN jobs.due_at < excluded.due_at THEN jobs.due_at ELSE excluded.due_at END";
    let lane = sqlx::query(LANE).bind(job.kind).bind(job.lane.clone());
    change(tx, lane).await?;
    let insert = sqlx::query(JOB)
        .bind(job.kind)
        .bind(job.subject)
        .bind(job.lane.clone())
        .bind(job.due_at);
    change(tx, insert).await?;
    Ok(())
}

/// Forgets a lane if nothing waits in it. What is queued at the same time waits for the lock, and the second statement sees
/// what was queued before it.
async fn forget(tx: &mut Tx<'_>, (kind, lane): &(String, String)) -> Result<(), Failure> {
    const LOCK: &str = "UPDATE job_lanes SET lane = lane WHERE kind = $1 AND lane = $2";
    const FORGET: &str = "DELETE FROM job_lanes WHERE kind = $1 AND lane = $2 \
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE kind = $1 AND lane = $2)";
    for statement in [LOCK, FORGET] {
        change(tx, sqlx::query(statement).bind(kind.clone()).bind(lane.clone())).await?;
    }
    Ok(())
}

/// A lane that is not paused, not full and has something due, the one whose turn is longest ago.
pub(crate) fn due_lane(clock: &str) -> String {
    format!(
        "SELECT l.lane FROM job_lanes l WHERE l.kind = $1 AND l.paused_until <= $2 AND EXISTS (SELECT 1 FROM jobs j \
         WHERE j.kind = l.kind AND j.lane = l.lane AND j.due_at <= $2 \
         AND (j.held_until IS NULL OR j.held_until <= {clock})) \
         AND (SELECT COUNT(*) FROM jobs h WHERE h.kind = l.kind AND h.lane = l.lane AND h.holder IS NOT NULL \
         AND h.held_until > {clock}) < $3 ORDER BY l.claimed_at, l.lane LIMIT 1"
    )
}

async fn take(tx: &mut Tx<'_>, claim: &JobClaim, clock: &str) -> Result<Option<Job>, Failure> {
    const TURN: &str = "UPDATE job_lanes SET claimed_at = $3 WHERE kind = $1 AND lane = $2";
    let lane = made(due_lane(clock))
        .bind(claim.kind)
        .bind(claim.now)
        .bind(claim.lane_max);
    let Some(row) = first(tx, lane).await? else {
        return Ok(None);
    };
    let lane: String = row.try_get(0)?;
    // One that another process took meanwhile does not fit the second condition any more.
    let claimed = made(format!(
        "UPDATE jobs SET holder = $4, held_until = {clock} + $5, attempts = attempts + 1 WHERE id = (SELECT id FROM jobs \
         WHERE kind = $1 AND lane = $2 AND due_at <= $3 AND (held_until IS NULL OR held_until <= {clock}) \
         ORDER BY due_at, id LIMIT 1) AND (held_until IS NULL OR held_until <= {clock}) \
         RETURNING id, subject, lane, attempts, wanted"
    ))
    .bind(claim.kind)
    .bind(lane.clone())
    .bind(claim.now)
    .bind(claim.holder.clone())
    .bind(claim.held_ms);
    let row = first(tx, claimed).await?;
    change(tx, sqlx::query(TURN).bind(claim.kind).bind(lane).bind(claim.now)).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Job {
        id: row.try_get(0)?,
        subject: row.try_get(1)?,
        lane: row.try_get(2)?,
        attempts: row.try_get(3)?,
        wanted: row.try_get(4)?,
    }))
}

async fn end(tx: &mut Tx<'_>, kind: &str, job: &Job, holder: &str) -> Result<(), Failure> {
    const END: &str = "DELETE FROM jobs WHERE id = $1 AND holder = $2 AND wanted = $3";
    const ONCE_MORE: &str =
        "UPDATE jobs SET holder = NULL, held_until = NULL, attempts = 0 WHERE id = $1 AND holder = $2";
    const WELL: &str = "UPDATE job_lanes SET failures = 0, paused_until = 0, reason = '' \
         WHERE kind = $1 AND lane = $2 AND failures > 0";
    let ended = sqlx::query(END)
        .bind(job.id)
        .bind(holder.to_owned())
        .bind(job.wanted);
    if change(tx, ended).await? == 0 {
        let once_more = sqlx::query(ONCE_MORE).bind(job.id).bind(holder.to_owned());
        change(tx, once_more).await?;
    }
    let well = sqlx::query(WELL).bind(kind.to_owned()).bind(job.lane.clone());
    change(tx, well).await?;
    Ok(())
}

async fn postpone(
    tx: &mut Tx<'_>,
    kind: &str,
    (job, holder): (&Job, &str),
    again: &JobAgain,
) -> Result<(), Failure> {
    // One that was asked for again meanwhile keeps the time that it was asked for.
    const AGAIN: &str = "UPDATE jobs SET holder = NULL, held_until = NULL, \
         due_at = CASE WHEN wanted = $4 THEN $3 ELSE due_at END WHERE id = $1 AND holder = $2";
    const PAUSE: &str = "UPDATE job_lanes SET failures = failures + 1, paused_until = $3, reason = $4 \
         WHERE kind = $1 AND lane = $2 AND paused_until < $3";
    let postponed = sqlx::query(AGAIN)
        .bind(job.id)
        .bind(holder.to_owned())
        .bind(again.due_at)
        .bind(job.wanted);
    change(tx, postponed).await?;
    if let Some((until, reason)) = &again.pause {
        let pause = sqlx::query(PAUSE)
            .bind(kind.to_owned())
            .bind(job.lane.clone())
            .bind(*until)
            .bind(reason.clone());
        change(tx, pause).await?;
    }
    Ok(())
}
