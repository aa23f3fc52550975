//! Synchronisation of an image to other regions (operations 33 to 37). The regions themselves are `regions.rs`'s.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use berth_oci::Tag;
use berth_registry::{Destination, Error, HistoryOrder, HistoryPage, SyncSwitches, SyncTags};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::Listing;
use super::names::{self, InRepository};
use super::wire::{Nothing, Time};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create, delete))
        .routes(routes!(copy))
        .routes(routes!(jobs))
}

/// Where every push of an image is sent.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreateSyncRepo {
    /// A registered region other than this one.
    #[schema(example = "east-1")]
    remote_region_id: String,
    /// The organization there.
    remote_namespace: String,
    /// Whether pushes are sent by themselves.
    #[serde(default)]
    sync_auto: bool,
    /// Whether a tag that is there already is replaced.
    #[serde(default, rename = "override")]
    overwrite: bool,
    /// Whether the tags that the image has now are sent, too. None of SWR's.
    #[serde(default)]
    sync_existing: bool,
}

/// Where the pushes of an image are to be sent no longer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeleteSyncRepo {
    /// The region.
    remote_region_id: String,
    /// The organization there.
    remote_namespace: String,
}

/// Tags to copy to another region.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncImages {
    /// 1 to 500 tags; none with `allTags`.
    #[schema(max_items = 500)]
    image_tag: Vec<String>,
    /// Whether all tags of the image are copied. None of SWR's.
    #[serde(default)]
    all_tags: bool,
    /// A registered region other than this one.
    remote_region_id: String,
    /// The organization there.
    remote_namespace: String,
    /// Whether a tag that is there already is replaced.
    #[serde(default, rename = "override")]
    overwrite: bool,
}

/// Where every push of an image is sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncRepo {
    id: i64,
    namespace: String,
    repo_name: String,
    remote_namespace: String,
    remote_region_id: String,
    /// The account's id.
    #[serde(rename = "domainID")]
    domain_id: String,
    domain_name: String,
    #[serde(rename = "override")]
    overwrite: bool,
    sync_auto: bool,
    created_at: Time,
    updated_at: Time,
}

/// A copy of a tag to another region.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncJob {
    id: i64,
    namespace: String,
    repo_name: String,
    tag: String,
    remote_namespace: String,
    remote_region_id: String,
    /// The account's id.
    #[serde(rename = "domainID")]
    domain_id: String,
    domain_name: String,
    sync_operator_id: String,
    sync_operator_name: String,
    #[serde(rename = "override")]
    overwrite: bool,
    /// `waiting`, `running`, `success`, `failed`, `timeout`, `cancel` or `existed`.
    status: String,
    created_at: Time,
    updated_at: Time,
}

/// Send every push of an image to another region
///
/// For administrators of the account that the image belongs to. Set again for the same destination, it replaces what was
/// set before. What the image has already is sent only with `syncExisting`.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_repo",
    operation_id = "create_image_sync_repo", tag = "sync", params(InRepository), request_body = CreateSyncRepo,
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let (name, sent) = (place.name()?, call.json::<CreateSyncRepo>()?);
    let to = destination(sent.remote_region_id, &sent.remote_namespace)?;
    let switches = SyncSwitches {
        automatic: sent.sync_auto,
        overwrite: sent.overwrite,
        existing: sent.sync_existing,
    };
    app.registry
        .put_sync_rule(&call.caller, &name, &to, switches)
        .await
        .map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// List where every push of an image is sent
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_repo",
    operation_id = "list_image_auto_sync_repos_details", tag = "sync", params(InRepository),
    responses((status = 200, body = Vec<SyncRepo>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<SyncRepo>>, Refused> {
    let name = place.name()?;
    let listed = app.registry.list_sync_rules(&call.caller, &name);
    let found = listed.await.map_err(refused)?;
    let rules = found.rows.into_iter().map(|rule| SyncRepo {
        id: rule.id,
        namespace: name.organization().to_string(),
        repo_name: name.image().to_string(),
        remote_namespace: rule.remote_organization,
        remote_region_id: rule.region_id,
        domain_id: found.account.id.clone(),
        domain_name: found.account.name.clone(),
        overwrite: rule.overwrite,
        sync_auto: rule.automatic,
        created_at: Time(rule.created_at),
        updated_at: Time(rule.updated_at),
    });
    Ok(Json(rules.collect()))
}

/// Send the pushes of an image to another region no longer
///
/// What is there stays. Where there is no such rule, the answer is 400 with the code 4001158, as SWR's is.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_repo",
    operation_id = "delete_image_sync_repo", tag = "sync", params(InRepository), request_body = DeleteSyncRepo,
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let (name, sent) = (place.name()?, call.json::<DeleteSyncRepo>()?);
    let to = destination(sent.remote_region_id, &sent.remote_namespace)?;
    let deleted = app.registry.delete_sync_rule(&call.caller, &name, &to);
    deleted.await.map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Copy tags of an image to another region
///
/// For administrators of the account that the image belongs to. Each copy is queued, once while it waits, and answers to
/// `show_sync_job`; the answer names the tags that the image does not have. `list_sync_copies` tells how each goes.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_images",
    operation_id = "create_manual_image_sync_repo", tag = "sync", params(InRepository), request_body = SyncImages,
    responses(
        (status = 200, body = Vec<String>, description = "The tags that cannot be copied, none when all is well"),
        (status = 404, body = RefusalBody)
    ))]
