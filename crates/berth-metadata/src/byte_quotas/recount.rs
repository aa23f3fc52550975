//! What quotas count against what is there, and putting right what differs: what was there before a quota was set, and
//! what a version before quotas changed.

use super::{ByteQuota, Change};
use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A quota whose counts were compared with what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteRecount {
    /// Whose quota, `organization NAME` or `account NAME`.
    pub of: String,
    /// What its row counts.
    pub counted: ByteQuota,
    /// What is there.
    pub found: ByteQuota,
}

impl Metadata {
    /// Compares what the rows of quotas count with what is there, one after the other, and puts right what differs; answers
    /// those that differed.
    pub async fn recount_byte_quotas(&self, now: i64) -> Result<Vec<ByteRecount>, Error> {
        let mut differing = Vec::new();
        let mut last = 0;
        while let Some((id, recounts, recount)) = self.next_recount(last).await? {
            last = id;
            if recounts > 0 && recount.counted == recount.found {
                continue;
            }
            let more = Change {
                used: recount.found.used - recount.counted.used,
                reserved: recount.found.reserved - recount.counted.reserved,
            };
            let is_ours = self.correct(id, recounts, more, now).await?;
            if is_ours && recounts > 0 {
                differing.push(recount);
            }
        }
        Ok(differing)
    }

    /// Every quota whose row does not count what is there. Both are seen at one moment, so a running push is no difference.
    pub async fn compare_byte_quotas(&self) -> Result<Vec<ByteRecount>, Error> {
        let mut differing = Vec::new();
        let mut last = 0;
        while let Some((id, recounts, recount)) = self.next_recount(last).await? {
            last = id;
            if recounts > 0 && recount.counted != recount.found {
                differing.push(recount);
            }
        }
        Ok(differing)
    }

    /// The first quota after that of id `last`: its id, how often it was recounted before, and what is there.
    async fn next_recount(&self, last: i64) -> Result<Option<(i64, i64, ByteRecount)>, Error> {
        const NEXT: &str = "SELECT id, CASE WHEN organization_id IS NULL THEN 1 ELSE 0 END FROM byte_quotas \
             WHERE id > $1 ORDER BY id LIMIT 1";
        let mut last = last;
        loop {
            let next = self
                .find("find a quota of bytes", sqlx::query(NEXT).bind(last), |row| {
                    Ok((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?))
                })
                .await?;
            let Some((id, is_account)) = next else {
                return Ok(None);
            };
            let text = if is_account == 1 {
                RECOUNT_OF_ACCOUNT
            } else {
                RECOUNT_OF_ORGANIZATION
            };
            let found = self
                .find("recount what a quota is on", sqlx::query(text).bind(id), recount)
                .await?;
            if let Some((recounts, recount)) = found {
                return Ok(Some((id, recounts, recount)));
            }
            // Taken away between the two looks.
            last = id;
        }
    }

    /// Adds to what a quota counts, unless another did so since it had been recounted so often.
    async fn correct(&self, id: i64, recounts: i64, more: Change, now: i64) -> Result<bool, Error> {
        const CORRECT: &str = "UPDATE byte_quotas SET used_bytes = used_bytes + $3, \
             reserved_bytes = reserved_bytes + $4, recounts = recounts + 1, recounted_at = $5 \
             WHERE id = $1 AND recounts = $2";
        let changed = self.change("correct what a quota counts", Durability::Durable, move || {
            sqlx::query(CORRECT)
                .bind(id)
                .bind(recounts)
                .bind(more.used)
                .bind(more.reserved)
                .bind(now)
        });
        Ok(changed.await? > 0)
    }
}

/// What the repositories that `$scope` selects hold and have reserved, beside the counts in the row `q`.
macro_rules! recount {
    ($name:literal, $scope:literal) => {
        concat!(
            "SELECT q.recounts, ",
            $name,
            ", q.limit_bytes, q.used_bytes, q.reserved_bytes, CAST(COALESCE((SELECT SUM(b.size) FROM ",
            $scope,
            " JOIN blob_links l ON l.repository_id = r.id JOIN blobs b ON b.digest = l.digest), 0) \
             + COALESCE((SELECT SUM(b.size) FROM (SELECT DISTINCT k.repository_id, k.blob FROM ",
            $scope,
            " JOIN binned_references k ON k.repository_id = r.id WHERE k.blob IS NOT NULL AND NOT EXISTS \
               (SELECT 1 FROM blob_links l WHERE l.repository_id = k.repository_id AND l.digest = k.blob)) AS kept \
               JOIN blobs b ON b.digest = kept.blob), 0) \
             + COALESCE((SELECT SUM(k.size) FROM ",
            $scope,
            " JOIN binned_manifests k ON k.repository_id = r.id AND NOT EXISTS \
               (SELECT 1 FROM manifests m WHERE m.repository_id = k.repository_id AND m.digest = k.digest)), 0) \
             + COALESCE((SELECT SUM(m.size) FROM ",
            $scope,
            " JOIN manifests m ON m.repository_id = r.id), 0) AS BIGINT), \
             CAST(COALESCE((SELECT SUM(u.reserved_bytes) FROM ",
            $scope,
            " JOIN uploads u ON u.repository_id = r.id), 0) AS BIGINT) FROM byte_quotas q WHERE q.id = $1"
        )
    };
}
pub(crate) const RECOUNT_OF_ORGANIZATION: &str = recount!(
    "'organization ' || (SELECT n.name FROM organizations n WHERE n.id = q.organization_id)",
    "(SELECT r.id FROM repositories r WHERE r.organization_id = q.organization_id) r"
);
pub(crate) const RECOUNT_OF_ACCOUNT: &str = recount!(
    "'account ' || (SELECT n.name FROM accounts n WHERE n.id = q.account_id)",
    "(SELECT r.id FROM organizations o JOIN repositories r ON r.organization_id = o.id WHERE o.account_id = q.account_id) r"
);

fn recount(row: &AnyRow) -> Result<(i64, ByteRecount), Failure> {
    let limit = row.try_get(2)?;
    let recount = ByteRecount {
        of: row.try_get(1)?,
        counted: ByteQuota {
            limit,
            used: row.try_get(3)?,
            reserved: row.try_get(4)?,
        },
        found: ByteQuota {
            limit,
            used: row.try_get(5)?,
            reserved: row.try_get(6)?,
        },
    };
    Ok((row.try_get(0)?, recount))
}
