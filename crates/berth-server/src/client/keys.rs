//! `berth key`: access keys (AK/SK).

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, shown};
use super::failure::Failure;
use super::names::{path, with_query};
use super::people;
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List access keys
    #[command(after_help = "Examples:\n  berth key list\n  berth key list --user robot")]
    List {
        /// Those of this user [default: your own]
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Make an access key; its secret is shown once
    #[command(
        after_help = "Examples:\n  berth key create --description laptop\n  berth key create --user robot --output json"
    )]
    Create {
        /// For this user [default: yourself]
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// A text for people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Let an access key in again
    #[command(after_help = "Example:\n  berth key enable AKEXAMPLE0001")]
    Enable {
        /// The access key's id
        access_key_id: String,
    },
    /// Keep an access key out, and every login that was made with it
    #[command(after_help = "Example:\n  berth key disable AKEXAMPLE0001")]
    Disable {
        /// The access key's id
        access_key_id: String,
    },
    /// Delete an access key, and with it every login that was made with it
    #[command(after_help = "Example:\n  berth key delete AKEXAMPLE0001 --yes")]
    Delete {
        /// The access key's id
        access_key_id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

const KEYS: &str = "/v3.0/OS-CREDENTIAL/credentials";

const COLUMNS: &[Column] = &[
    shown("access_key_id", "/access"),
    shown("status", "/status"),
    shown("created_at", "/create_time"),
    shown("description", "/description"),
    shown("user_id", "/user_id"),
];

const MADE: &[Column] = &[
    shown("access_key_id", "/access"),
    shown("secret_access_key", "/secret"),
    shown("user_id", "/user_id"),
    shown("description", "/description"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { user } => {
            let user_id = user_id(server, user).await?;
            let found = server.get(&with_query(KEYS, &[("user_id", &user_id)])).await?;
            let keys = found["credentials"].as_array().cloned().unwrap_or_default();
            Ok(answer::list(COLUMNS, &keys))
        }
        Verb::Create { user, description } => {
            let user_id = user_id(server, user).await?;
            let mut key = json!({ "user_id": user_id });
            if let Some(description) = description {
                key["description"] = json!(description);
            }
            let body = json!({ "credential": key });
            let made = server.send(Method::POST, KEYS, Some(&body)).await?;
            Ok(answer::one(MADE, &made.body["credential"]))
        }
        Verb::Enable { access_key_id } => switch(server, &access_key_id, "active").await,
        Verb::Disable { access_key_id } => switch(server, &access_key_id, "inactive").await,
        Verb::Delete { access_key_id, yes } => {
            confirm(&format!("Delete the access key {access_key_id}"), yes)?;
            server.send(Method::DELETE, &of(&access_key_id), None).await?;
            Ok(Table::one(
                &["access_key_id", "deleted"],
                [json!(access_key_id), json!(true)],
            ))
        }
    }
}

fn of(access_key_id: &str) -> String {
    path(&["v3.0", "OS-CREDENTIAL", "credentials", access_key_id])
}

/// The user named, or whoever asks.
async fn user_id(server: &Server, user: Option<String>) -> Result<String, Failure> {
    match user {
        Some(user) => Ok(people::find(server, &user).await?.id),
        None => Ok(people::myself(server).await?.user_id),
    }
}

async fn switch(server: &Server, access_key_id: &str, status: &str) -> Result<Table, Failure> {
    let body: Value = json!({ "credential": { "status": status } });
    let changed = server.send(Method::PUT, &of(access_key_id), Some(&body)).await?;
    Ok(answer::one(COLUMNS, &changed.body["credential"]))
}