async fn copy(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<String>>, Refused> {
    let (name, sent) = (place.name()?, call.json::<SyncImages>()?);
    let to = destination(sent.remote_region_id, &sent.remote_namespace)?;
    let tags = sent.image_tag.iter().map(|tag| names::tag(tag));
    let tags = tags.collect::<Result<Vec<Tag>, _>>()?;
    let wanted = match (sent.all_tags, tags.is_empty()) {
        (true, true) => SyncTags::All,
        (true, false) => {
            return Err(Refused::invalid(
                "4000014",
                "imageTag is empty when allTags is true",
            ));
        }
        (false, _) => SyncTags::Named(&tags),
    };
    let queued = app
        .registry
        .sync_tags(&call.caller, &name, &to, (wanted, sent.overwrite));
    Ok(Json(queued.await.map_err(refused)?))
}

/// List the copies of an image's tags to other regions
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_job",
    operation_id = "show_sync_job", tag = "sync",
    params(
        InRepository,
        ("filter" = String, Query, example = "limit::10|offset::0|order::desc",
            description = "`limit::N|offset::N`, both needed, and perhaps `order::asc`; the newest come first without"),
    ),
    responses(
        (status = 200, body = Vec<SyncJob>,
            headers(("Content-Range" = String, description = "`offset-rows/total`"))),
        (status = 404, body = RefusalBody)
    ))]
async fn jobs(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<impl IntoResponse, Refused> {
    let (name, listing) = (place.name()?, Listing::of(&call, &["order"], &[])?);
    let page = HistoryPage {
        order: order(&listing)?,
        offset: listing.offset,
        limit: listing.limit,
    };
    let listed = app.registry.sync_jobs(&call.caller, &name, page);
    let found = listed.await.map_err(refused)?;
    let range = listing.content_range(found.rows.len(), found.total);
    let jobs = found.rows.into_iter().map(|job| SyncJob {
        id: job.id,
        namespace: name.organization().to_string(),
        repo_name: name.image().to_string(),
        tag: job.tag,
        remote_namespace: job.remote_organization,
        remote_region_id: job.region_id,
        domain_id: found.account.id.clone(),
        domain_name: found.account.name.clone(),
        sync_operator_id: job.operator_id,
        sync_operator_name: job.operator_name,
        overwrite: job.overwrite,
        status: job.status,
        created_at: Time(job.created_at),
        updated_at: Time(job.updated_at),
    });
    Ok((AppendHeaders(range), Json(jobs.collect::<Vec<_>>())))
}

/// Which way the copies are listed; refuses a request without the page that SWR insists on.
fn order(listing: &Listing) -> Result<HistoryOrder, Refused> {
    if listing.value("limit").is_none() || listing.value("offset").is_none() {
        let needed = "the filter says limit and offset, as in filter=limit::10|offset::0";
        return Err(Refused::invalid("4001036", needed));
    }
    match listing.value("order") {
        None | Some("desc") => Ok(HistoryOrder::NewestFirst),
        Some("asc") => Ok(HistoryOrder::OldestFirst),
        Some(_) => Err(Refused::invalid("4001035", "order is asc or desc")),
    }
}

fn destination(region: String, organization: &str) -> Result<Destination, Refused> {
    Ok(Destination {
        region,
        organization: names::organization(organization)?,
    })
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Sync, error)
}
