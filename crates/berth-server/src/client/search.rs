//! `berth search`: names, tags and digests, wherever the caller may look.

use clap::Args;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::with_query;
use super::server::Server;
use crate::table::Table;

/// What `berth search --help` ends with.
pub(super) const EXAMPLES: &str = "Examples:
  berth search app
  berth search app:v1
  berth search sha256:6c3c62";

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// A part of a name, the beginning of a tag or a digest, or IMAGE:TAG
    text: String,
    /// At most as many of each kind
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: Option<u8>,
}

const COLUMNS: &[Column] = &[
    shown("kind", "/kind"),
    shown("name", "/found"),
    shown("digest", "/digest"),
    hidden("path", "/path"),
];

/// The kinds as the API calls them and as people do.
const KINDS: [(&str, &str); 5] = [
    ("organizations", "organization"),
    ("repositories", "image"),
    ("tags", "tag"),
    ("manifests", "manifest"),
    ("blobs", "blob"),
];

pub(super) async fn run(server: &Server, wanted: Search) -> Result<Table, Failure> {
    let limit = wanted.limit.map(|limit| limit.to_string()).unwrap_or_default();
    let query = [("q", wanted.text.as_str()), ("limit", limit.as_str())];
    let found = server.get(&with_query("/v2/manage/search", &query)).await?;
    let mut rows = Vec::new();
    for (field, kind) in KINDS {
        for row in found[field].as_array().into_iter().flatten() {
            let mut row = row.clone();
            row["found"] = json!(name(&row));
            row["kind"] = json!(kind);
            rows.push(row);
        }
    }
    Ok(answer::list(COLUMNS, &rows))
}

/// The name that other commands take.
fn name(row: &Value) -> String {
    let text = |field: &str| row[field].as_str();
    let image = text("repository").or(text("name")).unwrap_or_default();
    match (text("namespace"), text("tag")) {
        (None, _) => image.to_owned(),
        (Some(organization), None) => format!("{organization}/{image}"),
        (Some(organization), Some(tag)) => format!("{organization}/{image}:{tag}"),
    }
}
