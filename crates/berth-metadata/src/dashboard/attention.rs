//! What needs somebody's attention: what failed and did not succeed since, what ends soon, what is full, what is away.

use super::{DashboardViewer, is_mine, my_organizations};
use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A run that failed, with no later one that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRun {
    /// The kind of the job that did it, as in the queue of jobs.
    pub kind: String,
    /// `organization/image`.
    pub full_name: String,
    /// The trigger, or the region that a copy was for; empty for a retention.
    pub name: String,
    /// The tag; empty for a retention.
    pub tag: String,
    /// Why, for a person.
    pub detail: String,
    /// Its id.
    pub run: i64,
    /// When it ended, milliseconds since the epoch.
    pub at: i64,
}

/// A share that ends soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingShare {
    /// `organization/image`.
    pub full_name: String,
    /// The account that it is shared with.
    pub account_name: String,
    /// When it ends, milliseconds since the epoch.
    pub at: i64,
}

/// A key or login that ends soon, or that nobody uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleLogin {
    /// `ending`, `temporary` (ending soon too) or `unused`.
    pub why: String,
    /// Whose it is.
    pub user_name: String,
    /// The access key's or temporary login's id.
    pub id: String,
    /// When it ends, or when it was made: milliseconds since the epoch.
    pub at: i64,
}

/// A quota of bytes of an organisation that is nearly used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullQuota {
    /// The organisation.
    pub organization: String,
    /// What it may hold.
    pub limit_bytes: i64,
    /// What it holds, with what running uploads have reserved.
    pub used_bytes: i64,
}

/// A cluster or region that does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwayPlace {
    /// `cluster` or `region`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What the last look found.
    pub problem: String,
    /// When that was, milliseconds since the epoch.
    pub at: Option<i64>,
}

pub(crate) const FAILED_TRIGGERS: &str = concat!(
    "SELECT CASE WHEN w.trigger_id IS NULL THEN 'trigger' ELSE 'webhook' END, r.full_name, t.name, h.tag, h.detail, h.id, \
     h.ended_at FROM trigger_history h JOIN triggers t ON t.id = h.trigger_id \
     JOIN repositories r ON r.id = t.repository_id JOIN organizations o ON o.id = r.organization_id \
     LEFT JOIN webhooks w ON w.trigger_id = t.id \
     WHERE h.status = 'failed' AND h.ended_at >= $4 AND NOT EXISTS (SELECT 1 FROM trigger_history n \
       WHERE n.trigger_id = h.trigger_id AND n.id > h.id AND n.status = 'success') AND ",
    is_mine!(),
    "ORDER BY h.ended_at DESC LIMIT $5"
);
pub(crate) const FAILED_COPIES: &str = concat!(
    "SELECT 'sync', r.full_name, j.region_id, j.tag, j.detail, j.id, j.ended_at FROM sync_jobs j \
     JOIN repositories r ON r.id = j.repository_id JOIN organizations o ON o.id = r.organization_id \
     WHERE j.status IN ('failed', 'timeout') AND j.ended_at >= $4 AND NOT EXISTS (SELECT 1 FROM sync_jobs n \
       WHERE n.repository_id = j.repository_id AND n.id > j.id AND n.tag = j.tag AND n.region_id = j.region_id \
       AND n.status IN ('success', 'existed')) AND ",
    is_mine!(),
    "ORDER BY j.ended_at DESC LIMIT $5"
);
pub(crate) const FAILED_RETENTIONS: &str = concat!(
    "SELECT 'retention', r.full_name, '', '', COALESCE(j.failed, ''), j.id, j.ended_at FROM retention_runs j \
     JOIN repositories r ON r.id = j.repository_id JOIN organizations o ON o.id = r.organization_id \
     WHERE j.failed IS NOT NULL AND j.ended_at >= $4 AND NOT EXISTS (SELECT 1 FROM retention_runs n \
       WHERE n.repository_id = j.repository_id AND n.id > j.id AND n.ended_at IS NOT NULL AND n.failed IS NULL) AND ",
    is_mine!(),
    "ORDER BY j.ended_at DESC LIMIT $5"
);
pub(crate) const SHARES: &str = concat!(
    "SELECT r.full_name, a.name, s.expires_at FROM shares s JOIN repositories r ON r.id = s.repository_id \
     JOIN organizations o ON o.id = r.organization_id JOIN accounts a ON a.id = s.account_id \
     WHERE s.expires_at > $4 AND s.expires_at <= $5 AND ",
    is_mine!(),
    "ORDER BY s.expires_at, r.full_name LIMIT $6"
);
/// Keys of the viewer, and of an administrator's account.
const KEYS: &str = "SELECT why, user_name, id, at FROM (\
       SELECT CASE WHEN k.expires_at IS NULL OR k.expires_at > $5 THEN 'unused' ELSE 'ending' END AS why, \
         u.name AS user_name, k.access_key_id AS id, COALESCE(CASE WHEN k.expires_at > $5 THEN NULL ELSE k.expires_at END, \
         k.created_at) AS at FROM users u JOIN access_keys k ON k.user_id = u.id \
         WHERE (u.id = $1 OR (u.account_id = $2 AND $3 = 1)) AND k.enabled = 1 \
           AND ((k.expires_at > $4 AND k.expires_at <= $5) \
             OR (k.last_used_at IS NULL AND k.created_at < $6 AND (k.expires_at IS NULL OR k.expires_at > $4))) \
       UNION ALL SELECT 'temporary', u.name, l.id, l.expires_at FROM temporary_logins l JOIN users u ON u.id = l.user_id \
         WHERE l.user_id = $1 AND l.expires_at > $4 AND l.expires_at <= $7) AS found ORDER BY why, at, id LIMIT $8";
