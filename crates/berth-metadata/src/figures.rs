//! What asking the database came to since the start: times, failures, and how often memory answered in its place.

use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::Metadata;
use crate::error::Error;
use sqlx::Row;

/// Upper bounds of the buckets of times, in seconds: from a row in memory to a wait for a lock.
const SECONDS: [f64; 12] = [
    0.000_05, 0.0001, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0,
];

/// Times and failures of one kind of work.
#[derive(Clone, Debug)]
pub struct WorkFigures {
    /// How long it took, in seconds, tries that failed included.
    pub seconds: Histogram,
    /// How often it failed because of the database.
    pub errors: Counter,
}

impl Default for WorkFigures {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(SECONDS),
            errors: Counter::default(),
        }
    }
}

impl WorkFigures {
    pub(crate) fn note(&self, begun: Instant, is_failed: bool) {
        self.seconds.observe(begun.elapsed().as_secs_f64());
        if is_failed {
            self.errors.inc();
        }
    }
}

/// What asking the database came to.
#[derive(Clone, Debug, Default)]
pub struct DatabaseFigures {
    /// Statements that only read.
    pub reads: WorkFigures,
    /// Transactions that write, from the request to the answer.
    pub writes: WorkFigures,
    /// How often a statement or transaction was tried again, after a collision or on another connection.
    pub retries: Counter,
}

/// Connections to a database server.
#[derive(Clone, Copy, Debug)]
pub struct PoolFigures {
    /// Those that are open.
    pub open: u32,
    /// Those of them that nobody uses.
    pub idle: usize,
}

/// Jobs of one kind that are not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenWork {
    /// What is to be done.
    pub kind: String,
    /// How many nobody does now.
    pub waiting: i64,
    /// How many some process does.
    pub held: i64,
    /// When the first of those that nobody does was or is due, milliseconds since the epoch.
    pub due_at: Option<i64>,
}

/// How often rows of one kind were found in memory.
#[derive(Clone, Debug, Default)]
pub struct RememberedFigures {
    /// They were, and true.
    pub hits: Counter,
    /// They were read from the database.
    pub misses: Counter,
}

impl Metadata {
    /// All jobs that are not done, by their kind.
    pub async fn open_work(&self) -> Result<Vec<OpenWork>, Error> {
        const COUNT: &str = "SELECT kind, SUM(CASE WHEN holder IS NULL THEN 1 ELSE 0 END), \
             SUM(CASE WHEN holder IS NULL THEN 0 ELSE 1 END), \
             MIN(CASE WHEN holder IS NULL THEN due_at END) FROM jobs GROUP BY kind ORDER BY kind";
        self.list("count jobs", sqlx::query(COUNT), |row| {
            Ok(OpenWork {
                kind: row.try_get(0)?,
                waiting: row.try_get(1)?,
                held: row.try_get(2)?,
                due_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// How many lanes of jobs are paused because their place does not answer.
    pub async fn count_paused_lanes(&self, now: i64) -> Result<i64, Error> {
        const COUNT: &str = "SELECT COUNT(*) FROM job_lanes WHERE paused_until > $1";
        let found = self.find(
            "count paused lanes of jobs",
            sqlx::query(COUNT).bind(now),
            |row| Ok(row.try_get(0)?),
        );
        Ok(found.await?.unwrap_or_default())
    }

    /// How many blobs there are, how many of them are damaged, and how many uploads are not finished.
    pub async fn count_stored(&self) -> Result<(i64, i64, i64), Error> {
        const COUNT: &str = "SELECT COUNT(*), COUNT(damaged_at), (SELECT COUNT(*) FROM uploads) FROM blobs";
        let found = self.find("count blobs and uploads", sqlx::query(COUNT), |row| {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// What asking the database came to.
    pub fn database_figures(&self) -> &DatabaseFigures {
        self.pool.figures()
    }

    /// The connections to a database server; none when the database is a file.
    pub fn pool_figures(&self) -> Option<PoolFigures> {
        self.pool.connections()
    }

    /// How often rows were found in memory, by their kind.
    pub fn remembered_figures(&self) -> [(&'static str, &RememberedFigures); 7] {
        self.memory.figures()
    }
}
