//! `berth trigger`: what is rolled out when an image is pushed.

mod runs;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::Image;
use super::preheats::nodes;
use super::server::Server;
use super::terminal::confirm;
use crate::agent::label;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the triggers of an image
    #[command(after_help = "Example:\n  berth trigger list team/app")]
    List {
        /// ORG/IMAGE
        image: Image,
    },
    /// Show a trigger
    #[command(after_help = "Example:\n  berth trigger show team/app roll-out")]
    Show {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
    },
    /// List what came of a trigger, the latest first
    #[command(
        visible_alias = "history",
        after_help = "Examples:\n  berth trigger runs team/app roll-out\n  berth trigger runs team/app roll-out --limit 1 --output json"
    )]
    Runs {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
        /// At most as many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show what a push would change now, and change nothing
    #[command(
        after_help = "Examples:\n  berth trigger dry-run team/app roll-out\n  berth trigger dry-run team/app roll-out --tag v2"
    )]
    DryRun {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
        /// The tag to pretend a push of [default: the latest that the trigger waits for]
        #[arg(long, value_name = "TAG")]
        tag: Option<String>,
    },
    /// Roll a tag out now
    #[command(after_help = "Example:\n  berth trigger run team/app roll-out v2 --follow")]
    Run {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
        /// The tag
        tag: String,
        /// Watch it to its end, and fail if it does
        #[arg(long)]
        follow: bool,
    },
    /// Put back the images from before a run
    #[command(after_help = "Example:\n  berth trigger undo team/app roll-out 12 --follow")]
    Undo {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
        /// The run, from the list of runs
        run: u64,
        /// Watch it to its end, and fail if it does
        #[arg(long)]
        follow: bool,
    },
    /// Set up a trigger
    #[command(
        visible_alias = "add",
        after_help = "Examples:
  berth trigger create team/app roll-out --cluster production --namespace web --workload app --dry-run
  berth trigger create team/app roll-out --cluster production --namespace web --workload app --undo-on-failure
  berth trigger create team/app roll-out --cluster production --namespace web --workload app --preheat --preheat-label pool=web
  berth trigger create team/app releases --matching 'v*' --cluster production --namespace web --workload app
  berth trigger create team/app stable --tag stable --cluster production --namespace db --kind statefulsets --workload app"
    )]
    Create(Box<Create>),
    /// Let a trigger act again
    #[command(after_help = "Example:\n  berth trigger enable team/app roll-out")]
    Enable {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
    },
    /// Keep a trigger from acting
    #[command(after_help = "Example:\n  berth trigger disable team/app roll-out")]
    Disable {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
    },
    /// Delete a trigger and its history
    #[command(after_help = "Example:\n  berth trigger delete team/app roll-out --yes")]
    Delete {
        /// ORG/IMAGE
        image: Image,
        /// The trigger's name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// ORG/IMAGE
    image: Image,
    /// A name for the trigger
    name: String,
    /// Act on this tag only; may be said more than once
    #[arg(long, value_name = "TAG", conflicts_with_all = ["matching", "expression"])]
    tag: Vec<String>,
    /// Act on tags that this pattern matches: a glob, or a regular expression
    #[arg(long, value_name = "PATTERN")]
    matching: Option<String>,
    /// Act on tags that this regular expression matches, if only in part
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "matching")]
    expression: Option<String>,
    /// The cluster, by its name
    #[arg(long, value_name = "NAME")]
    cluster: String,
    /// The workload's namespace
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// What kind of workload it is
    #[arg(long, value_enum, default_value_t = Kind::Deployments)]
    kind: Kind,
    /// The workload's name
    #[arg(long, value_name = "NAME")]
    workload: String,
    /// One container of the workload [default: those that have the image, or the only one]
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// What the workload is made to name
    #[arg(long, value_enum, default_value_t = By::Digest)]
    by: By,
    /// Put the images from before back when a rollout fails
    #[arg(long)]
    undo_on_failure: bool,
    /// How long a rollout may take [default: 600]
    #[arg(long, value_name = "SECONDS")]
    rollout_timeout: Option<u32>,
    #[command(flatten)]
    ahead: Ahead,
    /// Set it up without letting it act yet
    #[arg(long)]
    disabled: bool,
    /// Show what it would do, and set up nothing
    #[arg(long)]
    dry_run: bool,
}

/// Nodes that get the image first.
#[derive(Debug, Args)]
struct Ahead {
    /// Have nodes get the image before the workload is changed
    #[arg(long)]
    preheat: bool,
    /// The nodes that have this label, and all others that are said [default: all nodes]
    #[arg(long = "preheat-label", value_name = "KEY=VALUE", value_parser = label, requires = "preheat")]
    labels: Vec<(String, String)>,
    /// How long nodes are waited for [default: 300]
    #[arg(long = "preheat-timeout", value_name = "SECONDS", requires = "preheat")]
    timeout: Option<u32>,
}

