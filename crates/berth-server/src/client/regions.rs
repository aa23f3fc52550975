//! `berth region`: other regions, which images are sent to.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::path;
use super::server::Server;
use super::terminal::{confirm, secret};
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List this region and the registered ones
    #[command(after_help = "Example:\n  berth region list")]
    List,
    /// Show a region, and how what is sent there stands
    #[command(after_help = "Example:\n  berth region show east-1")]
    Show {
        /// Its name
        region: String,
    },
    /// Register a region; the password of the login there is asked for
    #[command(after_help = "Example:\n  berth region add east-1 https://hub.east-1.example --user robot")]
    Add {
        /// Its name
        region: String,
        /// The address of its registry
        url: String,
        #[command(flatten)]
        reached: Reached,
    },
    /// Change a region; another server needs the login for it
    #[command(after_help = "Example:\n  berth region update east-1 --user robot")]
    Update {
        /// Its name
        region: String,
        /// The address of its registry
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        reached: Reached,
    },
    /// Look whether images can be sent to a region; what waits for it goes on when they can
    #[command(after_help = "Example:\n  berth region check east-1")]
    Check {
        /// Its name
        region: String,
    },
    /// Forget a region
    #[command(after_help = "Example:\n  berth region delete east-1 --yes")]
    Delete {
        /// Its name
        region: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// How a region is reached.
#[derive(Debug, Args)]
pub(crate) struct Reached {
    /// Whom to log in as there [default: nobody]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "user")]
    secret_stdin: bool,
    /// A file with the authorities that its certificate may come from, as PEM
    #[arg(long, value_name = "FILE")]
    certificate_authority: Option<PathBuf>,
    /// Keep it whatever is found there
    #[arg(long)]
    unchecked: bool,
}

const COLUMNS: &[Column] = &[
    shown("region", "/regionID"),
    shown("registry", "/registryURL"),
    shown("usable", "/usable"),
    shown("finding", "/finding"),
    shown("checked_at", "/checked_at"),
];
const SHOWN_COLUMNS: &[Column] = &[
    shown("region", "/regionID"),
    shown("registry", "/registryURL"),
    shown("has_login", "/has_login"),
    shown("usable", "/usable"),
    shown("finding", "/finding"),
    shown("checked_at", "/checked_at"),
    hidden("registry_id", "/registry_id"),
    shown("waiting", "/sync/waiting"),
    shown("running", "/sync/running"),
    shown("failed", "/sync/failed"),
    shown("behind_seconds", "/sync/behindSeconds"),
    shown("last_arrival_at", "/sync/lastArrivalAt"),
    shown("paused_until", "/sync/pausedUntil"),
    shown("paused_because", "/sync/pausedBecause"),
];
const REGIONS: &str = "/v2/manage/regions";

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List => Ok(answer::list(COLUMNS, &server.list(REGIONS).await?)),
        Verb::Show { region } => {
            let found = server.get(&path(&["v2", "manage", "regions", &region])).await?;
            Ok(answer::one(SHOWN_COLUMNS, &found))
        }
        Verb::Add { region, url, reached } => {
            let body = reached.onto(json!({ "regionID": region, "registryURL": url }))?;
            let made = server.send(Method::POST, REGIONS, Some(&body)).await?;
            Ok(answer::one(COLUMNS, &made.body))
        }
        Verb::Update { region, url, reached } => {
            let body = reached.onto(url.map_or_else(|| json!({}), |url| json!({ "registryURL": url })))?;
            let target = path(&["v2", "manage", "regions", &region]);
            let changed = server.send(Method::PATCH, &target, Some(&body)).await?;
            Ok(answer::one(COLUMNS, &changed.body))
        }
        Verb::Check { region } => {
            let target = path(&["v2", "manage", "regions", &region, "check"]);
            let checked = server.send(Method::POST, &target, None).await?.body;
            if checked["usable"] == json!(true) {
                return Ok(answer::one(COLUMNS, &checked));
            }
            let finding = checked["finding"].as_str().unwrap_or_default();
            Err(Failure::Here(format!(
                "images cannot be sent to {region}: {finding}"
            )))
        }
        Verb::Delete { region, yes } => {
            confirm(&format!("Forget the region {region}"), yes)?;
            let target = path(&["v2", "manage", "regions", &region]);
            server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(&["region", "deleted"], [json!(region), json!(true)]))
        }
    }
}

impl Reached {
    /// Puts what was given into a request; asks for the password of a user.
    fn onto(self, mut body: Value) -> Result<Value, Failure> {
        if let Some(user) = self.user {
            body["username"] = json!(user);
            body["password"] = json!(secret("password", self.secret_stdin)?.expose());
        }
        if let Some(file) = &self.certificate_authority {
            body["certificate_authority"] = json!(read(file)?);
        }
        body["unchecked"] = json!(self.unchecked);
        Ok(body)
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::Here(format!("{} cannot be read: {error}", file.display())))
}
