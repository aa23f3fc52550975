//! What package managers installed in an image.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use berth_registry::{Package, PackageManager, PackagesPage};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{InContent, Look, LookParameters, PendingContent, answer, refused, rows};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::{Marked, MarkedParameters};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A page of an image's packages.
#[derive(Serialize, ToSchema)]
struct ImagePackages {
    /// The digest of the image's manifest.
    image: String,
    /// By name.
    packages: Vec<ImagePackage>,
    has_more: bool,
    /// Where the next page begins; null on the last page.
    next_marker: Option<String>,
    /// How many were found on all pages.
    total: usize,
    /// What could not be read, and why.
    remarks: Vec<String>,
}

/// An installed package.
#[derive(Serialize, ToSchema)]
struct ImagePackage {
    name: String,
    version: String,
    architecture: Option<String>,
    /// The source that it was built from, when that has another name.
    source: Option<String>,
    /// As the package manager says; dpkg says nothing.
    licence: Option<String>,
    manager: PackageManagerName,
}

/// Who installs packages.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PackageManagerName {
    /// Of Debian and its like.
    Dpkg,
    /// Of Alpine and its like.
    Apk,
}

impl From<PackageManager> for PackageManagerName {
    fn from(manager: PackageManager) -> Self {
        match manager {
            PackageManager::Dpkg => Self::Dpkg,
            PackageManager::Apk => Self::Apk,
        }
    }
}

impl From<Package> for ImagePackage {
    fn from(package: Package) -> Self {
        Self {
            name: package.name,
            version: package.version,
            architecture: package.architecture,
            source: package.source,
            licence: package.licence,
            manager: package.manager.into(),
        }
    }
}

/// List the packages in an image
///
/// Those that dpkg and apk say are installed. Databases of rpm are not read; then a remark says so.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/packages",
    operation_id = "list_image_packages", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InContent, LookParameters, MarkedParameters, ("text" = Option<String>, Query, description = "A part of the name")),
    responses((status = 200, body = ImagePackages), (status = 202, body = PendingContent), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InContent>,
    call: Call,
) -> Result<Response, Refused> {
    let (repository, reference) = place.names()?;
    let look = Look::of(&call)?;
    let page = Marked::<usize>::of(&call)?;
    let text = call.query("text");
    let wanted = (text.as_deref(), page.marker.unwrap_or(0), rows(page.limit));
    let found = app
        .registry
        .packages(&call.caller, &repository, look.at(&reference), wanted)
        .await
        .map_err(refused)?;
    Ok(answer(found, |page: PackagesPage| {
        Json(ImagePackages {
            image: page.image,
            packages: page.packages.into_iter().map(ImagePackage::from).collect(),
            has_more: page.next.is_some(),
            next_marker: page.next.map(|next| next.to_string()),
            total: page.total,
            remarks: page.remarks,
        })
    }))
}
