//! Temporary docker logins (operation 50, `create_secret`).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_registry::WantedLogin;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{Refused, Subject};
use crate::state::AppState;

const LOGIN_HEADER: HeaderName = HeaderName::from_static("x-swr-dockerlogin");
const EXPIRY_HEADER: HeaderName = HeaderName::from_static("x-swr-expireat");

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create))
}

/// A login, as a part of docker's config.json.
#[derive(Serialize, ToSchema)]
struct Auths {
    /// By registry host.
    auths: BTreeMap<String, HostAuth>,
}

/// The login at one host.
#[derive(Serialize, ToSchema)]
struct HostAuth {
    /// User name and password with a colon between, in base64.
    auth: String,
}

/// Make a temporary docker login
///
/// The header `X-Swr-Dockerlogin` is the command to run, `X-Swr-Expireat` when the login ends.
#[utoipa::path(post, path = "/v2/manage/utils/secret", operation_id = "create_secret", tag = "logins",
    params(
        ("projectname" = Option<String>, Query, description = "The project, which is the region's name"),
        ("duration_seconds" = Option<i64>, Query, description = "How long the login is good for, 900 to 86400")),
    responses((status = 200, body = Auths, headers(
        ("X-Swr-Dockerlogin" = String, description = "The command to run"),
        ("X-Swr-Expireat" = String, description = "When the login ends, RFC 3339")))))]
async fn create(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let wanted = WantedLogin {
        project: call.query("projectname"),
        duration_seconds: duration(&call)?,
    };
    let login = app
        .registry
        .create_secret(&call.caller, &wanted)
        .await
        .map_err(|error| Refused::of(Subject::Other, error))?;
    let host = call.origin.host();
    let command = format!("docker login -u {} -p {} {host}", login.user, login.key);
    let auth = STANDARD.encode(format!("{}:{}", login.user, login.key));
    let auths = BTreeMap::from([(host.to_owned(), HostAuth { auth })]);
    let mut response = Json(Auths { auths }).into_response();
    let headers = response.headers_mut();
    headers.insert(LOGIN_HEADER, plain(command));
    headers.insert(EXPIRY_HEADER, plain(expiry(login.expires_at)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn duration(call: &Call) -> Result<Option<i64>, Refused> {
    let given = call.query("duration_seconds").filter(|given| !given.is_empty());
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
