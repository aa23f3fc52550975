//! Images on the wire, with what the caller may do with each.

use berth_registry::{ImageRow, ImageView};
use serde::Serialize;
use utoipa::ToSchema;

use crate::manage::wire::{SelfRights, Time};
use crate::origin::Origin;

/// An image in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ImageOfList {
    #[serde(flatten)]
    image: ImageSummary,
    /// The first two hundred characters of the description.
    description: String,
    /// The share with the caller's account; null when there is none.
    share: Option<ShareReceived>,
}

/// An image.
#[derive(Serialize, ToSchema)]
pub(super) struct ImageDocument {
    #[serde(flatten)]
    image: ImageSummary,
    /// All of it, free text.
    description: String,
    /// The share with the caller's account; null when there is none.
    share: Option<ShareReceived>,
    id: i64,
    /// The organization's id.
    ns_id: i64,
    /// The account's id.
    domain_id: String,
    creator_name: String,
    /// Names of people who can grant rights on it, at most ten, besides the administrators of its account; empty for who
    /// has no right of their own on it.
    #[schema(max_items = 10)]
    managers: Vec<String>,
}

/// What lists and pages show of an image.
#[derive(Serialize, ToSchema)]
struct ImageSummary {
    /// The organization's name.
    namespace: String,
    /// The name within the organization, with `/`.
    name: String,
    /// What clients pull, without a tag.
    path: String,
    /// The account's name.
    domain_name: String,
    is_public: bool,
    /// What it is filed under; empty when nothing was chosen.
    category: String,
    /// How many tags it has.
    num_images: i64,
    /// Bytes of its configurations and layers, each counted once.
    size: i64,
    /// How often it was pulled.
    num_download: i64,
    created_at: Time,
    /// When its content or what it says of itself changed last.
    updated_at: Time,
    /// When it was pulled last; null when it never was.
    pulled_at: Option<Time>,
    /// The tag that was pushed or moved last; null when it has none.
    newest_tag: Option<NewestTagDocument>,
    /// With how many accounts it is shared now; null for who has no right of their own on it.
    shares: Option<i64>,
    /// What the caller may do with it; null once a share is over.
    self_rights: Option<SelfRights>,
}

/// The tag that was pushed or moved last.
#[derive(Serialize, ToSchema)]
struct NewestTagDocument {
    tag: String,
    /// When it was pushed or moved last.
    updated: Time,
    /// Its platforms, as `os/architecture` or `os/architecture/variant`; null when they are not known yet.
    platforms: Option<Vec<String>>,
}

/// A share with the caller's account.
#[derive(Serialize, ToSchema)]
struct ShareReceived {
    /// Whether it counts now.
    valid: bool,
    /// The day of its end; null when it has none.
    deadline: Option<Time>,
    /// What its maker wrote to it.
    description: String,
}

/// Platforms as they are stored, by commas.
fn platforms(stored: Option<&str>) -> Option<Vec<String>> {
    stored.map(|text| text.split_terminator(',').map(str::to_owned).collect())
}

pub(super) fn listed(view: ImageView, origin: &Origin) -> ImageOfList {
    ImageOfList {
        description: view.row.details.repository.description.clone(),
        share: share(&view.row),
        image: summary(view, origin),
    }
}

pub(super) fn shown(mut view: ImageView, origin: &Origin) -> ImageDocument {
    ImageDocument {
        description: std::mem::take(&mut view.row.details.repository.description),
        share: share(&view.row),
        id: view.row.details.repository.id,
        ns_id: view.row.details.repository.organization_id,
        domain_id: view.row.details.account_id.clone(),
        creator_name: view.row.details.creator_name.clone(),
        managers: std::mem::take(&mut view.managers),
        image: summary(view, origin),
    }
}

fn share(row: &ImageRow) -> Option<ShareReceived> {
    row.share.as_ref().map(|share| ShareReceived {
        valid: share.valid,
        deadline: share.deadline_at.map(Time),
        description: share.description.clone(),
    })
}

fn summary(view: ImageView, origin: &Origin) -> ImageSummary {
    let ImageRow {
        details,
        pulled_at,
        newest,
        ..
    } = view.row;
    let repository = details.repository;
    ImageSummary {
        path: format!(
            "{}/{}/{}",
            origin.host(),
            repository.organization,
            repository.image
        ),
        namespace: repository.organization,
        name: repository.image,
        domain_name: details.account_name,
        is_public: repository.is_public,
        category: repository.category,
        num_images: details.tag_count,
        size: details.size_bytes,
        num_download: details.pull_count,
        created_at: Time(repository.created_at),
        updated_at: Time(repository.updated_at),
        pulled_at: pulled_at.map(Time),
        newest_tag: newest.map(|newest| NewestTagDocument {
            tag: newest.tag,
            updated: Time(newest.updated_at),
            platforms: platforms(newest.platforms.as_deref()),
        }),
        shares: view.share_count,
        self_rights: view.rights.map(SelfRights::of),
    }
}
