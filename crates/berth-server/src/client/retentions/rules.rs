//! `berth retention rule`: which tags all images of an organization keep.

use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{Rule, Sums};
use crate::client::answer::{self, Column, hidden, shown};
use crate::client::failure::Failure;
use crate::client::names::{organization, organization_path, with_query};
use crate::client::server::Server;
use crate::client::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the rules of an organization
    #[command(after_help = "Example:\n  berth retention rule list team")]
    List {
        /// ORG
        #[arg(value_parser = organization)]
        organization: String,
    },
    /// Add a rule for images without a retention of their own
    #[command(after_help = "Examples:
  berth retention rule add team --days 30 --keep latest
  berth retention rule add team --number 5 --tags 'dev-*' --images 'web/**'")]
    Add(Wanted),
    /// Show what the rules would delete by image, or what one in their place would, without deleting anything
    #[command(after_help = "Examples:
  berth retention rule preview team
  berth retention rule preview team --days 30")]
    Preview(Preview),
    /// Delete a rule
    #[command(after_help = "Example:\n  berth retention rule delete team 3 --yes")]
    Delete {
        /// ORG
        #[arg(value_parser = organization)]
        organization: String,
        /// Its id, from the list
        id: i64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rule").required(true).args(["days", "number"])))]
pub(crate) struct Wanted {
    /// ORG
    #[arg(value_parser = organization)]
    organization: String,
    #[command(flatten)]
    rule: Rule,
    #[command(flatten)]
    scope: Scope,
    /// Keep it without using it
    #[arg(long)]
    disabled: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// ORG
    #[arg(value_parser = organization)]
    organization: String,
    #[command(flatten)]
    rule: Rule,
    #[command(flatten)]
    scope: Scope,
}

/// What a rule is for.
#[derive(Debug, Args)]
struct Scope {
    /// Only for images whose names match this glob
    #[arg(long, value_name = "GLOB", default_value = "", hide_default_value = true)]
    images: String,
    /// Only for tags that match this pattern
    #[arg(long, value_name = "PATTERN", default_value = "", hide_default_value = true)]
    tags: String,
}

const COLUMNS: &[Column] = &[
    shown("id", "/id"),
    shown("days", "/params/days"),
    shown("number", "/params/num"),
    shown("images", "/images"),
    shown("tags", "/tags"),
    shown("enabled", "/enabled"),
    hidden("tag_selectors", "/tag_selectors"),
    shown("updated_at", "/updated_at"),
];

const IMAGES: &[Column] = &[
    shown("image", "/repository"),
    shown("own", "/own"),
    shown("tags", "/totals/tags"),
    shown("deleted", "/totals/deleted"),
    hidden("kept", "/totals/kept"),
    hidden("first", "/tags"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { organization } => {
            let target = organization_path(&organization, &["retentions"]);
            Ok(answer::list(COLUMNS, &server.list(&target).await?))
        }
        Verb::Add(wanted) => {
            let body = document(&wanted.rule, &wanted.scope, !wanted.disabled);
            let target = organization_path(&wanted.organization, &["retentions"]);
            let made = server.send(Method::POST, &target, Some(&body)).await?;
            let id = made.body["id"].to_string();
            let target = organization_path(&wanted.organization, &["retentions", &id]);
            Ok(answer::one(COLUMNS, &server.get(&target).await?))
        }
        Verb::Preview(wanted) => preview(server, &wanted).await,
        Verb::Delete {
            organization,
            id,
            yes,
        } => {
            confirm(&format!("Delete rule {id} of {organization}"), yes)?;
            let id = id.to_string();
            let target = organization_path(&organization, &["retentions", &id]);
            server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(&["rule", "deleted"], [json!(id), json!(true)]))
        }
    }
}

fn document(rule: &Rule, scope: &Scope, enabled: bool) -> Value {
    let mut document = rule.document().unwrap_or_default();
    document["images"] = json!(scope.images);
    document["tags"] = json!(scope.tags);
    document["enabled"] = json!(enabled);
    document
}

async fn preview(server: &Server, wanted: &Preview) -> Result<Table, Failure> {
    let path = organization_path(&wanted.organization, &["retentions", "preview"]);
    let body = match wanted.rule.document() {
        Some(_) => json!({ "rules": [document(&wanted.rule, &wanted.scope, true)] }),
        None => json!({}),
    };
    let (mut rows, mut marker): (Vec<Value>, String) = (Vec::new(), String::new());
    let mut sums = Sums::default();
    loop {
        let target = with_query(&path, &[("marker", marker.as_str())]);
        let mut page = server.send(Method::POST, &target, Some(&body)).await?.body;
        sums.add(&page);
        if let Value::Array(found) = page["repos"].take() {
            rows.extend(found);
        }
        match page["nextMarker"].as_str() {
            Some(next) if next != marker => next.clone_into(&mut marker),
            _ => return Ok(sums.under(answer::list(IMAGES, &rows))),
        }
    }
}
