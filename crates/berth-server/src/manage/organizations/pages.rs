//! Organizations as the console shows them (extensions): with what is in them, and what the caller may do and why.

use axum::Json;
use axum::extract::State;
use berth_registry::{OrganizationOrder, OrganizationSeen, OrganizationsWanted};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refused;
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::{Direction, Listing, PageParameters};
use crate::manage::names::{InOrganization, Path};
use crate::manage::wire::{SelfRights, Time};
use crate::state::AppState;

/// What the list is sorted by.
const COLUMNS: [&str; 4] = ["name", "created_at", "num_repos", "size"];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// A page of organizations.
#[derive(Serialize, ToSchema)]
struct ListedOrganizations {
    organizations: Vec<OrganizationDocument>,
    /// How many there are on all pages.
    total: i64,
}

/// An organization, and what of it the caller may know.
#[derive(Serialize, ToSchema)]
struct OrganizationDocument {
    id: i64,
    name: String,
    /// The account's name.
    domain_name: String,
    /// The user who created it.
    creator_name: String,
    created_at: Time,
    /// Images in it that the caller has a right on.
    num_repos: i64,
    /// Tags of these.
    num_images: i64,
    /// Bytes of these, each image counting its configurations and layers once.
    size: i64,
    /// Users with a right on the organization; null for who has a right on an image of it only.
    num_users: Option<i64>,
    /// What the caller may do; `source` is `image` for who has a right on an image of it only.
    self_rights: Option<SelfRights>,
    /// Names of people who can grant rights on it, at most ten, besides the administrators of its account; empty in lists,
    /// and for who has a right on an image of it only.
    #[schema(max_items = 10)]
    managers: Vec<String>,
}

/// List organizations with what is in them
///
/// Those in which the caller has a right, if on an image only; by name unless another order is asked for.
#[utoipa::path(get, path = "/v2/manage/organizations", operation_id = "list_organizations", tag = "organizations",
    extensions(("x-berth-extension" = json!(true))),
    params(
        ("text" = Option<String>, Query, description = "A part of the name"),
        ("order_column" = Option<String>, Query,
            description = "`name`, `created_at`, `num_repos` or `size`; goes with `order_type`"),
        ("order_type" = Option<Direction>, Query, description = "`asc` or `desc`; goes with `order_column`"),
        PageParameters),
    responses((status = 200, body = ListedOrganizations),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<ListedOrganizations>, Refused> {
    let listing = Listing::of(&call, &["text"], &COLUMNS)?;
    let (column, direction) = listing.order.unwrap_or(("name", Direction::Asc));
    let wanted = OrganizationsWanted {
        text: listing.value("text").map(str::to_owned),
        order: match column {
            "created_at" => OrganizationOrder::CreatedAt,
            "num_repos" => OrganizationOrder::Images,
            "size" => OrganizationOrder::Bytes,
            _ => OrganizationOrder::Name,
        },
        descending: direction == Direction::Desc,
        offset: listing.offset,
        limit: listing.limit,
    };
    let found = app.registry.seen_organizations(&call.caller, wanted).await;
    let found = found.map_err(refused)?;
    Ok(Json(ListedOrganizations {
        organizations: found.organizations.into_iter().map(document).collect(),
        total: found.total,
    }))
}

/// Show an organization with what is in it
#[utoipa::path(get, path = "/v2/manage/organizations/{namespace}", operation_id = "show_organization",
    tag = "organizations", params(InOrganization), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = OrganizationDocument), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<OrganizationDocument>, Refused> {
    let found = app.registry.seen_organization(&call.caller, &place.name()?).await;
    Ok(Json(document(found.map_err(refused)?)))
}

fn document(seen: OrganizationSeen) -> OrganizationDocument {
    let organization = seen.row.organization;
    OrganizationDocument {
        id: organization.id,
        name: organization.name,
        domain_name: organization.account_name,
        creator_name: organization.creator_name,
        created_at: Time(organization.created_at),
        num_repos: seen.row.images,
        num_images: seen.row.tags,
        size: seen.row.bytes,
        num_users: seen.members,
        self_rights: seen.rights.map(SelfRights::of),
        managers: seen.managers,
    }
}
