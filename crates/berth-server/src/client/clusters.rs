//! `berth cluster`: the clusters that triggers roll out to, and what runs there.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::answer::{self, Column, hidden, shown};
use super::failure::Failure;
use super::names::{Image, path, with_query};
use super::server::Server;
use super::terminal::{confirm, secret};
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the clusters of the account
    #[command(after_help = "Example:\n  berth cluster list")]
    List,
    /// Show a cluster
    #[command(after_help = "Example:\n  berth cluster show production")]
    Show {
        /// Its name or id
        cluster: String,
    },
    /// Register a cluster, after it was tested
    #[command(after_help = "Examples:
  kubectl create token berth -n shop --duration 8760h | berth cluster add production --server https://10.0.0.1:6443 --ca-file ca.crt --secret-stdin --namespace shop
  berth cluster add production --kubeconfig ~/.kube/config --context production")]
    Add(Box<Add>),
    /// Test a cluster again
    #[command(after_help = "Example:\n  berth cluster check production")]
    Check {
        /// Its name or id
        cluster: String,
    },
    /// Change a cluster, which is tested again
    #[command(after_help = "Examples:
  kubectl create token berth -n shop --duration 8760h | berth cluster update production --new-token --secret-stdin
  berth cluster update production --name europe")]
    Update(Box<Update>),
    /// Forget a cluster that no trigger names
    #[command(after_help = "Example:\n  berth cluster delete production --yes")]
    Delete {
        /// Its name or id
        cluster: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Write the rights that Berth needs in a cluster, as YAML for kubectl
    #[command(after_help = "Examples:
  berth cluster manifest --namespace shop --namespace blog | kubectl apply -f -
  berth cluster manifest > berth.yaml")]
    Manifest {
        /// A namespace that Berth is to work in; may be said more than once. The whole cluster when absent
        #[arg(long, value_name = "NAME")]
        namespace: Vec<String>,
        /// The namespace of Berth's service account: the first of the others, or `default`, when absent
        #[arg(long, value_name = "NAME")]
        account_namespace: Option<String>,
    },
    /// List where an image runs, as the clusters said last
    #[command(after_help = "Example:\n  berth cluster workloads team/app")]
    Workloads {
        /// ORG/IMAGE
        image: Image,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// A name for it
    name: String,
    /// The id that triggers name it by; made up when absent
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    login: Login,
    /// A namespace that Berth is to work in; may be said more than once. The whole cluster when absent
    #[arg(long, value_name = "NAME")]
    namespace: Vec<String>,
    /// Save it untested
    #[arg(long)]
    no_check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Its name or id
    cluster: String,
    /// Another name for it
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    login: Login,
    /// Ask for another token
    #[arg(long, conflicts_with = "kubeconfig")]
    new_token: bool,
    /// The namespaces that Berth is to work in from now on; may be said more than once
    #[arg(long, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Vec<String>,
    /// Berth is to work in all namespaces from now on
    #[arg(long)]
    all_namespaces: bool,
    /// Save it untested
    #[arg(long)]
    no_check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The address of its API server; the token of a service account is asked for
    #[arg(long, value_name = "URL", conflicts_with = "kubeconfig")]
    server: Option<String>,
    /// Certificates that its server is trusted by, a PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "kubeconfig")]
    ca_file: Option<PathBuf>,
    /// Read the token from standard input
    #[arg(long, conflicts_with = "kubeconfig")]
    secret_stdin: bool,
    /// A kubeconfig with a token or a client certificate in it
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig that is meant; its current one when absent
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    context: Option<String>,
}

const COLUMNS: &[Column] = &[
    shown("cluster", "/cluster_name"),
    shown("id", "/cluster_id"),
    shown("server", "/server"),
    shown("namespaces", "/shown_namespaces"),
    shown("version", "/version"),
    shown("checked_at", "/checked_at"),
    shown("problem", "/problem"),
    hidden("login", "/login"),
    hidden("looked_at", "/looked_at"),
    hidden("look_problem", "/look_problem"),
    hidden("created_at", "/created_at"),
    hidden("updated_at", "/updated_at"),
];

const DETAIL: &[Column] = &[
    shown("cluster", "/cluster_name"),
    shown("id", "/cluster_id"),
    shown("server", "/server"),
    shown("login", "/login"),
    shown("namespaces", "/shown_namespaces"),
    shown("version", "/version"),
    shown("checked_at", "/checked_at"),
    shown("problem", "/problem"),
    shown("looked_at", "/looked_at"),
    shown("look_problem", "/look_problem"),
    shown("created_at", "/created_at"),
    shown("updated_at", "/updated_at"),
];

const WORKLOADS: &[Column] = &[
    shown("cluster", "/cluster_name"),
    shown("namespace", "/cluster_ns"),
    shown("kind", "/kind"),
    shown("workload", "/application"),
    shown("container", "/container"),
    shown("tag", "/tag"),
    shown("digest", "/digest"),
    shown("seen_at", "/seen_at"),
    hidden("cluster_id", "/cluster_id"),
];

const CLUSTERS: &str = "/v2/manage/clusters";

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::List => {
            let mut found = server.list(CLUSTERS).await?;
            found.iter_mut().for_each(complete);
            Ok(answer::list(COLUMNS, &found))
        }
        Verb::Show { cluster } => {
            let target = target(server, &cluster, &[]).await?;
            Ok(detail(server.get(&target).await?))
        }
        Verb::Add(wanted) => add(server, *wanted).await,
        Verb::Check { cluster } => {
            let target = target(server, &cluster, &["check"]).await?;
            Ok(detail(server.send(Method::POST, &target, None).await?.body))
        }
        Verb::Update(wanted) => update(server, *wanted).await,
        Verb::Delete { cluster, yes } => {
            let target = target(server, &cluster, &[]).await?;
            confirm(&format!("Forget the cluster {cluster}"), yes)?;
            server.send(Method::DELETE, &target, None).await?;
            Ok(Table::one(&["cluster", "deleted"], [json!(cluster), json!(true)]))
        }
        Verb::Manifest {
            namespace,
            account_namespace,
        } => {
            let query = [
                ("namespaces", namespace.join(",")),
                ("account_namespace", account_namespace.unwrap_or_default()),
            ];
            let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
            let found = server
                .get(&with_query(&format!("{CLUSTERS}/manifest"), &query))
                .await?;
            let text = found["manifest"].as_str().unwrap_or_default().to_owned();
            let table = Table::one(&["manifest"], [json!(text)]);
            Ok(table.said(text.trim_end().to_owned()))
        }
        Verb::Workloads { image } => {
            let found = server.list(&image.path(&["workloads"])).await?;
            Ok(answer::list(WORKLOADS, &found))
        }
    }
}

