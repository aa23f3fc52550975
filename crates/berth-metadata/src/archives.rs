//! Archives of images that are being uploaded in chunks, or were: their row is the only truth about how far each came.
//! What is in one is the caller's JSON, kept as it is.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::jobs::{self, NewJob};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// The kind of the jobs that store what is in archives; their subject is the archive's number.
pub const ARCHIVE: &str = "archive";

/// How far an archive came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveState {
    /// Its bytes are coming.
    Receiving,
    /// They are there, and what is in them is checked and stored.
    Processing,
    /// It waits for an answer of its uploader.
    Asking,
    /// What was in it is stored.
    Done,
    /// Nothing more will come of it.
    Failed,
    /// Its uploader does not want it any more; the row goes with its bytes.
    Cancelled,
}

impl ArchiveState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Processing => "processing",
            Self::Asking => "asking",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn read(word: &str) -> Result<Self, Failure> {
        let all = [
            Self::Receiving,
            Self::Processing,
            Self::Asking,
            Self::Done,
            Self::Failed,
            Self::Cancelled,
        ];
        all.into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| Failure::Broken(format!("an archive in the state {word}")))
    }
}

/// An archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Grows from archive to archive.
    pub number: i64,
    /// Unguessable.
    pub id: String,
    /// The organisation that its images go to.
    pub organization: String,
    /// Whose it is.
    pub user_id: String,
    /// Where the uploader came from, and with what: the caller's.
    pub actor: String,
    /// The file's name, for people.
    pub file_name: String,
    /// Bytes.
    pub size: i64,
    /// Bytes of each chunk but the last.
    pub chunk_size: i64,
    /// What the uploader knows the file by, opaque.
    pub fingerprint: String,
    /// What it is to become: the caller's.
    pub wanted: String,
    /// Bytes that came.
    pub offset: i64,
    /// How far it is.
    pub state: ArchiveState,
    /// What is in it, and what was done: the caller's.
    pub found: String,
    /// Whether chunks of it may lie in the store.
    pub has_bytes: bool,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When anything of this changed last, milliseconds since the epoch.
    pub updated_at: i64,
}

/// An archive that is about to come.
#[derive(Clone, Debug)]
pub struct NewArchive {
    /// Unguessable.
    pub id: String,
    /// The organisation that its images go to.
    pub organization_id: i64,
    /// Whose it is.
    pub user_id: String,
    /// Where the uploader came from, and with what.
    pub actor: String,
    /// The file's name.
    pub file_name: String,
    /// Bytes.
    pub size: i64,
    /// Bytes of each chunk but the last.
    pub chunk_size: i64,
    /// What the uploader knows the file by.
    pub fingerprint: String,
    /// What it is to become.
    pub wanted: String,
    /// What is known of it.
    pub found: String,
    /// Archives of one user that may be under way.
    pub limit: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// A chunk that came.
#[derive(Clone, Debug)]
pub struct ArchiveChunk {
    /// The archive.
    pub number: i64,
    /// Where the chunk begins.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
    /// What is known of the archive now; none: no more than before.
    pub found: Option<String>,
    /// What is queued when it was the last one.
    pub job: Option<NewJob>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What becomes of an archive.
#[derive(Clone, Debug)]
pub struct ArchiveStep {
    /// The archive.
    pub number: i64,
    /// The state that it must be in; nothing happens otherwise.
    pub from: ArchiveState,
    /// The state that it is in then.
    pub to: ArchiveState,
    /// What it is to become, if that changes.
    pub wanted: Option<String>,
    /// What is known of it, if that changes.
    pub found: Option<String>,
    /// What is queued with it.
    pub job: Option<NewJob>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

macro_rules! archives {
    ($rest:literal) => {
        concat!(
            "SELECT a.number, a.id, o.name, a.user_id, a.actor, a.file_name, a.size, a.chunk_size, a.fingerprint, \
             a.wanted, a.byte_offset, a.state, a.found, a.has_bytes, a.created_at, a.updated_at \
             FROM archives a JOIN organizations o ON o.id = a.organization_id ",
            $rest
        )
    };
}

pub(crate) const OF_USER: &str = archives!(
    "WHERE a.user_id = $1 AND a.state <> 'cancelled' AND a.number < $2 ORDER BY a.number DESC LIMIT $3"
);
pub(crate) const BY_ID: &str = archives!("WHERE a.id = $1");
pub(crate) const BY_NUMBER: &str = archives!("WHERE a.number = $1");
pub(crate) const OLD: &str = archives!("WHERE a.updated_at < $1 ORDER BY a.updated_at LIMIT $2");

impl Metadata {
    /// Begins an archive; [`Conflict::TooMany`] when the user has as many under way as may be,
    /// [`Conflict::OrganizationGone`].
    pub async fn create_archive(&self, new: NewArchive) -> Result<Archive, Error> {
        let id = new.id.clone();
        self.pool
            .write("begin an archive", Durability::Relaxed, new, |tx, new| {
                Box::pin(create(tx, new))
            })
            .await?;
        let made = self.archive(&id).await?;
        made.ok_or(Error::Conflict(Conflict::OrganizationGone))
    }

    /// The archive of that id.
    pub async fn archive(&self, id: &str) -> Result<Option<Archive>, Error> {
        self.find("find an archive", sqlx::query(BY_ID).bind(id.to_owned()), read)
            .await
    }

    /// The archive of that number.
    pub async fn archive_by_number(&self, number: i64) -> Result<Option<Archive>, Error> {
        self.find("find an archive", sqlx::query(BY_NUMBER).bind(number), read)
            .await
    }

