//! Images as the console shows them: pages that need no second request for each image, and public images for people who
//! did not log in.

mod documents;
mod tags;

use axum::Json;
use axum::extract::State;
use berth_registry::{RepositoriesWanted, RepositoryFilter, RepositoryOrder, RepositorySet, TextMatch};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Visit;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Direction, Listing, PageParameters};
use super::names::{InRepository, Path};
use super::repositories::list::truth;
use crate::state::AppState;
use documents::{ImageDocument, ImageOfList, listed, shown};

/// What the list is sorted by, with the order of each.
const ORDERS: [(&str, RepositoryOrder); 10] = [
    ("full_name", RepositoryOrder::FullName),
    ("name", RepositoryOrder::Image),
    ("namespace", RepositoryOrder::Organization),
    ("domain_name", RepositoryOrder::AccountName),
    ("is_public", RepositoryOrder::IsPublic),
    ("created_at", RepositoryOrder::CreatedAt),
    ("updated_at", RepositoryOrder::UpdatedAt),
    ("pulled_at", RepositoryOrder::PulledAt),
    ("size", RepositoryOrder::Size),
    ("num_download", RepositoryOrder::PullCount),
];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .merge(tags::routes())
}

/// Which images a list is about.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents what the handler reads")]
enum ImageSet {
    /// Those that the caller has a right on, by the organization or by the image.
    Own,
    /// Those of these that are or were shared with another account.
    SharedByMe,
    /// Those of other accounts that are or were shared with the caller's.
    SharedWithMe,
    /// Those that everybody may pull; also for who did not log in, unless the server's settings want a login.
    Public,
}

/// A page of images.
#[derive(Serialize, ToSchema)]
struct ImagePage {
    images: Vec<ImageOfList>,
    /// How many there are on all pages.
    total: i64,
}

/// List images with all that a page shows of them
///
/// In the order of their full names unless another one is asked for. Public images are listed without a login too, where
/// they may be pulled without one.
#[utoipa::path(get, path = "/v2/manage/images", operation_id = "list_images", tag = "repositories",
    security((), ("signature" = []), ("token" = []), ("session" = [])), extensions(("x-berth-extension" = json!(true))),
    params(
        ("set" = inline(Option<ImageSet>), Query, description = "Which images, `own` when nobody says"),
        ("text" = Option<String>, Query,
            description = "A part of `organization/image`; of public images also of the description"),
        ("namespace" = Option<String>, Query, description = "The organization's name"),
        ("category" = Option<String>, Query, description = "What it is filed under"),
        ("architecture" = Option<String>, Query, description = "A processor that the newest tag has an image for",
            example = "arm64"),
        ("is_public" = Option<bool>, Query, description = "Whether everybody may pull it"),
        ("status" = Option<bool>, Query, description = "Of shared images, whether a share is valid"),
        ("order_column" = Option<String>, Query, description = "`full_name`, `name`, `namespace`, `domain_name`, \
            `is_public`, `created_at`, `updated_at`, `pulled_at`, `size`, `num_download` or `num_images`; goes with `order_type`"),
        ("order_type" = Option<Direction>, Query, description = "`asc` or `desc`; goes with `order_column`"),
        PageParameters),
    responses((status = 200, body = ImagePage),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, Visit(call): Visit) -> Result<Json<ImagePage>, Refused> {
    let keys = [
        "set",
        "text",
        "namespace",
        "category",
        "architecture",
        "is_public",
        "status",
    ];
    let mut columns = ORDERS.map(|(name, _)| name).to_vec();
    columns.push("num_images");
    let listing = Listing::of(&call, &keys, &columns)?;
    let set = match listing.value("set") {
        None | Some("own") => RepositorySet::Own,
        Some("shared_by_me") => RepositorySet::SharedByAccount,
        Some("shared_with_me") => RepositorySet::SharedWithAccount,
        Some("public") => RepositorySet::Public,
        Some(_) => {
            return Err(Refused::invalid(
                "4001025",
                "set is own, shared_by_me, shared_with_me or public",
            ));
        }
    };
    let order = |column: &str| {
        let known = ORDERS.iter().find(|(name, _)| *name == column);
        known.map_or(RepositoryOrder::TagCount, |(_, order)| *order)
    };
    let (order, direction) = listing.order.map_or(
        (RepositoryOrder::FullName, Direction::Asc),
        |(column, direction)| (order(column), direction),
    );
    let wanted = RepositoriesWanted {
        set,
        filter: filter(&listing)?,
        order,
        descending: direction == Direction::Desc,
        offset: listing.offset,
        limit: listing.limit,
    };
    let found = app.registry.images(&call.caller, wanted).await.map_err(refused)?;
    let rows = found.images.into_iter();
    Ok(Json(ImagePage {
        images: rows.map(|image| listed(image, &call.origin)).collect(),
        total: found.total,
    }))
}

/// Show an image with the caller's right on it
///
/// A public image is shown without a login too, where it may be pulled without one. An image that the caller may not pull
/// is not there.
#[utoipa::path(get, path = "/v2/manage/images/{namespace}/{repository}", operation_id = "show_image",
    tag = "repositories", params(InRepository), extensions(("x-berth-extension" = json!(true))),
    security((), ("signature" = []), ("token" = []), ("session" = [])),
    responses((status = 200, body = ImageDocument), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    Visit(call): Visit,
) -> Result<Json<ImageDocument>, Refused> {
    let found = app.registry.image_view(&call.caller, &place.name()?).await;
    Ok(Json(shown(found.map_err(refused)?, &call.origin)))
}

fn filter(listing: &Listing) -> Result<RepositoryFilter, Refused> {
    let text = |key: &str| listing.value(key).map(str::to_owned);
    let truth = |code: &str, key: &str| listing.value(key).map(|text| truth(code, key, text)).transpose();
    Ok(RepositoryFilter {
        organization: text("namespace").map(TextMatch::Exact),
        category: text("category"),
        text: text("text"),
        architecture: text("architecture"),
        is_public: truth("4001009", "is_public")?,
        share_valid: truth("4001025", "status")?,
        ..RepositoryFilter::default()
    })
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Repository, error)
}
