//! Clusters that triggers act on, registered by an account's administrators: calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_registry::{ClusterChange, ClusterLogin, Error, WantedCluster};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::wire::Time;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(manifest))
        .routes(routes!(show, update, delete))
        .routes(routes!(check))
}

/// Whether a cluster is tested before it is saved.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what is_unchecked() reads")]
struct Unchecked {
    /// `true`: the cluster is saved untested.
    unchecked: Option<bool>,
}

/// Which rights are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what manifest() reads")]
struct ManifestParameters {
    /// The namespaces that Berth is to work in, by commas; the whole cluster when absent.
    namespaces: Option<String>,
    /// The namespace of the service account; the first of `namespaces` when absent, or `default`.
    account_namespace: Option<String>,
}

/// A cluster to register: with `server` and `token`, or with `kubeconfig`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateCluster {
    /// The id that triggers name it by; a fresh one when absent.
    #[serde(default)]
    #[schema(max_length = 64)]
    cluster_id: Option<String>,
    /// Unique in the account.
    #[schema(max_length = 64, example = "production")]
    cluster_name: String,
    /// The address of its API server.
    #[serde(default)]
    #[schema(example = "https://10.0.0.1:6443")]
    server: Option<String>,
    /// Certificates in PEM to trust its server by; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
    /// The bearer token of a service account; kept sealed and never answered.
    #[serde(default)]
    #[schema(write_only)]
    token: Option<String>,
    /// The text of a kubeconfig, in the place of the three above, with a token or a client certificate in it. What in it
    /// would run a program or read a file is refused.
    #[serde(default)]
    #[schema(write_only)]
    kubeconfig: Option<String>,
    /// The context of the kubeconfig that is meant; its current one when absent.
    #[serde(default)]
    context: Option<String>,
    /// The namespaces that Berth is to work in; all of them when absent or empty.
    #[serde(default)]
    namespaces: Vec<String>,
}

/// What is to be different about a cluster; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateCluster {
    /// Unique in the account.
    #[serde(default)]
    cluster_name: Option<String>,
    /// The address of its API server; one of another server needs its `token` beside it.
    #[serde(default)]
    #[schema(example = "https://10.0.0.1:6443")]
    server: Option<String>,
    /// Certificates in PEM to trust its server by; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
    /// The bearer token of a service account; kept sealed and never answered.
    #[serde(default)]
    #[schema(write_only)]
    token: Option<String>,
    /// The text of a kubeconfig, in the place of the three above, with a token or a client certificate in it. What in it
    /// would run a program or read a file is refused.
    #[serde(default)]
    #[schema(write_only)]
    kubeconfig: Option<String>,
    /// The context of the kubeconfig that is meant; its current one when absent.
    #[serde(default)]
    context: Option<String>,
    /// The namespaces that Berth is to work in; all of them when empty.
    #[serde(default)]
    namespaces: Option<Vec<String>>,
}

/// A registered cluster; how Berth signs in is never answered.
#[derive(Serialize, ToSchema)]
struct RegisteredCluster {
    cluster_id: String,
    cluster_name: String,
    server: String,
    certificate_authority: String,
    /// What Berth signs in with: `token` or `certificate`.
    login: String,
    /// The namespaces that Berth works in; all of them when there are none.
    namespaces: Vec<String>,
    /// The version of its server, as the last check found it; empty when none reached it.
    version: String,
    /// When it was tested last as it is; `null`: never.
    checked_at: Option<Time>,
    /// What that test found to be wrong; empty: nothing.
    problem: String,
    /// When it last told which images run there; `null`: never.
    looked_at: Option<Time>,
    /// Why it does not tell since; empty: it does.
    look_problem: String,
    created_at: Time,
    updated_at: Time,
}

/// Kubernetes objects.
#[derive(Serialize, ToSchema)]
struct ClusterManifest {
    /// YAML, for `kubectl apply`.
    manifest: String,
}

/// Register a cluster
///
/// For administrators, in their own account. It is tested first: whether it can be reached, takes the login, and lets it do
/// all that Berth does. 400 says what is missing; with `unchecked=true` it is saved untested.
#[utoipa::path(post, path = "/v2/manage/clusters", operation_id = "create_cluster", tag = "registrations",
    params(Unchecked), request_body = CreateCluster, extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = RegisteredCluster), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    call: Call,
) -> Result<(StatusCode, Json<RegisteredCluster>), Refused> {
    let sent: CreateCluster = call.json()?;
    let wanted = WantedCluster {
        cluster_id: sent.cluster_id.filter(|id| !id.is_empty()),
        name: sent.cluster_name,
        login: ClusterLogin {
            server: sent.server,
            certificate_authority: sent.certificate_authority,
            token: sent.token,
            kubeconfig: sent.kubeconfig,
            context: sent.context,
        },
        namespaces: sent.namespaces,
        is_unchecked: is_unchecked(&call)?,
    };
    let created = app.registry.register_cluster(&call.caller, wanted);
    Ok((
        StatusCode::CREATED,
        Json(document(created.await.map_err(refused)?)),
    ))
}

