//! What belongs to an image: manifests that refer to it, or are tagged as signature tools tag them, and the way back.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Which accessories to list.
#[derive(Clone, Debug)]
pub struct AccessoriesPage {
    /// The repository.
    pub repository_id: i64,
    /// The digest of what they belong to.
    pub digest: String,
    /// The tags that name accessories of it.
    pub tags: [String; 3],
    /// After so many.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// A manifest that belongs to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessory {
    /// Its digest.
    pub digest: String,
    /// Its tag: the one that was asked for, else the first of its tags, if it has any.
    pub tag: Option<String>,
    /// The artifact type that referrers lists show.
    pub artifact_type: Option<String>,
    /// Its annotations as a JSON object.
    pub annotations_json: String,
    /// Bytes of its configuration and layers.
    pub image_bytes: i64,
    /// When it was pushed first, milliseconds since the epoch.
    pub created_at: i64,
    /// When its tag was pushed last, else when it was pushed first, milliseconds since the epoch.
    pub updated_at: i64,
}

macro_rules! found {
    () => {
        "(SELECT digest, tag, updated_at FROM tags WHERE repository_id = $1 AND tag IN ($3, $4, $5) \
         UNION ALL SELECT m.digest, (SELECT MIN(t.tag) FROM tags t WHERE t.repository_id = $1 AND t.digest = m.digest), \
         NULL FROM manifests m WHERE m.repository_id = $1 AND m.subject = $2 AND NOT EXISTS (SELECT 1 FROM tags t \
         WHERE t.repository_id = $1 AND t.tag IN ($3, $4, $5) AND t.digest = m.digest)) AS found "
    };
}

const LIST: &str = concat!(
    // Annotations say what a bundle is; those of others are not looked at, and may be large.
    "SELECT found.digest, found.tag, m.artifact_type, \
     CASE WHEN m.artifact_type LIKE 'application/vnd.dev.sigstore.bundle%' AND length(m.annotations) <= 16384 \
     THEN m.annotations ELSE '{}' END, f.image_bytes, m.created_at, \
     COALESCE(found.updated_at, m.created_at) FROM ",
    found!(),
    "JOIN manifests m ON m.repository_id = $1 AND m.digest = found.digest \
     JOIN manifest_facts f ON f.repository_id = $1 AND f.digest = found.digest \
     ORDER BY found.digest, found.tag LIMIT $6 OFFSET $7"
);
const COUNT: &str = concat!("SELECT COUNT(*) FROM ", found!());
const TAGS: &str =
    "SELECT tag FROM tags WHERE repository_id = $1 AND digest IN ($2, $3) AND tag > $4 ORDER BY tag LIMIT $5";

impl Metadata {
    /// A page of the accessories of a manifest by digest, and how many there are.
    pub async fn accessories(&self, page: AccessoriesPage) -> Result<(Vec<Accessory>, i64), Error> {
        let statement = |text: &'static str| {
            let [first, second, third] = page.tags.clone();
            sqlx::query(text)
                .bind(page.repository_id)
                .bind(page.digest.clone())
                .bind(first)
                .bind(second)
                .bind(third)
        };
        let count = self
            .find("count accessories", statement(COUNT), |row| Ok(row.try_get(0)?))
            .await?;
        let list = statement(LIST).bind(page.limit).bind(page.offset);
        let rows = self.list("list accessories", list, read).await?;
        Ok((rows, count.unwrap_or(0)))
    }

    /// A page of the tags that name one of two manifests, in byte order, those after `last`.
    pub async fn tags_naming(
        &self,
        repository_id: i64,
        digests: [String; 2],
        last: Option<&str>,
        limit: i64,
    ) -> Result<Vec<String>, Error> {
        let [first, second] = digests;
        let statement = sqlx::query(TAGS)
            .bind(repository_id)
            .bind(first)
            .bind(second)
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list tags of a manifest", statement, |row| Ok(row.try_get(0)?))
            .await
    }
}

fn read(row: &AnyRow) -> Result<Accessory, Failure> {
    Ok(Accessory {
        digest: row.try_get(0)?,
        tag: row.try_get(1)?,
        artifact_type: row.try_get(2)?,
        annotations_json: row.try_get(3)?,
        image_bytes: row.try_get(4)?,
        created_at: row.try_get(5)?,
        updated_at: row.try_get(6)?,
    })
}
