//! `berth audit`: who did what in the account, for its administrators.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::with_query;
use super::server::Server;
use crate::table::{Output, Table};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List what was done and refused, newest first
    #[command(after_help = "Example:\n  berth audit list --user ann --result refused --limit 20")]
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// At most as many
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: usize,
    },
    /// Write all that was done and refused to standard output, newest first
    #[command(
        after_help = "Example:\n  berth audit export --format csv --from 2026-01-01T00:00:00Z > audit.csv"
    )]
    Export {
        #[command(flatten)]
        wanted: Wanted,
        /// A JSON object in each line, or a table of comma-separated values
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
    },
    /// Verify that nothing is missing, altered or cut off; ends with another code than 0 when something is
    #[command(after_help = "Example:\n  berth audit verify")]
    Verify,
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// The first time, such as 2026-01-02T03:04:05Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The time up to which, not included
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Who did it
    #[arg(long)]
    user: Option<String>,
    /// What was done, such as `put_manifest`
    #[arg(long)]
    action: Option<String>,
    /// To what it was done, or to what lies below it
    #[arg(long)]
    resource: Option<String>,
    /// How it was answered
    #[arg(long, value_enum)]
    result: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A JSON object in each line
    Jsonl,
    /// Comma-separated values
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    /// What was done
    Success,
    /// What was refused, or failed
    Refused,
}

const COLUMNS: &[Column] = &[
    shown("time", "/time"),
    shown("user", "/user_name"),
    hidden("user_id", "/user_id"),
    hidden("credential", "/credential"),
    shown("source", "/source"),
    shown("action", "/action"),
    shown("resource", "/resource"),
    shown("status", "/status"),
    shown("code", "/code"),
    hidden("request_id", "/request_id"),
    hidden("book", "/book"),
    hidden("number", "/number"),
    hidden("mac", "/mac"),
];
const BOOK_COLUMNS: &[Column] = &[
    shown("book", "/book"),
    shown("first", "/first"),
    shown("last", "/last"),
    shown("checked", "/checked"),
    shown("expired", "/expired"),
    shown("expired_for_room", "/expired_for_room"),
    shown("flaw", "/flaw/kind"),
    shown("at_number", "/flaw/number"),
];
const EVENTS: &str = "/v2/manage/audit-events";

impl Wanted {
    fn query(&self) -> Vec<(&str, &str)> {
        let result = self.result.map(|result| match result {
            Outcome::Success => "success",
            Outcome::Refused => "refused",
        });
        let fields = [
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
            ("user", self.user.as_deref()),
            ("action", self.action.as_deref()),
            ("resource", self.resource.as_deref()),
            ("result", result),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { wanted, limit } => {
            let query = wanted.query();
            let rows = server.marked_rows(EVENTS, &query, "events", Some(limit));
            Ok(answer::list(COLUMNS, &rows.await?))
        }
        Verb::Export { wanted, format } => {
            let mut query = wanted.query();
            query.push(match format {
                Format::Jsonl => ("format", "jsonl"),
                Format::Csv => ("format", "csv"),
            });
            let target = with_query(&[EVENTS, "/export"].concat(), &query);
            server.copy(&target, &mut std::io::stdout()).await?;
            Ok(Table::nothing())
        }
        Verb::Verify => verify(server).await,
    }
}

/// Verifies book by book, in the steps that the server takes.
async fn verify(server: &Server) -> Result<Table, Failure> {
    let target = [EVENTS, "/verification"].concat();
    let begun = server.get(&target).await?;
    let mut books = begun["books"].as_array().cloned().unwrap_or_default();
    for book in &mut books {
        let mut checked = book["checked"].as_i64().unwrap_or_default();
        while let Some(from) = book["next"].as_i64() {
            let (name, from) = (
                book["book"].as_str().unwrap_or_default().to_owned(),
                from.to_string(),
            );
            let step = with_query(&target, &[("book", &name), ("from", &from)]);
            let mut step = server.get(&step).await?;
            *book = step["books"][0].take();
            checked += book["checked"].as_i64().unwrap_or_default();
        }
        book["checked"] = json!(checked);
    }
    let found = answer::list(BOOK_COLUMNS, &books);
    let flawed = |book: &&Value| !book["flaw"].is_null();
    match books.iter().find(flawed) {
        None => Ok(found),
        Some(book) => Err(Failure::Here(format!(
            "the trail is not whole: {} {} at number {}\n{}",
            book["book"].as_str().unwrap_or_default(),
            book["flaw"]["kind"].as_str().unwrap_or_default(),
            book["flaw"]["number"],
            found.print(Output::Table)
        ))),
    }
}
