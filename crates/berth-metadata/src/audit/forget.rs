//! What goes from the trail: with age, and for room. Each chain goes from its beginning on, and its head says up to where,
//! so that what went by rule is no gap.

use sqlx::Row;

use super::chain::{AuditBook, AuditSeal, Chain, Head};
use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{change, first};

/// Events that went because a chain had too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedForRoom {
    /// Whose they were.
    pub account_id: String,
    /// Which chain of the account.
    pub book: AuditBook,
    /// How many.
    pub events: u64,
}

const OLDEST: &str = "SELECT DISTINCT account_id, book FROM \
     (SELECT at, account_id, book FROM audit_events ORDER BY id LIMIT $2) AS oldest \
     WHERE at < $1 AND account_id IS NOT NULL AND book IS NOT NULL ORDER BY account_id, book";
const FORGET_UNLINKED: &str = "DELETE FROM audit_events WHERE id IN (SELECT id FROM \
     (SELECT id, at, book FROM audit_events ORDER BY id LIMIT $2) AS oldest WHERE at < $1 AND book IS NULL)";
/// The last of a chain's first events that is old enough; one before it may be younger by the moment that it waited.
const LAST_OLD: &str = "SELECT MAX(number) FROM (SELECT number, at FROM audit_events \
     WHERE account_id = $1 AND book = $2 ORDER BY number LIMIT $4) AS oldest WHERE at < $3";
const FORGET: &str = "DELETE FROM audit_events WHERE account_id = $1 AND book = $2 AND number <= $3";
const MAC: &str =
    "SELECT mac FROM audit_events WHERE account_id = $1 AND book = $2 AND number = $3 ORDER BY id";
const FULL: &str = "SELECT account_id, book FROM audit_heads WHERE number - dropped > $1 \
     ORDER BY account_id, book LIMIT 1";

impl Metadata {
    /// Forgets events before a time, some `limit` of each chain, and answers how many.
    pub async fn forget_audit_events(&self, seal: &AuditSeal, before: i64, limit: i64) -> Result<u64, Error> {
        self.pool
            .write(
                "forget old audit events",
                Durability::Relaxed,
                (seal.clone(), before, limit),
                |tx, (seal, before, limit)| Box::pin(forget_old(tx, seal, *before, *limit)),
            )
            .await
    }

    /// Forgets the oldest events, at most `limit`, of a chain that has more than `kept_max`; none when none has.
    pub async fn drop_audit_events(
        &self,
        seal: &AuditSeal,
        kept_max: i64,
        limit: i64,
    ) -> Result<Option<DroppedForRoom>, Error> {
        self.pool
            .write(
                "make room in the audit trail",
                Durability::Relaxed,
                (seal.clone(), kept_max, limit),
                |tx, (seal, kept_max, limit)| Box::pin(make_room(tx, seal, *kept_max, *limit)),
            )
            .await
    }
}

async fn forget_old(tx: &mut Tx<'_>, seal: &AuditSeal, before: i64, limit: i64) -> Result<u64, Failure> {
    let oldest = sqlx::query(OLDEST).bind(before).bind(limit);
    let chains = oldest.fetch_all(&mut *tx).await?;
    let unlinked = sqlx::query(FORGET_UNLINKED).bind(before).bind(limit);
    let mut forgotten = change(tx, unlinked).await?;
    for row in chains {
        let Some(chain) = chain_of(&row)? else { continue };
        let mut head = Head::locked(tx, seal, &chain).await?;
        let last = sqlx::query(LAST_OLD)
            .bind(chain.0.clone())
            .bind(chain.1.as_str())
            .bind(before)
            .bind(limit);
        let last = first(tx, last).await?;
        let last: Option<i64> = last.map(|row| row.try_get(0)).transpose()?.flatten();
        if let Some(last) = last {
            forgotten += forget_to(tx, seal, (&chain, &mut head), last).await?;
        }
    }
    Ok(forgotten)
}

async fn make_room(
    tx: &mut Tx<'_>,
    seal: &AuditSeal,
    kept_max: i64,
    limit: i64,
) -> Result<Option<DroppedForRoom>, Failure> {
    let full = first(tx, sqlx::query(FULL).bind(kept_max)).await?;
    let Some(chain) = full.map(|row| chain_of(&row)).transpose()?.flatten() else {
        return Ok(None);
    };
    let mut head = Head::locked(tx, seal, &chain).await?;
    let excess = head.number.saturating_sub(head.dropped).saturating_sub(kept_max);
    let last = head.dropped.saturating_add(excess.clamp(0, limit));
    head.dropped_for_room = head.dropped_for_room.saturating_add(last - head.dropped);
    let events = forget_to(tx, seal, (&chain, &mut head), last).await?;
    let (account_id, book) = chain;
    Ok(Some(DroppedForRoom {
        account_id,
        book,
        events,
    }))
}

fn chain_of(row: &sqlx::any::AnyRow) -> Result<Option<Chain>, sqlx::Error> {
    let book: String = row.try_get(1)?;
    let account_id = row.try_get(0)?;
    // A book that this version does not know is not its own to shorten.
    Ok(AuditBook::of_name(&book).map(|book| (account_id, book)))
}

async fn forget_to(
    tx: &mut Tx<'_>,
    seal: &AuditSeal,
    (chain, head): (&Chain, &mut Head),
    last: i64,
) -> Result<u64, Failure> {
    let bound = |text| {
        sqlx::query(text)
            .bind(chain.0.clone())
            .bind(chain.1.as_str())
            .bind(last)
    };
    if let Some(row) = first(tx, bound(MAC)).await? {
        head.dropped_mac = row.try_get::<Option<Vec<u8>>, _>(0)?.unwrap_or_default();
    }
    head.dropped = head.dropped.max(last);
    let forgotten = change(tx, bound(FORGET)).await?;
    head.moved(tx, seal, chain).await?;
    Ok(forgotten)
}