/// What a workload is made to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// The digest that was pushed
    Digest,
    /// The tag; the rollout is restarted when that changes no name
    Tag,
}

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Deployments
    Deployments,
    /// Stateful sets
    Statefulsets,
    /// Daemon sets
    Daemonsets,
    /// Cron jobs
    Cronjobs,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deployments => "deployments",
            Self::Statefulsets => "statefulsets",
            Self::Daemonsets => "daemonsets",
            Self::Cronjobs => "cronjobs",
        }
    }
}

const COLUMNS: &[Column] = &[
    shown("trigger", "/name"),
    shown("enabled", "/enable"),
    shown("on", "/condition"),
    hidden("type", "/trigger_type"),
    shown("cluster", "/cluster_name"),
    hidden("cluster_id", "/cluster_id"),
    shown("namespace", "/cluster_ns"),
    shown("kind", "/app_type"),
    shown("workload", "/application"),
    shown("container", "/container"),
    hidden("mode", "/trigger_mode"),
    hidden("action", "/action"),
    hidden("webhook_url", "/webhook_url"),
    hidden("by", "/update_by"),
    hidden("undo_on_failure", "/undo_on_failure"),
    hidden("rollout_timeout", "/rollout_timeout"),
    hidden("preheat", "/preheat"),
    shown("creator", "/creator_name"),
    shown("created_at", "/created_at"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List { image } => {
            let found = server.list(&image.path(&["triggers"])).await?;
            let found: Vec<Value> = found.into_iter().map(with_switch).collect();
            Ok(answer::list(COLUMNS, &found))
        }
        Verb::Show { image, name } => show(server, &image, &name).await,
        Verb::Runs { image, name, limit } => runs::list(server, &image, &name, limit).await,
        Verb::DryRun { image, name, tag } => runs::try_kept(server, &image, &name, tag.as_deref()).await,
        Verb::Run {
            image,
            name,
            tag,
            follow,
        } => runs::run(server, (&image, &name), &tag, follow).await,
        Verb::Undo {
            image,
            name,
            run,
            follow,
        } => runs::undo(server, (&image, &name), run, follow).await,
        Verb::Create(wanted) => create(server, &wanted).await,
        Verb::Enable { image, name } => switch(server, &image, &name, true).await,
        Verb::Disable { image, name } => switch(server, &image, &name, false).await,
        Verb::Delete { image, name, yes } => {
            confirm(&format!("Delete the trigger {name} of {image}"), yes)?;
            server
                .send(Method::DELETE, &image.path(&["triggers", &name]), None)
                .await?;
            let row = [json!(image.to_string()), json!(name), json!(true)];
            Ok(Table::one(&["image", "trigger", "deleted"], row))
        }
    }
}

async fn show(server: &Server, image: &Image, name: &str) -> Result<Table, Failure> {
    let found = server.get(&image.path(&["triggers", name])).await?;
    Ok(answer::one(COLUMNS, &with_switch(found)))
}

/// The wire's text as the truth value that it is.
fn with_switch(mut trigger: Value) -> Value {
    trigger["enable"] = json!(trigger["enable"] == "true");
    trigger
}

async fn create(server: &Server, wanted: &Create) -> Result<Table, Failure> {
    let tags = wanted.tag.join(";");
    let (kind, condition) = match (&wanted.matching, &wanted.expression, tags.as_str()) {
        (Some(pattern), ..) => ("regular", pattern.as_str()),
        (None, Some(expression), _) => ("regexp", expression.as_str()),
        (None, None, "") => ("all", ".*"),
        (None, None, tags) => ("tag", tags),
    };
    let body = json!({
        "name": wanted.name,
        "trigger_type": kind,
        "condition": condition,
        "action": "update",
        "enable": (!wanted.disabled).to_string(),
        "app_type": wanted.kind.as_str(),
        "application": wanted.workload,
        "cluster_ns": wanted.namespace,
        "cluster_name": wanted.cluster,
        "container": wanted.container,
        "trigger_mode": "cce",
        "update_by": match wanted.by {
            By::Digest => "digest",
            By::Tag => "tag",
        },
        "undo_on_failure": wanted.undo_on_failure,
        "rollout_timeout": wanted.rollout_timeout,
        "preheat": wanted.ahead.preheat.then(|| json!({
            "nodes": nodes(wanted.ahead.labels.clone()),
            "timeout": wanted.ahead.timeout,
        })),
    });
    if wanted.dry_run {
        return runs::try_wanted(server, &wanted.image, &body).await;
    }
    let target = wanted.image.path(&["triggers"]);
    server.send(Method::POST, &target, Some(&body)).await?;
    show(server, &wanted.image, &wanted.name).await
}

async fn switch(server: &Server, image: &Image, name: &str, is_on: bool) -> Result<Table, Failure> {
    let body = json!({ "enable": is_on.to_string() });
    let target = image.path(&["triggers", name]);
    server.send(Method::PATCH, &target, Some(&body)).await?;
    show(server, image, name).await
}
