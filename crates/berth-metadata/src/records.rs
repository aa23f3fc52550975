//! What happened to images and waits to be written into the store. The database notes it by itself (triggers of the
//! schema), in the transaction that did it.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Bytes of manifests that are read at once, one manifest at least.
const BYTES_MAX: i64 = 8 << 20;

/// Something that happened. What it tells of a thing besides its name is how the thing is now; nothing when it has gone
/// meanwhile, which a later record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRecord {
    /// In the order of what happened to one repository.
    pub id: i64,
    /// `organization`, `organization-deleted`, `repository`, `repository-renamed`, `repository-deleted`, `manifest`,
    /// `manifest-deleted` or `tag`.
    pub what: String,
    /// The name of the organisation or repository at that time.
    pub place: String,
    /// The manifest, or what the tag names; none: the tag was deleted.
    pub digest: Option<String>,
    /// The tag; of a renamed repository its new name.
    pub tag: Option<String>,
    /// Milliseconds since the epoch.
    pub at: Option<i64>,
    /// Who moved the tag.
    pub user_id: Option<String>,
    /// Media type and bytes of the manifest.
    pub manifest: Option<(String, Vec<u8>)>,
    /// What the repository says of itself.
    pub repository: Option<RecordedRepository>,
    /// The names of the organisation's account and creator.
    pub organization: Option<(String, String)>,
}

/// What a repository says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRepository {
    /// Whether everybody may pull from it.
    pub is_public: bool,
    /// Whether lists show it.
    pub is_listed: bool,
    /// SWR's category.
    pub category: String,
    /// Free text.
    pub description: String,
}

const SIZES: &str = "SELECT q.id, COALESCE(m.size, 0) FROM record_outbox q LEFT JOIN manifests m \
     ON q.what = 'manifest' AND m.repository_id = q.repository_id AND m.digest = q.digest ORDER BY q.id LIMIT $1";
const WAITING: &str = "SELECT q.id, q.what, q.place, q.digest, q.tag, q.at, q.user_id, m.media_type, m.bytes, \
     r.is_public, r.listed, r.category, r.description, a.name, o.creator_name FROM record_outbox q \
     LEFT JOIN manifests m ON q.what = 'manifest' AND m.repository_id = q.repository_id AND m.digest = q.digest \
     LEFT JOIN repositories r ON q.what = 'repository' AND r.id = q.repository_id \
     LEFT JOIN organizations o ON q.what = 'organization' AND o.name = q.place \
     LEFT JOIN accounts a ON a.id = o.account_id WHERE q.id <= $1 ORDER BY q.id LIMIT $2";

impl Metadata {
    /// The instance value that says up to which stamp records are in the store.
    pub const RECORDS_WRITTEN: &str = "records_written";

    /// Whether anything waits.
    pub async fn has_waiting_records(&self) -> Result<bool, Error> {
        let statement = sqlx::query("SELECT id FROM record_outbox ORDER BY id LIMIT 1");
        let found = self.find("look for records", statement, |_| Ok(())).await?;
        Ok(found.is_some())
    }

    /// The oldest records that wait, at most `limit` and some MiB. They wait until [`Metadata::records_written`].
    pub async fn waiting_records(&self, limit: i64) -> Result<Vec<WaitingRecord>, Error> {
        let sizes = sqlx::query(SIZES).bind(limit);
        let read = |row: &AnyRow| Ok((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?));
        let sizes = self.list("list records", sizes, read).await?;
        let fitting = sizes.iter().scan(0_i64, |sum, (id, size)| {
            let before = *sum;
            *sum += size;
            (before == 0 || *sum <= BYTES_MAX).then_some(*id)
        });
        let Some(last) = fitting.last() else {
            return Ok(Vec::new());
        };
        let statement = sqlx::query(WAITING).bind(last).bind(limit);
        self.list("read records", statement, record).await
    }

    /// The stamp of the newest records in the store, 0 for none.
    pub async fn records_stamp(&self) -> Result<i64, Error> {
        let value = self.instance_value(Self::RECORDS_WRITTEN).await?;
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
    }

    /// Notes that these records are in the store under `stamp`; they do not wait any more. Durable.
    pub async fn records_written(&self, ids: Vec<i64>, stamp: i64) -> Result<(), Error> {
        self.pool
            .write(
                "note written records",
                Durability::Durable,
                (ids, stamp),
                |tx, (ids, stamp)| Box::pin(written(tx, ids, *stamp)),
            )
            .await
    }

    /// Forgets everything that waits: the store has it, or a snapshot does.
    pub async fn forget_records(&self, stamp: i64) -> Result<(), Error> {
        self.pool
            .write("forget records", Durability::Durable, (), move |tx, ()| {
                Box::pin(async move {
                    change(tx, sqlx::query("DELETE FROM record_outbox")).await?;
                    note_stamp(tx, stamp).await
                })
            })
            .await
    }
}

async fn written(tx: &mut Tx<'_>, ids: &[i64], stamp: i64) -> Result<(), Failure> {
    for list in sql::lists(ids) {
        let text = format!(
            "DELETE FROM record_outbox WHERE id IN ({})",
            sql::markers(1, list.len())
        );
        change(
            tx,
            list.into_iter().fold(sql::made(text), sqlx::query::Query::bind),
        )
        .await?;
    }
    note_stamp(tx, stamp).await
}

async fn note_stamp(tx: &mut Tx<'_>, stamp: i64) -> Result<(), Failure> {
    const NOTE: &str = "INSERT INTO instance_values (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    change(
        tx,
        sqlx::query(NOTE)
            .bind(Metadata::RECORDS_WRITTEN)
            .bind(stamp.to_string()),
    )
    .await?;
    Ok(())
}

fn record(row: &AnyRow) -> Result<WaitingRecord, Failure> {
    let media_type: Option<String> = row.try_get(7)?;
    let bytes: Option<Vec<u8>> = row.try_get(8)?;
    let is_public: Option<i64> = row.try_get(9)?;
    let repository = match is_public {
        None => None,
        Some(is_public) => Some(RecordedRepository {
            is_public: is_public != 0,
            is_listed: row.try_get::<i64, _>(10)? != 0,
            category: row.try_get(11)?,
            description: row.try_get(12)?,
        }),
    };
    let (account, creator): (Option<String>, Option<String>) = (row.try_get(13)?, row.try_get(14)?);
    Ok(WaitingRecord {
        id: row.try_get(0)?,
        what: row.try_get(1)?,
        place: row.try_get(2)?,
        digest: row.try_get(3)?,
        tag: row.try_get(4)?,
        at: row.try_get(5)?,
        user_id: row.try_get(6)?,
        manifest: media_type.zip(bytes),
        repository,
        organization: account.zip(creator),
    })
}
