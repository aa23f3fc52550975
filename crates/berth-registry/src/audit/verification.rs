//! Whether a trail is whole, and what goes from it: with age, and for room.

use berth_metadata::{AuditBook, AuditPlace, AuditVerified};

use super::audited_account;
use crate::Registry;
use crate::access::Caller;
use crate::error::Error;

/// Events of one step of a verification that reads a whole trail.
const STEP: i64 = 1_000;
/// Events of one step that forgets.
const FORGOTTEN_AT_ONCE: i64 = 500;

/// What the verification of an account's trail found.
#[derive(Clone, Debug)]
pub struct AuditVerification {
    /// What was found in each book.
    pub books: Vec<(AuditBook, AuditVerified)>,
    /// Events in no book, from before there were any; counted up to 100,000.
    pub in_no_book: i64,
    /// The time of the newest of them, milliseconds since the epoch.
    pub in_no_book_until: Option<i64>,
}

impl AuditVerification {
    /// Whether nothing wrong was found.
    pub fn is_whole(&self) -> bool {
        self.books.iter().all(|(_, verified)| verified.flaw.is_none())
    }
}

impl Registry {
    /// Verifies at most `limit` events of each book of the caller's account; of one book, from a number on, when asked.
    /// For its administrators.
    pub async fn verify_audit_events(
        &self,
        caller: &Caller,
        book: Option<AuditBook>,
        from: Option<i64>,
        limit: i64,
    ) -> Result<AuditVerification, Error> {
        let account_id = audited_account(caller)?;
        self.write_trail().await;
        let wanted: Vec<AuditBook> = match book {
            Some(book) => vec![book],
            None if from.is_some() => {
                return Err(Error::Invalid(
                    "a number to begin with belongs to a book: changes, pushes or refusals".into(),
                ));
            }
            None => AuditBook::ALL.into(),
        };
        let mut books = Vec::new();
        for book in wanted {
            let place = from.map_or_else(AuditPlace::start, AuditPlace::before);
            let step = self
                .metadata
                .verify_audit_events(&self.trail.seal, (account_id, book), place, limit);
            books.push((book, step.await?));
        }
        self.verification(account_id, books).await
    }

    /// Verifies the whole trail of an account. For the operator.
    pub async fn verify_audit_trail(
        &self,
        caller: &Caller,
        account: &str,
    ) -> Result<AuditVerification, Error> {
        caller.require_operator()?;
        let account_id = self.account(account).await?.id;
        let mut books = Vec::new();
        for book in AuditBook::ALL {
            let (mut place, mut checked) = (AuditPlace::start(), 0);
            let mut found = loop {
                let step =
                    self.metadata
                        .verify_audit_events(&self.trail.seal, (&account_id, book), place, STEP);
                let found = step.await?;
                checked += found.checked;
                match found.next.clone() {
                    Some(next) => place = next,
                    None => break found,
                }
            };
            found.checked = checked;
            books.push((book, found));
        }
        self.verification(&account_id, books).await
    }

    async fn verification(
        &self,
        account_id: &str,
        books: Vec<(AuditBook, AuditVerified)>,
    ) -> Result<AuditVerification, Error> {
        let (in_no_book, in_no_book_until) = self.metadata.audit_events_in_no_chain(account_id).await?;
        Ok(AuditVerification {
            books,
            in_no_book,
            in_no_book_until,
        })
    }

    /// Forgets what is too old, and what is more than a book may hold.
    pub(crate) async fn shorten_trail(&self, now: i64) -> Result<(), Error> {
        let seal = &self.trail.seal;
        let forgotten = now.saturating_sub(self.limits.audit_ttl_ms());
        let forget = || {
            self.metadata
                .forget_audit_events(seal, forgotten, FORGOTTEN_AT_ONCE)
        };
        while forget().await? > 0 {}
        let kept_max = i64::from(self.limits.audit_events_max);
        loop {
            let dropped = self
                .metadata
                .drop_audit_events(seal, kept_max, FORGOTTEN_AT_ONCE)
                .await?;
            let Some(dropped) = dropped.filter(|dropped| dropped.events > 0) else {
                return Ok(());
            };
            let (account, book, events) = (dropped.account_id, dropped.book.as_str(), dropped.events);
            tracing::warn!(
                account,
                book,
                events,
                "the oldest audit events went for room, before their time"
            );
        }
    }
}
