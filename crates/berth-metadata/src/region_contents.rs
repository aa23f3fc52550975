//! What is known to be in other regions: where blobs were put, and uploads that were begun and not ended. Both are hints:
//! whoever uses them has to expect that the region knows nothing of it.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Durability;
use crate::sql::change;
use sqlx::Row;
use std::collections::BTreeSet;

/// An upload in another region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionUpload {
    /// The region's row.
    pub region: i64,
    /// The repository there.
    pub remote_repository: String,
    /// What is being uploaded.
    pub digest: String,
}

impl Metadata {
    /// The repository of a region where that blob was put last, if any.
    pub async fn region_blob(&self, region: i64, digest: &str) -> Result<Option<String>, Error> {
        const FIND: &str = "SELECT remote_repository FROM region_blobs WHERE region = $1 AND digest = $2";
        let find = sqlx::query(FIND).bind(region).bind(digest.to_owned());
        self.find("find a blob of a region", find, |row| Ok(row.try_get(0)?))
            .await
    }

    /// The regions that have a blob, and the repositories there: of each account the one that got it last, those accounts
    /// first that link the blob here; at most ten.
    pub async fn regions_with_blob(&self, digest: &str) -> Result<Vec<(i64, String)>, Error> {
        const LIST: &str = "SELECT b.region, b.remote_repository, g.account_id, CASE WHEN EXISTS (SELECT 1 FROM blob_links l \
             JOIN repositories r ON r.id = l.repository_id JOIN organizations o ON o.id = r.organization_id \
             WHERE l.digest = b.digest AND o.account_id = g.account_id) THEN 0 ELSE 1 END AS distance \
             FROM regions g JOIN region_blobs b ON b.region = g.id WHERE b.digest = $1 \
             ORDER BY distance, b.at DESC LIMIT 1000";
        let list = sqlx::query(LIST).bind(digest.to_owned());
        let found = self.list("find regions that have a blob", list, |row| {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get::<String, _>(2)?))
        });
        let mut accounts = BTreeSet::new();
        let mut found: Vec<(i64, String, String)> = found.await?;
        found.retain(|(_, _, account)| accounts.insert(account.clone()));
        let places = found.into_iter().take(10);
        Ok(places
            .map(|(region, repository, _)| (region, repository))
            .collect())
    }

    /// A repository that links a blob, if any does.
    pub async fn blob_holder(&self, digest: &str) -> Result<Option<i64>, Error> {
        const FIND: &str = "SELECT repository_id FROM blob_links WHERE digest = $1 LIMIT 1";
        let find = sqlx::query(FIND).bind(digest.to_owned());
        self.find("find who links a blob", find, |row| Ok(row.try_get(0)?))
            .await
    }

    /// Remembers that a blob is in a repository of a region; a region that is gone meanwhile is nothing to remember.
    pub async fn note_region_blob(
        &self,
        region: i64,
        digest: &str,
        remote_repository: &str,
        now: i64,
    ) -> Result<(), Error> {
        const NOTE: &str = "INSERT INTO region_blobs (region, digest, remote_repository, at) \
             SELECT id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT) FROM regions WHERE id = $1 \
             ON CONFLICT (region, digest) DO UPDATE SET remote_repository = excluded.remote_repository, at = excluded.at";
        let (digest, remote_repository) = (digest.to_owned(), remote_repository.to_owned());
        let statement = move || {
            sqlx::query(NOTE)
                .bind(region)
                .bind(digest.clone())
                .bind(remote_repository.clone())
                .bind(now)
        };
        self.change("note a blob of a region", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// What was kept of an unfinished upload, if there is one.
    pub async fn region_upload(&self, upload: &RegionUpload) -> Result<Option<String>, Error> {
        const FIND: &str =
            "SELECT session FROM region_uploads WHERE region = $1 AND remote_repository = $2 AND digest = $3";
        let find = sqlx::query(FIND)
            .bind(upload.region)
            .bind(upload.remote_repository.clone())
            .bind(upload.digest.clone());
        self.find("find an upload to a region", find, |row| Ok(row.try_get(0)?))
            .await
    }

    /// Keeps what an upload needs to go on after a break; none: it ended.
    pub async fn keep_region_upload(
        &self,
        upload: &RegionUpload,
        session: Option<&str>,
        now: i64,
    ) -> Result<(), Error> {
        const KEEP: &str = "INSERT INTO region_uploads (region, remote_repository, digest, session, at) \
             SELECT id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) FROM regions WHERE id = $1 \
             ON CONFLICT (region, remote_repository, digest) DO UPDATE SET session = excluded.session, at = excluded.at";
        const FORGET: &str =
            "DELETE FROM region_uploads WHERE region = $1 AND remote_repository = $2 AND digest = $3";
        let (upload, session) = (upload.clone(), session.map(str::to_owned));
        let statement = move || {
            let statement = sqlx::query(if session.is_some() { KEEP } else { FORGET })
                .bind(upload.region)
                .bind(upload.remote_repository.clone())
                .bind(upload.digest.clone());
            match &session {
                Some(session) => statement.bind(session.clone()).bind(now),
                None => statement,
            }
        };
        self.change("keep an upload to a region", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// Forgets what was not seen since `before` in milliseconds since the epoch, at most `limit` of each kind; answers how
    /// much.
    pub async fn forget_region_contents(&self, before: i64, limit: i64) -> Result<u64, Error> {
        const BLOBS: &str = "DELETE FROM region_blobs WHERE (region, digest) IN \
             (SELECT region, digest FROM region_blobs WHERE at < $1 ORDER BY at LIMIT $2)";
        const UPLOADS: &str = "DELETE FROM region_uploads WHERE (region, remote_repository, digest) IN \
             (SELECT region, remote_repository, digest FROM region_uploads WHERE at < $1 ORDER BY at LIMIT $2)";
        self.pool
            .write(
                "forget contents of regions",
                Durability::Relaxed,
                (),
                move |tx, ()| {
                    Box::pin(async move {
                        let mut forgotten = 0;
                        for text in [BLOBS, UPLOADS] {
                            forgotten += change(tx, sqlx::query(text).bind(before).bind(limit)).await?;
                        }
                        Ok(forgotten)
                    })
                },
            )
            .await
    }
}
