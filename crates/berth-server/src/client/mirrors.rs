//! `berth mirror`: organizations that stand for other registries.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, shown};
use super::failure::Failure;
use super::names::path;
use super::server::Server;
use super::terminal::{confirm, secret};
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the account's mirrors
    #[command(after_help = "Example:\n  berth mirror list")]
    List,
    /// Show a mirror, and how it does
    #[command(after_help = "Example:\n  berth mirror show hub")]
    Show {
        /// Its name
        mirror: String,
    },
    /// Let an organization stand for another registry; the password of the login there is asked for
    #[command(
        after_help = "Example:\n  berth mirror create hub docker.io --url https://registry-1.docker.io --public"
    )]
    Create {
        /// Its name
        mirror: String,
        /// The registry as image references name it
        registry: String,
        /// The organization that holds what is fetched [default: the mirror's name]
        #[arg(long)]
        organization: Option<String>,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Change a mirror; another server needs the login for it
    #[command(
        after_help = "Example:\n  berth mirror update hub --bytes-max 500000000000 --keep 'library/*:latest'"
    )]
    Update {
        /// Its name
        mirror: String,
        /// The registry as image references name it
        #[arg(long)]
        registry: Option<String>,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// End a mirror; what it fetched stays
    #[command(after_help = "Example:\n  berth mirror delete hub --yes")]
    Delete {
        /// Its name
        mirror: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Fetch now what its rules name
    #[command(after_help = "Example:\n  berth mirror prefetch hub")]
    Prefetch {
        /// Its name
        mirror: String,
    },
}

/// What is wanted of a mirror.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// The address that it is fetched from
    #[arg(long)]
    url: Option<String>,
    /// Whom to log in as there [default: nobody]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "user")]
    secret_stdin: bool,
    /// Whether it fetches
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
    /// Whether everybody may pull from it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    public: Option<bool>,
    /// Seconds between two looks at a tag; 0 for what the server's settings say
    #[arg(long, value_name = "SECONDS")]
    recheck: Option<i64>,
    /// Bytes that it may hold; 0 for no bound
    #[arg(long, value_name = "BYTES")]
    bytes_max: Option<i64>,
    /// Images that always stay, as image:tag with globs; empty for none
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    keep: Option<Vec<String>>,
    /// Images that are fetched ahead, as image:tag with a glob for the tag; empty for none
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    prefetch: Option<Vec<String>>,
    /// A file with the authorities that its certificate may come from, as PEM
    #[arg(long, value_name = "FILE")]
    certificate_authority: Option<PathBuf>,
}

const COLUMNS: &[Column] = &[
    shown("mirror", "/name"),
    shown("organization", "/namespace"),
    shown("registry", "/registry"),
    shown("url", "/url"),
    shown("enabled", "/enabled"),
    shown("public", "/public"),
];
const SHOWN_COLUMNS: &[Column] = &[
    shown("mirror", "/name"),
    shown("organization", "/namespace"),
    shown("registry", "/registry"),
    shown("url", "/url"),
    shown("has_login", "/has_login"),
    shown("enabled", "/enabled"),
    shown("public", "/public"),
    shown("recheck_seconds", "/recheck_seconds"),
    shown("bytes_max", "/bytes_max"),
    shown("keep", "/keep"),
    shown("prefetch", "/prefetch"),
    shown("hits", "/figures/hits"),
    shown("misses", "/figures/misses"),
    shown("hit_ratio", "/figures/hit_ratio"),
    shown("bytes_served", "/figures/bytes_served"),
    shown("bytes_fetched", "/figures/bytes_fetched"),
    shown("bytes_saved", "/figures/bytes_saved"),
    shown("budget_remaining", "/figures/budget/remaining"),
    shown("budget_renews_at", "/figures/budget/renews_at"),
    shown("limited_until", "/figures/limited_until"),
    shown("last_failure", "/figures/last_failure/text"),
    shown("last_failure_at", "/figures/last_failure/at"),
    shown("prefetch_begun_at", "/figures/prefetch/begun_at"),
    shown("prefetch_ended_at", "/figures/prefetch/ended_at"),
    shown("prefetch_running", "/figures/prefetch/running"),
    shown("prefetch_images", "/figures/prefetch/images"),
    shown("prefetch_failed", "/figures/prefetch/failed"),
    shown("prefetch_failures", "/figures/prefetch/failures"),
];
const MIRRORS: &str = "/v2/manage/mirrors";

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List => Ok(answer::list(COLUMNS, &server.list(MIRRORS).await?)),
        Verb::Show { mirror } => {
            let mut found = server.get(&path(&["v2", "manage", "mirrors", &mirror])).await?;
            let figures = path(&["v2", "manage", "mirrors", &mirror, "figures"]);
            found["figures"] = server.get(&figures).await?;
            Ok(answer::one(SHOWN_COLUMNS, &found))
        }
        Verb::Create {
            mirror,
            registry,
            organization,
            wanted,
        } => {
            let organization = organization.unwrap_or_else(|| mirror.clone());
            let body = json!({ "name": mirror, "namespace": organization, "registry": registry });
            let made = server
                .send(Method::POST, MIRRORS, Some(&wanted.onto(body)?))
                .await?;
            Ok(answer::one(COLUMNS, &made.body))
        }
        Verb::Update {
            mirror,
            registry,
            wanted,
        } => {
            let body = registry.map_or_else(|| json!({}), |registry| json!({ "registry": registry }));
            let target = path(&["v2", "manage", "mirrors", &mirror]);
            let changed = server
                .send(Method::PATCH, &target, Some(&wanted.onto(body)?))
                .await?;
            Ok(answer::one(COLUMNS, &changed.body))
        }
        Verb::Delete { mirror, yes } => {
            confirm(&format!("End the mirror {mirror}"), yes)?;
            let target = path(&["v2", "manage", "mirrors", &mirror]);
            server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(&["mirror", "deleted"], [json!(mirror), json!(true)]))
        }
        Verb::Prefetch { mirror } => {
            let target = path(&["v2", "manage", "mirrors", &mirror, "prefetch"]);
            server.send(Method::POST, &target, None).await?;
            Ok(Table::one(&["mirror", "begun"], [json!(mirror), json!(true)]))
        }
    }
}

impl Wanted {
    /// Puts what was given into a request; asks for the password of a user.
    fn onto(self, mut body: Value) -> Result<Value, Failure> {
        let list = |patterns: Vec<String>| {
            let patterns = patterns.into_iter().filter(|pattern| !pattern.is_empty());
            json!(patterns.collect::<Vec<_>>())
        };
        let given = [
            ("url", self.url.map(Value::from)),
            ("enabled", self.enabled.map(Value::from)),
            ("public", self.public.map(Value::from)),
            ("recheck_seconds", self.recheck.map(Value::from)),
            ("bytes_max", self.bytes_max.map(Value::from)),
            ("keep", self.keep.map(list)),
            ("prefetch", self.prefetch.map(list)),
        ];
        for (field, value) in given {
            if let Some(value) = value {
                body[field] = value;
            }
        }
        if let Some(user) = self.user {
            body["username"] = json!(user);
            body["password"] = json!(secret("password", self.secret_stdin)?.expose());
        }
        if let Some(file) = &self.certificate_authority {
            let pem = std::fs::read_to_string(file);
            let pem =
                pem.map_err(|error| Failure::Here(format!("{} cannot be read: {error}", file.display())))?;
            body["certificate_authority"] = json!(pem);
        }
        Ok(body)
    }
}
