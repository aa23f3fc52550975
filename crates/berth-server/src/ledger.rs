//! `berth ledger`: `show` and `frees` ask a server; `verify` works on the stores themselves, beside running servers or without
//! one.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_registry::{Caller, Difference, Registry, Verified, now_ms, time_text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client;
use crate::stores::{self, Failure, StoreArgs, must_exist};
use crate::table::{Form, Output, Table};

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerVerb {
    #[command(flatten)]
    Ask(client::LedgerVerb),
    /// Compare the rows with what the blob store holds
    ///
    /// Works on the database and the store themselves, as the server's own settings name them, beside running servers: what
    /// differs is looked at once more after a while. Ends with 1 when something still differs, and says what to do.
    #[command(after_help = "Example:\n  berth ledger verify --config /etc/berth/berth.toml")]
    Verify(VerifyArgs),
}

/// The arguments of `berth ledger verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    stores: StoreArgs,
    /// Seconds until what differs is looked at once more
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pause: u64,
    /// Put right what quotas count wrongly
    #[arg(long)]
    repair: bool,
}

impl VerifyArgs {
    /// Compares, and answers what to print and whether all is as it should be.
    pub(crate) fn run(self) -> Result<(String, bool), Failure> {
        let settings = self.stores.settings()?;
        must_exist(&settings)?;
        let verified = stores::block_on(async {
            let registry = Registry::open(settings.registry()).await?;
            let how = (Duration::from_secs(self.pause), self.repair);
            let verified = registry.verify_ledger(&Caller::System, how).await;
            registry.close().await;
            Ok(verified?)
        })?;
        let equal = verified.differences.is_empty() && verified.unnamed == 0;
        Ok((answer(&verified).print(self.stores.output), equal))
    }
}

fn answer(verified: &Verified) -> Table {
    let differences = verified.differences.iter().map(|difference| {
        json!({
            "kind": difference.kind.as_str(),
            "what": difference.what,
            "expected": difference.expected,
            "found": difference.found,
            "modified_at": difference.modified_at.map(time_text),
            "affected": difference.affected,
            "remedy": difference.kind.remedy(),
        })
    });
    let columns: Vec<(&'static str, Form)> = [
        "keys",
        "bytes",
        "blob_bytes",
        "reclaim_bytes",
        "quarantine_bytes",
        "without_row_bytes",
        "upload_bytes",
        "differences",
        "unnamed",
    ]
    .map(|name| (name, Form::Plain))
    .into();
    let row = vec![
        json!(verified.keys),
        json!(verified.bytes),
        json!(verified.by_use.blob_bytes),
        json!(verified.by_use.reclaim_bytes),
        json!(verified.by_use.quarantine_bytes),
        json!(verified.without_row_bytes),
        json!(verified.by_use.upload_bytes),
        differences.collect::<Value>(),
        json!(verified.unnamed),
    ];
    Table::one_of(columns, row).said(text(verified))
}

/// What people read: the sums, each difference, and what to do about each kind.
fn text(verified: &Verified) -> String {
    let columns = [
        ("keys", Form::Plain),
        ("bytes", Form::Bytes),
        ("blobs", Form::Bytes),
        ("waiting_to_be_deleted", Form::Bytes),
        ("in_quarantine", Form::Bytes),
        ("without_a_row", Form::Bytes),
        ("in_uploads", Form::Bytes),
    ];
    let row = vec![
        json!(verified.keys),
        json!(verified.bytes),
        json!(verified.by_use.blob_bytes),
        json!(verified.by_use.reclaim_bytes),
        json!(verified.by_use.quarantine_bytes),
        json!(verified.without_row_bytes),
        json!(verified.by_use.upload_bytes),
    ];
    let mut text = Table::one_of(columns.into(), row).print(Output::Table);
    if verified.differences.is_empty() && verified.unnamed == 0 {
        text.push_str("\nThe rows and the store agree.\n");
        return text;
    }
    text.push('\n');
    let rows = verified.differences.iter().map(line);
    text.push_str(
        &Table::list(
            &["difference", "what", "expected", "found", "age", "touches"],
            rows,
        )
        .print(Output::Table),
    );
    if verified.unnamed > 0 {
        text.push_str(&["and ", &verified.unnamed.to_string(), " more that look so\n"].concat());
    }
    let kinds: BTreeMap<_, _> = verified
        .differences
        .iter()
        .map(|difference| (difference.kind, difference.kind.remedy()))
        .collect();
    text.push('\n');
    for (kind, remedy) in kinds {
        text.push_str(&[kind.as_str(), ": ", remedy, "\n"].concat());
    }
    text
}

fn line(difference: &Difference) -> [Value; 6] {
    let age = difference.modified_at.map(|at| {
        let minutes = now_ms().saturating_sub(at).max(0) / 60_000;
        format!("{}h{:02}m", minutes / 60, minutes % 60)
    });
    [
        json!(difference.kind.as_str()),
        json!(difference.what),
        json!(difference.expected),
        json!(difference.found),
        json!(age),
        json!(difference.affected.join(" ")),
    ]
}
