//! `berth lazy`: images that start before they are pulled.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::{Image, Place};
use super::server::Server;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the index of an image now
    #[command(after_help = "Example:\n  berth lazy make team/app v1")]
    Make {
        /// ORG/IMAGE
        image: Image,
        /// A tag or a digest
        reference: String,
    },
    /// List what was done to have an image start early, newest first
    #[command(after_help = "Example:\n  berth lazy list team/app --limit 20")]
    List {
        /// ORG/IMAGE
        image: Image,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show which pushes of an organization or image are followed by an index
    #[command(after_help = "Example:\n  berth lazy rule team")]
    Rule {
        /// ORG or ORG/IMAGE
        place: Place,
    },
    /// Have pushes be followed by an index
    #[command(after_help = "Examples:\n  berth lazy set team\n  berth lazy set team/app --tags 'v*'")]
    Set {
        /// ORG or ORG/IMAGE
        place: Place,
        /// Which tags: `*` means any characters, `?` one, `{a,b}` either; all when absent
        #[arg(long, value_name = "PATTERN", default_value = "", hide_default_value = true)]
        tags: String,
    },
    /// Have pushes be followed by no index; what was made stays
    #[command(after_help = "Example:\n  berth lazy unset team/app")]
    Unset {
        /// ORG or ORG/IMAGE
        place: Place,
    },
}

const COLUMNS: &[Column] = &[
    shown("id", "/id"),
    shown("at", "/created_at"),
    shown("tag", "/tag"),
    shown("digest", "/digest"),
    shown("status", "/status"),
    shown("failed", "/failed"),
    hidden("by_rule", "/by_rule"),
    hidden("by", "/user_name"),
    hidden("ended_at", "/ended_at"),
    hidden("images", "/images"),
];

const RULE_COLUMNS: &[Column] = &[
    shown("tags", "/tags"),
    shown("since", "/created_at"),
    hidden("updated_at", "/updated_at"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Make { image, reference } => {
            let target = image.path(&["lazy_indexes"]);
            let body = json!({ "reference": reference });
            let made = server.send(Method::POST, &target, Some(&body)).await?;
            Ok(answer::one(COLUMNS, &made.body))
        }
        Verb::List { image, limit } => {
            let path = image.path(&["lazy_indexes"]);
            let found = server.marked_rows(&path, &[], "runs", limit).await?;
            Ok(answer::list(COLUMNS, &found))
        }
        Verb::Rule { place } => {
            let found = server
                .send(Method::GET, &place.path(&["lazy_rule"]), None)
                .await?;
            Ok(answer::one(RULE_COLUMNS, &found.body))
        }
        Verb::Set { place, tags } => {
            let body = json!({ "tags": tags });
            let set = server
                .send(Method::PUT, &place.path(&["lazy_rule"]), Some(&body))
                .await?;
            Ok(answer::one(RULE_COLUMNS, &set.body))
        }
        Verb::Unset { place } => {
            server
                .send(Method::DELETE, &place.path(&["lazy_rule"]), None)
                .await?;
            let row = [json!(place.to_string()), json!(true)];
            Ok(Table::one(&["place", "unset"], row))
        }
    }
}
