//! Unfinished uploads: their row is the only truth about the offset.

pub use turns::{TakenTurn, TurnStanding, UploadTurn};

use crate::Metadata;
use crate::blobs;
use crate::byte_quotas::{self, Change, under_quota};
use crate::error::{Conflict, Error, QuotaFull};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, Statement, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// An unfinished upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// Unguessable; the key of its bytes too.
    pub id: String,
    /// Where it goes.
    pub repository_id: i64,
    /// Who started it.
    pub user_id: Option<String>,
    /// The digest algorithm, `sha256` or `sha512`.
    pub algorithm: String,
    /// Bytes stored and hashed so far.
    pub offset: i64,
    /// The state of the hash after these bytes.
    pub hash_state: Vec<u8>,
    /// The blob store's note.
    pub backend: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When bytes came last, milliseconds since the epoch.
    pub updated_at: i64,
    /// Bytes it has reserved of the quotas it is under.
    pub reserved: i64,
    /// Whether a quota of bytes counts what it brings.
    pub under_quota: bool,
}

/// Progress of an upload.
#[derive(Clone, Debug)]
pub struct SaveUpload {
    /// The upload.
    pub id: String,
    /// The offset it had when the bytes were taken.
    pub expected_offset: i64,
    /// The offset after them.
    pub offset: i64,
    /// The state of the hash after them.
    pub hash_state: Vec<u8>,
    /// The blob store's note after them.
    pub backend: String,
    /// Whose turn it was when they came; empty when nobody had one. Nothing is saved when it is another's now.
    pub turn: String,
    /// Whether the turn goes on: more bytes are coming.
    pub goes_on: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// An upload whose bytes are durable in the blob store under `key`.
#[derive(Clone, Debug)]
pub struct FinishUpload {
    /// The upload, none when the bytes came in one request and never had a row.
    pub upload_id: Option<String>,
    /// Where it goes.
    pub repository_id: i64,
    /// The digest of the bytes, verified.
    pub digest: String,
    /// How many bytes.
    pub size: i64,
    /// The key of the bytes, fresh for this upload.
    pub key: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What became of a finished upload's bytes: they are the blob's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishOutcome {
    /// The key of the bytes that they took the place of, queued for reclaim unless it is in quarantine.
    pub replaced: Option<String>,
}

macro_rules! upload_columns {
    () => {
        concat!(
            "id, repository_id, user_id, algorithm, byte_offset, hash_state, backend, created_at, updated_at, \
             reserved_bytes, CASE WHEN ",
            under_quota!("uploads.repository_id"),
            " THEN 1 ELSE 0 END AS under_quota"
        )
    };
}

mod together;
mod turns;

pub(crate) use together::Finishing;

pub(crate) const FIND: &str = concat!(
    "SELECT ",
    upload_columns!(),
    " FROM uploads WHERE id = $2 AND repository_id = $1"
);
pub(crate) const EXPIRED: &str = concat!(
    "SELECT ",
    upload_columns!(),
    " FROM uploads WHERE updated_at < $1 ORDER BY updated_at LIMIT $2"
);

impl Metadata {
    /// Stores a new upload and answers whether a quota of bytes counts what it brings; may be lost in a power cut, as its
    /// bytes may. [`Conflict::RepositoryGone`].
    pub async fn create_upload(&self, upload: UploadRow) -> Result<bool, Error> {
        const INSERT: &str = concat!(
            "INSERT INTO uploads \
             (id, repository_id, user_id, algorithm, byte_offset, hash_state, backend, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING CASE WHEN ",
            under_quota!("uploads.repository_id"),
            " THEN 1 ELSE 0 END"
        );
        self.pool
            .write(
                "start an upload",
                Durability::Relaxed.of_contents(),
                upload,
                |tx, upload| {
                    Box::pin(async move {
                        let insert = sqlx::query(INSERT)
                            .bind(upload.id.clone())
                            .bind(upload.repository_id)
                            .bind(upload.user_id.clone())
                            .bind(upload.algorithm.clone())
                            .bind(upload.offset)
                            .bind(upload.hash_state.clone())
                            .bind(upload.backend.clone())
                            .bind(upload.created_at)
                            .bind(upload.updated_at);
                        let row = first(tx, insert).await.reference(Conflict::RepositoryGone)?;
                        let row = row.ok_or_else(|| Failure::Broken("no row for a new upload".to_owned()))?;
                        Ok(row.try_get::<i64, _>(0)? != 0)
                    })
                },
            )
            .await
    }

    /// The upload of that id, if it goes to that repository.
    pub async fn upload(&self, repository_id: i64, id: &str) -> Result<Option<UploadRow>, Error> {
        let statement = sqlx::query(FIND).bind(repository_id).bind(id.to_owned());
        self.find("find an upload", statement, read).await
    }

    /// Whether there is an upload of that id.
    pub async fn upload_exists(&self, id: &str) -> Result<bool, Error> {
        let statement = sqlx::query("SELECT 1 FROM uploads WHERE id = $1").bind(id.to_owned());
        Ok(self
            .find("find an upload", statement, |_| Ok(()))
            .await?
            .is_some())
    }

