//! What happened to images, told again from records: each call makes one thing as a record says it was, whatever was there
//! before, and may run twice. Counts and idle times are made right at the end, by [`Metadata::recount`].

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::records::RecordedRepository;
use crate::sql::{change, first};
use sqlx::Row;

/// A tag as a record says it was.
#[derive(Clone, Debug)]
pub struct RecoveredTag {
    /// The repository.
    pub repository_id: i64,
    /// The tag.
    pub tag: String,
    /// What it names; none: it was deleted.
    pub digest: Option<String>,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Who moved it.
    pub user_id: Option<String>,
}

impl Metadata {
    /// Makes an organisation of an account, unless there is one of that name.
    pub async fn recover_organization(
        &self,
        name: &str,
        (account_id, creator): (&str, &str),
        at: i64,
    ) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO organizations (name, account_id, creator_id, creator_name, created_at) \
             VALUES ($1, $2, '', $3, $4) ON CONFLICT DO NOTHING";
        let (name, account_id, creator) = (name.to_owned(), account_id.to_owned(), creator.to_owned());
        let statement = move || {
            sqlx::query(INSERT)
                .bind(name.clone())
                .bind(account_id.clone())
                .bind(creator.clone())
                .bind(at)
        };
        let made = self.change("recover an organisation", Durability::Relaxed, statement);
        made.await.map(drop)
    }

    /// Deletes an organisation that holds nothing; false when it holds something.
    pub async fn forget_organization(&self, name: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM organizations WHERE name = $1 \
             AND NOT EXISTS (SELECT 1 FROM repositories r WHERE r.organization_id = organizations.id)";
        let name = name.to_owned();
        let statement = move || sqlx::query(DELETE).bind(name.clone());
        let deleted = self.change("forget an organisation", Durability::Relaxed, statement);
        Ok(deleted.await? > 0)
    }

    /// The id of the repository `organization/image`, made when it is missing; with `says`, it says this of itself. None
    /// when there is no such organisation.
    pub async fn recover_repository(
        &self,
        full_name: &str,
        says: Option<RecordedRepository>,
        at: i64,
    ) -> Result<Option<i64>, Error> {
        let input = (full_name.to_owned(), says);
        self.pool
            .write(
                "recover a repository",
                Durability::Relaxed,
                input,
                move |tx, (full_name, says)| Box::pin(recover(tx, full_name, says.as_ref(), at)),
            )
            .await
    }

    /// Gives a repository another name within its organisation; `is_live` tells whether people can see it, and then nothing
    /// of it is in the bin. False when there is no such repository, or one of the new name.
    pub async fn rename_recovered(&self, from: &str, to: &str, is_live: bool) -> Result<bool, Error> {
        let names = (from.to_owned(), to.to_owned());
        self.pool
            .write(
                "rename a repository",
                Durability::Relaxed,
                names,
                move |tx, (from, to)| Box::pin(rename(tx, (from, to), is_live)),
            )
            .await
    }

    /// Deletes a repository with all that it holds.
    pub async fn forget_repository(&self, full_name: &str) -> Result<(), Error> {
        let name = full_name.to_owned();
        self.pool
            .write("forget a repository", Durability::Relaxed, name, |tx, name| {
                Box::pin(forget(tx, name))
            })
            .await
    }

    /// Deletes a manifest and the tags that name it.
    pub async fn forget_manifest(&self, repository_id: i64, digest: &str) -> Result<(), Error> {
        const DELETES: [&str; 3] = [
            "DELETE FROM tags WHERE repository_id = $1 AND digest = $2",
            "DELETE FROM manifest_references WHERE repository_id = $1 AND manifest = $2",
            "DELETE FROM manifests WHERE repository_id = $1 AND digest = $2",
        ];
        let digest = digest.to_owned();
        self.pool
            .write(
                "forget a manifest",
                Durability::Relaxed,
                digest,
                move |tx, digest| {
                    Box::pin(async move {
                        for delete in DELETES {
                            change(tx, sqlx::query(delete).bind(repository_id).bind(digest.clone())).await?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }

    /// Points a tag where a record says, with its history; false when that manifest is not there.
    pub async fn recover_tag(&self, tag: RecoveredTag) -> Result<bool, Error> {
        self.pool
            .write("recover a tag", Durability::Relaxed, tag, |tx, tag| {
                Box::pin(point(tx, tag))
            })
            .await
    }

    /// How many repositories, manifests and tags there are.
    pub async fn count_content(&self) -> Result<(i64, i64, i64), Error> {
        const COUNT: &str = "SELECT (SELECT COUNT(*) FROM repositories WHERE listed = 1), \
             (SELECT COUNT(*) FROM manifests), (SELECT COUNT(*) FROM tags)";
        let counted = self.find("count images", sqlx::query(COUNT), |row| {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
        });
        Ok(counted.await?.unwrap_or_default())
    }

    /// Counts anew what is kept beside a repository, and since when its blobs are idle.
    pub async fn recount(&self, repository_id: i64, now: i64) -> Result<(), Error> {
        const IDLE: &str = "UPDATE blob_links SET idle_since = CASE WHEN EXISTS (SELECT 1 FROM manifest_references m \
             WHERE m.repository_id = blob_links.repository_id AND m.digest = blob_links.digest) \
             THEN NULL ELSE COALESCE(idle_since, $2) END WHERE repository_id = $1";
        const COUNTS: &str = "UPDATE repositories SET \
             tag_count = (SELECT COUNT(*) FROM tags t WHERE t.repository_id = repositories.id), \
             size_bytes = (SELECT CAST(COALESCE(SUM(b.size), 0) AS BIGINT) FROM blob_links l \
             JOIN blobs b ON b.digest = l.digest WHERE l.repository_id = repositories.id AND l.idle_since IS NULL) \
             WHERE id = $1";
        self.pool
            .write("count anew", Durability::Durable, (), move |tx, ()| {
                Box::pin(async move {
                    change(tx, sqlx::query(IDLE).bind(repository_id).bind(now)).await?;
                    change(tx, sqlx::query(COUNTS).bind(repository_id)).await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn recover(
    tx: &mut Tx<'_>,
    full_name: &str,
    says: Option<&RecordedRepository>,
    at: i64,
) -> Result<Option<i64>, Failure> {
    const INSERT: &str = "INSERT INTO repositories (organization_id, image, full_name, is_public, listed, category, \
         description, creator_id, creator_name, created_at, updated_at) \
         SELECT o.id, $2, $3, 0, 0, '', '', '', '', $4, $4 FROM organizations o WHERE o.name = $1 ON CONFLICT DO NOTHING";
    const SAYS: &str = "UPDATE repositories SET is_public = $2, listed = CASE WHEN $3 > listed THEN $3 ELSE listed END, \
         category = $4, description = $5 WHERE full_name = $1";
    const FIND: &str = "SELECT id FROM repositories WHERE full_name = $1";
    let (organization, image) = full_name.split_once('/').unwrap_or((full_name, ""));
    let insert = sqlx::query(INSERT)
        .bind(organization.to_owned())
        .bind(image.to_owned())
        .bind(full_name.to_owned())
        .bind(at);
    change(tx, insert).await?;
    if let Some(says) = says {
        let update = sqlx::query(SAYS)
            .bind(full_name.to_owned())
            .bind(i64::from(says.is_public))
            .bind(i64::from(says.is_listed))
            .bind(says.category.clone())
            .bind(says.description.clone());
        change(tx, update).await?;
    }
    let found = first(tx, sqlx::query(FIND).bind(full_name.to_owned())).await?;
    Ok(found.map(|row| row.try_get(0)).transpose()?)
}

async fn rename(tx: &mut Tx<'_>, (from, to): (&str, &str), is_live: bool) -> Result<bool, Failure> {
    const RENAME: &str = "UPDATE repositories SET full_name = $2, image = $3, listed = $4 WHERE full_name = $1 \
         AND NOT EXISTS (SELECT 1 FROM repositories t WHERE t.full_name = $2) RETURNING id";
    const CLOSE: &str =
        "UPDATE bin SET restored_at = at WHERE repository_id = $1 AND kind = 'image' AND restored_at IS NULL";
    let image = to.split_once('/').map_or(to, |(_, image)| image);
    let rename = sqlx::query(RENAME)
        .bind(from.to_owned())
        .bind(to.to_owned())
        .bind(image.to_owned())
        .bind(if is_live { 1_i64 } else { 2 });
    let Some(row) = first(tx, rename).await? else {
        return Ok(false);
    };
    if is_live {
        let id: i64 = row.try_get(0)?;
        change(tx, sqlx::query(CLOSE).bind(id)).await?;
    }
    Ok(true)
}

async fn forget(tx: &mut Tx<'_>, full_name: &str) -> Result<(), Failure> {
    const FIND: &str = "SELECT id FROM repositories WHERE full_name = $1";
    const DELETES: [&str; 5] = [
        "DELETE FROM tags WHERE repository_id = $1",
        "DELETE FROM manifests WHERE repository_id = $1",
        "DELETE FROM uploads WHERE repository_id = $1",
        "DELETE FROM blob_links WHERE repository_id = $1",
        "DELETE FROM repositories WHERE id = $1",
    ];
    if let Some(row) = first(tx, sqlx::query(FIND).bind(full_name.to_owned())).await? {
        let id: i64 = row.try_get(0)?;
        for delete in DELETES {
            change(tx, sqlx::query(delete).bind(id)).await?;
        }
    }
    Ok(())
}

async fn point(tx: &mut Tx<'_>, tag: &RecoveredTag) -> Result<bool, Failure> {
    const NAMED: &str = "SELECT digest FROM tags WHERE repository_id = $1 AND tag = $2";
    const STORED: &str = "SELECT digest FROM manifests WHERE repository_id = $1 AND digest = $2";
    const NOTE: &str = "INSERT INTO tag_history (repository_id, tag, digest, at, user_id) VALUES ($1, $2, $3, $4, $5) \
         RETURNING id";
    const POINT: &str = "INSERT INTO tags (repository_id, tag, digest, updated_at, id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $4) ON CONFLICT (repository_id, tag) DO UPDATE SET \
         digest = excluded.digest, updated_at = excluded.updated_at";
    const DELETE: &str = "DELETE FROM tags WHERE repository_id = $1 AND tag = $2";
    let named = first(
        tx,
        sqlx::query(NAMED).bind(tag.repository_id).bind(tag.tag.clone()),
    )
    .await?;
    let named: Option<String> = named.map(|row| row.try_get(0)).transpose()?;
    if named == tag.digest {
        return Ok(true);
    }
    if let Some(digest) = &tag.digest {
        let stored = sqlx::query(STORED).bind(tag.repository_id).bind(digest.clone());
        if first(tx, stored).await?.is_none() {
            return Ok(false);
        }
    }
    let note = sqlx::query(NOTE)
        .bind(tag.repository_id)
        .bind(tag.tag.clone())
        .bind(tag.digest.clone())
        .bind(tag.at)
        .bind(tag.user_id.clone());
    let row = first(tx, note).await?;
    let row = row.ok_or_else(|| Failure::Broken("a note of a tag without an id".to_owned()))?;
    let id: i64 = row.try_get(0)?;
    let write = match &tag.digest {
        None => sqlx::query(DELETE).bind(tag.repository_id).bind(tag.tag.clone()),
        Some(digest) => sqlx::query(POINT)
            .bind(tag.repository_id)
            .bind(tag.tag.clone())
            .bind(digest.clone())
            .bind(tag.at)
            .bind(id),
    };
    change(tx, write).await?;
    Ok(true)
}
