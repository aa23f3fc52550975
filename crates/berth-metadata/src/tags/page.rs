//! Tags as pages of the console show them: filtered, in any order, by offset; with pulls, the last mover, and what else
//! names the same manifest. The names of a page are found first, then its rows are read by their names.

use super::list::{TagRow, read as read_tag, row_columns};
use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use crate::sql::{self, Composed, change, holding};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Which tags of a repository are looked for.
#[derive(Clone, Debug, Default)]
pub struct TagFilter {
    /// The repository.
    pub repository_id: i64,
    /// Only tags with this in their name, whatever the case.
    pub text: Option<String>,
    /// Only tags that name the manifest of this digest.
    pub digest: Option<String>,
    /// Only tags that have an image for this processor.
    pub architecture: Option<String>,
}

/// What a page of tags is ordered by; equal ones by their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagPageOrder {
    /// When they were pushed or moved last.
    UpdatedAt,
    /// Their name, in byte order.
    Tag,
    /// Bytes of what they name.
    Size,
    /// When what they name was pulled last; never comes first.
    PulledAt,
}

/// Which part of a list of tags.
#[derive(Clone, Copy, Debug)]
pub struct TagPagePart {
    /// What to order by.
    pub order: TagPageOrder,
    /// The largest first.
    pub descending: bool,
    /// How many to leave out.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// A tag with all that a page shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagedTag {
    /// The tag and what it names.
    pub row: TagRow,
    /// The media type of what it names.
    pub media_type: String,
    /// The artifact type of what it names.
    pub artifact_type: Option<String>,
    /// Platforms by commas, none while nobody looked.
    pub platforms: Option<String>,
    /// How often what it names was pulled.
    pub pulls: i64,
    /// When that was the last time, milliseconds since the epoch.
    pub pulled_at: Option<i64>,
    /// The name of who pushed or moved it last, while that user exists.
    pub moved_by: Option<String>,
    /// A few of the other tags that name the same manifest.
    pub same: Vec<String>,
    /// How many these are, counted up to a hundred.
    pub same_count: i64,
}

/// Manifests that refer to those of a page, of which kinds are told.
const REFERRERS_MAX: i64 = 2000;

impl Metadata {
    /// The names of a page of tags, in its order.
    pub async fn tag_page(&self, filter: &TagFilter, part: TagPagePart) -> Result<Vec<String>, Error> {
        let statement = names_statement(filter, part).statement();
        self.list("list tags", statement, |row| Ok(row.try_get(0)?)).await
    }

    /// The names of all tags that are looked for, in byte order; at most `limit`.
    pub async fn tag_names(&self, filter: &TagFilter, limit: i64) -> Result<Vec<String>, Error> {
        let part = TagPagePart {
            order: TagPageOrder::Tag,
            descending: false,
            offset: 0,
            limit,
        };
        let mut text = Composed::default();
        text.push("SELECT string_agg(tag, ',') FROM (");
        push_names(&mut text, filter, part);
        text.push(") AS page");
        self.names("list tags", text.statement()).await
    }

    /// How many tags are looked for.
    pub async fn count_tag_page(&self, filter: &TagFilter) -> Result<i64, Error> {
        let mut text = Composed::default();
        text.push("SELECT COUNT(*) FROM tags t ");
        push_conditions(&mut text, filter);
        let count = self.find("count tags", text.statement(), |row| Ok(row.try_get(0)?));
        Ok(count.await?.unwrap_or_default())
    }

    /// The tags of these names that are there, in the order of the names.
    pub async fn paged_tags(&self, repository_id: i64, names: &[String]) -> Result<Vec<PagedTag>, Error> {
        let mut found = Vec::with_capacity(names.len());
        for list in sql::lists(names) {
            let text = format!("{ROWS}{})", sql::markers(2, list.len()));
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            found.extend(self.list("list tags", statement, read).await?);
        }
        let mut found: std::collections::HashMap<String, PagedTag> =
            found.into_iter().map(|tag| (tag.row.tag.clone(), tag)).collect();
        Ok(names.iter().filter_map(|name| found.remove(name)).collect())
    }

