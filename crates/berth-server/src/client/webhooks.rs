//! `berth webhook`: who is told when an image is pushed, and what became of it.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::{Image, organization, path};
use super::server::Server;
use super::terminal::{notice, secret};
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Tell an address of pushes
    #[command(after_help = "Examples:
  berth webhook create team/app ci https://ci.example.com/hooks/berth
  berth webhook create team/app releases https://ci.example.com/hooks/berth --matching 'v*'

A webhook is a trigger: `berth trigger list`, `show`, `enable`, `disable`, `dry-run` and `delete` know it by its name.")]
    Create(Box<Create>),
    /// Send a test delivery and tell what came of it
    #[command(after_help = "Example:\n  berth webhook ping team/app ci")]
    Ping {
        /// ORG/IMAGE
        image: Image,
        /// The webhook's name
        name: String,
    },
    /// List what a webhook delivered, newest first
    #[command(after_help = "Examples:
  berth webhook deliveries team/app ci
  berth webhook deliveries team/app ci --status dead")]
    Deliveries {
        /// ORG/IMAGE
        image: Image,
        /// The webhook's name
        name: String,
        /// Only waiting, delivered or dead ones
        #[arg(long, value_parser = ["waiting", "delivered", "dead"])]
        status: Option<String>,
        /// At most so many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show a delivery and the event that it sends
    #[command(after_help = "Example:\n  berth webhook show team/app ci 17 -o json")]
    Show {
        /// ORG/IMAGE
        image: Image,
        /// The webhook's name
        name: String,
        /// The delivery's id
        delivery: u64,
    },
    /// Make a delivery once more, or all dead ones
    #[command(after_help = "Examples:
  berth webhook redeliver team/app ci 17
  berth webhook redeliver team/app ci --dead")]
    Redeliver {
        /// ORG/IMAGE
        image: Image,
        /// The webhook's name
        name: String,
        /// The delivery's id
        #[arg(required_unless_present = "dead")]
        delivery: Option<u64>,
        /// All that could not be delivered
        #[arg(long, conflicts_with = "delivery")]
        dead: bool,
    },
    /// List what could not be delivered in the whole account, an organization or an image
    #[command(after_help = "Examples:
  berth webhook dead
  berth webhook dead --org team
  berth webhook dead --image team/app")]
    Dead {
        /// Only of this organization
        #[arg(long, value_name = "ORG", value_parser = organization, conflicts_with = "image")]
        org: Option<String>,
        /// Only of this image
        #[arg(long, value_name = "ORG/IMAGE")]
        image: Option<Image>,
        /// At most so many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Give a webhook another secret; for a day deliveries are signed with the one before, too
    #[command(after_help = "Example:\n  berth webhook replace-secret team/app ci")]
    ReplaceSecret {
        /// ORG/IMAGE
        image: Image,
        /// The webhook's name
        name: String,
        /// Read the secret from standard input [default: one is made and shown]
        #[arg(long)]
        secret_stdin: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// ORG/IMAGE
    image: Image,
    /// A name for the webhook
    name: String,
    /// The address to tell
    url: String,
    /// Tell of this tag only; may be said more than once
    #[arg(long, value_name = "TAG", conflicts_with = "matching")]
    tag: Vec<String>,
    /// Tell of tags that this pattern matches: a glob, or a regular expression
    #[arg(long, value_name = "PATTERN")]
    matching: Option<String>,
    /// Read the secret from standard input [default: one is made and shown]
    #[arg(long)]
    secret_stdin: bool,
    /// Set it up without letting it tell yet
    #[arg(long)]
    disabled: bool,
}

const COLUMNS: &[Column] = &[
    shown("delivery", "/id"),
    shown("tag", "/tag"),
    shown("status", "/status"),
    shown("attempts", "/attempts"),
    shown("answer", "/response_status"),
    hidden("duration_ms", "/duration_ms"),
    shown("created_at", "/created_at"),
    hidden("attempted_at", "/attempted_at"),
    shown("next_attempt_at", "/next_attempt_at"),
    shown("error", "/error"),
    hidden("webhook_id", "/webhook_id"),
    hidden("digest", "/digest"),
    hidden("url", "/url"),
    hidden("event", "/event"),
];

const DEAD_COLUMNS: &[Column] = &[
    shown("organization", "/namespace"),
    shown("image", "/repository"),
    shown("webhook", "/trigger"),
    shown("delivery", "/id"),
    shown("tag", "/tag"),
    shown("url", "/url"),
    shown("attempts", "/attempts"),
    shown("attempted_at", "/attempted_at"),
    shown("error", "/error"),
    hidden("webhook_id", "/webhook_id"),
    hidden("digest", "/digest"),
];

const PING_COLUMNS: &[Column] = &[
    shown("delivered", "/delivered"),
    shown("answer", "/response_status"),
    shown("duration_ms", "/duration_ms"),
    shown("error", "/error"),
    hidden("webhook_id", "/webhook_id"),
    hidden("event", "/event"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Create(wanted) => create(server, &wanted).await,
        Verb::Ping { image, name } => {
            let target = image.path(&["triggers", &name, "ping"]);
            let sent = server.send(Method::POST, &target, None).await?;
            Ok(answer::one(PING_COLUMNS, &sent.body))
        }
        Verb::Deliveries {
            image,
            name,
            status,
            limit,
        } => {
            let target = image.path(&["triggers", &name, "deliveries"]);
            let status: Vec<_> = status.iter().map(|status| ("status", status.as_str())).collect();
            let rows = server.marked_rows(&target, &status, "deliveries", limit).await?;
            Ok(answer::list(COLUMNS, &rows))
        }
        Verb::Show {
            image,
            name,
            delivery,
        } => {
            let found = server.get(&at(&image, &name, delivery, &[])).await?;
            Ok(answer::one(COLUMNS, &found))
        }
        Verb::Redeliver {
            image,
            name,
            delivery,
            ..
        } => {
            let target = match delivery {
                Some(delivery) => at(&image, &name, delivery, &["redeliver"]),
                None => image.path(&["triggers", &name, "redeliver"]),
            };
            let asked = server.send(Method::POST, &target, None).await?;
            let count = asked.body["redelivered"].clone();
            Ok(Table::one(&["webhook", "redelivered"], [json!(name), count]))
        }
        Verb::Dead { org, image, limit } => dead(server, (org, image), limit).await,
        Verb::ReplaceSecret {
            image,
            name,
            secret_stdin,
        } => {
            let target = image.path(&["triggers", &name, "secret"]);
            let body = match given(secret_stdin)? {
                Some(secret) => json!({ "webhook_secret": secret }),
                None => json!({}),
            };
            let replaced = server.send(Method::PUT, &target, Some(&body)).await?;
            Ok(told(&name, &replaced.body))
        }
    }
}

async fn create(server: &Server, wanted: &Create) -> Result<Table, Failure> {
    let tags = wanted.tag.join(";");
    let (kind, condition) = match (&wanted.matching, tags.as_str()) {
        (Some(pattern), _) => ("regular", pattern.as_str()),
        (None, "") => ("all", ".*"),
        (None, tags) => ("tag", tags),
    };
    let mut body = json!({
        "name": wanted.name,
        "trigger_type": kind,
        "condition": condition,
        "action": "webhook",
        "enable": (!wanted.disabled).to_string(),
        "webhook_url": wanted.url,
    });
    if let Some(secret) = given(wanted.secret_stdin)? {
        body["webhook_secret"] = json!(secret);
    }
    let target = wanted.image.path(&["triggers"]);
    let made = server.send(Method::POST, &target, Some(&body)).await?;
    Ok(told(&wanted.name, &made.body))
}

/// What could not be delivered at a place.
async fn dead(
    server: &Server,
    (org, image): (Option<String>, Option<Image>),
    limit: Option<usize>,
) -> Result<Table, Failure> {
    let mut pairs = Vec::new();
    if let Some(org) = &org {
        pairs.push(("namespace", org.as_str()));
    }
    if let Some(image) = &image {
        pairs.push(("namespace", image.organization.as_str()));
        pairs.push(("repository", image.name.as_str()));
    }
    let target = path(&["v2", "manage", "webhooks", "dead"]);
    let rows = server.marked_rows(&target, &pairs, "deliveries", limit).await?;
    Ok(answer::list(DEAD_COLUMNS, &rows))
}

fn at(image: &Image, name: &str, delivery: u64, below: &[&str]) -> String {
    let delivery = delivery.to_string();
    let place = ["triggers", name, "deliveries", delivery.as_str()];
    image.path(&[&place[..], below].concat())
}

fn given(from_stdin: bool) -> Result<Option<String>, Failure> {
    from_stdin
        .then(|| secret("secret", true).map(|secret| secret.expose().to_owned()))
        .transpose()
}

/// A secret that was made by the server is shown this once.
fn told(name: &str, answer: &Value) -> Table {
    let secret = answer["webhook_secret"].clone();
    if secret.is_string() {
        notice("give the secret to the receiver: it is not shown again");
    }
    Table::one(&["webhook", "secret"], [json!(name), secret])
}
