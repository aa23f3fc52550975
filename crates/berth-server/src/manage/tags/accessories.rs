//! Signatures, attestations and lists of contents of an image, and the way back (operations 20 and 21).
//!
//! SWR puts a tag where the path has words too: `{repository}/tags/accessories` is the tag `accessories`, not the
//! accessories of a tag `tags`. So each of the two has a second path, below the tag, that means one thing.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use berth_oci::{Reference, RepositoryName, Tag};
use berth_registry::{AccessoryKind, AccessoryView, AccessoryViews};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refused;
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::names::Path;
use crate::manage::names::{InRepository, InTag, tag};
use crate::manage::wire::Time;
use crate::state::AppState;

/// Rows of a page when nobody says how many.
const LIMIT_DEFAULT: i64 = 10;
/// The longest page of accessories.
const ACCESSORIES_MAX: i64 = 100;
/// The longest page of references.
const REFERENCES_MAX: i64 = 10;
/// More accessories than any image has.
const OFFSET_MAX: i64 = 1 << 32;
/// A retention policy is named by a number, so this word in its place can only be meant as a tag.
const RETENTIONS: &str = "retentions";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    const OF_RETENTIONS: &str = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions";
    OpenApiRouter::new()
        .routes(routes!(accessories))
        .routes(routes!(tag_accessories))
        .routes(routes!(references))
        .routes(routes!(tag_references))
        .route(
            &format!("{OF_RETENTIONS}/accessories"),
            get(accessories_of_retentions),
        )
        .route(
            &format!("{OF_RETENTIONS}/references"),
            get(references_of_retentions),
        )
}

/// What belongs to an image.
#[derive(Serialize, ToSchema)]
struct Accessories {
    total: i64,
    accessories: Vec<AccessoryDocument>,
}

/// A signature, an attestation, a list of contents, or another artifact that belongs to an image.
#[derive(Serialize, ToSchema)]
struct AccessoryDocument {
    /// Made of the accessory's digest.
    id: i64,
    domain_id: String,
    namespace_name: String,
    repo_name: String,
    /// The accessory's tag; empty when it is reachable by its digest only.
    sig_tag: String,
    sig_digest: String,
    /// The digest of the image.
    target_digest: String,
    size: i64,
    /// `signature.cosign`, `signature.notation`, `sbom`, `attestation` or `artifact`.
    r#type: &'static str,
    created_at: Time,
    updated_at: Time,
}

/// Tags of the images that a signature is about.
#[derive(Serialize, ToSchema)]
struct References {
    tags: Vec<String>,
    has_more: bool,
    /// Where the next page begins; left out on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// List the accessories of an image
///
/// Signatures, attestations and lists of contents, found by the tags that cosign gives them and by their subject.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/{tag}/accessories",
    operation_id = "list_repo_accessories", tag = "tags",
    params(InTag,
        ("limit" = Option<u32>, Query, description = "Rows to answer at most, 10 when nobody says", minimum = 1, maximum = 100),
        ("offset" = Option<u32>, Query, description = "Rows to skip")),
    responses((status = 200, body = Accessories), (status = 404, body = RefusalBody)))]
async fn accessories(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<Json<Accessories>, Refused> {
    list_accessories(&app, place.names()?, &call).await
}

/// List the accessories of an image, whatever its tag
///
/// The same as `list_repo_accessories`, also for tags such as `tags` that mean something else in its path.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/accessories",
    operation_id = "list_tag_accessories", tag = "tags", extensions(("x-berth-extension" = json!(true))),
    params(InTag,
        ("limit" = Option<u32>, Query, description = "Rows to answer at most, 10 when nobody says", minimum = 1, maximum = 100),
        ("offset" = Option<u32>, Query, description = "Rows to skip")),
    responses((status = 200, body = Accessories), (status = 404, body = RefusalBody)))]
async fn tag_accessories(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<Json<Accessories>, Refused> {
    list_accessories(&app, place.names()?, &call).await
}

async fn accessories_of_retentions(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Accessories>, Refused> {
    list_accessories(&app, (place.name()?, tag(RETENTIONS)?), &call).await
}

/// List the tags that a signature is about
///
/// The tag in the path is the signature's; nothing else is about other tags, and has none.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/{tag}/references",
    operation_id = "list_references", tag = "tags",
    params(InTag,
        ("limit" = Option<u32>, Query, description = "Tags to answer at most, 10 when nobody says", minimum = 1, maximum = 10),
        ("marker" = Option<String>, Query, description = "Where the page begins: the `next_marker` of the page before")),
    responses((status = 200, body = References), (status = 404, body = RefusalBody)))]
