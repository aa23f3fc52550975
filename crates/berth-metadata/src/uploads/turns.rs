//! Whose turn it is to bring bytes of an upload: one request at a time, whichever process it came to. A turn that nobody
//! prolongs ends by the database's clock, which all processes share.

use super::{UploadRow, forget, read};
use crate::Metadata;
use crate::byte_quotas::under_quota;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change, first};
use sqlx::Row;

/// A turn that is asked for or held.
#[derive(Clone, Debug)]
pub struct UploadTurn {
    /// The upload.
    pub upload_id: String,
    /// The request, by an id of its own.
    pub turn: String,
    /// How long the turn lasts from now on, in milliseconds.
    pub ttl_ms: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What came of asking for a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenTurn {
    /// It is the asker's; the upload as it stands now.
    Ours(Box<UploadRow>),
    /// Another request has it, and is told that somebody waits.
    Anothers,
    /// There is no such upload.
    Gone,
}

/// What a turn is worth to its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnStanding {
    /// It goes on.
    Kept,
    /// It goes on, and a newer request waits for its end.
    Wanted,
    /// It is another's, or the upload is gone.
    Lost,
}

impl Metadata {
    /// Takes the turn on an upload when nobody has it, or when who had it has been silent for too long.
    pub async fn take_turn(&self, wanted: UploadTurn) -> Result<TakenTurn, Error> {
        let now = self.pool.now_expression();
        let take = format!(
            "UPDATE uploads SET turn = $2, turn_until = {now} + $3, turn_wanted = NULL, updated_at = $4 \
             WHERE id = $1 AND (turn IS NULL OR turn = $2 OR turn_until <= {now}) RETURNING {}",
            upload_columns!()
        );
        self.pool
            .write(
                "take the turn on an upload",
                Durability::Relaxed,
                (wanted, take),
                |tx, (wanted, take)| Box::pin(take_row(tx, wanted, take)),
            )
            .await
    }

    /// Prolongs a turn.
    pub async fn keep_turn(&self, held: UploadTurn) -> Result<TurnStanding, Error> {
        let now = self.pool.now_expression();
        let keep = format!(
            "UPDATE uploads SET turn_until = {now} + $3, updated_at = $4 WHERE id = $1 AND turn = $2 \
             RETURNING turn_wanted"
        );
        self.pool
            .write(
                "keep the turn on an upload",
                Durability::Relaxed,
                (held, keep),
                |tx, (held, keep)| {
                    Box::pin(async move {
                        let Some(row) = first(tx, bound(keep, held)).await? else {
                            return Ok(TurnStanding::Lost);
                        };
                        let wanted: Option<String> = row.try_get(0)?;
                        Ok(wanted.map_or(TurnStanding::Kept, |_| TurnStanding::Wanted))
                    })
                },
            )
            .await
    }

    /// Gives a turn back.
    pub async fn release_turn(&self, upload_id: &str, turn: &str) -> Result<(), Error> {
        const RELEASE: &str = "UPDATE uploads SET turn = NULL, turn_until = 0 WHERE id = $1 AND turn = $2";
        let (upload_id, turn) = (upload_id.to_owned(), turn.to_owned());
        let statement = move || sqlx::query(RELEASE).bind(upload_id.clone()).bind(turn.clone());
        self.change("release the turn on an upload", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// Forgets an upload that got no bytes since `before` and that no request brings bytes of; false when there is none.
    pub async fn delete_expired_upload(&self, id: &str, before: i64) -> Result<bool, Error> {
        let delete = format!(
            "DELETE FROM uploads WHERE id = $1 AND updated_at < $2 AND turn_until <= {} \
             RETURNING repository_id, reserved_bytes",
            self.pool.now_expression()
        );
        self.pool
            .write(
                "delete an expired upload",
                Durability::Relaxed,
                (delete, id.to_owned()),
                move |tx, (delete, id)| {
                    let delete = sql::made(delete.clone()).bind(id.clone()).bind(before);
                    Box::pin(forget(tx, delete))
                },
            )
            .await
    }
}

async fn take_row(tx: &mut Tx<'_>, wanted: &UploadTurn, take: &str) -> Result<TakenTurn, Failure> {
    const WANT: &str = "UPDATE uploads SET turn_wanted = $2 WHERE id = $1";
    if let Some(row) = first(tx, bound(take, wanted)).await? {
        return Ok(TakenTurn::Ours(Box::new(read(&row)?)));
    }
    let want = sqlx::query(WANT)
        .bind(wanted.upload_id.clone())
        .bind(wanted.turn.clone());
    Ok(match change(tx, want).await? {
        0 => TakenTurn::Gone,
        _ => TakenTurn::Anothers,
    })
}

fn bound(text: &str, turn: &UploadTurn) -> sql::Statement {
    sql::made(text.to_owned())
        .bind(turn.upload_id.clone())
        .bind(turn.turn.clone())
        .bind(turn.ttl_ms)
        .bind(turn.now)
}
