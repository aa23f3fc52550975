//! `berth bin`: what was deleted, restoring it, and ending it before its time.

use clap::{Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, bytes, hidden, shown};
use super::failure::Failure;
use super::names::{Image, Place, path, tag};
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List what was deleted and can be restored, the latest first
    #[command(after_help = "Examples:\n  berth bin list\n  berth bin list team/app --tag v1")]
    List {
        /// ORG or ORG/IMAGE
        place: Option<Place>,
        /// What brings this tag back
        #[arg(long, value_parser = tag)]
        tag: Option<String>,
        /// What was deleted
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show what was deleted, and what is in its way
    #[command(after_help = "Example:\n  berth bin show 42")]
    Show {
        /// Its id, from the list
        id: i64,
    },
    /// Restore what was deleted
    #[command(after_help = "Examples:\n  berth bin restore 42\n  berth bin restore 43 --as app-restored")]
    Restore {
        /// Its id, from the list
        id: i64,
        /// Move tags back that name something else now
        #[arg(long)]
        overwrite: bool,
        /// Another name for an image, in its organization
        #[arg(long = "as", value_name = "IMAGE")]
        name: Option<String>,
    },
    /// End what was deleted before its time
    #[command(after_help = "Examples:\n  berth bin purge 42 43\n  berth bin purge --all team --yes")]
    Purge {
        /// Ids, from the list
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<i64>,
        /// All that was deleted of this: ORG or ORG/IMAGE
        #[arg(long, value_name = "PLACE")]
        all: Option<Place>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Tags
    Tag,
    /// Manifests with their tags
    Manifest,
    /// Whole images
    Image,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Manifest => "manifest",
            Self::Image => "image",
        }
    }
}

const COLUMNS: &[Column] = &[
    shown("id", "/id"),
    shown("kind", "/kind"),
    shown("image", "/image"),
    shown("tags", "/shown_tags"),
    bytes("size", "/size"),
    shown("deleted_at", "/deleted_at"),
    shown("by", "/deleted_by"),
    shown("expires_at", "/expires_at"),
    hidden("why", "/why"),
    hidden("digest", "/digest"),
];

const DETAIL: &[Column] = &[
    shown("id", "/id"),
    shown("kind", "/kind"),
    shown("image", "/image"),
    shown("tags", "/shown_tags"),
    shown("digest", "/digest"),
    bytes("size", "/size"),
    shown("deleted_at", "/deleted_at"),
    shown("by", "/deleted_by"),
    shown("why", "/why"),
    shown("expires_at", "/expires_at"),
    shown("in_the_way", "/shown_in_the_way"),
];

const BIN: &str = "/v2/manage/bin";

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List {
            place,
            tag,
            kind,
            limit,
        } => {
            let (namespace, repository) = parts(place.as_ref());
            let query = [
                ("namespace", namespace),
                ("repository", repository),
                ("kind", kind.map_or("", Kind::as_str)),
                ("tag", tag.as_deref().unwrap_or_default()),
            ];
            let mut rows = server.marked_rows(BIN, &query, "entries", limit).await?;
            rows.iter_mut().for_each(complete);
            Ok(answer::list(COLUMNS, &rows))
        }
        Verb::Show { id } => {
            let mut entry = server.get(&entry(id, &[])).await?;
            complete(&mut entry);
            Ok(answer::one(DETAIL, &entry))
        }
        Verb::Restore { id, overwrite, name } => {
            let body = json!({ "overwrite": overwrite, "repository": name });
            let restored = server
                .send(Method::POST, &entry(id, &["restore"]), Some(&body))
                .await?;
            let tags = joined(&restored.body["tags"], |tag| tag.as_str().map(str::to_owned));
            Ok(Table::one(
                &["id", "restored", "tags"],
                [json!(id), json!(true), json!(tags)],
            ))
        }
        Verb::Purge {
            all: Some(place),
            yes,
            ..
        } => {
            confirm(&format!("Purge all that was deleted of {place}"), yes)?;
            let target = place.path(&["bin"]);
            let purged = server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(&["purged"], [purged.body["purged"].clone()]))
        }
        Verb::Purge { ids, yes, .. } => {
            let listed: Vec<String> = ids.iter().map(ToString::to_string).collect();
            confirm(&format!("Purge {}", listed.join(", ")), yes)?;
            for id in &ids {
                server.send(Method::DELETE, &entry(*id, &[]), None).await?;
            }
            let row = |id: &i64| [json!(id), json!(true)];
            Ok(Table::list(&["id", "purged"], ids.iter().map(row)))
        }
    }
}

fn entry(id: i64, below: &[&str]) -> String {
    let id = id.to_string();
    path(&[&["v2", "manage", "bin", id.as_str()], below].concat())
}

/// The organization and the image of a place, empty where it names none.
fn parts(place: Option<&Place>) -> (&str, &str) {
    match place {
        None => ("", ""),
        Some(Place::Organization(name)) => (name, ""),
        Some(Place::Image(Image { organization, name })) => (organization, name),
    }
}

/// Adds what people read at a glance: the image's whole name, the tags in a row.
fn complete(entry: &mut Value) {
    let image = format!(
        "{}/{}",
        entry["namespace"].as_str().unwrap_or_default(),
        entry["repository"].as_str().unwrap_or_default()
    );
    entry["image"] = json!(image);
    let tags = joined(&entry["tags"], |tag| tag.as_str().map(str::to_owned));
    entry["shown_tags"] = json!(tags);
    let in_the_way = joined(&entry["in_the_way"], |found| {
        Some(format!(
            "{} at {}",
            found["tag"].as_str()?,
            found["digest"].as_str()?
        ))
    });
    entry["shown_in_the_way"] = json!(in_the_way);
}

fn joined(list: &Value, text: impl Fn(&Value) -> Option<String>) -> String {
    let texts: Vec<String> = list.as_array().into_iter().flatten().filter_map(text).collect();
    texts.join(", ")
}
