//! What differs between two images: what they say of themselves, files, packages.

mod document;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use berth_oci::{Reference, RepositoryName};
use berth_registry::{Change, ChangesPage, ChangesWanted, ContentWanted, PackageChanges};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::document::{
    ChangeKind, ChangeSums, FileChanges, ImageComparison, PackageDifferences, changed_file, changed_package,
    document,
};
use super::{PendingContent, answer, reference, refused, rows};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::{Marked, MarkedParameters};
use crate::manage::names::{Path, repository};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(files))
        .routes(routes!(packages))
}

/// The path of two images of a repository.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InComparison {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The first tag or digest.
    reference: String,
    /// The second tag or digest.
    other: String,
}

/// How to compare, as the document names it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Pair::of reads")]
struct ComparisonParameters {
    /// Which image of an index, of both.
    #[param(example = "linux/arm64")]
    platform: Option<String>,
    /// The image that the second is a version of, as `organization/image`, when it is another one.
    other_repository: Option<String>,
}

/// Two images to compare.
struct Pair {
    first: (RepositoryName, Reference),
    second: (RepositoryName, Reference),
    platform: Option<String>,
}

impl Pair {
    fn of(place: &InComparison, call: &Call) -> Result<Self, Refused> {
        let first = repository(&place.namespace, &place.repository)?;
        let second = match call.query("other_repository") {
            None => first.clone(),
            Some(full) => {
                let (namespace, image) = full.split_once('/').unwrap_or((&full, ""));
                repository(namespace, image)?
            }
        };
        Ok(Self {
            first: (first, reference(&place.reference)?),
            second: (second, reference(&place.other)?),
            platform: call.query("platform"),
        })
    }

    fn at<'a>(
        &'a self,
        (name, reference): &'a (RepositoryName, Reference),
    ) -> (&'a RepositoryName, ContentWanted<'a>) {
        let content = ContentWanted {
            reference,
            platform: self.platform.as_deref(),
            layer: None,
        };
        (name, content)
    }
}

/// Compare two images
///
/// What they say of themselves, their layers and the steps that made them; files and packages are compared by calls of their
/// own. Both are tags or digests of one image, unless `other_repository` names another one for the second.
#[utoipa::path(get,
    path = "/v2/manage/namespaces/{namespace}/repos/{repository}/comparisons/{reference}/{other}/image",
    operation_id = "compare_images", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InComparison, ComparisonParameters),
    responses((status = 200, body = ImageComparison), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InComparison>,
    call: Call,
) -> Result<Json<ImageComparison>, Refused> {
    let pair = Pair::of(&place, &call)?;
    let compared = app
        .registry
        .compare(&call.caller, pair.at(&pair.first), pair.at(&pair.second))
        .await
        .map_err(refused)?;
    Ok(Json(document(compared)))
}

/// Compare the files of two images
///
/// Those that one of the two lacks, or that differ in bytes, kind, owner, permissions or where they lead; times are not
/// compared.
#[utoipa::path(get,
    path = "/v2/manage/namespaces/{namespace}/repos/{repository}/comparisons/{reference}/{other}/files",
    operation_id = "compare_image_files", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InComparison, ComparisonParameters, MarkedParameters,
        ("text" = Option<String>, Query, description = "A part of the path"),
        ("change" = Option<ChangeKind>, Query, description = "Only what changed so")),
    responses((status = 200, body = FileChanges), (status = 202, body = PendingContent), (status = 404, body = RefusalBody)))]
async fn files(
    State(app): State<AppState>,
    Path(place): Path<InComparison>,
    call: Call,
) -> Result<Response, Refused> {
    let pair = Pair::of(&place, &call)?;
    let page = Marked::<usize>::of(&call)?;
    let wanted = ChangesWanted {
        change: change(&call)?,
        text: call.query("text"),
        start: page.marker.unwrap_or(0),
        limit: rows(page.limit),
    };
    let both = (pair.at(&pair.first), pair.at(&pair.second));
    let found = app
        .registry
        .file_changes(&call.caller, both, wanted)
        .await
        .map_err(refused)?;
    Ok(answer(found, |page: ChangesPage| {
        Json(FileChanges {
            files: page.files.into_iter().map(changed_file).collect(),
            has_more: page.next.is_some(),
            next_marker: page.next.map(|next| next.to_string()),
            sums: ChangeSums {
                added: page.sums.added,
                removed: page.sums.removed,
                changed: page.sums.changed,
                added_size: page.sums.added_bytes,
                removed_size: page.sums.removed_bytes,
                changed_size: page.sums.changed_bytes,
            },
            remarks: page.remarks,
        })
    }))
}

/// Compare the packages of two images
#[utoipa::path(get,
    path = "/v2/manage/namespaces/{namespace}/repos/{repository}/comparisons/{reference}/{other}/packages",
    operation_id = "compare_image_packages", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InComparison, ComparisonParameters),
    responses((status = 200, body = PackageDifferences), (status = 202, body = PendingContent),
        (status = 404, body = RefusalBody)))]
async fn packages(
    State(app): State<AppState>,
    Path(place): Path<InComparison>,
    call: Call,
) -> Result<Response, Refused> {
    let pair = Pair::of(&place, &call)?;
    let both = (pair.at(&pair.first), pair.at(&pair.second));
    let found = app
        .registry
        .package_changes(&call.caller, both)
        .await
        .map_err(refused)?;
    Ok(answer(found, |found: PackageChanges| {
        Json(PackageDifferences {
            packages: found.packages.into_iter().map(changed_package).collect(),
            same: found.same,
            remarks: found.remarks,
        })
    }))
}

fn change(call: &Call) -> Result<Option<Change>, Refused> {
    Ok(match call.query("change").as_deref() {
        None => None,
        Some("added") => Some(Change::Added),
        Some("removed") => Some(Change::Removed),
        Some("changed") => Some(Change::Changed),
        Some(_) => return Err(Refused::invalid("4001025", "change is added, removed or changed")),
    })
}
