//! `berth sync`: copies of images in other regions.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::{Image, organization, path};
use super::server::Server;
use super::terminal::{confirm, secret};
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
    #[command(after_help = "Example:\n  berth sync run team/app east-1 team v1 v2")]
    Run {
        #[command(flatten)]
        place: Elsewhere,
        /// The tags
        #[arg(required = true)]
        tags: Vec<String>,
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
    /// List the regions
    #[command(after_help = "Example:\n  berth sync regions")]
    Regions,
    /// Register a region; the password of the login there is asked for
    #[command(
        after_help = "Example:\n  berth sync add-region east-1 https://hub.east-1.example --user robot"
    )]
    AddRegion {
        /// Its name
        region: String,
        /// The address of its registry
        url: String,
        /// Whom to log in as there [default: nobody]
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Read the password from standard input
        #[arg(long, requires = "user")]
        secret_stdin: bool,
    },
    /// Forget a region
    #[command(after_help = "Example:\n  berth sync remove-region east-1 --yes")]
    RemoveRegion {
        /// Its name
        region: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
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
    hidden("id", "/id"),
    shown("at", "/createdAt"),
    shown("tag", "/tag"),
    shown("region", "/remoteRegionId"),
    shown("organization", "/remoteNamespace"),
    shown("status", "/status"),
    shown("by", "/syncOperatorName"),
    hidden("updated_at", "/updatedAt"),
];

const REGION_COLUMNS: &[Column] = &[shown("region", "/regionID"), shown("registry", "/registryURL")];
const REGIONS: &str = "/v2/manage/regions";

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { image } => list(server, &image).await,
        Verb::Create {
            place,
            overwrite,
            manual,
        } => {
            let mut body = place.document();
            body["syncAuto"] = json!(!manual);
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
            overwrite,
        } => copy(server, &place, &tags, overwrite).await,
        Verb::Jobs { image, limit } => {
            let rows = server
                .counted_rows(&image.path(&["sync_job"]), &[], "", limit)
                .await?;
            Ok(answer::list(JOB_COLUMNS, &rows))
        }
        Verb::Regions => Ok(answer::list(REGION_COLUMNS, &server.list(REGIONS).await?)),
        Verb::AddRegion {
            region,
            url,
            user,
            secret_stdin,
        } => {
            let mut body = json!({ "regionID": region, "registryURL": url });
            if let Some(user) = user {
                body["username"] = json!(user);
                body["password"] = json!(secret("password", secret_stdin)?.expose());
            }
            let made = server.send(Method::POST, REGIONS, Some(&body)).await?;
            Ok(answer::one(REGION_COLUMNS, &made.body))
        }
        Verb::RemoveRegion { region, yes } => {
            confirm(&format!("Forget the region {region}"), yes)?;
            let target = path(&["v2", "manage", "regions", &region]);
            server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(&["region", "removed"], [json!(region), json!(true)]))
        }
    }
}

impl Elsewhere {
    fn document(&self) -> serde_json::Value {
        json!({ "remoteRegionId": self.region, "remoteNamespace": self.organization })
    }
}

async fn copy(
    server: &Server,
    place: &Elsewhere,
    tags: &[String],
    overwrite: bool,
) -> Result<Table, Failure> {
    let mut body = place.document();
    body["imageTag"] = json!(tags);
    body["override"] = json!(overwrite);
    let target = place.image.path(&["sync_images"]);
    let failed = server.send(Method::POST, &target, Some(&body)).await?.body;
    let failed = failed.as_array().cloned().unwrap_or_default();
    let row = |tag: &String| [json!(tag), json!(!failed.contains(&json!(tag)))];
    Ok(Table::list(&["tag", "queued"], tags.iter().map(row)))
}

async fn list(server: &Server, image: &Image) -> Result<Table, Failure> {
    let found = server.list(&image.path(&["sync_repo"])).await?;
    Ok(answer::list(COLUMNS, &found))
}
