//! Brings the schema forward, step by step, each once and whole. Never back.
//!
//! A step only expands, so that a program which does not know it goes on serving; one that does not begins with a line
//! `-- ends <step>`: programs that do not know that step cannot serve any more. Each step leaves in the database which
//! programs still can.

use super::Tx;
use super::failure::Failure;
use crate::error::Error;
use sqlx::Row;
use std::time::Duration;

/// How often a step that takes long says that it is not done yet.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// What the first line of a step says that some programs cannot serve after.
const ENDS: &str = "-- ends ";

/// One step of the schema in both dialects; the position in the list, from 1, is its version.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

macro_rules! steps {
    ($($name:literal),+ $(,)?) => {
        &[$(Step {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

/// Every step, oldest first. Steps that were released are never changed.
pub(super) const STEPS: &[Step] = steps![
    "0001_registry",
    "0002_images",
    "0003_tags",
    "0004_sharing",
    "0005_policies",
    "0006_iam",
    "0007_statistics",
    "0008_audit",
    "0018_audit_order",
    "0019_upkeep",
    "0020_maintenance",
    "0021_replicas",
    "0022_ledger",
    "0023_records",
    "0024_bin",
    "0025_upkeep_indexes",
    "0026_listing",
    "0027_jobs",
    "0028_retention",
    "0029_clusters",
    "0030_trigger_runs",
    "0031_webhooks",
    "0032_sync",
    "0033_immutability",
    "0037_console",
    "0036_changes",
    "0046_dashboard",
    "0047_mirrors",
    "0048_mirror_rules",
    "0035_archives",
    "0034_contents",
    "0049_chunk_tables",
    "0050_nodes",
    "0051_lazy",
    "0052_preheat_rules",
    "0053_trigger_preheats",
    "0054_mirror_rounds",
    "0055_acted_runs",
    "0057_shut_outs",
    "0059_sign_in",
    "0060_trust_rules",
    "0061_audit_chain",
];

/// What may be done to a database whose schema is older than this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// Bring it forward.
    Apply,
    /// Leave it alone and fail with [`Error::SchemaTooOld`]; an empty database gets its schema all the same.
    Refuse,
}

/// Why no further step could be applied.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The step was refused by the database.
    Step { name: &'static str, failure: Failure },
    /// The schema is not one for this program.
    Unfit(Error),
}

/// Applies the first missing step of `steps`, taking its text by `dialect`, and answers its name; none when nothing is
/// missing. The caller holds a transaction that excludes every other migration, and commits it.
pub(super) async fn next(
    tx: &mut Tx<'_>,
    (steps, upgrade): (&'static [Step], Upgrade),
    dialect: fn(&Step) -> &'static str,
) -> Result<Option<&'static str>, Stopped> {
    let looking = |error| Stopped::Unfit(Failure::Sql(error).into_error("read the schema version"));
    let found = applied(tx).await.map_err(looking)?;
    let known = steps.len();
    if found > known {
        let oldest = oldest_program(tx, found).await.map_err(looking)?;
        if oldest.is_some_and(|oldest| oldest <= known) {
            tracing::warn!(
                found,
                known,
                "a newer version of berth upgraded the database; this one goes on serving"
            );
            return Ok(None);
        }
        return Err(Stopped::Unfit(Error::SchemaTooNew { found, known }));
    }
    let Some(step) = steps.get(found) else {
        return Ok(None);
    };
    if found > 0 && upgrade == Upgrade::Refuse {
        return Err(Stopped::Unfit(Error::SchemaTooOld { found, known }));
    }
    let version = found + 1;
    tracing::info!(step = step.name, version, of = known, "applying schema step");
    let entry = (version, step.name, oldest(&steps[..version], dialect));
    let mut applying = std::pin::pin!(apply(tx, entry, dialect(step)));
    let mut seconds = 0;
    let outcome = loop {
        if let Ok(outcome) = tokio::time::timeout(TOLD_EVERY, &mut applying).await {
            break outcome;
        }
        seconds += TOLD_EVERY.as_secs();
        tracing::info!(step = step.name, seconds, "schema step is still at work");
    };
    match outcome {
        Ok(()) => Ok(Some(step.name)),
        Err(error) => Err(Stopped::Step {
            name: step.name,
            failure: error.into(),
        }),
    }
}

impl Stopped {
    /// The outcome for whoever opens the database.
    pub(super) fn into_error(self, advice: &'static str) -> Error {
        match self {
            Stopped::Unfit(error) => error,
            Stopped::Step { name, failure } => Error::SchemaStep {
                step: name,
                why: failure.to_string(),
                advice,
            },
        }
    }
}

async fn applied(tx: &mut Tx<'_>) -> Result<usize, sqlx::Error> {
    const TABLES: &str = "CREATE TABLE IF NOT EXISTS schema_steps (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL); \
         CREATE TABLE IF NOT EXISTS schema_oldest (version BIGINT NOT NULL PRIMARY KEY, oldest BIGINT NOT NULL)";
    sqlx::raw_sql(TABLES).execute(&mut *tx).await?;
    let version: i64 = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_steps")
        .fetch_one(tx)
        .await?
        .try_get(0)?;
    Ok(usize::try_from(version).unwrap_or(0))
}

/// The version of the oldest program that can serve a schema; none when whoever made it did not say.
async fn oldest_program(tx: &mut Tx<'_>, version: usize) -> Result<Option<usize>, sqlx::Error> {
    let row = sqlx::query("SELECT oldest FROM schema_oldest WHERE version = $1")
        .bind(as_i64(version))
        .fetch_optional(tx)
        .await?;
    let oldest: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(oldest.and_then(|oldest| usize::try_from(oldest).ok()))
}

/// The version of the oldest program that can serve after all these steps.
fn oldest(steps: &[Step], dialect: fn(&Step) -> &'static str) -> usize {
    let ended = steps.iter().filter_map(|step| {
        let needed = dialect(step).lines().next()?.strip_prefix(ENDS)?.trim();
        let known = steps.iter().position(|step| step.name == needed);
        Some(known.expect("a step names one before it or itself") + 1)
    });
    ended.max().unwrap_or(1)
}

async fn apply(
    tx: &mut Tx<'_>,
    (version, name, oldest): (usize, &'static str, usize),
    text: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(text).execute(&mut *tx).await?;
    sqlx::query("INSERT INTO schema_steps (version, name) VALUES ($1, $2)")
        .bind(as_i64(version))
        .bind(name.to_owned())
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO schema_oldest (version, oldest) VALUES ($1, $2)")
        .bind(as_i64(version))
        .bind(as_i64(oldest))
        .execute(tx)
        .await?;
    Ok(())
}

fn as_i64(version: usize) -> i64 {
    i64::try_from(version).expect("a handful of steps")
}

#[cfg(test)]
mod tests;
