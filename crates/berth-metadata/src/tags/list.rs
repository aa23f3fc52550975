//! Lists of tags with what they name, by name or by time, paged by offset or by the last tag seen.

use crate::Metadata;
use crate::error::Error;
use crate::facts::ManifestFacts;
use crate::pool::Failure;
use crate::sql::Statement;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A tag and what it names, without the manifest's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// Never used again.
    pub id: i64,
    /// The tag.
    pub tag: String,
    /// The digest of the manifest it names.
    pub digest: String,
    /// What that manifest is.
    pub facts: ManifestFacts,
    /// Bytes of the manifest itself.
    pub manifest_bytes: i64,
    /// When the tag was made, milliseconds since the epoch.
    pub created_at: i64,
    /// When it was pushed or moved last, milliseconds since the epoch.
    pub updated_at: i64,
}

/// What tags are put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagColumn {
    /// When they were pushed or moved last, and then their name.
    UpdatedAt,
    /// Their name, in byte order.
    Tag,
}

/// The order of a list of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagOrder {
    /// What it goes by.
    pub column: TagColumn,
    /// Whether the last comes first.
    pub descending: bool,
}

/// Where a page of tags begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagStart {
    /// After so many tags.
    Offset(i64),
    /// After the place in the order that a tag of this name and time of change has, there or not.
    After {
        /// The time of change in milliseconds.
        updated_at: i64,
        /// The name.
        tag: String,
    },
}

/// Which tags to list.
#[derive(Clone, Debug)]
pub struct TagsPage {
    /// The repository.
    pub repository_id: i64,
    /// Only tags with this in their name, whatever the case; empty for all.
    pub search: String,
    /// In which order.
    pub order: TagOrder,
    /// From where.
    pub start: TagStart,
    /// At most so many.
    pub limit: i64,
}

/// The columns that [`read`] reads, the first of a row; of tag `t`, its manifest `m` and that one's facts `f`.
macro_rules! row_columns {
    () => {
        "t.id, t.tag, t.digest, f.is_index, f.config_digest, f.image_bytes, m.size, t.created_at, t.updated_at"
    };
}
pub(super) use row_columns;

/// The page is chosen by an index alone, however many tags a search or an offset passes over; then its rows are read.
macro_rules! rows_of {
    ($tags:expr) => {
        concat!(
            "SELECT ",
            row_columns!(),
            " FROM (SELECT tag FROM tags WHERE ",
            $tags,
            ") page JOIN tags t ON t.repository_id = $1 AND t.tag = page.tag \
             JOIN manifests m ON m.repository_id = $1 AND m.digest = t.digest \
             JOIN manifest_facts f ON f.repository_id = $1 AND f.digest = t.digest"
        )
    };
}

macro_rules! found {
    () => {
        "repository_id = $1 AND ($2 = '' OR replace(lower(tag), $2, '') <> lower(tag))"
    };
}

macro_rules! page {
    ($after:literal, $order:literal) => {
        rows_of!(concat!(found!(), $after, " ORDER BY ", $order))
    };
}

pub(crate) const BY_TIME: &str = page!("", "updated_at, tag LIMIT $3 OFFSET $4");
pub(crate) const BY_TIME_DESCENDING: &str = page!("", "updated_at DESC, tag DESC LIMIT $3 OFFSET $4");
pub(crate) const BY_TAG: &str = page!("", "tag LIMIT $3 OFFSET $4");
pub(crate) const BY_TAG_DESCENDING: &str = page!("", "tag DESC LIMIT $3 OFFSET $4");
pub(crate) const AFTER_TIME: &str = page!(" AND (updated_at, tag) > ($4, $5)", "updated_at, tag LIMIT $3");
pub(crate) const AFTER_TIME_DESCENDING: &str = page!(
    " AND (updated_at, tag) < ($4, $5)",
    "updated_at DESC, tag DESC LIMIT $3"
);
pub(crate) const AFTER_TAG: &str = page!(" AND tag > $4", "tag LIMIT $3");
pub(crate) const AFTER_TAG_DESCENDING: &str = page!(" AND tag < $4", "tag DESC LIMIT $3");
const COUNT: &str = concat!("SELECT COUNT(*) FROM tags WHERE ", found!());
const COUNT_ALL: &str = "SELECT tag_count FROM repositories WHERE id = $1";
pub(crate) const ONE: &str = rows_of!("repository_id = $1 AND tag = $2");

impl Metadata {
    /// A page of tags in the order asked for.
    pub async fn tag_rows(&self, page: TagsPage) -> Result<Vec<TagRow>, Error> {
        let order = page.order;
        let mut rows = self.list("list tags", statement(page), read).await?;
        // The page was cut in this order; what is joined to it need not keep it.
        rows.sort_by(|a, b| match order.column {
            TagColumn::UpdatedAt => (a.updated_at, &a.tag).cmp(&(b.updated_at, &b.tag)),
            TagColumn::Tag => a.tag.cmp(&b.tag),
        });
        if order.descending {
            rows.reverse();
        }
        Ok(rows)
    }

    /// How many tags a repository has with `search` in their name, whatever the case; all when it is empty.
    pub async fn count_tags_found(&self, repository_id: i64, search: &str) -> Result<i64, Error> {
        let statement = if search.is_empty() {
            sqlx::query(COUNT_ALL).bind(repository_id)
        } else {
            let searched = sqlx::query(COUNT).bind(repository_id);
            searched.bind(search.to_ascii_lowercase())
        };
        let count = self
            .find("count tags", statement, |row| Ok(row.try_get(0)?))
            .await?;
        Ok(count.unwrap_or(0))
    }

    /// A tag and what it names.
    pub async fn tag_row(&self, repository_id: i64, tag: &str) -> Result<Option<TagRow>, Error> {
        let statement = sqlx::query(ONE).bind(repository_id).bind(tag.to_owned());
        self.find("find a tag", statement, read).await
    }
}

fn statement(page: TagsPage) -> Statement {
    use TagColumn::{Tag, UpdatedAt};
    let TagOrder { column, descending } = page.order;
    let text = match (&page.start, column, descending) {
        (TagStart::Offset(_), UpdatedAt, false) => BY_TIME,
        (TagStart::Offset(_), UpdatedAt, true) => BY_TIME_DESCENDING,
        (TagStart::Offset(_), Tag, false) => BY_TAG,
        (TagStart::Offset(_), Tag, true) => BY_TAG_DESCENDING,
        (TagStart::After { .. }, UpdatedAt, false) => AFTER_TIME,
        (TagStart::After { .. }, UpdatedAt, true) => AFTER_TIME_DESCENDING,
        (TagStart::After { .. }, Tag, false) => AFTER_TAG,
        (TagStart::After { .. }, Tag, true) => AFTER_TAG_DESCENDING,
    };
    let statement = sqlx::query(text)
        .bind(page.repository_id)
        .bind(page.search.to_ascii_lowercase())
        .bind(page.limit);
    match (page.start, column) {
        (TagStart::Offset(offset), _) => statement.bind(offset),
        (TagStart::After { updated_at, tag }, UpdatedAt) => statement.bind(updated_at).bind(tag),
        (TagStart::After { tag, .. }, Tag) => statement.bind(tag),
    }
}

pub(super) fn read(row: &AnyRow) -> Result<TagRow, Failure> {
    Ok(TagRow {
        id: row.try_get(0)?,
        tag: row.try_get(1)?,
        digest: row.try_get(2)?,
        facts: ManifestFacts::read(row, 3)?,
        manifest_bytes: row.try_get(6)?,
        created_at: row.try_get(7)?,
        updated_at: row.try_get(8)?,
    })
}
