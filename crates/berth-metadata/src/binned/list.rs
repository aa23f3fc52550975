//! What is in the bin, for those who may see it: people with a right on the organisation or the image, not those for whom
//! the image was merely public or shared.

use crate::Metadata;
use crate::binning::BinKind;
use crate::by::TagChange;
use crate::error::Error;
use crate::pool::Failure;
use crate::sql::Statement;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Who looks into the bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinViewer {
    /// The user.
    pub user_id: String,
    /// Its account.
    pub account_id: String,
    /// Whether it is an administrator of the account.
    pub administrator: bool,
}

/// Which entries to list, newest first.
#[derive(Clone, Debug)]
pub struct BinPage {
    /// For whom.
    pub viewer: BinViewer,
    /// Only those of this organisation.
    pub organization_id: Option<i64>,
    /// Only those of the image of this name, live or in the bin.
    pub image: Option<String>,
    /// Only those of this kind.
    pub kind: Option<BinKind>,
    /// Only those that bring back this tag.
    pub tag: Option<String>,
    /// Those before the entry of this id.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// Something that was deleted and can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinEntry {
    /// Larger than those of earlier deletions.
    pub id: i64,
    /// What it is.
    pub kind: BinKind,
    /// The organisation's id.
    pub organization_id: i64,
    /// The organisation's name.
    pub organization: String,
    /// The repository's id.
    pub repository_id: i64,
    /// The image's name in its organisation, of an image in the bin the one it had.
    pub image: String,
    /// Under which name in its organisation the image's row is now: no client's name for one in the bin.
    pub stored_image: String,
    /// What the tag named, or the manifest; none for an image.
    pub digest: Option<String>,
    /// The tags that come back, the first ten.
    pub tags: Vec<String>,
    /// How many tags come back.
    pub tag_count: i64,
    /// Bytes of what was deleted, as lists show them.
    pub size_bytes: i64,
    /// When it was deleted, milliseconds since the epoch.
    pub at: i64,
    /// Who deleted it, none for the registry itself.
    pub user_id: Option<String>,
    /// That user's name, while the user exists.
    pub user_name: Option<String>,
    /// Why.
    pub why: TagChange,
    /// When it is purged, milliseconds since the epoch.
    pub expires_at: i64,
}

/// Entries with their columns.
macro_rules! entries {
    () => {
        "SELECT b.id, b.kind, b.organization_id, o.name, b.repository_id, \
         CASE WHEN b.kind = 'image' THEN b.name ELSE r.image END, b.digest, \
         (SELECT string_agg(t.tag, ',') FROM (SELECT bt.tag FROM bin_tags bt WHERE bt.entry_id = b.id \
           ORDER BY bt.tag LIMIT 10) AS t), \
         CASE WHEN b.kind = 'image' THEN r.tag_count \
           ELSE (SELECT COUNT(*) FROM bin_tags bt WHERE bt.entry_id = b.id) END, \
         CASE WHEN b.kind = 'image' THEN r.size_bytes ELSE b.size_bytes END, \
         b.at, b.user_id, u.name, b.why, b.expires_at, r.image \
         FROM bin b JOIN repositories r ON r.id = b.repository_id JOIN organizations o ON o.id = b.organization_id \
         LEFT JOIN users u ON u.id = b.user_id "
    };
}

/// Which [`entries`] are in the bin now ($1); those of what is in an image come back only once that has.
macro_rules! present {
    () => {
        "WHERE b.restored_at IS NULL AND b.expires_at > $1 \
         AND ((b.kind = 'image' AND r.listed = 2) OR (b.kind <> 'image' AND r.listed <> 2)) "
    };
}

/// The page of [`entries`] before id $5 that a viewer ($2 user, $3 account, $4 1 for an administrator) may see.
macro_rules! page {
    ($($condition:literal)?) => {
        concat!(
            entries!(),
            present!(),
            $($condition,)?
            "AND (b.organization_id IN (SELECT v.id FROM organizations v WHERE v.account_id = $3 AND $4 = 1) \
              OR b.organization_id IN (SELECT og.organization_id FROM organization_grants og WHERE og.user_id = $2) \
              OR b.repository_id IN (SELECT rg.repository_id FROM repository_grants rg WHERE rg.user_id = $2)) \
             AND b.id < $5 AND ($6 IS NULL OR b.kind = $6) \
             AND ($7 IS NULL OR (CASE WHEN b.kind = 'image' THEN b.name ELSE r.image END) = $7) \
             AND ($8 IS NULL OR EXISTS (SELECT 1 FROM bin_tags bt WHERE bt.entry_id = b.id AND bt.tag = $8)) \
             ORDER BY b.id DESC LIMIT $9"
        )
    };
}

pub(crate) const ALL: &str = page!();
pub(crate) const OF_ORGANIZATION: &str = page!("AND b.organization_id = $10 ");

impl Metadata {
    /// A page of the bin, newest first.
    pub async fn list_bin(&self, page: BinPage) -> Result<Vec<BinEntry>, Error> {
        self.list("list the bin", statement(page), read).await
    }

    /// An entry of the bin, whoever may see it; none when it is restored, expired or purged.
    pub async fn bin_entry(&self, id: i64, now: i64) -> Result<Option<BinEntry>, Error> {
        const FIND: &str = concat!(entries!(), present!(), "AND b.id = $2");
        let statement = sqlx::query(FIND).bind(now).bind(id);
        self.find("find an entry of the bin", statement, read).await
    }

    /// An entry that was restored and has not expired yet.
    pub async fn restored_bin_entry(&self, id: i64) -> Result<Option<BinEntry>, Error> {
        const FIND: &str = concat!(entries!(), "WHERE b.id = $1 AND b.restored_at IS NOT NULL");
        let statement = sqlx::query(FIND).bind(id);
        self.find("find an entry that was restored", statement, read)
            .await
    }
}

fn statement(page: BinPage) -> Statement {
    let text = page.organization_id.map_or(ALL, |_| OF_ORGANIZATION);
    let statement = sqlx::query(text)
        .bind(page.now)
        .bind(page.viewer.user_id)
        .bind(page.viewer.account_id)
        .bind(i64::from(page.viewer.administrator))
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(page.kind.map(|kind| kind.as_str().to_owned()))
        .bind(page.image)
        .bind(page.tag)
        .bind(page.limit);
    match page.organization_id {
        Some(id) => statement.bind(id),
        None => statement,
    }
}

fn read(row: &AnyRow) -> Result<BinEntry, Failure> {
    let tags: Option<String> = row.try_get(7)?;
    Ok(BinEntry {
        id: row.try_get(0)?,
        kind: BinKind::read(&row.try_get::<String, _>(1)?)?,
        organization_id: row.try_get(2)?,
        organization: row.try_get(3)?,
        repository_id: row.try_get(4)?,
        image: row.try_get(5)?,
        digest: row.try_get(6)?,
        // No tag holds a comma.
        tags: tags.map_or_else(Vec::new, |tags| tags.split(',').map(str::to_owned).collect()),
        tag_count: row.try_get(8)?,
        size_bytes: row.try_get(9)?,
        at: row.try_get(10)?,
        user_id: row.try_get(11)?,
        user_name: row.try_get(12)?,
        why: TagChange::read(&row.try_get::<String, _>(13)?)?,
        expires_at: row.try_get(14)?,
        stored_image: row.try_get(15)?,
    })
}
