//! Work beside requests that goes on until it is done, whatever happens to the process: claimed, held, tried again. What
//! the work is, others know; their subjects' rows tell people how it goes.
//!
//! A job may run twice, when the process that held it stood still for longer than it may; so all that jobs do can be done
//! twice.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_metadata::{Job, JobAgain, JobClaim};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// Time between two looks for work that another process queued.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(2);
/// How long a job is held without a word of its process.
const HELD_MS: i64 = 60_000;
const RENEWED_EVERY: Duration = Duration::from_secs(20);
/// How long a turn may take: after it another job of its kind may have the place, whatever the outside does with its time.
const TURN_MAX: Duration = Duration::from_mins(10);
/// The first pause after a failure; each further one doubles it.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
const AGAIN_AFTER_MAX: Duration = Duration::from_mins(10);
/// Upper bounds of the buckets of turns, in seconds.
const TURN_SECONDS: [f64; 9] = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 600.0];

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// A run of a trigger: of the row in its history.
    Trigger,
    /// A delivery of a webhook: of the run in its trigger's history.
    Webhook,
    /// A copy of a tag to another region: of the copy's row.
    Sync,
    /// A run of a retention: of a repository, or of all that rules are for.
    Retention,
    /// What is in an archive that was uploaded: of the archive's row.
    Archive,
    /// An index for lazy starts: of the run in its image's history.
    Lazy,
}

impl JobKind {
    const ALL: [Self; 6] = [
        Self::Trigger,
        Self::Webhook,
        Self::Sync,
        Self::Retention,
        Self::Archive,
        Self::Lazy,
    ];

    /// Its name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => berth_metadata::TRIGGER,
            Self::Webhook => berth_metadata::WEBHOOK,
            Self::Sync => berth_metadata::SYNC,
            Self::Retention => berth_metadata::RETENTION,
            Self::Archive => berth_metadata::ARCHIVE,
            Self::Lazy => berth_metadata::LAZY,
        }
    }

    /// Jobs that one process does at once, and how many of them for one place outside.
    fn at_once(self) -> (usize, i64) {
        match self {
            Self::Trigger => (64, 8),
            Self::Webhook => (64, 4),
            Self::Sync => (16, 4),
            Self::Retention => (4, 2),
            // One of a user after another, as they were begun.
            Self::Archive => (4, 1),
            // Each takes a processor and some memory of its own.
            Self::Lazy => (2, 1),
        }
    }
}

/// How a turn of a job ended.
#[derive(Clone, Debug)]
pub(crate) enum JobEnd {
    /// Nothing is left to do; it may have failed for good.
    Done,
    /// It goes on later.
    Again {
        /// When.
        after: Duration,
        /// Why its whole lane waits until then, if it does.
        pause: Option<String>,
    },
}

/// A turn under way; dropped, it has ended.
struct Running<'a>(&'a JobFigures, Instant);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.dec();
        self.0.seconds.observe(self.1.elapsed().as_secs_f64());
    }
}

impl JobFigures {
    fn begin(&self) -> Running<'_> {
        self.running.inc();
        Running(self, Instant::now())
    }

    fn note(&self, ended: &Result<JobEnd, Error>) {
        let counter = match ended {
            Ok(JobEnd::Done) => &self.done,
            Ok(JobEnd::Again { .. }) => &self.postponed,
            Err(_) => &self.failed,
        };
        counter.inc();
    }
}

/// What the work of this process waits for.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    moved: Notify,
    queued: [Notify; JobKind::ALL.len()],
    figures: [JobFigures; JobKind::ALL.len()],
}

/// What became of the jobs of one kind in this process since its start.
#[derive(Debug)]
pub struct JobFigures {
    /// Turns that are under way.
    pub running: Gauge,
    /// How long turns took, in seconds.
    pub seconds: Histogram,
    /// Turns after which nothing was left to do.
    pub done: Counter,
    /// Turns that go on later.
    pub postponed: Counter,
    /// Turns that failed and are tried again.
    pub failed: Counter,
}

impl Default for JobFigures {
    fn default() -> Self {
        Self {
            running: Gauge::default(),
            seconds: Histogram::new(TURN_SECONDS),
            done: Counter::default(),
            postponed: Counter::default(),
            failed: Counter::default(),
        }
    }
}

impl Jobs {
    /// Says that a tag may have moved: what follows is queued at once, and not at the next look.
    pub(crate) fn tag_moved(&self) {
        self.moved.notify_one();
    }

    /// Says that work was queued.
    pub(crate) fn queued(&self, kind: JobKind) {
        self.queued[kind as usize].notify_one();
    }

    /// Until a tag may have moved, here or elsewhere.
    pub(crate) async fn a_tag_moved(&self) {
        tokio::select! {
            () = self.moved.notified() => {}
            () = tokio::time::sleep(LOOKED_FOR_EVERY) => {}
        }
    }

    /// What became of jobs, by their kind.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (&'static str, &JobFigures)> {
        JobKind::ALL.into_iter().map(JobKind::as_str).zip(&self.figures)
    }

    async fn some_queued(&self, kind: JobKind) {
        tokio::select! {
            () = self.queued[kind as usize].notified() => {}
            () = tokio::time::sleep(LOOKED_FOR_EVERY) => {}
        }
    }
}

/// How long to wait after that many failed attempts, 1 for the first.
pub(crate) fn pause_after(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).expect("a small number");
    AGAIN_AFTER.saturating_mul(1 << doublings).min(AGAIN_AFTER_MAX)
}

