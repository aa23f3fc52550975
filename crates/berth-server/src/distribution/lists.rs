//! Lists: repositories, tags and referrers, with `Link` to the next page.

use axum::Json;
use axum::response::{IntoResponse, Response};
use berth_oci::endpoint::Page;
use berth_oci::{Digest, RepositoryName, media_type};
use berth_registry::Error;
use http::header::{CONTENT_TYPE, LINK, WARNING};
use http::{HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;

use super::Asked;
use super::manifests::{STALE, text};

/// The header that says which filter of a referrers request was applied.
const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// An answer to [`tags`], written from what was read: as a `Value` each of ten thousand texts would be copied before.
#[derive(Serialize)]
struct TagList<'a> {
    name: &'a str,
    tags: &'a [String],
}

/// `_catalog`.
pub(super) async fn repositories(asked: &Asked<'_>, page: &Page) -> Result<Response, Error> {
    let listed = asked.app.registry.list_repositories(asked.caller, page).await?;
    let next = listed
        .entries
        .last()
        .filter(|_| listed.more)
        .map(|last| next_page("/v2/_catalog", page, last));
    Ok(linked(
        Json(json!({ "repositories": listed.entries })).into_response(),
        next,
    ))
}

/// end-8.
pub(super) async fn tags(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    page: &Page,
) -> Result<Response, Error> {
    let listed = asked
        .app
        .registry
        .list_tags(asked.caller, repository, page)
        .await?;
    let (listed, stale) = (listed.listed, listed.stale);
    let path = format!("/v2/{repository}/tags/list");
    let next = listed
        .entries
        .last()
        .filter(|_| listed.more)
        .map(|last| next_page(&path, page, last));
    let list = TagList {
        name: repository.as_str(),
        tags: &listed.entries,
    };
    Ok(warned(linked(Json(list).into_response(), next), stale.is_some()))
}

/// end-12.
pub(super) async fn referrers(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    subject: &Digest,
    (artifact_type, last): (Option<&str>, Option<&Digest>),
) -> Result<Response, Error> {
    let listed = asked
        .app
        .registry
        .list_referrers(asked.caller, repository, subject, (artifact_type, last))
        .await?;
    let (listed, stale) = (listed.listed, listed.stale);
    let next = listed.entries.last().filter(|_| listed.more).map(|last| {
        let filter = artifact_type.map_or_else(String::new, |t| format!("artifactType={}&", encoded(t)));
        format!(
            "/v2/{repository}/referrers/{subject}?{filter}last={}",
            last.digest
        )
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": listed.entries,
    });
    let mut response = linked(Json(index).into_response(), next);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type::OCI_INDEX));
    if artifact_type.is_some() {
        response
            .headers_mut()
            .insert(FILTERS, HeaderValue::from_static("artifactType"));
    }
    Ok(warned(response, stale.is_some()))
}

fn next_page(path: &str, page: &Page, last: &str) -> String {
    let n = page.n.map_or_else(String::new, |n| format!("n={n}&"));
    format!("{path}?{n}last={}", encoded(last))
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// Says that a list may be another one by now.
fn warned(mut response: Response, is_stale: bool) -> Response {
    if is_stale {
        response.headers_mut().insert(WARNING, STALE);
    }
    response
}

/// RFC 8288.
fn linked(mut response: Response, next: Option<String>) -> Response {
    if let Some(next) = next {
        response
            .headers_mut()
            .insert(LINK, text(&format!("<{next}>; rel=\"next\"")));
    }
    response
}
