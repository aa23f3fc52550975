//! Whether a chain of the trail is whole: what is there, compared with what its MACs and its sealed head say.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::chain::{AuditBook, AuditSeal, Chain, Head, link};
use super::{AuditEvent, event};
use crate::Metadata;
use crate::error::Error;
use crate::pool::{Failure, Tx};
use crate::sql::first;

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFlaw {
    /// Events from this number on are not there, though later ones are.
    Missing(i64),
    /// The event of this number is not as it was written, or was never written by the registry.
    Altered(i64),
    /// The newest events, from this number on, are not there.
    CutOff(i64),
    /// The row that says where the chain begins and ends is not as it was written; the number is the next event's.
    Head(i64),
}

impl AuditFlaw {
    /// Its name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Altered(_) => "altered",
            Self::CutOff(_) => "cut_off",
            Self::Head(_) => "head_altered",
        }
    }

    /// The number of the event where it shows.
    pub fn number(self) -> i64 {
        match self {
            Self::Missing(number) | Self::Altered(number) | Self::CutOff(number) | Self::Head(number) => {
                number
            }
        }
    }
}

/// How far a verification came: behind which row, with which MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    number: i64,
    id: i64,
    mac: Option<Vec<u8>>,
}

impl AuditPlace {
    /// Before everything.
    pub fn start() -> Self {
        Self {
            number: i64::MIN,
            id: i64::MIN,
            mac: None,
        }
    }

    /// Before the event of a number; the one before it is taken as it is.
    pub fn before(number: i64) -> Self {
        Self {
            number: number.saturating_sub(1),
            id: i64::MAX,
            mac: None,
        }
    }
}

/// What was found in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerified {
    /// The first number that is kept; above `last` when nothing is.
    pub first: i64,
    /// The number of the newest event.
    pub last: i64,
    /// How many went for room; the others before `first` went with age.
    pub dropped_for_room: i64,
    /// The number of the newest event that was forwarded.
    pub forwarded: i64,
    /// Events that were compared in this step.
    pub checked: i64,
    /// The first thing that is wrong.
    pub flaw: Option<AuditFlaw>,
    /// Where to go on; none at the end, or where something is wrong.
    pub next: Option<AuditPlace>,
}

impl AuditVerified {
    /// The number of the event that the next step begins with.
    pub fn next_number(&self) -> Option<i64> {
        self.next.as_ref().map(|place| place.number.saturating_add(1))
    }
}

const ROWS: &str = "SELECT id, at, account_id, user_id, user_name, credential, source, action, resource, status, code, \
     request_id, book, number, mac FROM audit_events WHERE account_id = $1 AND book = $2 AND number >= $3 \
     AND (number > $3 OR id > $4) ORDER BY number, id LIMIT $5";
const HEAD: &str = "SELECT number, mac, dropped, dropped_mac, dropped_for_room, altered, forwarded, seal \
     FROM audit_heads WHERE account_id = $1 AND book = $2";
const MAC: &str = "SELECT mac FROM audit_events WHERE account_id = $1 AND book = $2 AND number = $3";

impl Metadata {
    /// Verifies at most `limit` events of a chain from a place on.
    pub async fn verify_audit_events(
        &self,
        seal: &AuditSeal,
        (account_id, book): (&str, AuditBook),
        place: AuditPlace,
        limit: i64,
    ) -> Result<AuditVerified, Error> {
        let (seal, chain) = (seal.clone(), (account_id.to_owned(), book));
        self.pool
            .snapshot("verify the audit trail", move |tx| {
                Box::pin(async move { verify(tx, &seal, &chain, (place, limit)).await })
            })
            .await
    }

    /// Events of an account that are in no chain because they are from before there was one, counted up to a bound, and the
    /// time of the newest.
    pub async fn audit_events_in_no_chain(&self, account_id: &str) -> Result<(i64, Option<i64>), Error> {
        const COUNT: &str = "SELECT COUNT(*) AS events, MAX(at) AS newest FROM (SELECT at FROM audit_events \
             WHERE account_id = $1 AND book IS NULL LIMIT 100000) AS outside";
        let statement = sqlx::query(COUNT).bind(account_id.to_owned());
        let read = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        let found = self
            .find("count audit events in no chain", statement, read)
            .await?;
        Ok(found.unwrap_or((0, None)))
    }
}

