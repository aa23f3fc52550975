//! What retentions are judged by: the tags of a repository, when they were pushed, and what their manifests have to do with
//! one another. All in pages, each indexed: a repository may have hundreds of thousands of tags.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use crate::sql;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A repository whose tags are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedPlace {
    /// The repository.
    pub repository_id: i64,
    /// Its name in its organisation.
    pub image: String,
    /// Its organisation.
    pub organization_id: i64,
    /// Its organisation's name.
    pub organization: String,
    /// Whose it is.
    pub account_id: String,
    /// [`crate::Standing::rules_version`] of its organisation.
    pub rules_version: i64,
}

/// A tag that is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedTag {
    /// The tag.
    pub tag: String,
    /// What it names.
    pub digest: String,
    /// When it was pushed last, set to something, or restored; milliseconds since the epoch.
    pub pushed_at: i64,
}

/// A manifest that has to do with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestLink {
    /// The one that names the other: an index, a signature.
    pub from: String,
    /// The one that is named: a manifest of the index, what is signed.
    pub to: String,
}

pub(crate) const TAGS: &str = "SELECT tag, digest, updated_at FROM tags WHERE repository_id = $1 AND tag > $2 \
     ORDER BY tag LIMIT $3";
pub(crate) const LISTED: &str = "SELECT f.digest, r.digest FROM manifest_facts f JOIN manifest_references r \
     ON r.repository_id = f.repository_id AND r.manifest = f.digest \
     WHERE f.repository_id = $1 AND f.digest > $2 AND f.digest <= $3 AND f.is_index = 1 \
     AND EXISTS (SELECT 1 FROM tags t WHERE t.repository_id = f.repository_id AND t.digest = r.digest)";
pub(crate) const STEP: &str = "SELECT MAX(digest) FROM (SELECT digest FROM manifest_facts \
     WHERE repository_id = $1 AND digest > $2 ORDER BY digest LIMIT $3) AS page";
pub(crate) const SUBJECTS: &str = "SELECT m.digest, m.subject FROM manifests m \
     WHERE m.repository_id = $1 AND m.subject > $2 AND EXISTS (SELECT 1 FROM tags t \
     WHERE t.repository_id = m.repository_id AND t.digest IN (m.subject, m.digest)) \
     ORDER BY m.subject, m.digest LIMIT $3";
pub(crate) const SUBJECTS_OF: &str = "SELECT m.digest, m.subject FROM manifests m \
     WHERE m.repository_id = $1 AND m.subject = $2 AND m.digest > $3 ORDER BY m.digest LIMIT $4";

impl Metadata {
    /// A live repository by id.
    pub async fn judged_place(&self, repository_id: i64) -> Result<Option<JudgedPlace>, Error> {
        const FIND: &str = "SELECT r.id, r.image, r.organization_id, o.name, o.account_id, o.rules_version FROM repositories r \
             JOIN organizations o ON o.id = r.organization_id WHERE r.id = $1 AND r.listed <> 2";
        let find = sqlx::query(FIND).bind(repository_id);
        self.find("find a repository", find, |row| {
            Ok(JudgedPlace {
                repository_id: row.try_get(0)?,
                image: row.try_get(1)?,
                organization_id: row.try_get(2)?,
                organization: row.try_get(3)?,
                account_id: row.try_get(4)?,
                rules_version: row.try_get(5)?,
            })
        })
        .await
    }

    /// A page of a repository's tags in byte order, those after `last`.
    pub async fn judged_tags(
        &self,
        repository_id: i64,
        last: &str,
        limit: i64,
    ) -> Result<Vec<JudgedTag>, Error> {
        let page = sqlx::query(TAGS)
            .bind(repository_id)
            .bind(last.to_owned())
            .bind(limit);
        self.list("list tags to judge", page, |row| {
            Ok(JudgedTag {
                tag: row.try_get(0)?,
                digest: row.try_get(1)?,
                pushed_at: row.try_get(2)?,
            })
        })
        .await
    }

    /// Which tagged manifests the indexes of a repository list.
    pub async fn listed_tagged(&self, repository_id: i64, step: i64) -> Result<Vec<ManifestLink>, Error> {
        let (mut found, mut last) = (Vec::new(), String::new());
        loop {
            let reach = sqlx::query(STEP)
                .bind(repository_id)
                .bind(last.clone())
                .bind(step);
            let reached: Option<String> = self
                .find("look through indexes", reach, |row| Ok(row.try_get(0)?))
                .await?
                .flatten();
            let Some(reached) = reached else {
                return Ok(found);
            };
            let page = sqlx::query(LISTED)
                .bind(repository_id)
                .bind(last)
                .bind(reached.clone());
            found.extend(self.list("list what indexes list", page, link).await?);
            last = reached;
        }
    }

    /// Which manifests of a repository have a subject, where one of the two has a tag.
    pub async fn tagged_referrers(&self, repository_id: i64, step: i64) -> Result<Vec<ManifestLink>, Error> {
        let (mut found, mut last) = (Vec::new(), String::new());
        loop {
            let page = sqlx::query(SUBJECTS)
                .bind(repository_id)
                .bind(last.clone())
                .bind(step);
            let page = self.list("list what refers to manifests", page, link).await?;
            let Some(end) = page.last() else {
                return Ok(found);
            };
            let (subject, after) = (end.to.clone(), end.from.clone());
            let is_last = i64::try_from(page.len()).unwrap_or(i64::MAX) < step;
            found.extend(page);
            if is_last {
                return Ok(found);
            }
            found.extend(
                self.referrers_after(repository_id, (&subject, after), step)
                    .await?,
            );
            last = subject;
        }
    }

    /// Which manifests after `last` have that subject: a page may end among them.
    async fn referrers_after(
        &self,
        repository_id: i64,
        (subject, mut last): (&str, String),
        step: i64,
    ) -> Result<Vec<ManifestLink>, Error> {
        let mut found = Vec::new();
        loop {
            let page = sqlx::query(SUBJECTS_OF)
                .bind(repository_id)
                .bind(subject.to_owned())
                .bind(last.clone())
                .bind(step);
            let page = self.list("list what refers to a manifest", page, link).await?;
            let Some(end) = page.last() else {
                return Ok(found);
            };
            last.clone_from(&end.from);
            found.extend(page);
        }
    }

    /// Those of the digests that are manifests of the repository.
    pub async fn live_manifests(&self, repository_id: i64, among: &[String]) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for list in sql::lists(among) {
            let text = format!(
                "SELECT digest FROM manifests WHERE repository_id = $1 AND digest IN ({})",
                sql::markers(2, list.len())
            );
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            let page = self.list("look manifests up", statement, |row| Ok(row.try_get(0)?));
            found.extend(page.await?);
        }
        Ok(found)
    }

    /// Which live indexes list which of the manifests.
    pub async fn listing_indexes(
        &self,
        repository_id: i64,
        among: &[String],
    ) -> Result<Vec<ManifestLink>, Error> {
        let mut found = Vec::new();
        for list in sql::lists(among) {
            let text = format!(
                "SELECT r.manifest, r.digest FROM manifest_references r \
                 WHERE r.repository_id = $1 AND r.digest IN ({})",
                sql::markers(2, list.len())
            );
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            found.extend(
                self.list("look up which indexes list manifests", statement, link)
                    .await?,
            );
        }
        Ok(found)
    }
}

fn link(row: &AnyRow) -> Result<ManifestLink, Failure> {
    Ok(ManifestLink {
        from: row.try_get(0)?,
        to: row.try_get(1)?,
    })
}
