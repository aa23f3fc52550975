//! How far other regions are behind, told by the copies that wait and those that ended.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use sqlx::Row;
use sqlx::any::AnyRow;

/// How copies to one place stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncStanding {
    /// Copies that wait.
    pub waiting: i64,
    /// Copies that are made now.
    pub running: i64,
    /// Kept copies that failed or timed out.
    pub failed: i64,
    /// When the oldest push happened that has not arrived; milliseconds since the epoch.
    pub waiting_since: Option<i64>,
    /// When a copy arrived last, or turned out to be there; milliseconds since the epoch.
    pub arrived_at: Option<i64>,
}

/// How the copies of a repository to one destination stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationStanding {
    /// The row of the region, none when it is gone.
    pub region: Option<i64>,
    /// The region's id.
    pub region_id: String,
    /// The organisation there.
    pub remote_organization: String,
    /// How they stand.
    pub standing: SyncStanding,
}

macro_rules! standing {
    () => {
        "CAST(COALESCE(SUM(CASE WHEN status = 'waiting' THEN 1 ELSE 0 END), 0) AS BIGINT) AS waiting, \
         CAST(COALESCE(SUM(CASE WHEN status = 'running' THEN 1 ELSE 0 END), 0) AS BIGINT) AS running, \
         CAST(COALESCE(SUM(CASE WHEN status IN ('failed', 'timeout') THEN 1 ELSE 0 END), 0) AS BIGINT) AS failed, \
         MIN(CASE WHEN status IN ('waiting', 'running') THEN COALESCE(pushed_at, created_at) END) AS waiting_since, \
         MAX(CASE WHEN status IN ('success', 'existed') THEN ended_at END) AS arrived_at FROM sync_jobs "
    };
}

impl Metadata {
    /// How a repository's copies stand, by destination.
    pub async fn sync_standings(&self, repository_id: i64) -> Result<Vec<DestinationStanding>, Error> {
        const LIST: &str = concat!(
            "SELECT region, region_id, remote_organization, ",
            standing!(),
            "WHERE repository_id = $1 GROUP BY region, region_id, remote_organization \
             ORDER BY region_id, remote_organization, region"
        );
        self.list(
            "sum up copies of tags",
            sqlx::query(LIST).bind(repository_id),
            |row| {
                Ok(DestinationStanding {
                    region: row.try_get("region")?,
                    region_id: row.try_get("region_id")?,
                    remote_organization: row.try_get("remote_organization")?,
                    standing: standing(row)?,
                })
            },
        )
        .await
    }

    /// How the copies to a region stand.
    pub async fn region_standing(&self, region: i64) -> Result<SyncStanding, Error> {
        const SUM: &str = concat!("SELECT ", standing!(), "WHERE region = $1");
        let found = self
            .find(
                "sum up copies to a region",
                sqlx::query(SUM).bind(region),
                standing,
            )
            .await?;
        Ok(found.unwrap_or_default())
    }
}

fn standing(row: &AnyRow) -> Result<SyncStanding, Failure> {
    Ok(SyncStanding {
        waiting: row.try_get("waiting")?,
        running: row.try_get("running")?,
        failed: row.try_get("failed")?,
        waiting_since: row.try_get("waiting_since")?,
        arrived_at: row.try_get("arrived_at")?,
    })
}
