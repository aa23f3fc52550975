//! Temporary docker logins (operations 50 and 51).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_registry::{GivenLogin, NewTemporaryLogin, WantedLogin};
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::wire::{Micros, Time};
use crate::state::AppState;

const LOGIN_HEADER: HeaderName = HeaderName::from_static("x-swr-dockerlogin");
/// An extension: the command for containerd, with the image left open.
const CONTAINERD_HEADER: HeaderName = HeaderName::from_static("x-berth-containerdlogin");
const EXPIRY_HEADER: HeaderName = HeaderName::from_static("x-swr-expireat");

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(create_token))
        .routes(routes!(list))
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
        ("X-Berth-Containerdlogin" = String, description = "The same for containerd; an extension"),
        ("X-Swr-Expireat" = String, description = "When the login ends, RFC 3339"))),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
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
    Ok(answer(&login, call.origin.host()))
}

/// Make a docker login by token
///
/// The user name is `bearertoken@<id>`; it is good for 12 hours. The headers are those of the temporary login.
#[utoipa::path(post, path = "/v2/manage/utils/authorizationtoken", operation_id = "create_authorization_token",
    tag = "logins",
    responses((status = 200, body = Auths, headers(
        ("X-Swr-Dockerlogin" = String, description = "The command to run"),
        ("X-Berth-Containerdlogin" = String, description = "The same for containerd; an extension"),
        ("x-swr-expireat" = String, description = "When the login ends, RFC 3339")))))]
async fn create_token(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let login = app.registry.create_authorization_token(&call.caller).await?;
    Ok(answer(&login, call.origin.host()))
}

/// Temporary logins that are still good.
#[derive(Serialize, ToSchema)]
struct GivenLogins {
    logins: Vec<GivenLoginDocument>,
}

/// A temporary login that is still good.
#[derive(Serialize, ToSchema)]
struct GivenLoginDocument {
    /// The user name that it logs in with.
    user: String,
    /// The access key that it was made with, and ends with; null when it was made with a password or a session.
    made_with: Option<String>,
    created_at: Time,
    expires_at: Time,
}

/// List the caller's temporary docker logins
///
/// Those that are still good, the one that ends last first, at most two hundred. What proves them was shown once.
#[utoipa::path(get, path = "/v2/manage/logins", operation_id = "list_temporary_logins", tag = "logins",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = GivenLogins)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<GivenLogins>, Refused> {
    let found = app.registry.temporary_logins(&call.caller).await?;
    let login = |login: GivenLogin| GivenLoginDocument {
        user: format!("{}@{}", login.project, login.id),
        made_with: login.made_with,
        created_at: Time(login.created_at),
        expires_at: Time(login.expires_at),
    };
    Ok(Json(GivenLogins {
        logins: found.into_iter().map(login).collect(),
    }))
}

fn answer(login: &NewTemporaryLogin, host: &str) -> Response {
    let NewTemporaryLogin {
        user,
        key,
        expires_at,
    } = login;
    let docker = format!("docker login -u {user} -p {key} {host}");
    let containerd = format!("ctr image pull --user {user}:{key} {host}/<organization>/<image>:<tag>");
    let auth = STANDARD.encode(format!("{user}:{key}"));
    let auths = BTreeMap::from([(host.to_owned(), HostAuth { auth })]);
    let headers = [
        (LOGIN_HEADER, plain(docker)),
        (CONTAINERD_HEADER, plain(containerd)),
        (EXPIRY_HEADER, plain(Micros(*expires_at).to_string())),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Json(Auths { auths })).into_response()
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
