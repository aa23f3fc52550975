//! `berth sync`: copies of images in other regions, which `regions.rs` registers.

use std::io::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::answer::{self, Column, bytes, hidden, shown};
use super::failure::Failure;
use super::names::{Image, organization};
use super::server::Server;
use super::terminal::confirm;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List where an image's pushes are sent
    #[command(after_help = "Example:\n  berth sync list team/app")]
    List {
        /// ORG/IMAGE
        image: Image,
    },
    /// Send every push of an image to an organization of another region
    #[command(after_help = "Example:\n  berth sync create team/app east-1 team --override")]
    Create {
        #[command(flatten)]
        place: Elsewhere,
        /// Replace tags that are there already
        #[arg(long = "override")]
        overwrite: bool,
        /// Keep the rule without sending pushes by themselves
        #[arg(long)]
        manual: bool,
        /// Send the tags that the image has now, too
        #[arg(long)]
        existing: bool,
    },
    /// Send an image's pushes there no longer; what is there stays
    #[command(after_help = "Example:\n  berth sync delete team/app east-1 team --yes")]
    Delete {
        #[command(flatten)]
        place: Elsewhere,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Copy tags of an image now
    #[command(
        after_help = "Examples:\n  berth sync run team/app east-1 team v1 v2\n  berth sync run team/app east-1 team --all"
    )]
    Run {
        #[command(flatten)]
        place: Elsewhere,
        /// The tags
        #[arg(required_unless_present = "all")]
        tags: Vec<String>,
        /// All tags of the image
        #[arg(long, conflicts_with = "tags")]
        all: bool,
        /// Replace tags that are there already
        #[arg(long = "override")]
        overwrite: bool,
    },
    /// List an image's copies, newest first
    #[command(after_help = "Example:\n  berth sync jobs team/app --limit 20")]
    Jobs {
        /// ORG/IMAGE
        image: Image,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show a copy with its progress; with --follow until it ends
    #[command(after_help = "Example:\n  berth sync show team/app 12 --follow")]
    Show {
        #[command(flatten)]
        copy: Copy,
        /// Show it again and again until its end; the exit code says how it went
        #[arg(long)]
        follow: bool,
    },
    /// Cancel a copy that waits or runs
    #[command(after_help = "Example:\n  berth sync cancel team/app 12")]
    Cancel {
        #[command(flatten)]
        copy: Copy,
    },
    /// Try a copy again that failed, timed out or was cancelled
    #[command(after_help = "Example:\n  berth sync retry team/app 12")]
    Retry {
        #[command(flatten)]
        copy: Copy,
    },
    /// Tell how far behind each destination of an image is
    #[command(after_help = "Example:\n  berth sync status team/app")]
    Status {
        /// ORG/IMAGE
        image: Image,
    },
}

/// Which copy.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// ORG/IMAGE
    image: Image,
    /// Its id, as `berth sync jobs` shows it
    id: u64,
}

/// From where to where.
#[derive(Debug, Args)]
pub(crate) struct Elsewhere {
    /// ORG/IMAGE
    image: Image,
    /// The other region
    region: String,
    /// The organization there
    #[arg(value_parser = organization)]
    organization: String,
}

const COLUMNS: &[Column] = &[
    hidden("id", "/id"),
    shown("region", "/remoteRegionId"),
    shown("organization", "/remoteNamespace"),
    shown("automatic", "/syncAuto"),
    shown("override", "/override"),
    shown("created_at", "/createdAt"),
];

const JOB_COLUMNS: &[Column] = &[
    shown("id", "/id"),
    shown("at", "/createdAt"),
    shown("tag", "/tag"),
    hidden("digest", "/digest"),
    shown("region", "/remoteRegionId"),
    shown("organization", "/remoteNamespace"),
    shown("status", "/status"),
    bytes("done", "/progress/bytesDone"),
    bytes("of", "/progress/bytesTotal"),
    bytes("sent", "/progress/bytesSent"),
    hidden("mounted", "/progress/bytesMounted"),
    hidden("existing", "/progress/bytesExisting"),
    hidden("attempts", "/attempts"),
    shown("lag_seconds", "/lagSeconds"),
    shown("by", "/syncOperatorName"),
    shown("next_attempt_at", "/nextAttemptAt"),
    shown("detail", "/detail"),
    hidden("ended_at", "/endedAt"),
];

const STATUS_COLUMNS: &[Column] = &[
    shown("region", "/remoteRegionId"),
    shown("organization", "/remoteNamespace"),
    shown("automatic", "/syncAuto"),
    shown("waiting", "/waiting"),
    shown("running", "/running"),
    shown("failed", "/failed"),
    shown("behind_seconds", "/behindSeconds"),
    shown("last_arrival_at", "/lastArrivalAt"),
    shown("paused_until", "/pausedUntil"),
    shown("paused_because", "/pausedBecause"),
];

