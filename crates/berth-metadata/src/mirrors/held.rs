//! What mirrors hold, and which of it nobody used for longest.

use crate::Metadata;
use crate::error::Error;
use crate::mirrors::{Mirror, read};
use sqlx::Row;

/// An image of a mirror: what no index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldImage {
    /// Its repository.
    pub repository_id: i64,
    /// The repository's name in the organisation.
    pub image: String,
    /// Its digest.
    pub digest: String,
    /// When it, or a manifest that it lists, was pulled last, or came; milliseconds since the epoch.
    pub used_at: i64,
}

impl Metadata {
    /// The mirrors of all accounts that have rules to be carried out: a bound, or images to fetch ahead.
    pub async fn mirrors_with_rules(&self) -> Result<Vec<Mirror>, Error> {
        const LIST: &str = concat!(
            mirror_columns!(),
            "WHERE m.enabled = 1 AND (m.bytes_max IS NOT NULL OR m.prefetch <> '') ORDER BY m.id"
        );
        self.list("list mirrors with rules", sqlx::query(LIST), read)
            .await
    }

    /// Bytes of the blobs that an organisation's manifests name, each once.
    pub async fn bytes_in_use(&self, organization_id: i64) -> Result<i64, Error> {
        const SUM: &str = "SELECT CAST(COALESCE(SUM(b.size), 0) AS BIGINT) FROM blobs b WHERE b.digest IN \
             (SELECT l.digest FROM blob_links l JOIN repositories r ON r.id = l.repository_id \
             WHERE r.organization_id = $1 AND l.idle_since IS NULL)";
        let statement = sqlx::query(SUM).bind(organization_id);
        let found = self.find("add up what a mirror holds", statement, |row| Ok(row.try_get(0)?));
        Ok(found.await?.unwrap_or(0))
    }

    /// A repository of an organisation that has a blob, not damaged, and the blob's size.
    pub async fn blob_of_organization(
        &self,
        organization_id: i64,
        digest: &str,
    ) -> Result<Option<(i64, i64)>, Error> {
        const FIND: &str = "SELECT l.repository_id, b.size FROM blob_links l JOIN blobs b ON b.digest = l.digest \
             JOIN repositories r ON r.id = l.repository_id \
             WHERE l.digest = $1 AND b.damaged_at IS NULL AND r.organization_id = $2 LIMIT 1";
        let statement = sqlx::query(FIND).bind(digest.to_owned()).bind(organization_id);
        let found = |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        self.find("find a blob of an organization", statement, found)
            .await
    }

    /// At most `limit` images of an organisation that nobody used after `before`, longest ago first, those behind `last`.
    pub async fn least_used_images(
        &self,
        organization_id: i64,
        (before, last): (i64, Option<&HeldImage>),
        limit: i64,
    ) -> Result<Vec<HeldImage>, Error> {
        const LIST: &str = "SELECT h.repository_id, h.image, h.digest, h.used_at FROM ( \
             SELECT m.repository_id, r.image, m.digest, COALESCE((SELECT MAX(p.pulled_at) FROM manifest_pulls p \
             WHERE p.repository_id = m.repository_id AND (p.digest = m.digest OR p.digest IN \
             (SELECT x.digest FROM manifest_references x WHERE x.repository_id = m.repository_id \
             AND x.manifest = m.digest))), m.created_at) AS used_at \
             FROM manifests m JOIN repositories r ON r.id = m.repository_id WHERE r.organization_id = $1 \
             AND NOT EXISTS (SELECT 1 FROM manifest_references n WHERE n.repository_id = m.repository_id \
             AND n.digest = m.digest)) h \
             WHERE h.used_at <= $2 AND (h.used_at > $3 OR (h.used_at = $3 AND (h.repository_id > $4 \
             OR (h.repository_id = $4 AND h.digest > $5)))) \
             ORDER BY h.used_at, h.repository_id, h.digest LIMIT $6";
        let behind = last.map_or((i64::MIN, 0, ""), |last| {
            (last.used_at, last.repository_id, last.digest.as_str())
        });
        let statement = sqlx::query(LIST)
            .bind(organization_id)
            .bind(before)
            .bind(behind.0)
            .bind(behind.1)
            .bind(behind.2.to_owned())
            .bind(limit);
        self.list("find what a mirror may do without", statement, |row| {
            Ok(HeldImage {
                repository_id: row.try_get(0)?,
                image: row.try_get(1)?,
                digest: row.try_get(2)?,
                used_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// The tags that name a manifest.
    pub async fn tags_of_manifest(&self, repository_id: i64, digest: &str) -> Result<Vec<String>, Error> {
        const LIST: &str = "SELECT tag FROM tags WHERE repository_id = $1 AND digest = $2 ORDER BY tag";
        let statement = sqlx::query(LIST).bind(repository_id).bind(digest.to_owned());
        self.list(
            "list the tags of a manifest",
            statement,
            |row| Ok(row.try_get(0)?),
        )
        .await
    }
}
