//! `berth immutable`: tags that neither move nor go.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::Place;
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let tags neither move nor be deleted from now on
    #[command(after_help = "Examples:
  berth immutable add team/app 'v*'
  berth immutable add team '*' --except '{latest,dev-*}'
  berth immutable add team '^v[0-9]+\\.[0-9]+\\.[0-9]+$' --regex --images 'release/**'")]
    Add(Rule),
    /// Show which tags a rule would keep, and set nothing
    #[command(after_help = "Example:\n  berth immutable preview team 'v*'")]
    Preview(Rule),
    /// List the rules of an organization, or those that hold for an image
    #[command(after_help = "Examples:\n  berth immutable list team\n  berth immutable list team/app")]
    List {
        /// ORG or ORG/IMAGE
        place: Place,
    },
    /// Delete a rule of an organization or image
    #[command(after_help = "Example:\n  berth immutable delete team/app 7 --yes")]
    Delete {
        /// ORG or ORG/IMAGE
        place: Place,
        /// The rule's id
        id: i64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Rule {
    /// ORG or ORG/IMAGE
    place: Place,
    /// Which tags: `*` means any characters, `?` one, `{a,b}` either
    pattern: String,
    /// The pattern is a regular expression, which a part of the tag matches unless it is anchored
    #[arg(long)]
    regex: bool,
    /// Tags that are left out
    #[arg(long, value_name = "PATTERN")]
    except: Option<String>,
    /// Which images of the organization; `*` means no `/`, `**` does
    #[arg(long, value_name = "PATTERN")]
    images: Option<String>,
}

const COLUMNS: &[Column] = &[
    shown("id", "/id"),
    shown("on", "/on"),
    shown("pattern", "/pattern"),
    shown("kind", "/kind"),
    shown("except", "/except"),
    shown("images", "/images"),
    shown("creator", "/creator_name"),
    shown("since", "/created_at"),
    hidden("creator_id", "/creator_id"),
];

const TAG_COLUMNS: &[Column] = &[shown("image", "/repository"), shown("tag", "/tag")];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Add(rule) => {
            let target = rule.place.path(&["immutability"]);
            let made = server.send(Method::POST, &target, Some(&rule.document())).await?;
            Ok(answer::one(COLUMNS, &made.body))
        }
        Verb::Preview(rule) => {
            let target = rule.place.path(&["immutability", "preview"]);
            let found = server.send(Method::POST, &target, Some(&rule.document())).await?;
            let tags: Vec<Value> = found.body["tags"].as_array().cloned().unwrap_or_default();
            Ok(answer::list(TAG_COLUMNS, &tags))
        }
        Verb::List { place } => {
            let found = server.list(&place.path(&["immutability"])).await?;
            Ok(answer::list(COLUMNS, &found))
        }
        Verb::Delete { place, id, yes } => {
            confirm(&format!("Let what rule {id} of {place} keeps move and go"), yes)?;
            let target = place.path(&["immutability", &id.to_string()]);
            server.send(Method::DELETE, &target, None).await?;
            let row = [json!(place.to_string()), json!(id), json!(true)];
            Ok(Table::one(&["place", "id", "deleted"], row))
        }
    }
}

impl Rule {
    fn document(&self) -> Value {
        let kind = if self.regex { "regex" } else { "glob" };
        let mut body = json!({ "pattern": self.pattern, "kind": kind, "except": self.except });
        // The server knows them in rules of organizations only, and says so.
        if let Some(images) = &self.images {
            body["images"] = json!(images);
        }
        body
    }
}