impl Registry {
    /// Does queued work for as long as it is polled.
    pub(crate) async fn work(self: &Arc<Self>) {
        let kinds = JobKind::ALL.map(|kind| self.work_on(kind));
        futures_util::future::join_all(kinds).await;
    }

    async fn work_on(self: &Arc<Self>, kind: JobKind) {
        let (at_once, _) = kind.at_once();
        let mut running = JoinSet::new();
        loop {
            while running.try_join_next().is_some() {}
            if running.len() >= at_once {
                running.join_next().await;
                continue;
            }
            match self.claim(kind).await {
                Ok(Some(job)) => {
                    let registry = Arc::clone(self);
                    running.spawn(async move { registry.turn(kind, job).await });
                }
                // A lane that is full has room again when one of its jobs ends.
                Ok(None) => tokio::select! {
                    Some(_) = running.join_next() => {}
                    () = self.jobs.some_queued(kind) => {}
                },
                Err(error) => {
                    tracing::warn!(
                        kind = kind.as_str(),
                        error = &error as &dyn std::error::Error,
                        "no work could be claimed"
                    );
                    tokio::time::sleep(LOOKED_FOR_EVERY).await;
                }
            }
        }
    }

    /// Does all work that is due now, for whoever does not [`maintain`](Self::maintain).
    pub(crate) async fn work_once(self: &Arc<Self>) -> Result<(), Error> {
        self.follow_events().await?;
        for kind in JobKind::ALL {
            while let Some(job) = self.claim(kind).await? {
                self.turn(kind, job).await;
            }
        }
        Ok(())
    }

    async fn claim(&self, kind: JobKind) -> Result<Option<Job>, Error> {
        let claim = JobClaim {
            kind: kind.as_str(),
            holder: self.process.clone(),
            held_ms: HELD_MS,
            lane_max: kind.at_once().1,
            now: now_ms(),
        };
        Ok(self.metadata.claim_job(claim).await?)
    }

    /// One turn of a job, held until its end.
    async fn turn(self: &Arc<Self>, kind: JobKind, job: Job) {
        let figures = &self.jobs.figures[kind as usize];
        let _running = figures.begin();
        let ended = tokio::select! {
            // First: after a pause of the whole process both are ready, and the job may be another's.
            biased;
            () = self.hold_lost(job.id) => {
                tracing::warn!(kind = kind.as_str(), job = job.id, "lost a job, which another process will do");
                return;
            }
            ended = tokio::time::timeout(TURN_MAX, self.do_job(kind, &job)) => ended,
        };
        // What it did so far is kept, as after a crash.
        let ended = ended.unwrap_or(Ok(JobEnd::Again {
            after: Duration::ZERO,
            pause: None,
        }));
        figures.note(&ended);
        let kept = match ended {
            Ok(JobEnd::Done) => self.metadata.end_job(kind.as_str(), &job, &self.process).await,
            Ok(JobEnd::Again { after, pause }) => self.postpone(kind, &job, (after, pause)).await,
            Err(error) => {
                tracing::warn!(
                    kind = kind.as_str(),
                    subject = job.subject,
                    attempts = job.attempts,
                    error = &error as &dyn std::error::Error,
                    "a job failed and will be tried again"
                );
                self.postpone(kind, &job, (pause_after(job.attempts), None)).await
            }
        };
        if let Err(error) = kept {
            tracing::warn!(
                kind = kind.as_str(),
                subject = job.subject,
                error = &error as &dyn std::error::Error,
                "how a job ended could not be kept, it will be done again"
            );
        }
    }

    async fn postpone(
        &self,
        kind: JobKind,
        job: &Job,
        (after, pause): (Duration, Option<String>),
    ) -> Result<(), berth_metadata::Error> {
        let due_at = now_ms().saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        let again = JobAgain {
            due_at,
            pause: pause.map(|reason| (due_at, reason)),
        };
        self.metadata
            .postpone_job(kind.as_str(), job, &self.process, again)
            .await
    }

    /// Holds a job for as long as it is polled and the job is ours.
    async fn hold_lost(&self, id: i64) {
        let held = Duration::from_millis(HELD_MS.unsigned_abs());
        let mut told_at = tokio::time::Instant::now();
        loop {
            let renewed = async {
                tokio::time::sleep(RENEWED_EVERY).await;
                let asked_at = tokio::time::Instant::now();
                (
                    asked_at,
                    self.metadata.renew_job(id, &self.process, HELD_MS).await,
                )
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(told_at + held) => return,
                (asked_at, renewed) = renewed => match renewed {
                    Ok(true) => told_at = asked_at,
                    Ok(false) => return,
                    Err(error) => tracing::warn!(
                        job = id,
                        error = &error as &dyn std::error::Error,
                        "a job could not be held for longer"
                    ),
                },
            }
        }
    }

    /// The futures of the kinds are large; one of them is on the heap at a time.
    fn do_job<'a>(
        self: &'a Arc<Self>,
        kind: JobKind,
        job: &'a Job,
    ) -> Pin<Box<dyn Future<Output = Result<JobEnd, Error>> + Send + 'a>> {
        match kind {
            JobKind::Trigger => Box::pin(self.run_trigger_job(job)),
            JobKind::Webhook => Box::pin(self.run_webhook_job(job)),
            JobKind::Sync => Box::pin(self.run_sync_job(job)),
            JobKind::Retention => Box::pin(self.run_retention_job(job)),
            JobKind::Archive => Box::pin(self.run_archive_job(job)),
            JobKind::Lazy => Box::pin(self.run_lazy_job(job)),
        }
    }
}