async fn references(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<Json<References>, Refused> {
    list_references(&app, place.names()?, &call).await
}

/// List the tags that a signature is about, whatever its tag
///
/// The same as `list_references`, also for tags such as `tags` that mean something else in its path.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/references",
    operation_id = "list_tag_references", tag = "tags", extensions(("x-berth-extension" = json!(true))),
    params(InTag,
        ("limit" = Option<u32>, Query, description = "Tags to answer at most, 10 when nobody says", minimum = 1, maximum = 10),
        ("marker" = Option<String>, Query, description = "Where the page begins: the `next_marker` of the page before")),
    responses((status = 200, body = References), (status = 404, body = RefusalBody)))]
async fn tag_references(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<Json<References>, Refused> {
    list_references(&app, place.names()?, &call).await
}

async fn references_of_retentions(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<References>, Refused> {
    list_references(&app, (place.name()?, tag(RETENTIONS)?), &call).await
}

async fn list_accessories(
    app: &AppState,
    (repository, tag): (RepositoryName, Tag),
    call: &Call,
) -> Result<Json<Accessories>, Refused> {
    let limit = number(call, "limit", 1, ACCESSORIES_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let offset = number(call, "offset", 0, OFFSET_MAX)?.unwrap_or(0);
    let found = app
        .registry
        .accessories(&call.caller, &repository, &Reference::Tag(tag), (offset, limit))
        .await
        .map_err(refused)?;
    let shown = found.accessories.iter();
    Ok(Json(Accessories {
        total: found.total,
        accessories: shown.map(|view| document(&repository, &found, view)).collect(),
    }))
}

async fn list_references(
    app: &AppState,
    (repository, tag): (RepositoryName, Tag),
    call: &Call,
) -> Result<Json<References>, Refused> {
    let limit = number(call, "limit", 1, REFERENCES_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let limit = u32::try_from(limit).expect("a page of at most ten tags");
    let last = call.query("marker");
    let found = app
        .registry
        .tags_described_by(&call.caller, &repository, &tag, (last.as_deref(), limit))
        .await
        .map_err(refused)?;
    let next_marker = found.entries.last().filter(|_| found.more).cloned();
    Ok(Json(References {
        tags: found.entries,
        has_more: found.more,
        next_marker,
    }))
}

fn document(repository: &RepositoryName, found: &AccessoryViews, view: &AccessoryView) -> AccessoryDocument {
    let accessory = &view.accessory;
    AccessoryDocument {
        id: id(&accessory.digest),
        domain_id: found.place.account_id.clone(),
        namespace_name: repository.organization().to_string(),
        repo_name: repository.image().to_string(),
        sig_tag: accessory.tag.clone().unwrap_or_default(),
        sig_digest: accessory.digest.clone(),
        target_digest: found.target.clone(),
        size: accessory.image_bytes,
        r#type: kind_name(view.kind),
        created_at: Time(accessory.created_at),
        updated_at: Time(accessory.updated_at),
    }
}

/// What the wire calls a kind of accessory.
pub(in crate::manage) fn kind_name(kind: AccessoryKind) -> &'static str {
    match kind {
        AccessoryKind::CosignSignature => "signature.cosign",
        AccessoryKind::NotationSignature => "signature.notation",
        AccessoryKind::Sbom => "sbom",
        AccessoryKind::Attestation => "attestation",
        AccessoryKind::Other => "artifact",
    }
}

/// A number that stays the same: of the digest as many digits as JavaScript keeps of a number.
fn id(digest: &str) -> i64 {
    const DIGITS: usize = 13;
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    let digits = hex.get(..DIGITS).unwrap_or(hex);
    i64::from_str_radix(digits, 16).unwrap_or(0)
}

fn number(call: &Call, name: &str, least: i64, most: i64) -> Result<Option<i64>, Refused> {
    let code = if name == "limit" { "4000056" } else { "4001025" };
    let refused = || Refused::invalid(code, format!("{name} is a number from {least} to {most}"));
    let Some(text) = call.query(name) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(refused)
}