async fn verify(
    tx: &mut Tx<'_>,
    seal: &AuditSeal,
    chain: &Chain,
    (mut place, limit): (AuditPlace, i64),
) -> Result<AuditVerified, Failure> {
    let of_chain = |text| sqlx::query(text).bind(chain.0.clone()).bind(chain.1.as_str());
    let found = first(tx, of_chain(HEAD)).await?;
    let found = found.as_ref().map(Head::of_row).transpose()?;
    let is_sealed = found
        .as_ref()
        .is_none_or(|(head, found)| *found == head.sealed(seal, chain));
    let head = found.map_or_else(Head::empty, |(head, _)| head);
    if place.number <= head.dropped {
        // What lies before the kept part is none of the chain's any more: whatever is there shows.
        place = AuditPlace {
            mac: Some(head.dropped_mac.clone()),
            ..AuditPlace::start()
        };
    } else if place.mac.is_none() {
        place.number = place.number.min(head.number);
        let row = first(tx, of_chain(MAC).bind(place.number)).await?;
        place.mac = row.map(|row| row.try_get(0)).transpose()?;
    }
    let rows = of_chain(ROWS)
        .bind(place.number)
        .bind(place.id)
        .bind(limit)
        .fetch_all(&mut *tx)
        .await?;
    let rows: Vec<Linked> = rows.iter().map(linked).collect::<Result<_, _>>()?;
    let more = i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    let walked = walk(seal, (chain.1, &head), place, &rows).and_then(|place| {
        if more {
            Ok(Some(place))
        } else {
            end(&head, &place).map(|()| None)
        }
    });
    let head_flaw = if is_sealed {
        head.altered
    } else {
        Some(head.number.saturating_add(1))
    };
    let flaw = walked.as_ref().err().copied();
    Ok(AuditVerified {
        first: head.dropped.saturating_add(1),
        last: head.number,
        dropped_for_room: head.dropped_for_room,
        forwarded: head.forwarded,
        checked: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        flaw: flaw.or(head_flaw.map(AuditFlaw::Head)),
        next: walked.ok().flatten(),
    })
}

/// An event with where it says that it stands.
struct Linked {
    id: i64,
    number: i64,
    mac: Vec<u8>,
    event: AuditEvent,
}

fn linked(row: &AnyRow) -> Result<Linked, Failure> {
    Ok(Linked {
        id: row.try_get("id")?,
        number: row.try_get("number")?,
        mac: row.try_get::<Option<Vec<u8>>, _>("mac")?.unwrap_or_default(),
        event: event(row)?.1,
    })
}

/// Goes from event to event as long as each is the next one.
fn walk(
    seal: &AuditSeal,
    (book, head): (AuditBook, &Head),
    place: AuditPlace,
    rows: &[Linked],
) -> Result<AuditPlace, AuditFlaw> {
    let number = place.number.max(head.dropped);
    let mut mac = place.mac.ok_or(AuditFlaw::Missing(number))?;
    let (mut number, mut id) = (number, place.id);
    for row in rows {
        let expected = number.saturating_add(1);
        if row.number > expected {
            return Err(AuditFlaw::Missing(expected));
        }
        if row.number < expected || row.mac != link(seal, (book, expected), &mac, &row.event) {
            return Err(AuditFlaw::Altered(row.number));
        }
        (number, id) = (expected, row.id);
        mac.clone_from(&row.mac);
    }
    Ok(AuditPlace {
        number,
        id,
        mac: Some(mac),
    })
}

/// Whether the last event is the one that the head names.
fn end(head: &Head, last: &AuditPlace) -> Result<(), AuditFlaw> {
    if last.number < head.number {
        return Err(AuditFlaw::CutOff(last.number.saturating_add(1)));
    }
    if last.number > head.number || last.mac.as_ref() != Some(&head.mac) {
        return Err(AuditFlaw::Head(head.number.saturating_add(1)));
    }
    Ok(())
}
