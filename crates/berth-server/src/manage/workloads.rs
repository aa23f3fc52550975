//! Where an image runs: a call that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_registry::RunningImage;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::InRepository;
use super::wire::Time;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A container that runs a tag or digest of an image, or is to run it by the template of its pods.
#[derive(Serialize, ToSchema)]
struct Workload {
    cluster_id: String,
    cluster_name: String,
    /// The workload's namespace in the cluster.
    cluster_ns: String,
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, `Job`, or what else owns the pod.
    kind: String,
    /// The workload's name.
    application: String,
    container: String,
    /// The tag that it names; empty when it names a digest alone.
    tag: String,
    /// The digest that it names or that runs; empty when neither is known.
    digest: String,
    /// When the cluster said so last: a cluster that cannot be reached keeps what it said.
    seen_at: Time,
}

/// List where an image runs
///
/// In the registered clusters of the image's account, as they said last. For those with a right on the image.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/workloads",
    operation_id = "list_repo_workloads", tag = "triggers", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Vec<Workload>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<Workload>>, Refused> {
    let listed = app.registry.workloads(&call.caller, &place.name()?).await;
    let running = listed.map_err(|error| Refused::of(Subject::Repository, error))?;
    Ok(Json(running.into_iter().map(document).collect()))
}

fn document(running: RunningImage) -> Workload {
    Workload {
        cluster_id: running.cluster_id,
        cluster_name: running.cluster_name,
        cluster_ns: running.runs.namespace,
        kind: running.runs.kind,
        application: running.runs.workload,
        container: running.runs.container,
        tag: running.runs.tag,
        digest: running.runs.digest,
        seen_at: Time(running.seen_at),
    }
}
