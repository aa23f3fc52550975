//! `berth shut-out`: who is shut out because of too many requests.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::path;
use super::server::Server;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List who is or was shut out, newest first
    #[command(after_help = "Example:\n  berth shut-out list --limit 5")]
    List {
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Lift one before its end
    #[command(after_help = "Example:\n  berth shut-out lift 7")]
    Lift {
        /// Its id, from the list
        id: u64,
    },
}

const COLUMNS: &[Column] = &[
    shown("id", "/id"),
    shown("account", "/account"),
    shown("address", "/address"),
    shown("in_force", "/in_force"),
    shown("reason", "/reason"),
    shown("began_at", "/began_at"),
    shown("ends_at", "/ends_at"),
    hidden("lifted_at", "/lifted_at"),
    shown("lifted_by", "/lifted_by"),
];
const SHUT_OUTS: &str = "/v2/manage/shut-outs";

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { limit } => {
            let rows = server.marked_rows(SHUT_OUTS, &[], "shut_outs", limit).await?;
            Ok(answer::list(COLUMNS, &rows))
        }
        Verb::Lift { id } => {
            let target = path(&["v2", "manage", "shut-outs", &id.to_string()]);
            server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(&["id", "lifted"], [json!(id), json!(true)]))
        }
    }
}