    /// Of these tags those that are there.
    pub async fn tags_there(&self, repository_id: i64, names: &[String]) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for list in sql::lists(names) {
            let markers = sql::markers(2, list.len());
            let text = format!("SELECT tag FROM tags WHERE repository_id = $1 AND tag IN ({markers})");
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            found.extend(
                self.list("find tags", statement, |row| Ok(row.try_get(0)?))
                    .await?,
            );
        }
        Ok(found)
    }

    /// What refers to manifests, as their digest, the artifact type and the annotations of what refers; of a few thousand.
    pub async fn referrer_kinds(
        &self,
        repository_id: i64,
        subjects: &[String],
    ) -> Result<Vec<(String, String, String)>, Error> {
        let mut found = Vec::new();
        for list in sql::lists(subjects) {
            let text = format!("{KINDS} ({}) LIMIT {REFERRERS_MAX}", sql::markers(2, list.len()));
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            let read = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
            found.extend(
                self.list("list what refers to manifests", statement, read)
                    .await?,
            );
        }
        Ok(found)
    }

    /// Notes the platforms of manifests, as (digest, platforms by commas); a power cut may undo it.
    pub async fn note_platforms(
        &self,
        repository_id: i64,
        found: Vec<(String, String)>,
    ) -> Result<(), Error> {
        const NOTE: &str = "UPDATE manifest_facts SET platforms = $3 \
             WHERE repository_id = $1 AND digest = $2 AND platforms IS NULL";
        if found.is_empty() {
            return Ok(());
        }
        self.pool
            .write("note platforms", Durability::Relaxed, found, move |tx, found| {
                Box::pin(async move {
                    for (digest, platforms) in found {
                        let note = sqlx::query(NOTE).bind(repository_id);
                        change(tx, note.bind(digest.clone()).bind(platforms.clone())).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Annotations say what a bundle of cosign's is; those of others are not looked at, and may be large.
const KINDS: &str = "SELECT m.subject, COALESCE(m.artifact_type, ''), \
     CASE WHEN m.artifact_type LIKE 'application/vnd.dev.sigstore.bundle%' AND length(m.annotations) <= 16384 \
     THEN m.annotations ELSE '{}' END FROM manifests m WHERE m.repository_id = $1 AND m.subject IN";

/// Rows by name; the list of names and its end follow.
pub(crate) const ROWS: &str = concat!(
    "SELECT ",
    row_columns!(),
    ", m.media_type, m.artifact_type, f.platforms, COALESCE(p.pulls, 0) AS pulls, p.pulled_at, u.name AS moved_by, \
     (SELECT string_agg(other.tag, ',') FROM (SELECT o.tag FROM tags o WHERE o.repository_id = t.repository_id \
       AND o.digest = t.digest AND o.tag <> t.tag ORDER BY o.tag LIMIT 5) AS other) AS same, \
     (SELECT COUNT(*) FROM (SELECT o.tag FROM tags o WHERE o.repository_id = t.repository_id \
       AND o.digest = t.digest AND o.tag <> t.tag LIMIT 100) AS other) AS same_count \
     FROM tags t JOIN manifests m ON m.repository_id = t.repository_id AND m.digest = t.digest \
     JOIN manifest_facts f ON f.repository_id = t.repository_id AND f.digest = t.digest \
     LEFT JOIN manifest_pulls p ON p.repository_id = t.repository_id AND p.digest = t.digest \
     LEFT JOIN users u ON u.id = (SELECT h.user_id FROM tag_history h WHERE h.repository_id = t.repository_id \
       AND h.tag = t.tag ORDER BY h.id DESC LIMIT 1) \
     WHERE t.repository_id = $1 AND t.tag IN ("
);

pub(crate) fn names_statement(filter: &TagFilter, part: TagPagePart) -> Composed {
    let mut text = Composed::default();
    push_names(&mut text, filter, part);
    text
}

fn push_names(text: &mut Composed, filter: &TagFilter, part: TagPagePart) {
    text.push("SELECT t.tag FROM tags t ");
    match part.order {
        TagPageOrder::UpdatedAt | TagPageOrder::Tag => {}
        TagPageOrder::Size => {
            text.push("JOIN manifest_facts s ON s.repository_id = t.repository_id AND s.digest = t.digest ");
        }
        TagPageOrder::PulledAt => {
            text.push(
                "LEFT JOIN manifest_pulls p ON p.repository_id = t.repository_id AND p.digest = t.digest ",
            );
        }
    }
    push_conditions(text, filter);
    text.push(" ORDER BY ");
    text.push(match (part.order, part.descending) {
        (TagPageOrder::UpdatedAt, false) => "t.updated_at, t.tag",
        (TagPageOrder::UpdatedAt, true) => "t.updated_at DESC, t.tag DESC",
        (TagPageOrder::Tag, false) => "t.tag",
        (TagPageOrder::Tag, true) => "t.tag DESC",
        (TagPageOrder::Size, false) => "s.image_bytes, t.tag",
        (TagPageOrder::Size, true) => "s.image_bytes DESC, t.tag DESC",
        (TagPageOrder::PulledAt, false) => "COALESCE(p.pulled_at, 0), t.tag",
        (TagPageOrder::PulledAt, true) => "COALESCE(p.pulled_at, 0) DESC, t.tag DESC",
    });
    text.push(" LIMIT ");
    text.number(part.limit);
    text.push(" OFFSET ");
    text.number(part.offset);
}

fn push_conditions(text: &mut Composed, filter: &TagFilter) {
    if filter.architecture.is_some() {
        text.push("JOIN manifest_facts f ON f.repository_id = t.repository_id AND f.digest = t.digest ");
    }
    text.push("WHERE t.repository_id = ");
    text.number(filter.repository_id);
    if let Some(part) = &filter.text {
        text.push(" AND replace(lower(t.tag), ");
        text.text(&part.to_ascii_lowercase().replace('\0', "\u{fffd}"));
        text.push(", '') <> lower(t.tag)");
    }
    if let Some(digest) = &filter.digest {
        text.push(" AND ");
        text.matching("t.digest", &sql::TextMatch::Exact(digest.clone()));
    }
    if let Some(architecture) = &filter.architecture {
        text.push(" AND (replace(f.platforms, ',', '/,') || '/') LIKE ");
        text.text(&holding(&format!("/{architecture}/")));
        text.push(" ESCAPE '\\'");
    }
}

fn read(row: &AnyRow) -> Result<PagedTag, Failure> {
    let same: Option<String> = row.try_get("same")?;
    Ok(PagedTag {
        row: read_tag(row)?,
        media_type: row.try_get("media_type")?,
        artifact_type: row.try_get("artifact_type")?,
        platforms: row.try_get("platforms")?,
        pulls: row.try_get("pulls")?,
        pulled_at: row.try_get("pulled_at")?,
        moved_by: row.try_get("moved_by")?,
        // No tag holds a comma.
        same: same.map_or_else(Vec::new, |same| same.split(',').map(str::to_owned).collect()),
        same_count: row.try_get("same_count")?,
    })
}
