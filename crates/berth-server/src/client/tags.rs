//! `berth tag`: the tags of an image, where they were, and moving them.

use clap::{Subcommand, ValueEnum};
use http::Method;
use serde_json::json;

use super::answer::{self, Column, bytes, hidden, shown};
use super::failure::Failure;
use super::names::{Image, Tagged, tag};
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the tags of an image, the latest first
    #[command(
        after_help = "Examples:\n  berth tag list team/app\n  berth tag list team/app --name v1 --sort name --limit 20"
    )]
    List {
        /// ORG/IMAGE
        image: Image,
        /// Those with this in them
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// What they are sorted by
        #[arg(long, value_enum, default_value_t = Sort::Updated)]
        sort: Sort,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show a tag
    #[command(after_help = "Example:\n  berth tag show team/app:v1")]
    Show {
        /// ORG/IMAGE:TAG
        tag: Tagged,
    },
    /// List what a tag named before, the latest first; a deleted one too
    #[command(after_help = "Example:\n  berth tag history team/app:v1")]
    History {
        /// ORG/IMAGE:TAG
        tag: Tagged,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Set a tag back to what it named before
    #[command(
        after_help = "Example:\n  berth tag restore team/app:v1 sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"
    )]
    Restore {
        /// ORG/IMAGE:TAG
        tag: Tagged,
        /// A digest of its history
        digest: String,
    },
    /// Set another tag of the image to what this one names
    #[command(after_help = "Example:\n  berth tag copy team/app:v1 stable --override")]
    Copy {
        /// ORG/IMAGE:TAG
        tag: Tagged,
        /// The tag to set
        #[arg(value_parser = tag)]
        to: String,
        /// Move it when it is there already
        #[arg(long = "override")]
        overwrite: bool,
    },
    /// Delete tags
    #[command(after_help = "Example:\n  berth tag delete team/app:v1 team/app:v2 --yes")]
    Delete {
        /// ORG/IMAGE:TAG
        #[arg(required = true)]
        tags: Vec<Tagged>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the signatures, attestations and lists of contents of a tag
    #[command(after_help = "Example:\n  berth tag accessories team/app:v1")]
    Accessories {
        /// ORG/IMAGE:TAG
        tag: Tagged,
    },
}

/// What tags are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// The last push or move, latest first
    Updated,
    /// The tag itself
    Name,
}

const COLUMNS: &[Column] = &[
    shown("tag", "/tag"),
    bytes("size", "/size"),
    shown("updated_at", "/updated"),
    shown("digest", "/digest"),
    hidden("immutable_rule", "/immutable_rule"),
    hidden("image_id", "/image_id"),
    hidden("path", "/path"),
    hidden("created_at", "/created"),
];

const HISTORY: &[Column] = &[
    hidden("id", "/id"),
    shown("at", "/at"),
    shown("why", "/why"),
    shown("by", "/user_name"),
    shown("restorable", "/restorable"),
    shown("digest", "/digest"),
];

const ACCESSORIES: &[Column] = &[
    shown("type", "/type"),
    shown("tag", "/sig_tag"),
    bytes("size", "/size"),
    shown("created_at", "/created_at"),
    shown("digest", "/sig_digest"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List {
            image,
            name,
            sort,
            limit,
        } => {
            let (column, direction) = match sort {
                Sort::Updated => ("updated_at", "desc"),
                Sort::Name => ("tag", "asc"),
            };
            let query = [
                ("tag", name.as_deref().unwrap_or_default()),
                ("order_column", column),
                ("order_type", direction),
            ];
            let path = image.path_of("v3", "repos", &["tags"]);
            let rows = server.marked_rows(&path, &query, "tags", limit).await?;
            Ok(answer::list(COLUMNS, &rows))
        }
        Verb::Show { tag } => show(server, &tag).await,
        Verb::History { tag, limit } => {
            let path = tag.path(&["history"]);
            let rows = server.marked_rows(&path, &[], "history", limit).await?;
            Ok(answer::list(HISTORY, &rows))
        }
        Verb::Restore { tag, digest } => {
            let body = json!({ "digest": digest });
            let target = tag.path(&["restore"]);
            server.send(Method::POST, &target, Some(&body)).await?;
            show(server, &tag).await
        }
        Verb::Copy { tag, to, overwrite } => {
            let body = json!({ "source_tag": tag.tag, "destination_tag": to, "override": overwrite });
            let target = tag.image.path(&["tags"]);
            server.send(Method::POST, &target, Some(&body)).await?;
            let copy = Tagged { tag: to, ..tag };
            show(server, &copy).await
        }
        Verb::Delete { tags, yes } => {
            let names: Vec<String> = tags.iter().map(ToString::to_string).collect();
            confirm(&format!("Delete {}", names.join(", ")), yes)?;
            for tag in &tags {
                server.send(Method::DELETE, &tag.path(&[]), None).await?;
            }
            let row = |name: &String| [json!(name), json!(true)];
            Ok(Table::list(&["tag", "deleted"], names.iter().map(row)))
        }
        Verb::Accessories { tag } => {
            let path = tag.path(&["accessories"]);
            let rows = server.counted_rows(&path, &[], "/accessories", None).await?;
            Ok(answer::list(ACCESSORIES, &rows))
        }
    }
}

async fn show(server: &Server, tag: &Tagged) -> Result<Table, Failure> {
    Ok(answer::one(COLUMNS, &server.get(&tag.path(&[])).await?))
}
