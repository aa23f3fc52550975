//! `berth retention`: how long an image keeps its tags.

use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::{Failure, Refusal};
use super::names::Image;
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show how long an image keeps its tags
    #[command(after_help = "Example:\n  berth retention show team/app")]
    Show {
        /// ORG/IMAGE
        image: Image,
    },
    /// Set how long an image keeps its tags, in place of what was set before
    #[command(after_help = "Examples:
  berth retention set team/app --days 30 --keep latest --keep-matching '^v[0-9]'
  berth retention set team/app --number 20")]
    Set(Set),
    /// Let an image keep all its tags again
    #[command(after_help = "Example:\n  berth retention delete team/app --yes")]
    Delete {
        /// ORG/IMAGE
        image: Image,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the tags that retention deleted, newest first
    #[command(after_help = "Example:\n  berth retention history team/app --limit 20")]
    History {
        /// ORG/IMAGE
        image: Image,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rule").required(true).args(["days", "number"])))]
pub(crate) struct Set {
    /// ORG/IMAGE
    image: Image,
    /// Keep each tag for so many days
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=365))]
    days: Option<u16>,
    /// Keep so many tags, the newest ones
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1000))]
    number: Option<u16>,
    /// Never delete this tag; may be said more than once
    #[arg(long, value_name = "TAG")]
    keep: Vec<String>,
    /// Never delete tags that this regular expression matches; may be said more than once
    #[arg(long, value_name = "REGEX")]
    keep_matching: Vec<String>,
}

const COLUMNS: &[Column] = &[
    hidden("id", "/id"),
    shown("image", "/image"),
    shown("days", "/days"),
    shown("number", "/number"),
    shown("keep", "/keep"),
    shown("keep_matching", "/keep_matching"),
];

const HISTORY_COLUMNS: &[Column] = &[
    shown("deleted_at", "/created_at"),
    shown("tag", "/tag"),
    shown("rule", "/rule_type"),
    hidden("retention_id", "/retention_id"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Show { image } => show(server, &image).await,
        Verb::Set(wanted) => set(server, &wanted).await,
        Verb::Delete { image, yes } => {
            let found = current(server, &image).await?;
            confirm(&format!("Let {image} keep all its tags"), yes)?;
            let target = image.path(&["retentions", &id_of(&found)]);
            server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(
                &["image", "deleted"],
                [json!(image.to_string()), json!(true)],
            ))
        }
        Verb::History { image, limit } => {
            let path = image.path(&["retentions", "histories"]);
            let rows = server.counted_rows(&path, &[], "/retention_log", limit).await?;
            Ok(answer::list(HISTORY_COLUMNS, &rows))
        }
    }
}

/// The one that an image has.
async fn current(server: &Server, image: &Image) -> Result<Value, Failure> {
    let mut found = server.list(&image.path(&["retentions"])).await?.into_iter();
    found.next().ok_or_else(|| {
        Failure::Refused(Refusal {
            status: 404,
            code: "SVCSTG.SWR.4000306".to_owned(),
            message: format!("{image} keeps all its tags: nothing is set"),
            ..Refusal::default()
        })
    })
}

fn id_of(found: &Value) -> String {
    found["id"].as_i64().unwrap_or_default().to_string()
}

async fn show(server: &Server, image: &Image) -> Result<Table, Failure> {
    let found = current(server, image).await?;
    let rule = &found["rules"][0];
    let number = |name: &str| {
        rule["params"][name]
            .as_str()
            .and_then(|text| text.parse::<i64>().ok())
    };
    let selected = |kind: &str| -> Vec<Value> {
        let all = rule["tag_selectors"].as_array().into_iter().flatten();
        all.filter(|selector| selector["kind"] == kind)
            .map(|selector| selector["pattern"].clone())
            .collect()
    };
    let document = json!({
        "id": found["id"],
        "image": image.to_string(),
        "days": number("days"),
        "number": number("num"),
        "keep": selected("label"),
        "keep_matching": selected("regexp"),
    });
    Ok(answer::one(COLUMNS, &document))
}

async fn set(server: &Server, wanted: &Set) -> Result<Table, Failure> {
    let selectors = |kind: &'static str, patterns: &[String]| -> Vec<Value> {
        let selector = |pattern: &String| json!({ "kind": kind, "pattern": pattern });
        patterns.iter().map(selector).collect()
    };
    let kept = [
        selectors("label", &wanted.keep),
        selectors("regexp", &wanted.keep_matching),
    ];
    let (template, params) = match (wanted.days, wanted.number) {
        (Some(days), _) => ("date_rule", json!({ "days": days.to_string() })),
        (None, number) => (
            "tag_rule",
            json!({ "num": number.unwrap_or_default().to_string() }),
        ),
    };
    let rule = json!({ "template": template, "params": params, "tag_selectors": kept.concat() });
    let body = json!({ "algorithm": "or", "rules": [rule] });
    let image = &wanted.image;
    let before = server.list(&image.path(&["retentions"])).await?;
    match before.first() {
        Some(found) if found["rules"][0]["template"] == template => {
            let target = image.path(&["retentions", &id_of(found)]);
            server.send(Method::PATCH, &target, Some(&body)).await?;
        }
        // A rule of the other kind cannot be changed into this one.
        found => {
            if let Some(found) = found {
                let target = image.path(&["retentions", &id_of(found)]);
                server.send(Method::DELETE, &target, None).await?;
            }
            server
                .send(Method::POST, &image.path(&["retentions"]), Some(&body))
                .await?;
        }
    }
    show(server, image).await
}
