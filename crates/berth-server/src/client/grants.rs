//! `berth grant`: who may do what in an organization or with an image.

use clap::{Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, right, shown};
use super::failure::Failure;
use super::names::{Image, Place, tag, with_query};
use super::people;
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List who has rights, beginning with yourself
    #[command(after_help = "Examples:\n  berth grant list team\n  berth grant list team/app")]
    List {
        /// ORG or ORG/IMAGE
        place: Place,
    },
    /// Give somebody a right who has none here
    #[command(after_help = "Example:\n  berth grant add team mary write")]
    Add {
        /// ORG or ORG/IMAGE
        place: Place,
        /// The user's name, or id
        user: String,
        /// What they may do
        #[arg(value_enum)]
        right: Right,
    },
    /// Give somebody another right than before
    #[command(after_help = "Example:\n  berth grant change team/app mary read")]
    Change {
        /// ORG or ORG/IMAGE
        place: Place,
        /// The user's name, or id
        user: String,
        /// What they may do
        #[arg(value_enum)]
        right: Right,
    },
    /// Take somebody's right away
    #[command(after_help = "Example:\n  berth grant remove team mary --yes")]
    Remove {
        /// ORG or ORG/IMAGE
        place: Place,
        /// The user's name, or id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Tell why somebody may or may not do something with an image
    #[command(
        after_help = "Examples:\n  berth grant explain team/app mary --action push\n  berth grant explain team/app"
    )]
    Explain {
        /// ORG/IMAGE
        image: Image,
        /// The user's name, or ACCOUNT/USER; without one it is about somebody who does not log in
        user: Option<String>,
        /// What they want to do
        #[arg(long, value_enum, default_value_t = Action::Pull)]
        action: Action,
        /// To which tag
        #[arg(long, value_parser = tag)]
        tag: Option<String>,
    },
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Pull
    Pull,
    /// Push
    Push,
    /// Delete
    Delete,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Right {
    /// Pull
    Read,
    /// Pull and push
    Write,
    /// Everything: delete, grant rights, share
    Manage,
}

impl Right {
    fn bits(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 3,
            Self::Manage => 7,
        }
    }
}

const STEPS: &[Column] = &[
    shown("step", "/step"),
    shown("verdict", "/verdict"),
    shown("text", "/text"),
];

const COLUMNS: &[Column] = &[
    shown("user", "/user_name"),
    shown("user_id", "/user_id"),
    right("right", "/auth"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { place } => {
            let found = server.get(&place.path(&["access"])).await?;
            let own = std::iter::once(found["self_auth"].clone());
            let all: Vec<Value> = own.chain(others(&found)).collect();
            Ok(answer::list(COLUMNS, &all))
        }
        Verb::Add { place, user, right } => {
            let person = people::find(server, &user).await?;
            set(server, Method::POST, &place, person.document(right.bits())).await
        }
        Verb::Change { place, user, right } => {
            let mut entry = holder(server, &place, &user).await?;
            entry["auth"] = json!(right.bits());
            set(server, Method::PATCH, &place, entry).await
        }
        Verb::Remove { place, user, yes } => {
            let entry = holder(server, &place, &user).await?;
            confirm(&format!("Take the right of {user} on {place} away"), yes)?;
            let ids = json!([entry["user_id"]]);
            server
                .send(Method::DELETE, &place.path(&["access"]), Some(&ids))
                .await?;
            let row = [json!(place.to_string()), entry["user_name"].clone(), json!(true)];
            Ok(Table::one(&["place", "user", "removed"], row))
        }
        Verb::Explain {
            image,
            user,
            action,
            tag,
        } => {
            let query = [
                ("user", user.as_deref().unwrap_or_default()),
                ("action", action.as_str()),
                ("tag", tag.as_deref().unwrap_or_default()),
            ];
            let found = server
                .get(&with_query(&image.path(&["explanation"]), &query))
                .await?;
            let steps = found["steps"].as_array().cloned().unwrap_or_default();
            Ok(answer::list(STEPS, &steps))
        }
    }
}

async fn set(server: &Server, method: Method, place: &Place, entry: Value) -> Result<Table, Failure> {
    let body = json!([entry]);
    server.send(method, &place.path(&["access"]), Some(&body)).await?;
    Ok(answer::one(COLUMNS, &entry))
}

/// The entry of somebody who has a right here. A name or an id that has none is left for the server to refuse.
async fn holder(server: &Server, place: &Place, user: &str) -> Result<Value, Failure> {
    let found = server.get(&place.path(&["access"])).await?;
    let mut holders = others(&found).chain([found["self_auth"].clone()]);
    match holders.find(|entry| entry["user_id"] == user || entry["user_name"] == user) {
        Some(entry) => Ok(entry),
        None => Ok(people::find(server, user).await?.document(0)),
    }
}

fn others(found: &Value) -> impl Iterator<Item = Value> {
    found["others_auths"].as_array().into_iter().flatten().cloned()
}
