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
use super::names::repository;
use super::wire::Nothing;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, set))
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
    /// `namespace`: organizations that the caller created; `repository`: images of the account; `tag`: tags of the image.
    quota_key: &'static str,
    quota_limit: i64,
    used: i64,
    /// Always empty: things are counted.
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
}

/// List the caller's quotas
///
/// Images are counted when the account has a quota of them; tags when it has one and an image is named.
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
    let quotas = quotas.iter().map(|quota| QuotaRow {
        quota_key: key(quota.quota),
        quota_limit: quota.limit,
        used: quota.used,
        unit: "",
    });
    Ok(Json(QuotaList {
        quotas: quotas.collect(),
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
    };
    app.registry
        .set_account_quotas(&call.caller, &of.domain_name, quotas)
        .await
        .map_err(refused)?;
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
    }
}
