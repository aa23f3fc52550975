//! Temporary docker logins (operation 50, `create_secret`).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_registry::WantedLogin;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::error::{Refused, Subject};
use super::signed::Signed;
use crate::origin::Origin;
use crate::state::AppState;

const LOGIN_HEADER: HeaderName = HeaderName::from_static("x-swr-dockerlogin");
const EXPIRY_HEADER: HeaderName = HeaderName::from_static("x-swr-expireat");

pub(super) async fn create(State(app): State<AppState>, request: Signed) -> Result<Response, Refused> {
    let wanted = WantedLogin {
        project: request.query("projectname").filter(|project| !project.is_empty()),
        duration_seconds: duration(&request)?,
    };
    let login = app
        .registry
        .create_secret(&request.caller, &wanted)
        .await
        .map_err(|error| Refused::of(Subject::Other, error))?;
    let origin = Origin::of(&request.parts, &app.settings);
    let host = origin.host();
    let command = format!("docker login -u {} -p {} {host}", login.user, login.key);
    let mut auths = Map::new();
    let auth = STANDARD.encode(format!("{}:{}", login.user, login.key));
    auths.insert(host.to_owned(), json!({ "auth": auth }));
    let mut response = Json(json!({ "auths": Value::Object(auths) })).into_response();
    let headers = response.headers_mut();
    headers.insert(LOGIN_HEADER, plain(command));
    headers.insert(EXPIRY_HEADER, plain(expiry(login.expires_at)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn duration(request: &Signed) -> Result<Option<i64>, Refused> {
    let given = request
        .query("duration_seconds")
        .filter(|given| !given.is_empty());
    given
        .map(|given| {
            given
                .parse()
                .map_err(|_| Refused::invalid("4001025", "duration_seconds is a number"))
        })
        .transpose()
}

fn plain(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("names, keys and hosts are plain characters")
}

/// RFC 3339 with six digits after the second, as SWR prints it.
fn expiry(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    at.ok()
        .and_then(|at| at.format(&format).ok())
        .expect("the end of a login is a day from now")
}
