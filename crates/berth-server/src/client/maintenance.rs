//! `berth maintenance`: the long work of the registry itself.

use std::time::Duration;

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::path;
use super::server::Server;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List what was done, newest first
    #[command(after_help = "Example:\n  berth maintenance list --kind reclaim --limit 5")]
    List {
        /// Only this kind
        #[arg(long)]
        kind: Option<String>,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show one run, with its progress and its report
    #[command(after_help = "Example:\n  berth maintenance show 12")]
    Show {
        /// Its id
        run: u64,
    },
    /// List damaged blobs and manifests, and the images and tags that they touch
    #[command(after_help = "Example:\n  berth maintenance damaged")]
    Damaged {
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Begin now
    #[command(after_help = "Example:\n  berth maintenance start reclaim --wait")]
    Start {
        /// What to do: reclaim, scrub, backup
        kind: String,
        /// reclaim: look for bytes that no row names, too
        #[arg(long)]
        orphans: bool,
        /// Wait for the end
        #[arg(long)]
        wait: bool,
    },
}

const COLUMNS: &[Column] = &[
    shown("id", "/id"),
    shown("kind", "/kind"),
    shown("state", "/state"),
    shown("by", "/wanted_by"),
    hidden("created_at", "/created_at"),
    shown("started_at", "/started_at"),
    shown("ended_at", "/ended_at"),
    shown("progress", "/progress"),
    shown("report", "/report"),
];
const DAMAGED_COLUMNS: &[Column] = &[
    shown("digest", "/digest"),
    shown("kind", "/kind"),
    shown("damage", "/damage"),
    hidden("size", "/size"),
    shown("found_at", "/found_at"),
    shown("affected", "/affected"),
];
const RUNS: &str = "/v2/manage/maintenance/runs";
const DAMAGED: &str = "/v2/manage/maintenance/damaged";
/// Time between two looks at a run that is waited for.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { kind, limit } => {
            let kind = kind.unwrap_or_default();
            let rows = server
                .marked_rows(RUNS, &[("kind", &kind)], "runs", limit)
                .await?;
            Ok(answer::list(COLUMNS, &rows))
        }
        Verb::Damaged { limit } => {
            let mut rows = server.marked_rows(DAMAGED, &[], "damaged", limit).await?;
            for row in &mut rows {
                let named = row["affected"].as_array().into_iter().flatten().map(named);
                row["affected"] = named.collect::<Vec<_>>().join(" ").into();
            }
            Ok(answer::list(DAMAGED_COLUMNS, &rows))
        }
        Verb::Show { run } => Ok(answer::one(COLUMNS, &show(server, run).await?)),
        Verb::Start { kind, orphans, wait } => {
            let target = path(&["v2", "manage", "maintenance", &kind]);
            let body = json!({ "orphans": orphans });
            let mut run = server.send(Method::POST, &target, Some(&body)).await?.body;
            while wait && run["ended_at"].is_null() {
                tokio::time::sleep(LOOKED_AT_EVERY).await;
                run = show(server, run["id"].as_u64().unwrap_or_default()).await?;
            }
            match (wait, run["state"].as_str()) {
                (true, Some(state @ ("failed" | "interrupted"))) => {
                    let why = run["report"]["error"].as_str().unwrap_or("its process ended");
                    Err(Failure::Here(format!("run {} {state}: {why}", run["id"])))
                }
                _ => Ok(answer::one(COLUMNS, &run)),
            }
        }
    }
}

/// `organization/image:tag`, or the image alone.
fn named(place: &Value) -> String {
    let text = |key: &str| place[key].as_str().unwrap_or_default();
    match text("tag") {
        "" => text("repository").to_owned(),
        tag => format!("{}:{tag}", text("repository")),
    }
}

async fn show(server: &Server, run: u64) -> Result<Value, Failure> {
    let target = path(&["v2", "manage", "maintenance", "runs", &run.to_string()]);
    Ok(server.send(Method::GET, &target, None).await?.body)
}
