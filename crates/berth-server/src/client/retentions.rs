//! `berth retention`: how long an image keeps its tags, what went and what would go.

mod rules;

use clap::{ArgGroup, Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, bytes, hidden, shown};
use super::failure::{Failure, Refusal};
use super::names::{Image, with_query};
use super::server::Server;
use super::terminal::confirm;
use crate::table::{Output, Table};

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
    /// Show what retention would delete, and why the rest stays, without deleting anything
    #[command(after_help = "Examples:
  berth retention preview team/app
  berth retention preview team/app --days 30 --keep latest --deleted")]
    Preview(Preview),
    /// Run an image's retention now
    #[command(after_help = "Example:\n  berth retention run team/app")]
    Run {
        /// ORG/IMAGE
        image: Image,
    },
    /// List the runs of an image's retention, newest first
    #[command(after_help = "Example:\n  berth retention runs team/app --limit 5")]
    Runs {
        /// ORG/IMAGE
        image: Image,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// List the tags that retention deleted with the reasons, newest first
    #[command(after_help = "Example:\n  berth retention log team/app --limit 20")]
    Log {
        /// ORG/IMAGE
        image: Image,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Rules for all images of an organization
    #[command(subcommand)]
    Rule(rules::Verb),
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
    #[command(flatten)]
    rule: Rule,
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// ORG/IMAGE
    image: Image,
    #[command(flatten)]
    rule: Rule,
    /// Only tags that go
    #[arg(long, conflicts_with = "kept")]
    deleted: bool,
    /// Only tags that stay
    #[arg(long)]
    kept: bool,
    /// At most as many tags
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// What a rule keeps.
#[derive(Debug, Args)]
struct Rule {
    /// Keep each tag for so many days
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=365))]
    days: Option<u16>,
    /// Keep so many tags, the newest ones
    #[arg(long, value_name = "NUMBER", conflicts_with = "days",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    number: Option<u16>,
    /// Never delete this tag; may be said more than once
    #[arg(long, value_name = "TAG")]
    keep: Vec<String>,
    /// Never delete tags that this regular expression matches; may be said more than once
    #[arg(long, value_name = "REGEX")]
    keep_matching: Vec<String>,
}

/// Tags of one answer of a preview.
const PREVIEW_PAGE: usize = 1000;

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

const FATES: &[Column] = &[
    shown("tag", "/tag"),
    shown("fate", "/fate"),
    shown("because", "/because"),
    shown("reason", "/reason"),
    shown("pushed_at", "/pushed_at"),
    hidden("digest", "/digest"),
];

const RUNS: &[Column] = &[
    shown("id", "/id"),
    shown("why", "/why"),
    shown("status", "/status"),
    shown("by", "/user_name"),
    shown("created_at", "/created_at"),
    shown("ended_at", "/ended_at"),
    shown("tags", "/tags"),
    shown("deleted", "/deleted"),
    bytes("freed", "/freed_bytes"),
    shown("failed", "/failed"),
    hidden("kept", "/kept"),
    hidden("started_at", "/started_at"),
];

const LOG: &[Column] = &[
    shown("deleted_at", "/deleted_at"),
    shown("tag", "/tag"),
    shown("reason", "/reason"),
    shown("pushed_at", "/pushed_at"),
    hidden("id", "/id"),
    hidden("digest", "/digest"),
    hidden("rule", "/rule"),
    hidden("retention_id", "/retention_id"),
    hidden("run_id", "/run_id"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Preview(wanted) => preview(server, &wanted).await,
        Verb::Run { image } => {
            let target = image.path(&["retentions", "runs"]);
            let run = server.send(Method::POST, &target, None).await?;
            Ok(answer::one(RUNS, &run.body))
        }
        Verb::Runs { image, limit } => {
            let path = image.path(&["retentions", "runs"]);
            let rows = server.marked_rows(&path, &[], "runs", limit).await?;
            Ok(answer::list(RUNS, &rows))
        }
        Verb::Log { image, limit } => {
            let path = image.path(&["retentions", "log"]);
            let rows = server.marked_rows(&path, &[], "deletions", limit).await?;
            Ok(answer::list(LOG, &rows))
        }
        Verb::Rule(verb) => rules::run(server, verb).await,
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

impl Rule {
    /// As the API wants it; none where neither days nor a number is said.
    fn document(&self) -> Option<Value> {
        let selectors = |kind: &'static str, patterns: &[String]| -> Vec<Value> {
            let selector = |pattern: &String| json!({ "kind": kind, "pattern": pattern });
            patterns.iter().map(selector).collect()
        };
        let kept = [
            selectors("label", &self.keep),
            selectors("regexp", &self.keep_matching),
        ];
        let (template, params) = match (self.days, self.number) {
            (Some(days), _) => ("date_rule", json!({ "days": days.to_string() })),
            (None, Some(number)) => ("tag_rule", json!({ "num": number.to_string() })),
            (None, None) => return None,
        };
        Some(json!({ "template": template, "params": params, "tag_selectors": kept.concat() }))
    }
}

async fn preview(server: &Server, wanted: &Preview) -> Result<Table, Failure> {
    let path = wanted.image.path(&["retentions", "preview"]);
    let body = match wanted.rule.document() {
        Some(rule) => json!({ "algorithm": "or", "rules": [rule] }),
        None => json!({}),
    };
    let fate = match (wanted.deleted, wanted.kept) {
        (true, _) => "deleted",
        (_, true) => "kept",
        _ => "",
    };
    let (most, mut sums) = (wanted.limit.unwrap_or(usize::MAX), Sums::default());
    let (mut rows, mut marker): (Vec<Value>, String) = (Vec::new(), String::new());
    while rows.len() < most {
        let page = PREVIEW_PAGE.min(most - rows.len()).to_string();
        let query = [
            ("fate", fate),
            ("limit", page.as_str()),
            ("marker", marker.as_str()),
        ];
        let target = with_query(&path, &query);
        let mut page = server.send(Method::POST, &target, Some(&body)).await?.body;
        if marker.is_empty() {
            sums.add(&page);
        }
        if let Value::Array(found) = page["tags"].take() {
            rows.extend(found);
        }
        match page["nextMarker"].as_str() {
            Some(next) if next != marker => next.clone_into(&mut marker),
            _ => break,
        }
    }
    Ok(sums.under(answer::list(FATES, &rows)))
}

/// What previews count in all.
#[derive(Debug, Default)]
struct Sums {
    tags: i64,
    deleted: i64,
    freed_bytes: i64,
}

impl Sums {
    fn add(&mut self, page: &Value) {
        let number = |pointer: &str| page.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
        self.tags += number("/totals/tags");
        self.deleted += number("/totals/deleted");
        self.freed_bytes += number("/freed/freed_bytes");
    }

    /// Says them to people, under the table.
    fn under(&self, table: Table) -> Table {
        let Self {
            tags,
            deleted,
            freed_bytes,
        } = self;
        let text = format!(
            "{}\n{deleted} of {tags} tags would go, which frees {freed_bytes} bytes when the bin lets them go",
            table.print(Output::Table).trim_end()
        );
        table.said(text)
    }
}

async fn set(server: &Server, wanted: &Set) -> Result<Table, Failure> {
    let rule = wanted.rule.document().unwrap_or_default();
    let template = rule["template"].clone();
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