/// Time between two looks at a copy that is followed.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { image } => list(server, &image).await,
        Verb::Create {
            place,
            overwrite,
            manual,
            existing,
        } => {
            let mut body = place.document();
            body["syncAuto"] = json!(!manual);
            body["syncExisting"] = json!(existing);
            body["override"] = json!(overwrite);
            let target = place.image.path(&["sync_repo"]);
            server.send(Method::POST, &target, Some(&body)).await?;
            list(server, &place.image).await
        }
        Verb::Delete { place, yes } => {
            let Elsewhere { image, region, .. } = &place;
            confirm(&format!("Send pushes of {image} to {region} no longer"), yes)?;
            let target = image.path(&["sync_repo"]);
            server
                .send(Method::DELETE, &target, Some(&place.document()))
                .await?;
            let row = [
                json!(image.to_string()),
                json!(region),
                json!(place.organization),
                json!(true),
            ];
            Ok(Table::one(&["image", "region", "organization", "deleted"], row))
        }
        Verb::Run {
            place,
            tags,
            all,
            overwrite,
        } => run_now(server, &place, (&tags, all), overwrite).await,
        Verb::Jobs { image, limit } => {
            let rows = server
                .counted_rows(&image.path(&["sync_copies"]), &[], "", limit)
                .await?;
            Ok(answer::list(JOB_COLUMNS, &rows))
        }
        Verb::Show { copy, follow } => show(server, &copy, follow).await,
        Verb::Cancel { copy } => {
            server.send(Method::POST, &copy.path(&["cancel"]), None).await?;
            show(server, &copy, false).await
        }
        Verb::Retry { copy } => {
            server.send(Method::POST, &copy.path(&["retry"]), None).await?;
            show(server, &copy, false).await
        }
        Verb::Status { image } => {
            let found = server.list(&image.path(&["sync_status"])).await?;
            Ok(answer::list(STATUS_COLUMNS, &found))
        }
    }
}

impl Copy {
    fn path(&self, rest: &[&str]) -> String {
        let id = self.id.to_string();
        let parts: Vec<&str> = ["sync_copies", &id]
            .into_iter()
            .chain(rest.iter().copied())
            .collect();
        self.image.path(&parts)
    }
}

/// Shows a copy; when it is followed, its progress goes to standard error, so that the answer stays one document.
async fn show(server: &Server, copy: &Copy, follow: bool) -> Result<Table, Failure> {
    loop {
        let found = server.get(&copy.path(&[])).await?;
        let status = found["status"].as_str().unwrap_or_default();
        let is_open = matches!(status, "waiting" | "running");
        if follow && is_open {
            let of = |key: &str| found["progress"][key].as_i64().unwrap_or_default();
            let (done, total) = (of("bytesDone"), of("bytesTotal"));
            let detail = found["detail"].as_str().unwrap_or_default();
            // Whoever does not look at standard error misses nothing but this.
            let _ = writeln!(std::io::stderr(), "{status} {done}/{total} bytes {detail}");
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            continue;
        }
        if follow && matches!(status, "failed" | "timeout" | "cancel") {
            let detail = found["detail"].as_str().unwrap_or_default();
            return Err(Failure::Here(format!("copy {} {status}: {detail}", copy.id)));
        }
        return Ok(answer::one(JOB_COLUMNS, &found));
    }
}

impl Elsewhere {
    fn document(&self) -> serde_json::Value {
        json!({ "remoteRegionId": self.region, "remoteNamespace": self.organization })
    }
}

async fn run_now(
    server: &Server,
    place: &Elsewhere,
    (tags, all): (&[String], bool),
    overwrite: bool,
) -> Result<Table, Failure> {
    let mut body = place.document();
    body["imageTag"] = json!(tags);
    body["allTags"] = json!(all);
    body["override"] = json!(overwrite);
    let target = place.image.path(&["sync_images"]);
    let failed = server.send(Method::POST, &target, Some(&body)).await?.body;
    let failed = failed.as_array().cloned().unwrap_or_default();
    if all {
        let row = [json!(place.image.to_string()), json!(true)];
        return Ok(Table::one(&["image", "queued"], row));
    }
    let row = |tag: &String| [json!(tag), json!(!failed.contains(&json!(tag)))];
    Ok(Table::list(&["tag", "queued"], tags.iter().map(row)))
}

async fn list(server: &Server, image: &Image) -> Result<Table, Failure> {
    let found = server.list(&image.path(&["sync_repo"])).await?;
    Ok(answer::list(COLUMNS, &found))
}