    /// Reserves for an upload, in place of what it has reserved, `bytes` of each quota it is under. When there is no room,
    /// the upload is forgotten with what it had reserved, and the answer says which quota is full.
    /// [`Conflict::UploadGone`].
    pub async fn reserve_upload(
        &self,
        id: &str,
        repository_id: i64,
        bytes: i64,
    ) -> Result<Option<QuotaFull>, Error> {
        self.pool
            .write(
                "reserve bytes for an upload",
                Durability::Relaxed,
                id.to_owned(),
                move |tx, id| Box::pin(reserve(tx, id, repository_id, bytes)),
            )
            .await
    }

    /// Saves an upload's progress; may be lost in a power cut, then the client is told the offset before. What it has
    /// reserved beyond the offset is given back.
    /// [`Conflict::UploadMoved`] when another request did so first, [`Conflict::UploadGone`].
    pub async fn save_upload(&self, save: SaveUpload) -> Result<(), Error> {
        self.pool
            .write(
                "save an upload",
                Durability::Relaxed.of_contents(),
                save,
                |tx, progress| Box::pin(save_row(tx, progress)),
            )
            .await
    }

    /// Makes the blob of finished bytes and links it; durable. A blob that is there gets them too: they were verified just
    /// now, what lies under its key was not. So a push always heals.
    ///
    /// [`Conflict::UploadGone`] when the upload has no row: a client that repeats a request whose answer was lost gets
    /// there, and its caller looks whether the repository links the blob. [`Conflict::RepositoryGone`],
    /// [`Conflict::BytesQuota`].
    pub async fn finish_upload(&self, finish: FinishUpload) -> Result<FinishOutcome, Error> {
        if let Some(finished) = self.finish_together(&finish).await {
            return Ok(finished);
        }
        self.pool
            .write(
                "finish an upload",
                Durability::Durable.of_contents(),
                finish,
                |tx, upload| Box::pin(finish_row(tx, upload)),
            )
            .await
    }

    /// Forgets an upload and gives back what it had reserved; false when there is none.
    pub async fn delete_upload(&self, id: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM uploads WHERE id = $1 RETURNING repository_id, reserved_bytes";
        self.pool
            .write(
                "cancel an upload",
                Durability::Relaxed,
                id.to_owned(),
                |tx, id| Box::pin(forget(tx, sqlx::query(DELETE).bind(id.clone()))),
            )
            .await
    }

