//! `berth user`: the people and machines of the account.

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::path;
use super::people;
use super::server::Server;
use super::terminal::{confirm, secret};
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the users of the account
    #[command(after_help = "Example:\n  berth user list")]
    List {
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show a user
    #[command(after_help = "Example:\n  berth user show mary")]
    Show {
        /// The user's name or id
        user: String,
    },
    /// Make a user; the password is asked for
    #[command(after_help = "Examples:
  berth user create mary
  berth user create robot --access programmatic --no-password")]
    Create(Create),
    /// Give a user a new password, which is asked for
    #[command(after_help = "Example:\n  berth user reset-password mary")]
    ResetPassword {
        /// The user's name or id
        user: String,
        /// Read the password from standard input
        #[arg(long, visible_alias = "password-stdin")]
        secret_stdin: bool,
    },
    /// Change where a user may log in
    #[command(after_help = "Example:\n  berth user set-access robot programmatic")]
    SetAccess {
        /// The user's name or id
        user: String,
        /// Where the user may log in
        #[arg(value_enum)]
        access: Access,
    },
    /// Let a user in again
    #[command(after_help = "Example:\n  berth user enable mary")]
    Enable {
        /// The user's name or id
        user: String,
    },
    /// Keep a user out from their next request on
    #[command(after_help = "Example:\n  berth user disable mary")]
    Disable {
        /// The user's name or id
        user: String,
    },
    /// Delete a user with their keys, logins and rights
    #[command(after_help = "Example:\n  berth user delete mary --yes")]
    Delete {
        /// The user's name or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The user's name
    name: String,
    /// Where the user may log in
    #[arg(long, value_enum, default_value_t = Access::Default)]
    access: Access,
    /// A text for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Make a user who logs in with access keys alone
    #[arg(long, conflicts_with = "secret_stdin")]
    no_password: bool,
    /// Read the password from standard input
    #[arg(long, visible_alias = "password-stdin")]
    secret_stdin: bool,
}

/// Where a user may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    /// Everywhere
    Default,
    /// With access keys, login commands and clients only
    Programmatic,
    /// In the console only
    Console,
}

impl Access {
    fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Programmatic => "programmatic",
            Self::Console => "console",
        }
    }
}

const COLUMNS: &[Column] = &[
    shown("user", "/name"),
    shown("id", "/id"),
    shown("enabled", "/enabled"),
    shown("access", "/access_mode"),
    shown("description", "/description"),
    hidden("account_id", "/domain_id"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { limit } => {
            let mut found = server.get("/v3/users").await?;
            let mut users: Vec<Value> = serde_json::from_value(found["users"].take()).unwrap_or_default();
            users.truncate(limit.unwrap_or(usize::MAX));
            Ok(answer::list(COLUMNS, &users))
        }
        Verb::Show { user } => show(server, &id(server, &user).await?).await,
        Verb::Create(wanted) => create(server, wanted).await,
        Verb::ResetPassword { user, secret_stdin } => {
            let id = id(server, &user).await?;
            let password = secret("password", secret_stdin)?;
            change(server, &id, json!({ "password": password.expose() })).await
        }
        Verb::SetAccess { user, access } => {
            let id = id(server, &user).await?;
            change(server, &id, json!({ "access_mode": access.as_str() })).await
        }
        Verb::Enable { user } => change(server, &id(server, &user).await?, json!({ "enabled": true })).await,
        Verb::Disable { user } => {
            change(server, &id(server, &user).await?, json!({ "enabled": false })).await
        }
        Verb::Delete { user, yes } => {
            let id = id(server, &user).await?;
            confirm(&format!("Delete the user {user} with their keys and rights"), yes)?;
            server
                .send(Method::DELETE, &path(&["v3", "users", &id]), None)
                .await?;
            Ok(Table::one(&["user", "deleted"], [json!(user), json!(true)]))
        }
    }
}

async fn id(server: &Server, user: &str) -> Result<String, Failure> {
    Ok(people::find(server, user).await?.id)
}

/// IAM's own calls for users; those of Keystone know no access mode.
fn own_path(id: &str) -> String {
    path(&["v3.0", "OS-USER", "users", id])
}

async fn show(server: &Server, id: &str) -> Result<Table, Failure> {
    let found = server.get(&own_path(id)).await?;
    Ok(answer::one(COLUMNS, &found["user"]))
}

async fn create(server: &Server, wanted: Create) -> Result<Table, Failure> {
    let account_id = people::myself(server).await?.account_id;
    let mut user = json!({
        "name": wanted.name,
        "domain_id": account_id,
        "access_mode": wanted.access.as_str(),
    });
    if let Some(description) = wanted.description {
        user["description"] = json!(description);
    }
    if !wanted.no_password {
        user["password"] = json!(secret("password", wanted.secret_stdin)?.expose());
    }
    let body = json!({ "user": user });
    let made = server
        .send(Method::POST, "/v3.0/OS-USER/users", Some(&body))
        .await?;
    Ok(answer::one(COLUMNS, &made.body["user"]))
}

async fn change(server: &Server, id: &str, user: Value) -> Result<Table, Failure> {
    let body = json!({ "user": user });
    server.send(Method::PUT, &own_path(id), Some(&body)).await?;
    show(server, id).await
}
