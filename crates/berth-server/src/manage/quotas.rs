//! How much there may be of something (operation 52), and Berth's own calls to set it.

use axum::Json;
use axum::extract::State;
use berth_registry::{Quota, Quotas};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{Refused, Subject};
use super::names::{InOrganization, repository};
use super::wire::Nothing;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, set))
        .routes(routes!(show_organization, set_organization))
}

/// The path of a project.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents what is in the path")]
pub(super) struct InProject {
    /// The project; not looked at, the answer is about the caller's own account.
    project_id: String,
}

/// The image whose tags are counted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `list` reads")]
struct OfImage {
    /// The organization's name; goes with `repository`.
    namespace: Option<String>,
    /// The image's name; goes with `namespace`.
    repository: Option<String>,
}

/// The path of an account.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OfAccount {
    /// The account's name.
    domain_name: String,
}

/// Quotas and how much of them is used.
#[derive(Serialize, ToSchema)]
struct QuotaList {
    quotas: Vec<QuotaRow>,
}

/// A quota and how much of it is used.
#[derive(Serialize, ToSchema)]
struct QuotaRow {
    /// `namespace`: organizations that the caller created; `repository`: images of the account; `tag`: tags of the image;
    /// `storage`: bytes of the account.
    quota_key: &'static str,
    quota_limit: i64,
    used: i64,
    /// `byte` for bytes, and empty where things are counted.
    unit: &'static str,
}

/// What an account may have at most.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountQuotas {
    /// Organizations that one of its users may create; as the server's settings say when null.
    #[schema(minimum = 0)]
    namespace: Option<i64>,
    /// Images in all its organizations; as many as it likes when null.
    #[schema(minimum = 0)]
    repository: Option<i64>,
    /// Tags of one image; as many as it likes when null.
    #[schema(minimum = 0)]
    tag: Option<i64>,
    /// Bytes of all its images, each counting its blobs once, and its manifests; as many as it likes when null.
    #[schema(minimum = 0)]
    bytes: Option<i64>,
}

/// How many bytes an organization may hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantedBytes {
    /// Bytes of all its images, each counting its blobs once, and its manifests; as many as its account may when null.
    #[schema(minimum = 0)]
    bytes: Option<i64>,
}

/// How many bytes an organization may hold, and holds.
#[derive(Serialize, ToSchema)]
struct OrganizationQuota {
    /// As many as its account may when null.
    bytes: Option<i64>,
    /// Bytes it holds; counted where a quota is set, else null. The ledger tells it of every organization.
    used_bytes: Option<i64>,
    /// Bytes that running uploads have brought or announced.
    reserved_bytes: Option<i64>,
}

/// List the caller's quotas
///
/// Images and bytes are counted when the account has a quota of them; tags when it has one and an image is named.
#[utoipa::path(get, path = "/v2/manage/projects/{project_id}/quotas", operation_id = "list_quotas", tag = "quotas",
    params(InProject, OfImage), responses((status = 200, body = QuotaList), (status = 404, body = super::error::RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(_): Path<InProject>,
    call: Call,
) -> Result<Json<QuotaList>, Refused> {
    let image = match (call.query("namespace"), call.query("repository")) {
        (Some(namespace), Some(image)) => Some(repository(&namespace, &image)?),
        (None, None) => None,
        _ => {
            return Err(Refused::invalid(
                "4001025",
                "namespace and repository come together",
            ));
        }
    };
    let quotas = app.registry.quotas(&call.caller, image.as_ref()).await?;
    let counts = quotas.counts.iter().map(|quota| QuotaRow {
        quota_key: key(quota.quota),
        quota_limit: quota.limit,
        used: quota.used,
        unit: "",
    });
    let bytes = quotas.bytes.iter().map(|quota| QuotaRow {
        quota_key: "storage",
        quota_limit: quota.limit,
        used: quota.used,
        unit: "byte",
    });
    Ok(Json(QuotaList {
        quotas: counts.chain(bytes).collect(),
    }))
}

/// Show what an account may have at most
///
/// For its administrators and for those of the operator's account, which is that of the first start.
#[utoipa::path(get, path = "/v2/manage/domains/{domain_name}/quotas", operation_id = "show_domain_quotas",
    tag = "quotas", params(OfAccount), responses((status = 200, body = AccountQuotas)),
    extensions(("x-berth-extension" = json!(true))))]
async fn show(
    State(app): State<AppState>,
    Path(of): Path<OfAccount>,
    call: Call,
) -> Result<Json<AccountQuotas>, Refused> {
    let quotas = app
        .registry
        .account_quotas(&call.caller, &of.domain_name)
        .await
        .map_err(refused)?;
    Ok(Json(AccountQuotas {
        namespace: quotas.organizations_per_user,
        repository: quotas.repositories,
        tag: quotas.tags_per_repository,
        bytes: quotas.bytes,
    }))
}

/// Set what an account may have at most
///
/// For the administrators of the operator's account. What is left out is null. What is there already stays, and new things
/// are refused until there are fewer.
#[utoipa::path(put, path = "/v2/manage/domains/{domain_name}/quotas", operation_id = "set_domain_quotas", tag = "quotas",
    params(OfAccount), request_body = AccountQuotas, responses((status = 200, body = Nothing)),
    extensions(("x-berth-extension" = json!(true))))]
async fn set(
    State(app): State<AppState>,
    Path(of): Path<OfAccount>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let wanted: AccountQuotas = call.json()?;
    let quotas = Quotas {
        organizations_per_user: wanted.namespace,
        repositories: wanted.repository,
        tags_per_repository: wanted.tag,
        bytes: wanted.bytes,
    };
    app.registry
        .set_account_quotas(&call.caller, &of.domain_name, quotas)
        .await
        .map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Show how many bytes an organization may hold
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/quotas", operation_id = "show_namespace_quotas",
    tag = "quotas", params(InOrganization),
    responses((status = 200, body = OrganizationQuota), (status = 404, body = super::error::RefusalBody)),
    extensions(("x-berth-extension" = json!(true))))]
async fn show_organization(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<OrganizationQuota>, Refused> {
    let quota = app
        .registry
        .organization_byte_quota(&call.caller, &place.name()?)
        .await
        .map_err(|error| Refused::of(Subject::Organization, error))?;
    Ok(Json(OrganizationQuota {
        bytes: quota.map(|quota| quota.limit),
        used_bytes: quota.map(|quota| quota.used),
        reserved_bytes: quota.map(|quota| quota.reserved),
    }))
}

/// Set how many bytes an organization may hold
///
/// For the administrators of its account. What it holds already stays, and new bytes are refused until there are fewer.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/quotas", operation_id = "set_namespace_quotas",
    tag = "quotas", params(InOrganization), request_body = WantedBytes,
    responses((status = 200, body = Nothing), (status = 404, body = super::error::RefusalBody)),
    extensions(("x-berth-extension" = json!(true))))]
async fn set_organization(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let wanted: WantedBytes = call.json()?;
    app.registry
        .set_organization_byte_quota(&call.caller, &place.name()?, wanted.bytes)
        .await
        .map_err(|error| Refused::of(Subject::Organization, error))?;
    Ok(Json(Nothing {}))
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Account, error)
}

fn key(quota: Quota) -> &'static str {
    match quota {
        Quota::Organizations => "namespace",
        Quota::Repositories => "repository",
        Quota::Tags => "tag",
        Quota::Uploads => "upload",
    }
}
