//! Where a tag was before, and setting it back (extensions).

use axum::Json;
use axum::extract::State;
use berth_oci::Digest;
use berth_registry::{TagHistoryPage, TagMove};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{limit, refused};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::{Marked, MarkedParameters};
use crate::manage::names::InTag;
use crate::manage::names::Path;
use crate::manage::wire::{Nothing, Time};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(history))
        .routes(routes!(restore))
}

/// The moves of a tag, newest first.
#[derive(Serialize, ToSchema)]
struct TagHistory {
    history: Vec<TagHistoryEntry>,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// A move of a tag.
#[derive(Serialize, ToSchema)]
struct TagHistoryEntry {
    id: i64,
    /// The digest that the tag named from then on; null when it was deleted.
    digest: Option<String>,
    /// Whether that manifest is still there, if only in the bin, so that the tag can be restored to it.
    restorable: bool,
    at: Time,
    /// Why: `push`, `retag`, `set_back` (restored from this history), `delete`, `retention`, `manifest_delete` (what it
    /// named was deleted) or `bin_restore`.
    why: &'static str,
    /// Who moved it; null when the registry itself did.
    user_id: Option<String>,
    /// That user's name; null when the registry itself moved it or the user is gone.
    user_name: Option<String>,
}

/// Where to set a tag back to.
#[derive(Deserialize, ToSchema)]
struct RestoreTag {
    /// A digest out of the tag's history.
    #[schema(example = "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b")]
    digest: String,
}

/// Show where a tag was
///
/// Every push that moved it, every retag, restore and deletion, and who did it. Deleted tags have a history too.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/history",
    operation_id = "list_tag_history", tag = "tags", extensions(("x-berth-extension" = json!(true))),
    params(InTag, MarkedParameters),
    responses((status = 200, body = TagHistory), (status = 404, body = RefusalBody)))]
async fn history(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<Json<TagHistory>, Refused> {
    let (repository, tag) = place.names()?;
    let page = Marked::<i64>::of(&call)?;
    let wanted = TagHistoryPage {
        before: page.marker,
        limit: limit(page.limit),
    };
    let found = app
        .registry
        .tag_history(&call.caller, &repository, &tag, wanted)
        .await
        .map_err(refused)?;
    let next_marker = found.entries.last().filter(|_| found.more).map(|last| last.id);
    Ok(Json(TagHistory {
        history: found.entries.into_iter().map(entry).collect(),
        next_marker,
    }))
}

/// Set a tag back
///
/// To a digest that it named before and whose manifest is still there, also after the tag was deleted. A manifest in the
/// bin comes back with it. Refused when the tag names something else and a rule makes it immutable.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/restore",
    operation_id = "restore_tag", tag = "tags", extensions(("x-berth-extension" = json!(true))),
    params(InTag), request_body = RestoreTag,
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn restore(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let (repository, tag) = place.names()?;
    let wanted: RestoreTag = call.json()?;
    let digest: Digest = wanted
        .digest
        .parse()
        .map_err(|error: berth_oci::DigestError| Refused::invalid("4000014", error.to_string()))?;
    app.registry
        .restore_tag(&call.caller, &repository, &tag, &digest)
        .await
        .map_err(refused)?;
    Ok(Json(Nothing {}))
}

fn entry(noted: TagMove) -> TagHistoryEntry {
    TagHistoryEntry {
        id: noted.id,
        digest: noted.digest,
        restorable: noted.is_stored,
        at: Time(noted.at),
        why: noted.why.as_str(),
        user_id: noted.user_id,
        user_name: noted.user_name,
    }
}
