//! The look at a registry that no client changes: what every place holds, and that nothing is half there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use e2e::content::digest_of;
use e2e::distribution::Repository;
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::StatusCode;
use serde_json::Value as Json;

use crate::history::Place;
use crate::load::{Load, REPOSITORIES};
use crate::register::Value;

/// Questions at one time.
const AT_ONCE: usize = 8;

/// Reads every one of these places, and everything that a served manifest names; holds what was recorded to what is there,
/// and answers what cannot be.
pub(crate) async fn settle(load: &Load, places: Vec<Place>) -> Vec<String> {
    let referenced = Mutex::new(BTreeSet::new());
    let asked: BTreeSet<Place> = places.iter().cloned().collect();
    let looks = places.into_iter().enumerate().map(|(number, place)| {
        let at = load.repository(number % load.replicas(), place.repository());
        look(load, at, place, &referenced)
    });
    let seen: Vec<(Place, Option<Value>)> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    let referenced = referenced.into_inner().expect("no look panicked");
    // What is named must be there, whether this load touched it or not.
    let named = referenced.into_iter().filter(|place| !asked.contains(place));
    let looks = named.map(|place| {
        let at = load.repository(0, place.repository());
        async move {
            let (place, found) = look(load, at, place, &Mutex::default()).await;
            if found.is_none() {
                load.history
                    .found(format!("a served manifest names what is missing: {place}"));
            }
        }
    });
    stream::iter(looks)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
    compare_lists(load, &seen).await;
    load.history.settle(seen)
}

/// What one place holds now.
async fn look(
    load: &Load,
    at: Repository,
    place: Place,
    referenced: &Mutex<BTreeSet<Place>>,
) -> (Place, Option<Value>) {
    let path = match &place {
        Place::Tag(_, tag) => format!("manifests/{tag}"),
        Place::Manifest(_, digest) => format!("manifests/{digest}"),
        Place::Blob(_, digest) => format!("blobs/{digest}"),
    };
    let answer = match at.get(&path).await {
        Ok(answer) => answer,
        Err(error) => {
            load.history.found(format!("{place} cannot be read: {error}"));
            return (place, None);
        }
    };
    if answer.status == StatusCode::NOT_FOUND {
        return (place, None);
    }
    if answer.status != StatusCode::OK {
        let (status, text) = (answer.status, answer.text());
        load.history
            .found(format!("{place} cannot be read: {status} {text}"));
        return (place, None);
    }
    let is = digest_of(&answer.body);
    let announced = answer.header("docker-content-digest");
    let wanted = match &place {
        Place::Tag(..) => announced,
        Place::Manifest(_, digest) | Place::Blob(_, digest) => digest,
    };
    if wanted != is || announced != is {
        load.history.found(format!(
            "{place} is damaged: its bytes are {is}, announced as {announced}"
        ));
    }
    if !matches!(place, Place::Blob(..)) {
        let named = named_by(&answer.body).into_iter();
        let named = named.map(|digest| Place::Blob(place.repository().to_owned(), digest));
        referenced.lock().expect("no look panicked").extend(named);
    }
    (place, Some(is.into()))
}

/// The blobs that a manifest names.
fn named_by(manifest: &[u8]) -> Vec<String> {
    let manifest: Json = serde_json::from_slice(manifest).unwrap_or_default();
    let layers = manifest["layers"].as_array().into_iter().flatten();
    layers
        .chain([&manifest["config"]])
        .filter_map(|descriptor| descriptor["digest"].as_str().map(str::to_owned))
        .collect()
}

/// Each repository must list the tags that were seen one by one, and no other.
async fn compare_lists(load: &Load, seen: &[(Place, Option<Value>)]) {
    let mut tags: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::new();
    for (place, value) in seen {
        if let Place::Tag(repository, tag) = place {
            tags.entry(repository).or_default().push((tag, value.is_some()));
        }
    }
    for repository in REPOSITORIES {
        let Ok(answer) = load.repository(0, repository).get("tags/list").await else {
            load.history
                .found(format!("the tags of {repository} cannot be listed"));
            continue;
        };
        let list: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let listed: Vec<&str> = list["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        for &(tag, is_there) in tags.get(repository).into_iter().flatten() {
            if listed.contains(&tag) != is_there {
                load.history.found(format!(
                    "tag {repository}:{tag} is {}there and the list of tags has {listed:?}",
                    if is_there { "" } else { "not " }
                ));
            }
        }
    }
}
