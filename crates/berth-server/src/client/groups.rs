//! `berth group`: groups of users.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::{Failure, Refusal};
use super::names::{path, with_query};
use super::people;
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the groups of the account
    #[command(after_help = "Example:\n  berth group list")]
    List,
    /// Make a group
    #[command(after_help = "Example:\n  berth group create ops --description 'who is on duty'")]
    Create {
        /// Its name
        name: String,
        /// A text for people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Delete a group; its members stay
    #[command(after_help = "Example:\n  berth group delete ops --yes")]
    Delete {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the members of a group
    #[command(after_help = "Example:\n  berth group members ops")]
    Members {
        /// The group's name
        name: String,
    },
    /// Take a user into a group
    #[command(after_help = "Example:\n  berth group add ops mary")]
    Add {
        /// The group's name
        name: String,
        /// The user's name or id
        user: String,
    },
    /// Take a user out of a group
    #[command(after_help = "Example:\n  berth group remove ops mary")]
    Remove {
        /// The group's name
        name: String,
        /// The user's name or id
        user: String,
    },
}

const COLUMNS: &[Column] = &[
    shown("group", "/name"),
    shown("description", "/description"),
    hidden("id", "/id"),
];

const MEMBERS: &[Column] = &[
    shown("user", "/name"),
    shown("id", "/id"),
    shown("enabled", "/enabled"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List => {
            let found = server.get("/v3/groups").await?;
            Ok(rows(COLUMNS, &found["groups"]))
        }
        Verb::Create { name, description } => {
            let mut group = json!({ "name": name });
            if let Some(description) = description {
                group["description"] = json!(description);
            }
            let body = json!({ "group": group });
            let made = server.send(Method::POST, "/v3/groups", Some(&body)).await?;
            Ok(answer::one(COLUMNS, &made.body["group"]))
        }
        Verb::Delete { name, yes } => {
            let id = find(server, &name).await?;
            confirm(&format!("Delete the group {name}"), yes)?;
            server
                .send(Method::DELETE, &path(&["v3", "groups", &id]), None)
                .await?;
            Ok(Table::one(&["group", "deleted"], [json!(name), json!(true)]))
        }
        Verb::Members { name } => {
            let id = find(server, &name).await?;
            let found = server.get(&path(&["v3", "groups", &id, "users"])).await?;
            Ok(rows(MEMBERS, &found["users"]))
        }
        Verb::Add { name, user } => set(server, Method::PUT, &name, &user).await,
        Verb::Remove { name, user } => set(server, Method::DELETE, &name, &user).await,
    }
}

fn rows(columns: &[Column], found: &Value) -> Table {
    answer::list(columns, found.as_array().map(Vec::as_slice).unwrap_or_default())
}

/// The id of the group of that name.
async fn find(server: &Server, name: &str) -> Result<String, Failure> {
    let found = server.get(&with_query("/v3/groups", &[("name", name)])).await?;
    let mut groups = found["groups"].as_array().into_iter().flatten();
    let group = groups.find(|group| group["name"] == name);
    let id = group.and_then(|group| group["id"].as_str());
    id.map(str::to_owned).ok_or_else(|| {
        Failure::Refused(Refusal::absent(&format!(
            "there is no group {name} in the account"
        )))
    })
}

async fn set(server: &Server, method: Method, name: &str, user: &str) -> Result<Table, Failure> {
    let is_member = method == Method::PUT;
    let id = find(server, name).await?;
    let user_id = people::find(server, user).await?.id;
    let target = path(&["v3", "groups", &id, "users", &user_id]);
    server.send(method, &target, None).await?;
    Ok(Table::one(
        &["group", "user", "member"],
        [json!(name), json!(user), json!(is_member)],
    ))
}
