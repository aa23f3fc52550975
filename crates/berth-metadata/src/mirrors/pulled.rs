//! What is known of pulls through mirrors: when a tag was last compared with what it names there, and what the pulls came to.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Durability;
use crate::sql::change;
use sqlx::Row;

/// What came of the requests to a mirror, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorFigures {
    /// Requests that were answered with what is stored, or with what somebody else's request was fetching.
    pub hits: i64,
    /// Requests for which something was fetched.
    pub misses: i64,
    /// Bytes of the answers to those that count as hits.
    pub bytes_served: i64,
    /// Bytes that came from the mirrored registry.
    pub bytes_fetched: i64,
}

impl Metadata {
    /// When a tag was last seen to name there what it names here, milliseconds since the epoch.
    pub async fn mirrored_tag_checked_at(&self, repository_id: i64, tag: &str) -> Result<Option<i64>, Error> {
        const FIND: &str = "SELECT checked_at FROM mirrored_tags WHERE repository_id = $1 AND tag = $2";
        let statement = sqlx::query(FIND).bind(repository_id).bind(tag.to_owned());
        self.find("find when a tag was compared", statement, |row| {
            Ok(row.try_get(0)?)
        })
        .await
    }

    /// Notes that a tag of a repository that is there names here what it names there; may be lost in a power cut.
    pub async fn note_mirrored_tag(&self, repository_id: i64, tag: &str, now: i64) -> Result<(), Error> {
        const NOTE: &str = "INSERT INTO mirrored_tags (repository_id, tag, checked_at) \
             SELECT id, CAST($2 AS TEXT), CAST($3 AS BIGINT) FROM repositories WHERE id = $1 \
             ON CONFLICT (repository_id, tag) DO UPDATE SET checked_at = excluded.checked_at";
        let tag = tag.to_owned();
        let statement = move || sqlx::query(NOTE).bind(repository_id).bind(tag.clone()).bind(now);
        self.change("note that a tag was compared", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// What the pulls through a mirror came to.
    pub async fn mirror_figures(&self, mirror_id: i64) -> Result<MirrorFigures, Error> {
        const FIND: &str =
            "SELECT hits, misses, bytes_served, bytes_fetched FROM mirror_figures WHERE mirror_id = $1";
        let found = self
            .find(
                "find a mirror's figures",
                sqlx::query(FIND).bind(mirror_id),
                |row| {
                    Ok(MirrorFigures {
                        hits: row.try_get(0)?,
                        misses: row.try_get(1)?,
                        bytes_served: row.try_get(2)?,
                        bytes_fetched: row.try_get(3)?,
                    })
                },
            )
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Adds to the figures of the mirrors that these organisations are; those of mirrors that are gone are nothing.
    pub async fn add_mirror_figures(&self, added: Vec<(i64, MirrorFigures)>) -> Result<(), Error> {
        const ADD: &str = "INSERT INTO mirror_figures (mirror_id, hits, misses, bytes_served, bytes_fetched) \
             SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT) \
             FROM mirrors WHERE organization_id = $1 \
             ON CONFLICT (mirror_id) DO UPDATE SET hits = mirror_figures.hits + excluded.hits, \
             misses = mirror_figures.misses + excluded.misses, \
             bytes_served = mirror_figures.bytes_served + excluded.bytes_served, \
             bytes_fetched = mirror_figures.bytes_fetched + excluded.bytes_fetched";
        self.pool
            .write(
                "add to mirrors' figures",
                Durability::Relaxed,
                added,
                |tx, added| {
                    Box::pin(async move {
                        for (organization_id, figures) in added {
                            let add = sqlx::query(ADD)
                                .bind(*organization_id)
                                .bind(figures.hits)
                                .bind(figures.misses)
                                .bind(figures.bytes_served)
                                .bind(figures.bytes_fetched);
                            change(tx, add).await?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }
}
