//! Looking for organisations, repositories, tags and digests by a part of them, among what a user may read. Tags and
//! manifests are looked up in one repository after the other, so that no search costs more than what the user may read.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use crate::sql::{Statement, holding};
use crate::viewer::readable;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Tags or manifests that one repository contributes at most, so that it does not fill the answer alone.
const PER_REPOSITORY: i64 = 10;
/// After every character that tags and digests are made of.
const AFTER_ALL: char = '\u{7f}';

/// Who searches, and how much they want to see.
#[derive(Clone, Debug)]
pub struct Searcher {
    /// The user.
    pub user_id: String,
    /// Its account.
    pub account_id: String,
    /// Whether it is an administrator of the account.
    pub administrator: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
    /// At most so many of each kind.
    pub limit: i64,
}

/// A repository that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryHit {
    /// `organization/image`.
    pub full_name: String,
    /// Whether everybody may pull it.
    pub is_public: bool,
    /// How many tags it has.
    pub tag_count: i64,
    /// When its content changed last, milliseconds since the epoch.
    pub updated_at: i64,
}

/// A tag, manifest or blob that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentHit {
    /// Where: `organization/image`.
    pub full_name: String,
    /// The tag or digest.
    pub name: String,
}

pub(crate) const ORGANIZATIONS: &str = "SELECT o.name FROM organizations o WHERE o.name LIKE $5 ESCAPE '\\' \
     AND ((o.account_id = $2 AND $3 = 1) \
       OR o.id IN (SELECT og.organization_id FROM organization_grants og WHERE og.user_id = $1) \
       OR o.id IN (SELECT r.organization_id FROM repository_grants rg JOIN repositories r ON r.id = rg.repository_id \
         WHERE rg.user_id = $1)) \
     AND $4 > 0 ORDER BY o.name LIMIT $6";
pub(crate) const REPOSITORIES: &str = concat!(
    "SELECT r.full_name, r.is_public, r.tag_count, r.updated_at FROM repositories r \
     WHERE r.listed = 1 AND r.full_name LIKE $5 ESCAPE '\\' AND ",
    readable!(),
    " ORDER BY r.full_name LIMIT $6"
);
/// What is looked up per repository, between $7 and $8, and at most $9 of it.
macro_rules! in_each_repository {
    ($name:literal, $table:literal) => {
        concat!(
            "SELECT full_name, hits FROM (SELECT r.full_name AS full_name, (SELECT string_agg(hit.name, ',') FROM \
             (SELECT c.",
            $name,
            " AS name FROM ",
            $table,
            " c WHERE c.repository_id = r.id AND c.",
            $name,
            " >= $7 AND c.",
            $name,
            " < $8 ORDER BY c.",
            $name,
            " LIMIT $9) AS hit) AS hits FROM repositories r \
             WHERE r.listed = 1 AND r.full_name LIKE $5 ESCAPE '\\' AND ",
            readable!(),
            ") AS found WHERE hits IS NOT NULL ORDER BY full_name LIMIT $6"
        )
    };
}
pub(crate) const TAGS: &str = in_each_repository!("tag", "tags");
pub(crate) const MANIFESTS: &str = in_each_repository!("digest", "manifests");
pub(crate) const BLOBS: &str = concat!(
    "SELECT r.full_name, l.digest FROM blob_links l JOIN repositories r ON r.id = l.repository_id \
     WHERE l.digest >= $5 AND l.digest < $6 AND l.idle_since IS NULL AND r.listed = 1 AND ",
    readable!(),
    " ORDER BY l.digest, l.repository_id LIMIT $7"
);

impl Metadata {
    /// The names of organisations that hold `part`, of those where the user has a right, if on an image only.
    pub async fn search_organizations(&self, by: &Searcher, part: &str) -> Result<Vec<String>, Error> {
        let statement = by.first(ORGANIZATIONS).bind(holding(part)).bind(by.limit);
        self.list("search organisations", statement, |row| Ok(row.try_get(0)?))
            .await
    }

    /// The repositories whose full names hold `part`.
    pub async fn search_repositories(&self, by: &Searcher, part: &str) -> Result<Vec<RepositoryHit>, Error> {
        let statement = by.first(REPOSITORIES).bind(holding(part)).bind(by.limit);
        self.list("search repositories", statement, |row| {
            Ok(RepositoryHit {
                full_name: row.try_get(0)?,
                is_public: row.try_get::<i64, _>(1)? != 0,
                tag_count: row.try_get(2)?,
                updated_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// The tags that begin with `prefix`, a few of each repository, in repositories whose full names hold `part`.
    pub async fn search_tags(
        &self,
        by: &Searcher,
        part: &str,
        prefix: &str,
    ) -> Result<Vec<ContentHit>, Error> {
        self.search_each(by, (TAGS, part), prefix).await
    }

    /// The manifests whose digests begin with `prefix`, a few of each repository.
    pub async fn search_manifests(&self, by: &Searcher, prefix: &str) -> Result<Vec<ContentHit>, Error> {
        self.search_each(by, (MANIFESTS, ""), prefix).await
    }

    /// The blobs in use whose digests begin with `prefix`.
    pub async fn search_blobs(&self, by: &Searcher, prefix: &str) -> Result<Vec<ContentHit>, Error> {
        let statement = by
            .first(BLOBS)
            .bind(prefix.to_owned())
            .bind(format!("{prefix}{AFTER_ALL}"))
            .bind(by.limit);
        self.list("search blobs", statement, |row| {
            Ok(ContentHit {
                full_name: row.try_get(0)?,
                name: row.try_get(1)?,
            })
        })
        .await
    }

    async fn search_each(
        &self,
        by: &Searcher,
        (text, part): (&'static str, &str),
        prefix: &str,
    ) -> Result<Vec<ContentHit>, Error> {
        let statement = by
            .first(text)
            .bind(holding(part))
            .bind(by.limit)
            .bind(prefix.to_owned())
            .bind(format!("{prefix}{AFTER_ALL}"))
            .bind(PER_REPOSITORY);
        let found = self.list("search in repositories", statement, hits).await?;
        let limit = usize::try_from(by.limit).unwrap_or_default();
        Ok(found.into_iter().flatten().take(limit).collect())
    }
}

impl Searcher {
    /// The statement with the values that say who searches.
    fn first(&self, text: &'static str) -> Statement {
        sqlx::query(text)
            .bind(self.user_id.clone())
            .bind(self.account_id.clone())
            .bind(i64::from(self.administrator))
            .bind(self.now)
    }
}

/// What one repository contributes. No tag or digest holds a comma.
fn hits(row: &AnyRow) -> Result<Vec<ContentHit>, Failure> {
    let (full_name, names): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let hit = |name: &str| ContentHit {
        full_name: full_name.clone(),
        name: name.to_owned(),
    };
    Ok(names.split(',').map(hit).collect())
}
