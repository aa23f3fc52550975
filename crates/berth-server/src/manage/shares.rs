//! Images that other accounts may pull (operations 26 to 30).

use axum::Json;
use axum::extract::State;
use berth_oci::RepositoryName;
use berth_registry::{ShareView, WantedShare};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::{InRepository, repository};
use super::wire::{Nothing, Time};
use crate::manage::names::Path;
use crate::state::AppState;

/// All that a share gives.
const READ: &str = "read";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(show, update, delete))
}

/// The path of a share.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InShare {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The name of the account that it is shared with.
    access_domain: String,
}

/// A share to make.
#[derive(Deserialize, ToSchema)]
struct CreateShare {
    /// The name of the account that may pull.
    #[schema(example = "partner")]
    access_domain: String,
    #[serde(flatten)]
    terms: Terms,
}

/// What a share says.
#[derive(Deserialize, ToSchema)]
struct Terms {
    /// `read`: to pull is all that a share gives.
    #[schema(example = "read")]
    permit: String,
    /// `forever`, or a time in UTC: the share counts to the end of that day.
    #[schema(example = "2026-12-31T00:00:00Z")]
    deadline: String,
    /// Free text.
    #[serde(default)]
    #[schema(max_length = 1000)]
    description: String,
}

/// A share.
#[derive(Serialize, ToSchema)]
struct ShareRow {
    /// The organization's name.
    namespace: String,
    /// The image's name.
    repository: String,
    /// The name of the account that may pull.
    access_domain: String,
    /// `read`.
    permit: &'static str,
    /// `forever`, or a time of the last day.
    deadline: String,
    description: String,
    creator_id: String,
    creator_name: String,
    created: Time,
    updated: Time,
    /// Whether it counts: its last day is not over.
    status: bool,
}

/// A share, or that there is none.
#[derive(Serialize, ToSchema)]
struct ShownShare {
    /// Whether the image is shared with that account. When not, what a share would say is empty.
    exist: bool,
    /// The organization's name.
    namespace: String,
    /// The image's name.
    repository: String,
    /// The name of the account.
    access_domain: String,
    /// `read`.
    permit: &'static str,
    /// `forever`, or a time of the last day.
    deadline: String,
    description: String,
    creator_id: String,
    creator_name: String,
    created: Option<Time>,
    updated: Option<Time>,
    /// Whether it counts: its last day is not over.
    status: bool,
}

/// Share a private image with another account
///
/// The users of that account may then pull it. An image is shared with at most 500 accounts. A share of an image made
/// public later says nothing while everybody may pull, and counts again once the image is private.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains",
    operation_id = "create_repo_domains", tag = "sharing", params(InRepository), request_body = CreateShare,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let name = place.name()?;
    let body: CreateShare = call.json()?;
    let wanted = body.terms.wanted()?;
    app.registry
        .share_repository(&call.caller, &name, &body.access_domain, &wanted)
        .await
        .map_err(|error| Refused::of(Subject::NewShare, error))?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// List the accounts that an image is shared with
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains",
    operation_id = "list_repo_domains", tag = "sharing", params(InRepository),
    responses((status = 200, body = Vec<ShareRow>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<ShareRow>>, Refused> {
    let name = place.name()?;
    let shares = app.registry.shares(&call.caller, &name).await.map_err(refused)?;
    Ok(Json(shares.into_iter().map(|share| row(&name, share)).collect()))
}

/// Show whether an image is shared with an account, and how
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}",
    operation_id = "show_access_domain", tag = "sharing", params(InShare),
    responses((status = 200, body = ShownShare), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InShare>,
    call: Call,
) -> Result<Json<ShownShare>, Refused> {
    let name = place.name()?;
    let found = app
        .registry
        .share(&call.caller, &name, &place.access_domain)
        .await
        .map_err(refused)?;
    Ok(Json(shown(&name, place.access_domain, found)))
}

/// Change a share
///
/// A description that is left out becomes empty.
#[utoipa::path(patch, path = "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}",
    operation_id = "update_repo_domains", tag = "sharing", params(InShare), request_body = Terms,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(place): Path<InShare>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let name = place.name()?;
    let wanted = call.json::<Terms>()?.wanted()?;
    app.registry
        .update_share(&call.caller, &name, &place.access_domain, &wanted)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// End a share
///
/// The other account pulls no more from this moment on.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repositories/{repository}/access-domains/{access_domain}",
    operation_id = "delete_repo_domains", tag = "sharing", params(InShare),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InShare>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let name = place.name()?;
    app.registry
        .end_share(&call.caller, &name, &place.access_domain)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

impl InShare {
    /// The image.
    fn name(&self) -> Result<RepositoryName, Refused> {
        repository(&self.namespace, &self.repository)
    }
}

impl Terms {
    fn wanted(self) -> Result<WantedShare, Refused> {
        if self.permit != READ {
            return Err(Refused::invalid(
                "4001091",
                "permit is read: a share lets pull only",
            ));
        }
        Ok(WantedShare {
            deadline: self.deadline.parse()?,
            description: self.description,
        })
    }
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Share, error)
}

fn row(name: &RepositoryName, share: ShareView) -> ShareRow {
    ShareRow {
        namespace: name.organization().to_string(),
        repository: name.image().to_string(),
        access_domain: share.account_name,
        permit: READ,
        deadline: share.deadline.to_string(),
        description: share.description,
        creator_id: share.creator_id,
        creator_name: share.creator_name,
        created: Time(share.created_at),
        updated: Time(share.updated_at),
        status: share.is_valid,
    }
}

fn shown(name: &RepositoryName, access_domain: String, found: Option<ShareView>) -> ShownShare {
    let none = ShownShare {
        exist: false,
        namespace: name.organization().to_string(),
        repository: name.image().to_string(),
        access_domain,
        permit: "",
        deadline: String::new(),
        description: String::new(),
        creator_id: String::new(),
        creator_name: String::new(),
        created: None,
        updated: None,
        status: false,
    };
    let Some(share) = found else { return none };
    ShownShare {
        exist: true,
        permit: READ,
        deadline: share.deadline.to_string(),
        description: share.description,
        creator_id: share.creator_id,
        creator_name: share.creator_name,
        created: Some(Time(share.created_at)),
        updated: Some(Time(share.updated_at)),
        status: share.is_valid,
        ..none
    }
}
