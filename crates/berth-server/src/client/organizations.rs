//! `berth org`.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, right, shown};
use super::failure::Failure;
use super::names::{organization, organization_path, with_query};
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make an organization
    #[command(after_help = "Example:\n  berth org create team")]
    Create {
        /// Its name, unique on the server
        #[arg(value_parser = organization)]
        name: String,
    },
    /// List the organizations that you have a right on
    #[command(after_help = "Example:\n  berth org list --visible")]
    List {
        /// Also those where you have a right on an image only
        #[arg(long)]
        visible: bool,
        /// Those whose name has this in it
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show an organization
    #[command(after_help = "Example:\n  berth org show team")]
    Show {
        /// Its name
        #[arg(value_parser = organization)]
        name: String,
    },
    /// Delete an organization, which must hold no image any more
    #[command(after_help = "Example:\n  berth org delete team --yes")]
    Delete {
        /// Its name
        #[arg(value_parser = organization)]
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

const COLUMNS: &[Column] = &[
    shown("organization", "/name"),
    right("right", "/auth"),
    shown("creator", "/creator_name"),
    hidden("id", "/id"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Create { name } => {
            let body = json!({ "namespace": name });
            server
                .send(Method::POST, "/v2/manage/namespaces", Some(&body))
                .await?;
            show(server, &name).await
        }
        Verb::List { visible, name, limit } => {
            let keys = [
                ("namespace", name.as_deref()),
                ("mode", visible.then_some("visible")),
            ];
            let given = keys
                .iter()
                .filter_map(|(key, value)| Some(format!("{key}::{}", (*value)?)));
            let filter = given.collect::<Vec<_>>().join("|");
            let mut body = server
                .get(&with_query("/v2/manage/namespaces", &[("filter", &filter)]))
                .await?;
            let mut found: Vec<Value> = serde_json::from_value(body["namespaces"].take()).unwrap_or_default();
            found.truncate(limit.unwrap_or(usize::MAX));
            Ok(answer::list(COLUMNS, &found))
        }
        Verb::Show { name } => show(server, &name).await,
        Verb::Delete { name, yes } => {
            confirm(&format!("Delete the organization {name}"), yes)?;
            server
                .send(Method::DELETE, &organization_path(&name, &[]), None)
                .await?;
            Ok(Table::one(
                &["organization", "deleted"],
                [json!(name), json!(true)],
            ))
        }
    }
}

async fn show(server: &Server, name: &str) -> Result<Table, Failure> {
    Ok(answer::one(
        COLUMNS,
        &server.get(&organization_path(name, &[])).await?,
    ))
}