async fn add(server: &Server, wanted: Add) -> Result<Table, Failure> {
    let mut body = Map::new();
    body.insert("cluster_name".to_owned(), json!(wanted.name));
    body.insert("namespaces".to_owned(), json!(wanted.namespace));
    if let Some(id) = wanted.id {
        body.insert("cluster_id".to_owned(), json!(id));
    }
    if wanted.login.kubeconfig.is_none() && wanted.login.server.is_none() {
        return Err(Failure::Here(
            "say --server or --kubeconfig: where is the cluster?".to_owned(),
        ));
    }
    let needs_token = wanted.login.kubeconfig.is_none();
    add_login(&mut body, &wanted.login, needs_token)?;
    let target = with_query(CLUSTERS, &[("unchecked", unchecked(wanted.no_check))]);
    let made = server
        .send(Method::POST, &target, Some(&Value::Object(body)))
        .await?;
    Ok(detail(made.body))
}

async fn update(server: &Server, wanted: Update) -> Result<Table, Failure> {
    let mut body = Map::new();
    if let Some(name) = wanted.name {
        body.insert("cluster_name".to_owned(), json!(name));
    }
    if wanted.all_namespaces || !wanted.namespace.is_empty() {
        body.insert("namespaces".to_owned(), json!(wanted.namespace));
    }
    // Another server is never sent the token that is kept.
    let needs_token = wanted.new_token || wanted.login.secret_stdin || wanted.login.server.is_some();
    add_login(&mut body, &wanted.login, needs_token)?;
    let target = target(server, &wanted.cluster, &[]).await?;
    let target = with_query(&target, &[("unchecked", unchecked(wanted.no_check))]);
    let changed = server
        .send(Method::PATCH, &target, Some(&Value::Object(body)))
        .await?;
    Ok(detail(changed.body))
}

fn add_login(body: &mut Map<String, Value>, login: &Login, needs_token: bool) -> Result<(), Failure> {
    if let Some(file) = &login.kubeconfig {
        body.insert("kubeconfig".to_owned(), json!(text(file)?));
    }
    if let Some(context) = &login.context {
        body.insert("context".to_owned(), json!(context));
    }
    if let Some(address) = &login.server {
        body.insert("server".to_owned(), json!(address));
    }
    if let Some(file) = &login.ca_file {
        body.insert("certificate_authority".to_owned(), json!(text(file)?));
    }
    if needs_token {
        let token = secret("token", login.secret_stdin)?;
        body.insert("token".to_owned(), json!(token.expose()));
    }
    Ok(())
}

fn unchecked(no_check: bool) -> &'static str {
    if no_check { "true" } else { "" }
}

fn text(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file);
    text.map_err(|error| Failure::Here(format!("{} cannot be read: {error}", file.display())))
}

/// The path of a cluster of that name; what is no name is left for the server to find as an id.
async fn target(server: &Server, cluster: &str, below: &[&str]) -> Result<String, Failure> {
    let all = server.list(CLUSTERS).await?;
    let named = all.iter().find(|entry| entry["cluster_name"] == cluster);
    let id = named.and_then(|entry| entry["cluster_id"].as_str());
    let mut parts = vec!["v2", "manage", "clusters", id.unwrap_or(cluster)];
    parts.extend(below);
    Ok(path(&parts))
}

fn detail(mut cluster: Value) -> Table {
    complete(&mut cluster);
    answer::one(DETAIL, &cluster)
}

fn complete(cluster: &mut Value) {
    let names: Vec<&str> = cluster["namespaces"]
        .as_array()
        .map_or_else(Vec::new, |names| names.iter().filter_map(Value::as_str).collect());
    let shown = if names.is_empty() {
        "all".to_owned()
    } else {
        names.join(", ")
    };
    cluster["shown_namespaces"] = json!(shown);
}
