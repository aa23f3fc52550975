//! `berth preheat`: images that nodes have before anybody asks for them.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::{Image, Place};
use super::server::Server;
use crate::agent::label;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Have an image on nodes now
    #[command(
        after_help = "Examples:\n  berth preheat start team/app v1\n  berth preheat start team/app v1 --label zone=a"
    )]
    Start {
        /// ORG/IMAGE
        image: Image,
        /// A tag or a digest
        reference: String,
        /// The nodes that have this label, and all others that are said; all nodes when none is
        #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
    },
    /// List the images of a repository that nodes shall have, newest first
    #[command(after_help = "Example:\n  berth preheat list team/app")]
    List {
        /// ORG/IMAGE
        image: Image,
    },
    /// Show how each node stands to an image that it shall have
    #[command(after_help = "Example:\n  berth preheat show team/app 12")]
    Show {
        /// ORG/IMAGE
        image: Image,
        /// The preheat, from the list
        id: u64,
    },
    /// Tell no more nodes to have an image; what they have they keep
    #[command(after_help = "Example:\n  berth preheat cancel team/app 12")]
    Cancel {
        /// ORG/IMAGE
        image: Image,
        /// The preheat, from the list
        id: u64,
    },
    /// Show which pushes of an organization or image go to nodes
    #[command(after_help = "Example:\n  berth preheat rule team")]
    Rule {
        /// ORG or ORG/IMAGE
        place: Place,
    },
    /// Have pushes go to nodes
    #[command(
        after_help = "Examples:\n  berth preheat set team\n  berth preheat set team/app --tags 'v*' --label zone=a"
    )]
    Set {
        /// ORG or ORG/IMAGE
        place: Place,
        /// Which tags: `*` means any characters, `?` one, `{a,b}` either; all when absent
        #[arg(long, value_name = "PATTERN", default_value = "", hide_default_value = true)]
        tags: String,
        /// The nodes that have this label, and all others that are said; all nodes when none is
        #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
        /// Keep the rule without heeding it
        #[arg(long)]
        disabled: bool,
    },
    /// Have pushes go to no nodes; what these were told they bring
    #[command(after_help = "Example:\n  berth preheat unset team/app")]
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
    shown("state", "/state"),
    shown("complete", "/counts/complete"),
    shown("waiting", "/counts/waiting"),
    shown("sent", "/counts/sent"),
    shown("failed", "/counts/failed"),
    shown("wanted_by", "/wanted_by"),
    hidden("labels", "/labels"),
    hidden("superseded_by", "/superseded_by"),
    hidden("by", "/creator_name"),
    hidden("expires_at", "/expires_at"),
];

const NODE_COLUMNS: &[Column] = &[
    shown("node", "/node"),
    shown("state", "/state"),
    shown("detail", "/detail"),
    shown("since", "/updated_at"),
];

const RULE_COLUMNS: &[Column] = &[
    shown("enabled", "/enabled"),
    shown("tags", "/tags"),
    shown("labels", "/nodes/labels"),
    shown("since", "/created_at"),
    hidden("updated_at", "/updated_at"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Start {
            image,
            reference,
            labels,
        } => {
            let named = if reference.contains(':') { "digest" } else { "tag" };
            let body = json!({ named: reference, "nodes": nodes(labels) });
            let path = image.path(&["preheats"]);
            let made = server.send(Method::POST, &path, Some(&body)).await?;
            Ok(answer::one(COLUMNS, &made.body))
        }
        Verb::List { image } => {
            let found = server.list(&image.path(&["preheats"])).await?;
            Ok(answer::list(COLUMNS, &found))
        }
        Verb::Show { image, id } => {
            let path = image.path(&["preheats", &id.to_string()]);
            let found = server.send(Method::GET, &path, None).await?;
            let nodes = found.body["nodes"].as_array().cloned().unwrap_or_default();
            Ok(answer::list(NODE_COLUMNS, &nodes))
        }
        Verb::Cancel { image, id } => {
            let path = image.path(&["preheats", &id.to_string()]);
            server.send(Method::DELETE, &path, None).await?;
            Ok(Table::one(&["preheat", "cancelled"], [json!(id), json!(true)]))
        }
        Verb::Rule { place } => {
            let found = server
                .send(Method::GET, &place.path(&["preheat_rule"]), None)
                .await?;
            Ok(answer::one(RULE_COLUMNS, &found.body))
        }
        Verb::Set {
            place,
            tags,
            labels,
            disabled,
        } => {
            let body = json!({ "enabled": !disabled, "tags": tags, "nodes": nodes(labels) });
            let path = place.path(&["preheat_rule"]);
            let set = server.send(Method::PUT, &path, Some(&body)).await?;
            Ok(answer::one(RULE_COLUMNS, &set.body))
        }
        Verb::Unset { place } => {
            server
                .send(Method::DELETE, &place.path(&["preheat_rule"]), None)
                .await?;
            let row = [json!(place.to_string()), json!(true)];
            Ok(Table::one(&["place", "unset"], row))
        }
    }
}

/// The nodes with these labels, as the API names them.
pub(super) fn nodes(labels: Vec<(String, String)>) -> Value {
    let labels: Map<String, Value> = labels
        .into_iter()
        .map(|(name, value)| (name, json!(value)))
        .collect();
    json!({ "labels": labels })
}
