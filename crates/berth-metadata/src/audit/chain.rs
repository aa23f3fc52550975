//! What makes a gap in the trail show: each event's MAC is taken over the one before it, and the row that says where a
//! chain begins and ends is sealed. Only who has the key behind [`AuditSeal`] can go on with a chain.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::AuditEvent;
use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{change, first};

/// What the first event of a chain has for the MAC before it.
const GENESIS: [u8; 32] = [0; 32];

/// Bytes to their MAC.
type Mac = dyn Fn(&[u8]) -> [u8; 32] + Send + Sync;

/// Makes a MAC of bytes under a key that this crate never sees.
#[derive(Clone)]
pub struct AuditSeal(Arc<Mac>);

impl AuditSeal {
    /// One that signs so.
    pub fn new(sign: impl Fn(&[u8]) -> [u8; 32] + Send + Sync + 'static) -> Self {
        Self(Arc::new(sign))
    }
}

impl fmt::Debug for AuditSeal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AuditSeal(..)")
    }
}

/// The chains of an account, apart so that much of one kind pushes nothing of another out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditBook {
    /// What was changed.
    Changes,
    /// Manifests that were pushed.
    Pushes,
    /// What was refused, or failed.
    Refusals,
}

impl AuditBook {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Changes, Self::Pushes, Self::Refusals];

    /// Its name in the database and for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Pushes => "pushes",
            Self::Refusals => "refusals",
        }
    }

    /// The book of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|book| book.as_str() == name)
    }

    fn of(event: &AuditEvent) -> Self {
        match event.action.as_str() {
            _ if event.status >= 400 => Self::Refusals,
            "put_manifest" => Self::Pushes,
            _ => Self::Changes,
        }
    }
}

/// Where an event stands in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLink {
    /// The chain of the account.
    pub book: AuditBook,
    /// Its number, from 1, without gaps.
    pub number: i64,
    /// The MAC over it and the one before it.
    pub mac: Vec<u8>,
}

/// A chain: of which account, and which of its books.
pub(super) type Chain = (String, AuditBook);

/// Where a chain begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: i64,
    pub(super) mac: Vec<u8>,
    pub(super) dropped: i64,
    pub(super) dropped_mac: Vec<u8>,
    pub(super) dropped_for_room: i64,
    pub(super) altered: Option<i64>,
    pub(super) forwarded: i64,
}

/// Values one after another so that no two lists of values give the same bytes.
struct Encoded(Vec<u8>);

