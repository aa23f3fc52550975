//! What this registry can do, as the gates of SWR's console name it (operation 53).

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::Refused;
use super::names::Path;
use super::quotas::InProject;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What this registry can do.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the API has them so")]
struct FeatureGates {
    /// A place to try things out.
    enable_experience: bool,
    /// Host security.
    enable_hss_service: bool,
    /// Looking for vulnerabilities in images.
    enable_image_scan: bool,
    /// Digests by SM3.
    enable_sm3: bool,
    /// Copying images to other regions.
    enable_image_sync: bool,
    /// Triggers for container instances.
    enable_cci_service: bool,
    /// Labels on images.
    enable_image_label: bool,
    /// Pipelines.
    enable_pipeline: bool,
    /// Login tokens by `create_authorization_token`.
    enable_authorization_token: bool,
    /// Tags on resources.
    enable_resource: bool,
    /// The v3 lists.
    enable_list_v3: bool,
    /// Quotas of images and tags, when the caller's account has one.
    enable_image_quota: bool,
}

/// Show what this registry can do
#[utoipa::path(get, path = "/v2/manage/projects/{project_id}/feature-gates", operation_id = "show_share_feature_gates",
    tag = "quotas", params(InProject), responses((status = 200, body = FeatureGates)))]
async fn show(
    State(app): State<AppState>,
    Path(_): Path<InProject>,
    call: Call,
) -> Result<Json<FeatureGates>, Refused> {
    let has_image_quotas = app.registry.has_image_quotas(&call.caller).await?;
    Ok(Json(FeatureGates {
        enable_experience: false,
        enable_hss_service: false,
        enable_image_scan: false,
        enable_sm3: false,
        enable_image_sync: true,
        enable_cci_service: false,
        enable_image_label: false,
        enable_pipeline: false,
        enable_authorization_token: true,
        enable_resource: false,
        enable_list_v3: true,
        enable_image_quota: has_image_quotas,
    }))
}
