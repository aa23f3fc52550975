//! The bin: what was deleted, until it expires: calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_registry::{BinEntry as Entry, BinKind, BinObstacle, BinWanted, BinWish};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names;
use super::wire::Time;
use crate::manage::names::{InOrganization, InRepository, Path};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, purge))
        .routes(routes!(restore))
        .routes(routes!(usage, empty))
        .routes(routes!(empty_image))
}

/// Which entries to list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what list reads")]
struct BinParameters {
    /// Only what was deleted in this organization.
    namespace: Option<String>,
    /// Only what was deleted of the image of this name, or the image itself; goes with `namespace`.
    repository: Option<String>,
    /// Only entries of this kind.
    kind: Option<Kind>,
    /// Only entries that bring this tag back.
    tag: Option<String>,
}

/// What was deleted.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Tag,
    Manifest,
    Image,
}

impl Kind {
    fn of(text: &str) -> Result<BinKind, Refused> {
        match text {
            "tag" => Ok(BinKind::Tag),
            "manifest" => Ok(BinKind::Manifest),
            "image" => Ok(BinKind::Image),
            _ => Err(Refused::invalid("4001025", "kind is tag, manifest or image")),
        }
    }
}

impl From<BinKind> for Kind {
    fn from(kind: BinKind) -> Self {
        match kind {
            BinKind::Tag => Self::Tag,
            BinKind::Manifest => Self::Manifest,
            BinKind::Image => Self::Image,
        }
    }
}

/// A page of the bin, newest first.
#[derive(Serialize, ToSchema)]
struct BinPage {
    entries: Vec<BinEntry>,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// Something that was deleted and can be restored.
#[derive(Serialize, ToSchema)]
struct BinEntry {
    id: i64,
    kind: Kind,
    namespace: String,
    repository: String,
    /// What the tag named, or the manifest; null for an image.
    digest: Option<String>,
    /// The tags that come back, at most ten of them; of an image none are listed.
    tags: Vec<String>,
    /// How many tags come back.
    tag_count: i64,
    /// Bytes of what was deleted as lists show them; what others share is not freed by purging it.
    size: i64,
    deleted_at: Time,
    /// Who deleted it; null when the registry itself did.
    deleted_by_id: Option<String>,
    /// That user's name; null when the registry itself deleted it or the user is gone.
    deleted_by: Option<String>,
    /// Why: `delete` or `retention`.
    why: &'static str,
    /// Until when it can be restored.
    expires_at: Time,
}

/// An entry, and what restoring it would meet.
#[derive(Serialize, ToSchema)]
struct BinEntryDetail {
    #[serde(flatten)]
    entry: BinEntry,
    /// Tags of it that name something else now, at most ten: restoring it needs `overwrite`.
    in_the_way: Vec<TagInTheWay>,
}

/// A tag that names something else now.
#[derive(Serialize, ToSchema)]
struct TagInTheWay {
    tag: String,
    /// What it names now.
    digest: String,
}

/// How to restore an entry.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestoreBinEntry {
    /// Whether tags that name something else now are moved back; no when absent.
    #[serde(default)]
    overwrite: bool,
    /// Another name for an image, in its organization; the one it had when absent.
    #[serde(default)]
    #[schema(example = "app-restored")]
    repository: Option<String>,
}

/// What is back.
#[derive(Serialize, ToSchema)]
struct BinRestored {
    /// The tags that name the manifest again; of an image none are listed.
    tags: Vec<String>,
    /// Whether it was restored before, by a request whose answer may have been lost.
    already: bool,
}

/// How much the bin of an organization holds.
#[derive(Serialize, ToSchema)]
struct BinUsage {
    /// Entries that can be restored; they go with the organization when that is deleted.
    entries: i64,
    /// Bytes that only the bin needs, each blob once per image.
    bytes: i64,
}

/// How many entries were purged.
#[derive(Serialize, ToSchema)]
struct BinPurged {
    purged: u64,
}

