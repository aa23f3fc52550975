//! The keys that rows name, to compare them with what the blob store lists; and what is counted beside images, to compare it
//! with what is there.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use crate::sql;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What a row says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// A blob has it.
    Blob,
    /// It waits to be deleted.
    Reclaim,
    /// It is kept because its bytes were wrong.
    Quarantine,
}

/// A key that a row names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: String,
    /// The digest of the blob it is, was or would have been.
    pub digest: String,
    /// Bytes.
    pub size: i64,
    /// What for.
    pub kind: KeyUse,
}

/// An image whose row does not count what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecount {
    /// The image's full name.
    pub image: String,
    /// Tags and bytes of blobs that its manifests use, as counted.
    pub counted: (i64, i64),
    /// The same, as they are.
    pub found: (i64, i64),
}

pub(crate) const BLOBS: &str = "SELECT key, digest, size, CAST(0 AS BIGINT) FROM blobs WHERE key > $1 AND damaged_at IS NULL \
     ORDER BY key LIMIT $2";
pub(crate) const RECOUNT: &str = "SELECT r.id, r.full_name, r.tag_count, r.size_bytes, \
     (SELECT COUNT(*) FROM tags t WHERE t.repository_id = r.id), \
     CAST(COALESCE((SELECT SUM(b.size) FROM blob_links l JOIN blobs b ON b.digest = l.digest \
       WHERE l.repository_id = r.id AND l.idle_since IS NULL), 0) AS BIGINT) \
     FROM repositories r WHERE r.id > $1 AND r.listed <> 2 ORDER BY r.id LIMIT $2";

impl Metadata {
    /// What rows say of those of these keys that one names. A key that a damaged blob has is in quarantine.
    pub async fn keys_named(&self, keys: &[String]) -> Result<Vec<KnownKey>, Error> {
        let mut named = Vec::with_capacity(keys.len());
        for list in sql::lists(keys) {
            let markers = sql::markers(1, list.len());
            let text = format!(
                "SELECT key, digest, size, CAST(0 AS BIGINT) FROM blobs WHERE key IN ({markers}) AND damaged_at IS NULL \
                 UNION ALL SELECT key, digest, size, CAST(1 AS BIGINT) FROM reclaim WHERE key IN ({markers}) \
                 UNION ALL SELECT key, digest, size, CAST(2 AS BIGINT) FROM quarantine WHERE key IN ({markers})"
            );
            let statement = list.into_iter().fold(sql::made(text), sqlx::query::Query::bind);
            named.extend(self.list("look keys up", statement, read).await?);
        }
        Ok(named)
    }

    /// A page of the keys of blobs that are not known to be damaged, in their order, those after `last`.
    pub async fn whole_blobs(&self, last: &str, limit: i64) -> Result<Vec<KnownKey>, Error> {
        let statement = sqlx::query(BLOBS).bind(last.to_owned()).bind(limit);
        self.list("list blobs", statement, read).await
    }

    /// Of at most `limit` images after that of id `last`, those whose row does not count what is there, and where the next
    /// page begins. Both are seen at one moment, so a running push is no difference.
    pub async fn recount_images(
        &self,
        last: i64,
        limit: i64,
    ) -> Result<(Vec<ImageRecount>, Option<i64>), Error> {
        let statement = sqlx::query(RECOUNT).bind(last).bind(limit);
        let rows = self
            .list("recount images", statement, |row| {
                let recount = ImageRecount {
                    image: row.try_get(1)?,
                    counted: (row.try_get(2)?, row.try_get(3)?),
                    found: (row.try_get(4)?, row.try_get(5)?),
                };
                Ok((row.try_get::<i64, _>(0)?, recount))
            })
            .await?;
        let next = rows.last().map(|(id, _)| *id);
        let differing = rows.into_iter().map(|(_, recount)| recount);
        let differing = differing.filter(|recount| recount.counted != recount.found);
        Ok((differing.collect(), next))
    }
}

fn read(row: &AnyRow) -> Result<KnownKey, Failure> {
    Ok(KnownKey {
        key: row.try_get(0)?,
        digest: row.try_get(1)?,
        size: row.try_get(2)?,
        kind: match row.try_get::<i64, _>(3)? {
            0 => KeyUse::Blob,
            1 => KeyUse::Reclaim,
            _ => KeyUse::Quarantine,
        },
    })
}