/// List the clusters of the caller's account
#[utoipa::path(get, path = "/v2/manage/clusters", operation_id = "list_clusters", tag = "registrations",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = Vec<RegisteredCluster>)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Vec<RegisteredCluster>>, Refused> {
    let listed = app.registry.list_clusters(&call.caller);
    let clusters = listed.await.map_err(refused)?;
    Ok(Json(clusters.into_iter().map(document).collect()))
}

/// Write the rights that Berth needs in a cluster
///
/// A service account, its token and its rights as Kubernetes objects: what Berth does there, and nothing else.
#[utoipa::path(get, path = "/v2/manage/clusters/manifest", operation_id = "show_cluster_manifest", tag = "registrations",
    params(ManifestParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = ClusterManifest), (status = 400, body = RefusalBody)))]
async fn manifest(State(app): State<AppState>, call: Call) -> Result<Json<ClusterManifest>, Refused> {
    let namespaces = call.query("namespaces").unwrap_or_default();
    let namespaces: Vec<String> = namespaces.split_terminator(',').map(str::to_owned).collect();
    let home = call.query("account_namespace");
    let written = app
        .registry
        .cluster_manifest(&call.caller, &namespaces, home.as_deref());
    let manifest = written.map_err(refused)?;
    Ok(Json(ClusterManifest { manifest }))
}

/// Show a cluster
#[utoipa::path(get, path = "/v2/manage/clusters/{cluster_id}", operation_id = "show_cluster", tag = "registrations",
    params(("cluster_id" = String, Path, description = "The cluster's id")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RegisteredCluster), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<RegisteredCluster>, Refused> {
    let found = app.registry.cluster(&call.caller, &id);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Change a cluster
///
/// Tested as when it was registered, unless only its name changes.
#[utoipa::path(patch, path = "/v2/manage/clusters/{cluster_id}", operation_id = "update_cluster", tag = "registrations",
    params(("cluster_id" = String, Path, description = "The cluster's id"), Unchecked), request_body = UpdateCluster,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RegisteredCluster), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<RegisteredCluster>, Refused> {
    let sent: UpdateCluster = call.json()?;
    let change = ClusterChange {
        name: sent.cluster_name,
        login: ClusterLogin {
            server: sent.server,
            certificate_authority: sent.certificate_authority,
            token: sent.token,
            kubeconfig: sent.kubeconfig,
            context: sent.context,
        },
        namespaces: sent.namespaces,
        is_unchecked: is_unchecked(&call)?,
    };
    let updated = app.registry.update_cluster(&call.caller, &id, change);
    Ok(Json(document(updated.await.map_err(refused)?)))
}

/// Test a cluster again
///
/// For administrators. Whether it can be reached, takes the login, and lets it do all that Berth does: `problem` says what
/// is wrong.
#[utoipa::path(post, path = "/v2/manage/clusters/{cluster_id}/check", operation_id = "check_cluster",
    tag = "registrations", params(("cluster_id" = String, Path, description = "The cluster's id")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RegisteredCluster), (status = 404, body = RefusalBody)))]
async fn check(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<RegisteredCluster>, Refused> {
    let checked = app.registry.check_cluster(&call.caller, &id);
    Ok(Json(document(checked.await.map_err(refused)?)))
}

/// Forget a cluster
///
/// 406 while a trigger names it.
#[utoipa::path(delete, path = "/v2/manage/clusters/{cluster_id}", operation_id = "delete_cluster", tag = "registrations",
    params(("cluster_id" = String, Path, description = "The cluster's id")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody), (status = 406, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let deleted = app.registry.delete_cluster(&call.caller, &id);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_unchecked(call: &Call) -> Result<bool, Refused> {
    match call.query("unchecked").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(refused(Error::Invalid("unchecked is true or false".to_owned()))),
    }
}

fn document(cluster: berth_registry::Cluster) -> RegisteredCluster {
    RegisteredCluster {
        cluster_id: cluster.cluster_id,
        cluster_name: cluster.name,
        server: cluster.server,
        certificate_authority: cluster.certificate_authority,
        login: cluster.credential_kind,
        namespaces: cluster.namespaces,
        version: cluster.check.version,
        checked_at: cluster.check.at.map(Time),
        problem: cluster.check.problem,
        looked_at: cluster.looked_at.map(Time),
        look_problem: cluster.look_problem,
        created_at: Time(cluster.created_at),
        updated_at: Time(cluster.updated_at),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Registration, error)
}
