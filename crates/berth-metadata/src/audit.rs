//! The audit trail: who did what, from where, and what came of it. Rows are only added, and go with age or for room.

mod chain;
mod forget;
mod verify;

use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
pub use chain::{AuditBook, AuditLink, AuditSeal};
pub use forget::DroppedForRoom;
use sqlx::Row;
use sqlx::any::AnyRow;
pub use verify::{AuditFlaw, AuditPlace, AuditVerified};

/// One thing that somebody did, or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Milliseconds since the epoch.
    pub at: i64,
    /// The account of whoever acted; none when nobody knows whose login was tried.
    pub account_id: Option<String>,
    /// The user who acted, as far as known.
    pub user_id: Option<String>,
    /// That user's name at the time, or the login name that was tried.
    pub user_name: String,
    /// What they proved themselves with; never the secret.
    pub credential: String,
    /// The client's address.
    pub source: String,
    /// What they did.
    pub action: String,
    /// What they did it to, empty when it is to nothing in particular.
    pub resource: String,
    /// The HTTP status they were answered.
    pub status: i64,
    /// The code of the refusal, empty for a success.
    pub code: String,
    /// The id of the request.
    pub request_id: String,
    /// Where it stands in its chain, once it does.
    pub link: Option<AuditLink>,
}

/// Where a page of the trail ends, or the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditMark {
    /// The time of the last event, milliseconds since the epoch.
    pub at: i64,
    /// Its id.
    pub id: i64,
}

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// From this time on, milliseconds since the epoch.
    pub from: Option<i64>,
    /// Up to this time and not including it.
    pub to: Option<i64>,
    /// The user's name.
    pub user_name: Option<String>,
    /// The action.
    pub action: Option<String>,
    /// The resource, or what lies below it.
    pub resource: Option<String>,
    /// Successes only, or refusals only.
    pub succeeded: Option<bool>,
}

macro_rules! list {
    ($user:literal) => {
        concat!(
            "SELECT id, at, account_id, user_id, user_name, credential, source, action, resource, status, code, \
             request_id, book, number, mac FROM audit_events WHERE account_id = $1 AND at <= $2 AND (at < $2 OR id < $3) AND at >= $4 ",
            $user,
            "AND (CAST($6 AS TEXT) IS NULL OR action = $6) \
             AND (CAST($7 AS TEXT) IS NULL OR resource = $7 OR (resource >= $7 || '/' AND resource < $7 || '0') \
               OR (resource >= $7 || ':' AND resource < $7 || ';') \
               OR (resource >= $7 || '@' AND resource < $7 || 'A') OR (resource >= $7 || ' ' AND resource < $7 || '!')) \
             AND (CAST($8 AS BIGINT) IS NULL OR (status < 400) = ($8 = 1)) \
             ORDER BY at DESC, id DESC LIMIT $9"
        )
    };
}
pub(crate) const LIST: &str = list!("AND CAST($5 AS TEXT) IS NULL ");
pub(crate) const LIST_OF_USER: &str = list!("AND user_name = $5 ");

impl Metadata {
    /// At most `limit` events of an account, newest first, those older than `mark`, each with its place.
    pub async fn audit_events(
        &self,
        account_id: &str,
        filter: &AuditFilter,
        mark: Option<AuditMark>,
        limit: i64,
    ) -> Result<Vec<(AuditMark, AuditEvent)>, Error> {
        let last = filter.to.map_or(i64::MAX, |to| to.saturating_sub(1));
        let mark = mark.unwrap_or(AuditMark {
            at: i64::MAX,
            id: i64::MAX,
        });
        // A mark beyond the end of the time asked for would let later events in.
        let mark = if mark.at > last {
            AuditMark {
                at: last,
                id: i64::MAX,
            }
        } else {
            mark
        };
        let text = if filter.user_name.is_some() {
            LIST_OF_USER
        } else {
            LIST
        };
        let statement = sqlx::query(text)
            .bind(account_id.to_owned())
            .bind(mark.at)
            .bind(mark.id)
            .bind(filter.from.unwrap_or(i64::MIN))
            .bind(filter.user_name.clone())
            .bind(filter.action.clone())
            .bind(filter.resource.clone())
            .bind(filter.succeeded.map(i64::from))
            .bind(limit);
        self.list("list the audit trail", statement, event).await
    }
}

fn event(row: &AnyRow) -> Result<(AuditMark, AuditEvent), Failure> {
    let at = row.try_get("at")?;
    let mark = AuditMark {
        at,
        id: row.try_get("id")?,
    };
    let event = AuditEvent {
        at,
        account_id: row.try_get("account_id")?,
        user_id: row.try_get("user_id")?,
        user_name: row.try_get("user_name")?,
        credential: row.try_get("credential")?,
        source: row.try_get("source")?,
        action: row.try_get("action")?,
        resource: row.try_get("resource")?,
        status: row.try_get("status")?,
        code: row.try_get("code")?,
        request_id: row.try_get("request_id")?,
        link: link(row)?,
    };
    Ok((mark, event))
}

fn link(row: &AnyRow) -> Result<Option<AuditLink>, Failure> {
    let book: Option<String> = row.try_get("book")?;
    let number: Option<i64> = row.try_get("number")?;
    let mac: Option<Vec<u8>> = row.try_get("mac")?;
    let book = book.as_deref().and_then(AuditBook::of_name);
    Ok(book.zip(number).map(|(book, number)| AuditLink {
        book,
        number,
        mac: mac.unwrap_or_default(),
    }))
}
