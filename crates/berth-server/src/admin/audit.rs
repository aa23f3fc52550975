//! `berth admin audit`: whether the audit trails are whole, asked of the database itself.

use std::fmt::Write as _;

use berth_registry::{AuditBook, AuditVerified, Caller, Registry, time_text};
use clap::Subcommand;
use serde_json::{Value, json};

use super::Failure;
use crate::table::Table;

const OPERATOR: &Caller = &Caller::System;

#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// Verify that no event of the audit trail is missing, altered or cut off; ends with 1 when one is
    Verify {
        /// The account's name [default: all accounts]
        account: Option<String>,
    },
}

const COLUMNS: &[&str; 9] = &[
    "account",
    "book",
    "first",
    "last",
    "checked",
    "expired",
    "expired_for_room",
    "flaw",
    "at_number",
];

/// What was found, and whether all is whole.
pub(super) async fn audit(registry: &Registry, verb: AuditVerb) -> Result<(Table, bool), Failure> {
    let AuditVerb::Verify { account } = verb;
    let accounts = if let Some(account) = account {
        vec![account]
    } else {
        let accounts = registry.list_accounts(OPERATOR).await?.into_iter();
        accounts.map(|account| account.name).collect()
    };
    let (mut rows, mut whole, mut notes) = (Vec::new(), true, String::new());
    for account in accounts {
        let found = registry.verify_audit_trail(OPERATOR, &account).await?;
        whole &= found.is_whole();
        rows.extend(
            found
                .books
                .iter()
                .map(|(book, verified)| row(&account, *book, verified)),
        );
        if let Some(until) = found.in_no_book_until {
            let (events, until) = (found.in_no_book, time_text(until));
            let _ = writeln!(
                notes,
                "{account}: {events} events up to {until} are in no book: nothing tells whether they are as they were"
            );
        }
    }
    let table = Table::list(COLUMNS, rows);
    let said = table.print(crate::table::Output::Table);
    Ok((table.said(said + &notes), whole))
}

fn row(account: &str, book: AuditBook, verified: &AuditVerified) -> [Value; 9] {
    [
        json!(account),
        json!(book.as_str()),
        json!(verified.first),
        json!(verified.last),
        json!(verified.checked),
        json!(verified.first - 1 - verified.dropped_for_room),
        json!(verified.dropped_for_room),
        json!(verified.flaw.map(berth_registry::AuditFlaw::as_str)),
        json!(verified.flaw.map(berth_registry::AuditFlaw::number)),
    ]
}