const QUOTAS: &str = concat!(
    "SELECT o.name, q.limit_bytes, q.used_bytes + q.reserved_bytes FROM ",
    my_organizations!(),
    " AS seen JOIN organizations o ON o.id = seen.id JOIN byte_quotas q ON q.organization_id = o.id \
     WHERE q.recounts > 0 AND q.used_bytes + q.reserved_bytes >= q.limit_bytes / 10 * 8 AND q.limit_bytes > 0 \
     ORDER BY o.name LIMIT $4"
);
const AWAY: &str = "SELECT 'cluster', name, CASE WHEN problem <> '' THEN problem ELSE look_problem END, checked_at \
       FROM clusters WHERE account_id = $1 AND (problem <> '' OR look_problem <> '') \
     UNION ALL SELECT 'region', region_id, finding, checked_at FROM regions \
       WHERE account_id = $1 AND usable = 0 AND checked_at IS NOT NULL ORDER BY 1, 2 LIMIT $2";

/// The times that attention depends on, milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub struct AttentionTimes {
    /// The present.
    pub now: i64,
    /// What ends before this ends soon.
    pub soon: i64,
    /// What a temporary login that ends before this does.
    pub very_soon: i64,
    /// A key that was made before this and never used is not needed.
    pub unused_since: i64,
}

impl Metadata {
    /// What failed since a time and did not succeed later, at most `limit` of each kind, the newest first.
    pub async fn failed_runs(
        &self,
        viewer: &DashboardViewer,
        since: i64,
        limit: i64,
    ) -> Result<Vec<FailedRun>, Error> {
        let mut found = Vec::new();
        for text in [FAILED_TRIGGERS, FAILED_COPIES, FAILED_RETENTIONS] {
            let statement = viewer.first(text).bind(since).bind(limit);
            found.extend(self.list("list what failed", statement, failed).await?);
        }
        Ok(found)
    }

    /// Shares of the viewer's images that end soon.
    pub async fn ending_shares(
        &self,
        viewer: &DashboardViewer,
        times: AttentionTimes,
        limit: i64,
    ) -> Result<Vec<EndingShare>, Error> {
        let statement = viewer.first(SHARES).bind(times.now).bind(times.soon).bind(limit);
        self.list("list shares that end", statement, |row| {
            Ok(EndingShare {
                full_name: row.try_get(0)?,
                account_name: row.try_get(1)?,
                at: row.try_get(2)?,
            })
        })
        .await
    }

    /// Keys and logins that end soon or that nobody uses: the viewer's, for an administrator those of the account.
    pub async fn stale_logins(
        &self,
        viewer: &DashboardViewer,
        times: AttentionTimes,
        limit: i64,
    ) -> Result<Vec<StaleLogin>, Error> {
        let statement = viewer
            .first(KEYS)
            .bind(times.now)
            .bind(times.soon)
            .bind(times.unused_since)
            .bind(times.very_soon)
            .bind(limit);
        self.list("list logins that end", statement, |row| {
            Ok(StaleLogin {
                why: row.try_get(0)?,
                user_name: row.try_get(1)?,
                id: row.try_get(2)?,
                at: row.try_get(3)?,
            })
        })
        .await
    }

    /// Organisations of the viewer's whose quota of bytes is used up to four fifths or more.
    pub async fn full_quotas(&self, viewer: &DashboardViewer, limit: i64) -> Result<Vec<FullQuota>, Error> {
        let statement = viewer.first(QUOTAS).bind(limit);
        self.list("list full quotas", statement, |row| {
            Ok(FullQuota {
                organization: row.try_get(0)?,
                limit_bytes: row.try_get(1)?,
                used_bytes: row.try_get(2)?,
            })
        })
        .await
    }

    /// Clusters and regions of an account that did not answer as they should when they were looked at last.
    pub async fn places_away(&self, account_id: &str, limit: i64) -> Result<Vec<AwayPlace>, Error> {
        let statement = sqlx::query(AWAY).bind(account_id.to_owned()).bind(limit);
        self.list("list places that are away", statement, |row| {
            Ok(AwayPlace {
                kind: row.try_get(0)?,
                name: row.try_get(1)?,
                problem: row.try_get(2)?,
                at: row.try_get(3)?,
            })
        })
        .await
    }

    /// How many blobs and manifests are known to be damaged.
    pub async fn count_damaged(&self) -> Result<i64, Error> {
        const COUNT: &str = "SELECT (SELECT COUNT(*) FROM blobs WHERE damaged_at IS NOT NULL) \
             + (SELECT COUNT(*) FROM manifests WHERE damaged_at IS NOT NULL)";
        let found = self.find("count what is damaged", sqlx::query(COUNT), |row| {
            Ok(row.try_get(0)?)
        });
        Ok(found.await?.unwrap_or_default())
    }
}

fn failed(row: &AnyRow) -> Result<FailedRun, Failure> {
    Ok(FailedRun {
        kind: row.try_get(0)?,
        full_name: row.try_get(1)?,
        name: row.try_get(2)?,
        tag: row.try_get(3)?,
        detail: row.try_get(4)?,
        run: row.try_get(5)?,
        at: row.try_get(6)?,
    })
}
