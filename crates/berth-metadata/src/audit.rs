//! The audit trail: who did what, from where, and what came of it. Rows are only added, and go with age.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use crate::sql::change;
use sqlx::Row;
use sqlx::any::AnyRow;

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
             request_id FROM audit_events WHERE account_id = $1 AND at <= $2 AND (at < $2 OR id < $3) AND at >= $4 ",
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
    /// Adds events, all or none; durable.
    pub async fn add_audit_events(&self, events: Vec<AuditEvent>) -> Result<(), Error> {
        const ADD: &str = "INSERT INTO audit_events (at, account_id, user_id, user_name, credential, source, action, \
             resource, status, code, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        self.pool
            .write(
                "add to the audit trail",
                Durability::Durable.of_contents(),
                events,
                |tx, events| {
                    Box::pin(async move {
                        for event in events {
                            let add = sqlx::query(ADD)
                                .bind(event.at)
                                .bind(event.account_id.clone())
                                .bind(event.user_id.clone())
                                .bind(event.user_name.clone())
                                .bind(event.credential.clone())
                                .bind(event.source.clone())
                                .bind(event.action.clone())
                                .bind(event.resource.clone())
                                .bind(event.status)
                                .bind(event.code.clone())
                                .bind(event.request_id.clone());
                            change(tx, add).await?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }

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

    /// Forgets events before a time, at most `limit`, and answers how many.
    pub async fn forget_audit_events(&self, before: i64, limit: i64) -> Result<u64, Error> {
        // Ids grow with time, but for the moment that a refusal waits.
        const FORGET: &str = "DELETE FROM audit_events WHERE id IN (SELECT id FROM \
             (SELECT id, at FROM audit_events ORDER BY id LIMIT $2) AS oldest WHERE at < $1)";
        self.change("forget old audit events", Durability::Relaxed, move || {
            sqlx::query(FORGET).bind(before).bind(limit)
        })
        .await
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
    };
    Ok((mark, event))
}