    /// A user's archives before a number, newest first.
    pub async fn archives_of(&self, user_id: &str, before: i64, limit: i64) -> Result<Vec<Archive>, Error> {
        let list = sqlx::query(OF_USER)
            .bind(user_id.to_owned())
            .bind(before)
            .bind(limit);
        self.list("list archives", list, read).await
    }

    /// Archives of which nothing changed since `before`, oldest first.
    pub async fn old_archives(&self, before: i64, limit: i64) -> Result<Vec<Archive>, Error> {
        let list = sqlx::query(OLD).bind(before).bind(limit);
        self.list("list old archives", list, read).await
    }

    /// Notes a chunk whose bytes are durable; false when the archive does not stand where it begins any more.
    pub async fn add_archive_chunk(&self, chunk: ArchiveChunk) -> Result<bool, Error> {
        self.pool
            .write(
                "note a chunk of an archive",
                Durability::Relaxed,
                chunk,
                |tx, chunk| Box::pin(add(tx, chunk)),
            )
            .await
    }

    /// Moves an archive on; false when it is not in the state that is expected.
    pub async fn step_archive(&self, step: ArchiveStep) -> Result<bool, Error> {
        self.pool
            .write("move an archive on", Durability::Durable, step, |tx, step| {
                Box::pin(advance(tx, step))
            })
            .await
    }

    /// Notes that no chunk of an archive lies in the store any more.
    pub async fn archive_has_no_bytes(&self, number: i64) -> Result<(), Error> {
        let statement =
            move || sqlx::query("UPDATE archives SET has_bytes = 0 WHERE number = $1").bind(number);
        self.change(
            "note that an archive's bytes are gone",
            Durability::Relaxed,
            statement,
        )
        .await
        .map(drop)
    }

    /// Forgets an archive.
    pub async fn delete_archive(&self, number: i64) -> Result<(), Error> {
        let statement = move || sqlx::query("DELETE FROM archives WHERE number = $1").bind(number);
        self.change("forget an archive", Durability::Relaxed, statement)
            .await
            .map(drop)
    }
}

async fn create(tx: &mut Tx<'_>, new: &NewArchive) -> Result<(), Failure> {
    // The lock keeps two that begin at once from both finding room.
    const LOCK: &str = "UPDATE users SET enabled = enabled WHERE id = $1";
    const COUNT: &str = "SELECT COUNT(*) FROM archives WHERE user_id = $1 \
         AND state IN ('receiving', 'processing', 'asking')";
    const INSERT: &str = "INSERT INTO archives (id, organization_id, user_id, actor, file_name, size, chunk_size, \
         fingerprint, wanted, byte_offset, state, found, has_bytes, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 'receiving', $10, 1, $11, $11)";
    change(tx, sqlx::query(LOCK).bind(new.user_id.clone())).await?;
    let count = first(tx, sqlx::query(COUNT).bind(new.user_id.clone())).await?;
    let count: i64 = count.map_or(Ok(0), |row| row.try_get(0))?;
    if count >= new.limit {
        return Err(Conflict::TooMany.into());
    }
    let insert = sqlx::query(INSERT)
        .bind(new.id.clone())
        .bind(new.organization_id)
        .bind(new.user_id.clone())
        .bind(new.actor.clone())
        .bind(new.file_name.clone())
        .bind(new.size)
        .bind(new.chunk_size)
        .bind(new.fingerprint.clone())
        .bind(new.wanted.clone())
        .bind(new.found.clone())
        .bind(new.now);
    change(tx, insert).await.reference(Conflict::OrganizationGone)?;
    Ok(())
}

async fn add(tx: &mut Tx<'_>, chunk: &ArchiveChunk) -> Result<bool, Failure> {
    const ADD: &str = "UPDATE archives SET byte_offset = $3, found = COALESCE($4, found), \
         updated_at = $5, state = CASE WHEN $3 = size THEN 'processing' ELSE state END \
         WHERE number = $1 AND byte_offset = $2 AND state = 'receiving'";
    let add = sqlx::query(ADD)
        .bind(chunk.number)
        .bind(chunk.from)
        .bind(chunk.to)
        .bind(chunk.found.clone())
        .bind(chunk.now);
    if change(tx, add).await? == 0 {
        return Ok(false);
    }
    if let Some(job) = &chunk.job {
        jobs::queue(tx, job).await?;
    }
    Ok(true)
}

async fn advance(tx: &mut Tx<'_>, step: &ArchiveStep) -> Result<bool, Failure> {
    const STEP: &str = "UPDATE archives SET state = $3, wanted = COALESCE($4, wanted), found = COALESCE($5, found), \
         updated_at = $6 WHERE number = $1 AND state = $2";
    let update = sqlx::query(STEP)
        .bind(step.number)
        .bind(step.from.as_str())
        .bind(step.to.as_str())
        .bind(step.wanted.clone())
        .bind(step.found.clone())
        .bind(step.now);
    if change(tx, update).await? == 0 {
        return Ok(false);
    }
    if let Some(job) = &step.job {
        jobs::queue(tx, job).await?;
    }
    Ok(true)
}

fn read(row: &AnyRow) -> Result<Archive, Failure> {
    Ok(Archive {
        number: row.try_get(0)?,
        id: row.try_get(1)?,
        organization: row.try_get(2)?,
        user_id: row.try_get(3)?,
        actor: row.try_get(4)?,
        file_name: row.try_get(5)?,
        size: row.try_get(6)?,
        chunk_size: row.try_get(7)?,
        fingerprint: row.try_get(8)?,
        wanted: row.try_get(9)?,
        offset: row.try_get(10)?,
        state: ArchiveState::read(&row.try_get::<String, _>(11)?)?,
        found: row.try_get(12)?,
        has_bytes: row.try_get::<i64, _>(13)? != 0,
        created_at: row.try_get(14)?,
        updated_at: row.try_get(15)?,
    })
}
