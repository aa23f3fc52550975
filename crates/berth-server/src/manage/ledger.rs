//! Where the bytes are (an extension): what accounts, organizations, images and tags hold, and what a deletion would free.

mod documents;

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, WantedDeletion};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names::{InOrganization, InRepository, InTag, Path, organization, repository, tag};
use crate::state::AppState;
pub(super) use documents::{FreedDocument, freed_document};
use documents::{
    ImageLedger, ImageLedgers, LedgerDocument, StoreLedger, TagLedger, TagLedgers, WhatIf, bytes, document,
    store_document, tag_document,
};

/// Most images or tags of a page, because each is counted when it is asked for.
const PAGE_MAX: i64 = 100;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(of_account))
        .routes(routes!(of_store))
        .routes(routes!(of_organization))
        .routes(routes!(of_images))
        .routes(routes!(of_image))
        .routes(routes!(of_tags))
        .routes(routes!(of_tag))
        .routes(routes!(would_free))
}

/// Whose ledger.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what of_account() reads")]
struct OfAccount {
    /// The account's name; the caller's own when nobody says.
    domain_name: Option<String>,
}

/// Show what an account holds
///
/// For its administrators, and for those of the account that runs the registry. Counted when it is asked for, in time with
/// what the account holds.
#[utoipa::path(get, path = "/v2/manage/ledger", operation_id = "show_domain_ledger", tag = "ledger", params(OfAccount),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = LedgerDocument),
        (status = 400, body = RefusalBody, description = "There is no such account")))]
async fn of_account(State(app): State<AppState>, call: Call) -> Result<Json<LedgerDocument>, Refused> {
    let account = call.query("domain_name");
    let ledger = app
        .registry
        .account_ledger(&call.caller, account.as_deref())
        .await;
    let ledger = ledger.map_err(|error| Refused::of(Subject::Account, error))?;
    Ok(Json(document(&ledger)))
}

/// Show what the blob store holds
///
/// As the rows have it; `berth ledger verify` compares it with the store. For the administrators of the account that runs the
/// registry.
#[utoipa::path(get, path = "/v2/manage/ledger/store", operation_id = "show_store_ledger", tag = "ledger",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = StoreLedger)))]
async fn of_store(State(app): State<AppState>, call: Call) -> Result<Json<StoreLedger>, Refused> {
    let found = app.registry.store_ledger(&call.caller).await.map_err(refused)?;
    Ok(Json(store_document(found)))
}

/// Show what an organization holds
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/ledger", operation_id = "show_namespace_ledger",
    tag = "ledger", params(InOrganization), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = LedgerDocument), (status = 404, body = RefusalBody)))]
async fn of_organization(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<LedgerDocument>, Refused> {
    let ledger = app
        .registry
        .organization_ledger(&call.caller, &place.name()?)
        .await;
    let ledger = ledger.map_err(|error| Refused::of(Subject::Organization, error))?;
    Ok(Json(document(&ledger)))
}

/// List what each image of an organization holds
///
/// By name, at most 100 in a page.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/ledger/repos", operation_id = "list_namespace_ledger",
    tag = "ledger", params(InOrganization, MarkedParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = ImageLedgers), (status = 404, body = RefusalBody)))]
async fn of_images(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<ImageLedgers>, Refused> {
    let page = Marked::<String>::of(&call)?;
    let found = app
        .registry
        .images_ledger(
            &call.caller,
            &place.name()?,
            (page.marker.as_deref(), limit(&page)),
        )
        .await
        .map_err(|error| Refused::of(Subject::Organization, error))?;
    let last = found.entries.last().map(|(name, _)| name.clone());
    Ok(Json(ImageLedgers {
        next_marker: last.filter(|_| found.more),
        repos: found
            .entries
            .into_iter()
            .map(|(name, figures)| ImageLedger {
                name,
                bytes: bytes(&figures),
            })
            .collect(),
    }))
}

/// Show what an image holds
///
/// For those with a right on the image; that it is public or shared with them is not enough.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/ledger",
    operation_id = "show_repository_ledger", tag = "ledger", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = LedgerDocument), (status = 404, body = RefusalBody)))]
async fn of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<LedgerDocument>, Refused> {
    let ledger = app.registry.image_ledger(&call.caller, &place.name()?).await;
    Ok(Json(document(&ledger.map_err(refused)?)))
}

/// List what each tag of an image holds
///
/// By name, at most 100 in a page.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/ledger/tags",
    operation_id = "list_repository_ledger", tag = "ledger", params(InRepository, MarkedParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TagLedgers), (status = 404, body = RefusalBody)))]
async fn of_tags(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<TagLedgers>, Refused> {
    let page = Marked::<String>::of(&call)?;
    let found = app
        .registry
        .tags_ledger(
            &call.caller,
            &place.name()?,
            (page.marker.as_deref(), limit(&page)),
        )
        .await
        .map_err(refused)?;
    let last = found.entries.last().map(|(name, _)| name.clone());
    Ok(Json(TagLedgers {
        next_marker: last.filter(|_| found.more),
        tags: found.entries.into_iter().map(tag_document).collect(),
    }))
}

/// Show what a tag holds
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/ledger",
    operation_id = "show_tag_ledger", tag = "ledger", params(InTag), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TagLedger), (status = 404, body = RefusalBody)))]
async fn of_tag(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<Json<TagLedger>, Refused> {
    let (name, tag) = place.names()?;
    let figures = app.registry.tag_ledger(&call.caller, &name, &tag).await;
    let figures = figures.map_err(|error| Refused::of(Subject::Tag, error))?;
    Ok(Json(tag_document((tag.to_string(), figures))))
}

/// Count what a deletion would free
///
/// Nothing is changed. Everything that is named is deleted together: what two of them share is freed once, and what anything
/// else holds is not. At most 10,000 images and as many tags, of one account unless the caller runs the registry.
#[utoipa::path(post, path = "/v2/manage/ledger/frees", operation_id = "count_freed_bytes", tag = "ledger",
    request_body = WhatIf, extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = FreedDocument), (status = 404, body = RefusalBody)))]
async fn would_free(State(app): State<AppState>, call: Call) -> Result<Json<FreedDocument>, Refused> {
    let what: WhatIf = call.json()?;
    let tags = what.tags.iter();
    let tags = tags.map(|of| Ok((repository(&of.namespace, &of.repository)?, tag(&of.tag)?)));
    let images = what
        .repos
        .iter()
        .map(|of| repository(&of.namespace, &of.repository));
    let wanted = WantedDeletion {
        organizations: what
            .namespaces
            .iter()
            .map(|name| organization(name))
            .collect::<Result<_, _>>()?,
        images: images.collect::<Result<_, _>>()?,
        tags: tags.collect::<Result<_, Refused>>()?,
    };
    let found = app.registry.would_free(&call.caller, &wanted).await;
    let found = found.map_err(|error| Refused::of(Subject::Tag, error))?;
    Ok(Json(freed_document(&found)))
}

fn limit(page: &Marked<String>) -> u32 {
    u32::try_from(page.limit.min(PAGE_MAX)).unwrap_or_default()
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Repository, error)
}