/// List what is in the bin
///
/// Tags, manifests and images that were deleted, of all that the caller has a right on, newest first. What was deleted of
/// an image that is itself in the bin is listed when that is restored.
#[utoipa::path(get, path = "/v2/manage/bin", operation_id = "list_bin", tag = "bin",
    extensions(("x-berth-extension" = json!(true))), params(BinParameters, MarkedParameters),
    responses((status = 200, body = BinPage), (status = 400, body = RefusalBody)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<BinPage>, Refused> {
    let page = Marked::<i64>::of(&call)?;
    let (namespace, repository) = (call.query("namespace"), call.query("repository"));
    let (organization, image) = match (namespace, repository) {
        (None, Some(_)) => {
            return Err(Refused::invalid("4001025", "repository goes with namespace"));
        }
        (None, None) => (None, None),
        (Some(namespace), None) => (Some(names::organization(&namespace)?), None),
        (Some(namespace), Some(repository)) => {
            let name = names::repository(&namespace, &repository)?;
            (Some(name.organization().clone()), Some(name.image().to_string()))
        }
    };
    let wanted = BinWanted {
        organization,
        image,
        kind: call.query("kind").map(|kind| Kind::of(&kind)).transpose()?,
        tag: call.query("tag"),
        before: page.marker,
        limit: u32::try_from(page.limit).unwrap_or(u32::MAX),
    };
    let found = app.registry.bin(&call.caller, wanted).await.map_err(refused)?;
    let next_marker = found.entries.last().filter(|_| found.more).map(|last| last.id);
    Ok(Json(BinPage {
        entries: found.entries.into_iter().map(document).collect(),
        next_marker,
    }))
}

/// Show an entry of the bin
///
/// With what restoring it would meet.
#[utoipa::path(get, path = "/v2/manage/bin/{entry_id}", operation_id = "show_bin_entry", tag = "bin",
    extensions(("x-berth-extension" = json!(true))),
    params(("entry_id" = i64, Path, description = "The entry's id")),
    responses((status = 200, body = BinEntryDetail), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Json<BinEntryDetail>, Refused> {
    let found = app.registry.bin_entry(&call.caller, id).await;
    let (entry, obstacles) = found.map_err(refused)?;
    let obstacle = |found: BinObstacle| TagInTheWay {
        tag: found.tag,
        digest: found.digest,
    };
    Ok(Json(BinEntryDetail {
        entry: document(entry),
        in_the_way: obstacles.into_iter().map(obstacle).collect(),
    }))
}

/// Restore an entry of the bin
///
/// For who may push there. A tag comes back with the manifest it named, a manifest with its tags, what it lists and what
/// referred to it, an image with all it held. Refused when a tag names something else now, unless it is to be overwritten,
/// and when the image's name is taken. Sent twice, it is restored once.
#[utoipa::path(post, path = "/v2/manage/bin/{entry_id}/restore", operation_id = "restore_bin_entry", tag = "bin",
    extensions(("x-berth-extension" = json!(true))),
    params(("entry_id" = i64, Path, description = "The entry's id")), request_body = RestoreBinEntry,
    responses((status = 200, body = BinRestored), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn restore(
    State(app): State<AppState>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Json<BinRestored>, Refused> {
    let sent: RestoreBinEntry = call.json()?;
    let wish = BinWish {
        overwrite: sent.overwrite,
        image: sent.repository.map(|image| image.replace('$', "/")),
    };
    let restored = app.registry.restore_from_bin(&call.caller, id, wish).await;
    let restored = restored.map_err(refused)?;
    Ok(Json(BinRestored {
        tags: restored.tags,
        already: restored.already,
    }))
}

/// Purge an entry of the bin
///
/// It cannot be restored any more; its space is freed within minutes. For who manages the organization.
#[utoipa::path(delete, path = "/v2/manage/bin/{entry_id}", operation_id = "purge_bin_entry", tag = "bin",
    extensions(("x-berth-extension" = json!(true))),
    params(("entry_id" = i64, Path, description = "The entry's id")),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn purge(State(app): State<AppState>, Path(id): Path<i64>, call: Call) -> Result<StatusCode, Refused> {
    let purged = app.registry.purge_bin_entry(&call.caller, id).await;
    purged.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show how much the bin of an organization holds
///
/// All of it goes when the organization is deleted.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/bin", operation_id = "show_bin_usage", tag = "bin",
    extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    responses((status = 200, body = BinUsage), (status = 404, body = RefusalBody)))]
async fn usage(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<BinUsage>, Refused> {
    let found = app.registry.bin_usage(&call.caller, &place.name()?).await;
    let found = found.map_err(refused)?;
    Ok(Json(BinUsage {
        entries: found.entries,
        bytes: found.bytes,
    }))
}

/// Empty the bin of an organization
///
/// For who manages the organization.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/bin", operation_id = "empty_bin", tag = "bin",
    extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    responses((status = 200, body = BinPurged), (status = 404, body = RefusalBody)))]
async fn empty(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<BinPurged>, Refused> {
    let purged = app.registry.purge_bin(&call.caller, &place.name()?).await;
    let purged = purged.map_err(refused)?;
    Ok(Json(BinPurged { purged }))
}

/// Empty the bin of an image
///
/// Of one that is not in the bin itself. For who manages the organization.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/bin",
    operation_id = "empty_repo_bin", tag = "bin",
    extensions(("x-berth-extension" = json!(true))), params(InRepository),
    responses((status = 200, body = BinPurged), (status = 404, body = RefusalBody)))]
async fn empty_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<BinPurged>, Refused> {
    let purged = app.registry.purge_image_bin(&call.caller, &place.name()?).await;
    let purged = purged.map_err(refused)?;
    Ok(Json(BinPurged { purged }))
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Bin, error)
}

fn document(entry: Entry) -> BinEntry {
    BinEntry {
        id: entry.id,
        kind: entry.kind.into(),
        namespace: entry.organization,
        repository: entry.image,
        digest: entry.digest,
        tags: entry.tags,
        tag_count: entry.tag_count,
        size: entry.size_bytes,
        deleted_at: Time(entry.at),
        deleted_by_id: entry.user_id,
        deleted_by: entry.user_name,
        why: entry.why.as_str(),
        expires_at: Time(entry.expires_at),
    }
}