impl Encoded {
    fn of(kind: &str) -> Self {
        Self(Vec::with_capacity(512)).bytes(kind.as_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self = self.number(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn number(mut self, number: i64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    fn maybe<T>(mut self, value: Option<T>, encode: impl FnOnce(Self, T) -> Self) -> Self {
        self.0.push(u8::from(value.is_some()));
        match value {
            Some(value) => encode(self, value),
            None => self,
        }
    }
}

/// The MAC of an event with that number behind the one with `previous`.
pub(super) fn link(
    seal: &AuditSeal,
    (book, number): (AuditBook, i64),
    previous: &[u8],
    event: &AuditEvent,
) -> Vec<u8> {
    let encoded = Encoded::of("audit event 1")
        .bytes(previous)
        .text(book.as_str())
        .number(number)
        .number(event.at)
        .maybe(event.account_id.as_deref(), Encoded::text)
        .maybe(event.user_id.as_deref(), Encoded::text)
        .text(&event.user_name)
        .text(&event.credential)
        .text(&event.source)
        .text(&event.action)
        .text(&event.resource)
        .number(event.status)
        .text(&event.code)
        .text(&event.request_id);
    (seal.0)(&encoded.0).to_vec()
}

impl Head {
    /// That of a chain without an event.
    pub(super) fn empty() -> Self {
        Self {
            number: 0,
            mac: GENESIS.to_vec(),
            dropped: 0,
            dropped_mac: GENESIS.to_vec(),
            dropped_for_room: 0,
            altered: None,
            forwarded: 0,
        }
    }

    pub(super) fn sealed(&self, seal: &AuditSeal, (account_id, book): &Chain) -> Vec<u8> {
        let encoded = Encoded::of("audit head 1")
            .text(account_id)
            .text(book.as_str())
            .number(self.number)
            .bytes(&self.mac)
            .number(self.dropped)
            .bytes(&self.dropped_mac)
            .number(self.dropped_for_room)
            .maybe(self.altered, Encoded::number);
        (seal.0)(&encoded.0).to_vec()
    }

    pub(super) fn of_row(row: &AnyRow) -> Result<(Self, Vec<u8>), sqlx::Error> {
        let head = Self {
            number: row.try_get("number")?,
            mac: row.try_get("mac")?,
            dropped: row.try_get("dropped")?,
            dropped_mac: row.try_get("dropped_mac")?,
            dropped_for_room: row.try_get("dropped_for_room")?,
            altered: row.try_get("altered")?,
            forwarded: row.try_get("forwarded")?,
        };
        Ok((head, row.try_get("seal")?))
    }

    /// The head of a chain, which no other transaction moves before this one has ended.
    pub(super) async fn locked(tx: &mut Tx<'_>, seal: &AuditSeal, chain: &Chain) -> Result<Self, Failure> {
        const LOCK: &str = "INSERT INTO audit_heads (account_id, book, number, mac, dropped, dropped_mac, \
             dropped_for_room, altered, seal) VALUES ($1, $2, 0, $3, 0, $3, 0, NULL, $4) \
             ON CONFLICT (account_id, book) DO UPDATE SET forwarded = audit_heads.forwarded \
             RETURNING number, mac, dropped, dropped_mac, dropped_for_room, altered, forwarded, seal";
        let statement = sqlx::query(LOCK)
            .bind(chain.0.clone())
            .bind(chain.1.as_str())
            .bind(GENESIS.to_vec())
            .bind(Self::empty().sealed(seal, chain));
        let row = first(tx, statement).await?.ok_or(sqlx::Error::RowNotFound)?;
        let (mut head, found) = Self::of_row(&row)?;
        if found != head.sealed(seal, chain) && head.altered.is_none() {
            // What comes is recorded all the same, and that this happened is sealed with it.
            head.altered = Some(head.number.saturating_add(1));
            let (account, book, number) = (&chain.0, chain.1.as_str(), head.number);
            tracing::error!(account, book, number, "the head of the audit trail was altered");
        }
        Ok(head)
    }

    pub(super) async fn moved(
        &self,
        tx: &mut Tx<'_>,
        seal: &AuditSeal,
        chain: &Chain,
    ) -> Result<(), Failure> {
        const MOVE: &str = "UPDATE audit_heads SET number = $3, mac = $4, dropped = $5, dropped_mac = $6, \
             dropped_for_room = $7, altered = $8, seal = $9 WHERE account_id = $1 AND book = $2";
        let statement = sqlx::query(MOVE)
            .bind(chain.0.clone())
            .bind(chain.1.as_str())
            .bind(self.number)
            .bind(self.mac.clone())
            .bind(self.dropped)
            .bind(self.dropped_mac.clone())
            .bind(self.dropped_for_room)
            .bind(self.altered)
            .bind(self.sealed(seal, chain));
        change(tx, statement).await?;
        Ok(())
    }
}

impl Metadata {
    /// Adds events, all or none, each to the end of its chain; durable. One that is no account's is in no chain.
    pub async fn add_audit_events(&self, seal: &AuditSeal, events: Vec<AuditEvent>) -> Result<(), Error> {
        self.pool
            .write(
                "add to the audit trail",
                Durability::Durable.of_contents(),
                (seal.clone(), events),
                |tx, (seal, events)| Box::pin(add(tx, seal, events)),
            )
            .await
    }
}

async fn add(tx: &mut Tx<'_>, seal: &AuditSeal, events: &[AuditEvent]) -> Result<(), Failure> {
    // In one order for all who write, so that no two wait for one another.
    let mut chains: BTreeMap<Chain, Vec<&AuditEvent>> = BTreeMap::new();
    for event in events {
        match &event.account_id {
            Some(account_id) => {
                let chain = (account_id.clone(), AuditBook::of(event));
                chains.entry(chain).or_default().push(event);
            }
            None => insert(tx, event, None).await?,
        }
    }
    for (chain, events) in chains {
        let mut head = Head::locked(tx, seal, &chain).await?;
        for event in events {
            head.number = head.number.saturating_add(1);
            head.mac = link(seal, (chain.1, head.number), &head.mac, event);
            let link = AuditLink {
                book: chain.1,
                number: head.number,
                mac: head.mac.clone(),
            };
            insert(tx, event, Some(link)).await?;
        }
        head.moved(tx, seal, &chain).await?;
    }
    Ok(())
}

async fn insert(tx: &mut Tx<'_>, event: &AuditEvent, link: Option<AuditLink>) -> Result<(), Failure> {
    const ADD: &str = "INSERT INTO audit_events (at, account_id, user_id, user_name, credential, source, action, \
         resource, status, code, request_id, book, number, mac) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
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
        .bind(event.request_id.clone())
        .bind(link.as_ref().map(|link| link.book.as_str()))
        .bind(link.as_ref().map(|link| link.number))
        .bind(link.map(|link| link.mac));
    change(tx, add).await?;
    Ok(())
}
