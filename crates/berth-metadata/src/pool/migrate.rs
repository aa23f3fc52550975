//! Brings the schema forward: every missing step, once, in one transaction under a lock. Never back.

use super::failure::Failure;
use crate::error::Error;
use sqlx::{AnyConnection, Row};

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
    "0023_upkeep",
    "0019_maintenance",
];

/// Applies the missing steps, taking the text of each by `dialect`. The caller holds a transaction that excludes
/// every other migration.
pub(super) async fn run(tx: &mut AnyConnection, dialect: fn(&Step) -> &'static str) -> Result<(), Error> {
    let found = applied(tx)
        .await
        .map_err(|error| Failure::from(error).into_error("read the schema version"))?;
    let known = i64::try_from(STEPS.len()).expect("a handful of steps");
    if found > known {
        return Err(Error::SchemaTooNew { found, known });
    }
    for (version, step) in (1_i64..).zip(STEPS).filter(|(version, _)| *version > found) {
        apply(tx, version, step.name, dialect(step))
            .await
            .map_err(|error| Failure::from(error).into_error(&format!("apply schema step {}", step.name)))?;
        tracing::info!(step = step.name, "applied schema step");
    }
    Ok(())
}

async fn applied(tx: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS schema_steps (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)",
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_steps")
        .fetch_one(tx)
        .await?
        .try_get(0)
}

async fn apply(
    tx: &mut AnyConnection,
    version: i64,
    name: &str,
    text: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(text).execute(&mut *tx).await?;
    sqlx::query("INSERT INTO schema_steps (version, name) VALUES ($1, $2)")
        .bind(version)
        .bind(name.to_owned())
        .execute(tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
