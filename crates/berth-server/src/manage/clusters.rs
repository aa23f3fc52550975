//! Clusters that triggers act on, registered by an account's administrators: calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_registry::{ClusterChange, Error, WantedCluster};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
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
        .routes(routes!(show, update, delete))
}

/// A cluster to register.
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
    #[schema(example = "https://10.0.0.1:6443")]
    server: String,
    /// Certificates in PEM to trust its server by; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: String,
    /// The bearer token of a service account; kept sealed and never answered.
    #[schema(write_only)]
    token: String,
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
    server: Option<String>,
    /// Certificates in PEM to trust its server by; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
    /// The bearer token of a service account.
    #[serde(default)]
    #[schema(write_only)]
    token: Option<String>,
}

/// A registered cluster; its token is never answered.
#[derive(Serialize, ToSchema)]
struct RegisteredCluster {
    cluster_id: String,
    cluster_name: String,
    server: String,
    certificate_authority: String,
    created_at: Time,
    updated_at: Time,
}

/// Register a cluster
///
/// For administrators, in their own account. Nothing is sent to the cluster.
#[utoipa::path(post, path = "/v2/manage/clusters", operation_id = "create_cluster", tag = "registrations",
    request_body = CreateCluster, extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = RegisteredCluster), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    call: Call,
) -> Result<(StatusCode, Json<RegisteredCluster>), Refused> {
    let sent: CreateCluster = call.json()?;
    let wanted = WantedCluster {
        cluster_id: sent.cluster_id.filter(|id| !id.is_empty()),
        name: sent.cluster_name,
        server: sent.server,
        certificate_authority: sent.certificate_authority,
        token: sent.token,
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
#[utoipa::path(patch, path = "/v2/manage/clusters/{cluster_id}", operation_id = "update_cluster", tag = "registrations",
    params(("cluster_id" = String, Path, description = "The cluster's id")), request_body = UpdateCluster,
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
        server: sent.server,
        certificate_authority: sent.certificate_authority,
        token: sent.token,
    };
    let updated = app.registry.update_cluster(&call.caller, &id, change);
    Ok(Json(document(updated.await.map_err(refused)?)))
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

fn document(cluster: berth_registry::Cluster) -> RegisteredCluster {
    RegisteredCluster {
        cluster_id: cluster.cluster_id,
        cluster_name: cluster.name,
        server: cluster.server,
        certificate_authority: cluster.certificate_authority,
        created_at: Time(cluster.created_at),
        updated_at: Time(cluster.updated_at),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Registration, error)
}
