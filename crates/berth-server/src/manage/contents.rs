//! What is inside images, without downloading them (extension): files, packages, manifests, and what differs between two.
//! What a layer holds is listed when somebody first looks; until then the answer is 202 and says how far that is.

mod blobs;
mod comparison;
mod files;
mod image;
mod packages;

use axum::Json;
use axum::response::{IntoResponse, Response};
use berth_oci::{Digest, Reference, RepositoryName};
use berth_registry::{Content, ContentWanted, LayerStanding, LayerState};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::call::Call;
use super::error::{Refused, Subject};
use super::names::repository;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(image::routes())
        .merge(blobs::routes())
        .merge(files::routes())
        .merge(packages::routes())
        .merge(comparison::routes())
}

/// The path of what a tag or digest names.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InContent {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// A tag or a digest.
    reference: String,
}

impl InContent {
    fn names(&self) -> Result<(RepositoryName, Reference), Refused> {
        let name = repository(&self.namespace, &self.repository)?;
        Ok((name, reference(&self.reference)?))
    }
}

/// What to look into, as the document names it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Look::of reads")]
struct LookParameters {
    /// Which image of an index, as `os/architecture` or `os/architecture/variant`; else that for linux/amd64, else the
    /// first that is there.
    #[param(example = "linux/arm64")]
    platform: Option<String>,
    /// The digest of one layer of the image: what it alone writes and takes away, instead of what the image shows.
    layer: Option<String>,
}

/// What to look into.
struct Look {
    platform: Option<String>,
    layer: Option<Digest>,
}

impl Look {
    fn of(call: &Call) -> Result<Self, Refused> {
        let layer = call.query("layer").map(|text| text.parse::<Digest>()).transpose();
        let layer = layer.map_err(|error| Refused::invalid("4001025", format!("layer: {error}")))?;
        Ok(Self {
            platform: call.query("platform"),
            layer,
        })
    }

    fn at<'a>(&'a self, reference: &'a Reference) -> ContentWanted<'a> {
        ContentWanted {
            reference,
            platform: self.platform.as_deref(),
            layer: self.layer.as_ref(),
        }
    }
}

/// How far the lists of layers' files are that the answer needs. The same request again, after the seconds that the header
/// `Retry-After` tells, answers when they are made.
#[derive(Serialize, ToSchema)]
struct PendingContent {
    layers: Vec<LayerProgress>,
}

/// How far the list of a layer's files is.
#[derive(Serialize, ToSchema)]
struct LayerProgress {
    digest: String,
    /// Bytes of the layer.
    size: u64,
    state: LayerProgressState,
    /// Bytes of it that were read; null when that is not known.
    read: Option<u64>,
    /// Why there is no list.
    problem: Option<String>,
}

/// How far a list is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum LayerProgressState {
    /// It is there.
    Ready,
    /// It waits for its turn.
    Waiting,
    /// It is being made.
    Making,
    /// There is none.
    Failed,
}

impl From<LayerStanding> for LayerProgress {
    fn from(standing: LayerStanding) -> Self {
        let (state, read, problem) = match standing.state {
            LayerState::Ready => (LayerProgressState::Ready, Some(standing.bytes), None),
            LayerState::Failed(why) => (LayerProgressState::Failed, None, Some(why)),
            LayerState::Making(Some(0)) => (LayerProgressState::Waiting, Some(0), None),
            LayerState::Making(read) => (LayerProgressState::Making, read, None),
        };
        Self {
            digest: standing.digest,
            size: standing.bytes,
            state,
            read,
            problem,
        }
    }
}

/// The answer, or how far it is.
fn answer<T, R: IntoResponse>(content: Content<T>, document: impl FnOnce(T) -> R) -> Response {
    match content {
        Content::Ready(found) => document(found).into_response(),
        Content::Making(standings) => {
            let layers = standings.into_iter().map(LayerProgress::from).collect();
            let body = Json(PendingContent { layers });
            (StatusCode::ACCEPTED, [(RETRY_AFTER, "1")], body).into_response()
        }
    }
}

fn reference(text: &str) -> Result<Reference, Refused> {
    text.parse().map_err(|error| {
        Refused::invalid(
            "4009021",
            format!("the reference is neither a tag nor a digest: {error}"),
        )
    })
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Content, error)
}

/// A page of the lists here holds so many rows at most.
fn rows(limit: i64) -> usize {
    usize::try_from(limit).expect("a page has at most 1000 rows")
}
