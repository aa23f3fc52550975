//! `berth ledger show` and `berth ledger frees`.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::With;
use super::answer::{self, Column, bytes, shown};
use super::failure::Failure;
use super::names::{Image, Place, Tagged, with_query};
use super::server::Server;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what an account, an organization, an image or a tag holds
    #[command(
        after_help = "Examples:\n  berth ledger show\n  berth ledger show team --each\n  berth ledger show team/app\n  \
                      berth ledger show team/app:v1"
    )]
    Show(With<Show>),
    /// Count what deleting organizations, images and tags together would free
    #[command(
        after_help = "Examples:\n  berth ledger frees team/app:v1 team/app:v2\n  berth ledger frees team/old team/older"
    )]
    Frees(With<Frees>),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// ORG, ORG/IMAGE or ORG/IMAGE:TAG [default: your account]
    place: Option<Held>,
    /// Each image of the organization, or each tag of the image
    #[arg(long)]
    each: bool,
    /// At most as many of them
    #[arg(long, value_name = "NUMBER", requires = "each")]
    limit: Option<usize>,
    /// What the blob store holds; for those who run the registry
    #[arg(long, conflicts_with_all = ["place", "each"])]
    store: bool,
    /// Another account; for those who run the registry
    #[arg(long, value_name = "ACCOUNT", conflicts_with_all = ["place", "store"])]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Frees {
    /// ORG, ORG/IMAGE or ORG/IMAGE:TAG
    #[arg(required = true)]
    places: Vec<Held>,
}

/// Something that holds bytes.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Organization(String),
    Image(Image),
    Tag(Tagged),
}

impl FromStr for Held {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            return text.parse().map(Self::Tag);
        }
        text.parse().map(|place| match place {
            Place::Organization(name) => Self::Organization(name),
            Place::Image(image) => Self::Image(image),
        })
    }
}

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(name) => formatter.write_str(name),
            Self::Image(image) => image.fmt(formatter),
            Self::Tag(tagged) => tagged.fmt(formatter),
        }
    }
}

const HELD: &[Column] = &[
    shown("place", "/place"),
    shown("images", "/repo_num"),
    bytes("held", "/held_bytes"),
    bytes("quota", "/quota_bytes"),
    bytes("blobs", "/blob_bytes"),
    bytes("exclusive", "/exclusive_bytes"),
    bytes("shared_in_organization", "/shared_namespace_bytes"),
    bytes("shared_outside", "/shared_outside_bytes"),
    bytes("in_bin", "/bin_blob_bytes"),
    bytes("unreferenced", "/unreferenced_bytes"),
    bytes("manifests", "/manifest_bytes"),
    bytes("manifests_in_bin", "/bin_manifest_bytes"),
    bytes("in_uploads", "/upload_bytes"),
    bytes("reserved", "/reserved_bytes"),
    shown("sees_everything", "/sees_everything"),
    shown("counted_at", "/counted_at"),
];
const IMAGES: &[Column] = &[
    shown("image", "/name"),
    bytes("held", "/held_bytes"),
    bytes("blobs", "/blob_bytes"),
    bytes("exclusive", "/exclusive_bytes"),
    bytes("shared_in_organization", "/shared_namespace_bytes"),
    bytes("shared_outside", "/shared_outside_bytes"),
    bytes("in_bin", "/bin_blob_bytes"),
    bytes("in_uploads", "/upload_bytes"),
];
const TAGS: &[Column] = &[
    shown("tag", "/tag"),
    bytes("blobs", "/blob_bytes"),
    bytes("exclusive", "/exclusive_bytes"),
    bytes("shared_in_image", "/shared_image_bytes"),
    bytes("shared_in_organization", "/shared_namespace_bytes"),
    bytes("shared_outside", "/shared_outside_bytes"),
    bytes("manifests", "/manifest_bytes"),
];
const STORE: &[Column] = &[
    bytes("total", "/total_bytes"),
    bytes("blobs", "/blob_bytes"),
    bytes("waiting_to_be_deleted", "/reclaim_bytes"),
    bytes("in_quarantine", "/quarantine_bytes"),
    bytes("in_uploads", "/upload_bytes"),
];
const FREED: &[Column] = &[
    bytes("frees", "/freed_bytes"),
    shown("blobs", "/freed_blobs"),
    bytes("kept_by_others", "/kept_bytes"),
    shown("manifests", "/manifests"),
    bytes("manifest_bytes", "/manifest_bytes"),
    bytes("quotas_get_back", "/quota_bytes"),
    shown("quotas_have_it_after_seconds", "/quota_after_seconds"),
    shown("store_has_it_after_seconds", "/store_after_seconds"),
    shown("sees_everything", "/sees_everything"),
];

pub(super) async fn run(server: &Server, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Show(With { own, .. }) => show(server, own).await,
        Verb::Frees(With { own, .. }) => {
            let body = what_if(&own.places);
            let freed = server
                .send(Method::POST, "/v2/manage/ledger/frees", Some(&body))
                .await?;
            Ok(answer::one(FREED, &freed.body))
        }
    }
}

async fn show(server: &Server, wanted: Show) -> Result<Table, Failure> {
    if wanted.store {
        return Ok(answer::one(STORE, &server.get("/v2/manage/ledger/store").await?));
    }
    match (&wanted.place, wanted.each) {
        (Some(Held::Organization(name)), true) => {
            let path = Place::Organization(name.clone()).path(&["ledger", "repos"]);
            let rows = server.marked_rows(&path, &[], "repos", wanted.limit).await?;
            Ok(answer::list(IMAGES, &rows))
        }
        (Some(Held::Image(image)), true) => {
            let path = image.path(&["ledger", "tags"]);
            let rows = server.marked_rows(&path, &[], "tags", wanted.limit).await?;
            Ok(answer::list(TAGS, &rows))
        }
        (Some(Held::Tag(tagged)), _) => Ok(answer::one(TAGS, &server.get(&tagged.path(&["ledger"])).await?)),
        (None, true) => Err(Failure::Usage(
            "--each is of an organization or an image: name one".to_owned(),
        )),
        (place, false) => {
            let path = match place {
                Some(Held::Organization(name)) => Place::Organization(name.clone()).path(&["ledger"]),
                Some(Held::Image(image)) => image.path(&["ledger"]),
                _ => {
                    let account = wanted.account.as_deref().unwrap_or_default();
                    with_query("/v2/manage/ledger", &[("domain_name", account)])
                }
            };
            let mut ledger = server.get(&path).await?;
            ledger["place"] = match place {
                Some(place) => json!(place.to_string()),
                None => json!(wanted.account),
            };
            Ok(answer::one(HELD, &ledger))
        }
    }
}

fn what_if(places: &[Held]) -> Value {
    let image = |image: &Image| json!({ "namespace": image.organization, "repository": image.name });
    let (mut organizations, mut images, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    for place in places {
        match place {
            Held::Organization(name) => organizations.push(json!(name)),
            Held::Image(held) => images.push(image(held)),
            Held::Tag(tagged) => {
                let mut held = image(&tagged.image);
                held["tag"] = json!(tagged.tag);
                tags.push(held);
            }
        }
    }
    json!({ "namespaces": organizations, "repos": images, "tags": tags })
}