    /// At most `limit` uploads that got no bytes since `before`, oldest first.
    pub async fn expired_uploads(&self, before: i64, limit: i64) -> Result<Vec<UploadRow>, Error> {
        self.list(
            "list expired uploads",
            sqlx::query(EXPIRED).bind(before).bind(limit),
            read,
        )
        .await
    }
}

/// Runs a statement that deletes an upload, and gives back what that had reserved.
async fn forget(tx: &mut Tx<'_>, delete: Statement) -> Result<bool, Failure> {
    let Some(row) = first(tx, delete).await? else {
        return Ok(false);
    };
    let reserved = Change::reserved(-row.try_get::<i64, _>(1)?);
    byte_quotas::charge(tx, row.try_get(0)?, reserved).await?;
    Ok(true)
}

async fn reserve(
    tx: &mut Tx<'_>,
    id: &str,
    repository_id: i64,
    bytes: i64,
) -> Result<Option<QuotaFull>, Failure> {
    const LOCK: &str = "UPDATE uploads SET reserved_bytes = reserved_bytes WHERE id = $1 AND repository_id = $2 \
         RETURNING reserved_bytes";
    const DAMAGED: &str = "SELECT CAST(COALESCE(SUM(b.size), 0) AS BIGINT) FROM blobs b JOIN blob_links l \
         ON l.digest = b.digest AND l.repository_id = $1 WHERE b.damaged_at IS NOT NULL";
    const RESERVE: &str = "UPDATE uploads SET reserved_bytes = $2 WHERE id = $1";
    let lock = sqlx::query(LOCK).bind(id.to_owned()).bind(repository_id);
    let row = first(tx, lock).await?.ok_or(Conflict::UploadGone)?;
    let before: i64 = row.try_get(0)?;
    let full = byte_quotas::try_charge(tx, repository_id, Change::reserved(bytes - before)).await?;
    if full.is_none() {
        change(tx, sqlx::query(RESERVE).bind(id.to_owned()).bind(bytes)).await?;
        return Ok(None);
    }
    // A push that may heal goes on with what it has: what it brings is counted already, which its end finds out.
    let damaged = first(tx, sqlx::query(DAMAGED).bind(repository_id)).await?;
    let damaged: i64 = damaged.map_or(Ok(0), |row| row.try_get(0))?;
    if bytes <= damaged {
        return Ok(None);
    }
    byte_quotas::charge(tx, repository_id, Change::reserved(-before)).await?;
    change(
        tx,
        sqlx::query("DELETE FROM uploads WHERE id = $1").bind(id.to_owned()),
    )
    .await?;
    Ok(full)
}

async fn save_row(tx: &mut Tx<'_>, save: &SaveUpload) -> Result<(), Failure> {
    const SAVE: &str = "UPDATE uploads SET byte_offset = $3, hash_state = $4, backend = $5, updated_at = $6, \
             turn = CASE WHEN $8 = 1 THEN turn END, turn_until = CASE WHEN $8 = 1 THEN turn_until ELSE 0 END \
         WHERE id = $1 AND byte_offset = $2 AND COALESCE(turn, '') = $7 RETURNING repository_id, reserved_bytes";
    const TRIM: &str = "UPDATE uploads SET reserved_bytes = $2 WHERE id = $1";
    const OFFSET: &str = "SELECT byte_offset FROM uploads WHERE id = $1";
    let update = sqlx::query(SAVE)
        .bind(save.id.clone())
        .bind(save.expected_offset)
        .bind(save.offset)
        .bind(save.hash_state.clone())
        .bind(save.backend.clone())
        .bind(save.now)
        .bind(save.turn.clone())
        .bind(i64::from(save.goes_on));
    if let Some(row) = first(tx, update).await? {
        let beyond = row.try_get::<i64, _>(1)? - save.offset;
        if beyond > 0 && !save.goes_on {
            change(tx, sqlx::query(TRIM).bind(save.id.clone()).bind(save.offset)).await?;
            byte_quotas::charge(tx, row.try_get(0)?, Change::reserved(-beyond)).await?;
        }
        return Ok(());
    }
    match first(tx, sqlx::query(OFFSET).bind(save.id.clone())).await? {
        Some(row) => Err(Conflict::UploadMoved {
            offset: row.try_get(0)?,
        }
        .into()),
        None => Err(Conflict::UploadGone.into()),
    }
}

async fn finish_row(tx: &mut Tx<'_>, finish: &FinishUpload) -> Result<FinishOutcome, Failure> {
    const FORGET: &str = "DELETE FROM uploads WHERE id = $1 AND repository_id = $2 RETURNING reserved_bytes";
    // The update changes nothing but locks the row: its blob cannot be released before the link below is there.
    const BLOB: &str = "INSERT INTO blobs (digest, key, size, created_at, verified_at) VALUES ($1, $2, $3, $4, $4) \
         ON CONFLICT (digest) DO UPDATE SET size = blobs.size RETURNING key, damaged_at";
    let mut charged = Change::default();
    if let Some(id) = &finish.upload_id {
        let forget = sqlx::query(FORGET).bind(id.clone()).bind(finish.repository_id);
        let row = first(tx, forget).await?.ok_or(Conflict::UploadGone)?;
        charged.reserved = -row.try_get::<i64, _>(0)?;
    }
    let blob = sqlx::query(BLOB)
        .bind(finish.digest.clone())
        .bind(finish.key.clone())
        .bind(finish.size)
        .bind(finish.now);
    let row = first(tx, blob).await?.ok_or_else(no_key)?;
    let replaced = replace_other(tx, finish, (row.try_get(0)?, row.try_get(1)?)).await?;
    charged.used = blobs::link(tx, finish.repository_id, &finish.digest, finish.now).await?;
    byte_quotas::charge(tx, finish.repository_id, charged).await?;
    Ok(FinishOutcome { replaced })
}

fn no_key() -> Failure {
    Failure::Broken("no key for a new blob".to_owned())
}

/// Gives a blob, whose row is locked, the finished bytes unless `found` is their key; answers the key they took the place of.
async fn replace_other(
    tx: &mut Tx<'_>,
    finish: &FinishUpload,
    (found, damaged_at): (String, Option<i64>),
) -> Result<Option<String>, Failure> {
    if found == finish.key {
        return Ok(None);
    }
    replace(tx, finish, &found, damaged_at.is_some()).await?;
    Ok(Some(found))
}

/// Gives a blob, whose row is locked, the finished bytes in place of those under `key`. Damaged ones are in quarantine.
async fn replace(tx: &mut Tx<'_>, finish: &FinishUpload, key: &str, is_damaged: bool) -> Result<(), Failure> {
    const QUEUE: &str = "INSERT INTO reclaim (key, digest, size, queued_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (key) DO NOTHING";
    const REPLACE: &str = "UPDATE blobs SET key = $2, damaged_at = NULL, verified_at = $3 WHERE digest = $1";
    if !is_damaged {
        let queue = sqlx::query(QUEUE)
            .bind(key.to_owned())
            .bind(finish.digest.clone())
            .bind(finish.size)
            .bind(finish.now);
        change(tx, queue).await?;
    }
    let replace = sqlx::query(REPLACE)
        .bind(finish.digest.clone())
        .bind(finish.key.clone())
        .bind(finish.now);
    change(tx, replace).await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<UploadRow, Failure> {
    Ok(UploadRow {
        id: row.try_get("id")?,
        repository_id: row.try_get("repository_id")?,
        user_id: row.try_get("user_id")?,
        algorithm: row.try_get("algorithm")?,
        offset: row.try_get("byte_offset")?,
        hash_state: row.try_get("hash_state")?,
        backend: row.try_get("backend")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        reserved: row.try_get("reserved_bytes")?,
        under_quota: row.try_get::<i64, _>("under_quota")? != 0,
    })
}
