//! Sessions of the console (an extension): a person signs in with a password and is known by a cookie that no script reads.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use berth_registry::{Caller, Error, OpenSession};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, Open};
use super::error::{RefusalBody, Refused};
use super::wire::Time;
use crate::audit::Witness;
use crate::authenticate::{SESSION_COOKIE, is_refused_login, session_secret};
use crate::origin::Origin;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create, show, delete))
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
struct SignIn {
    /// The account's name; the first account of the registry when nothing is said.
    account: Option<String>,
    user: String,
    password: String,
}

/// Who the caller is, and what they may do everywhere; rights on organizations and images are with those.
#[derive(Serialize, ToSchema)]
struct SignedIn {
    user_id: String,
    user_name: String,
    domain_id: String,
    domain_name: String,
    /// Whether the caller administers the account, directly or through a group: everything in it, its people, and
    /// image synchronisation.
    administrator: bool,
    project_id: String,
    /// The region's name.
    project_name: String,
    /// Of a session: what requests that change something carry in the header `X-Csrf-Token`; `null` for other callers.
    csrf_token: Option<String>,
    /// When the session ends; `null` for other callers.
    expires_at: Option<Time>,
}

/// Sign in
///
/// For people with console access. The answer sets the cookie of the session, which is good for 12 hours and ends early when
/// the password changes or the user is disabled. The body must be announced as `application/json`, which a page of another
/// site cannot do unasked.
#[utoipa::path(post, path = "/v2/manage/sessions", operation_id = "create_session", tag = "sessions", security(()),
    extensions(("x-berth-extension" = json!(true))), request_body = SignIn,
    responses(
        (status = 201, body = SignedIn, headers(("Set-Cookie" = String, description = "The session"))),
        (status = 400, body = RefusalBody, description = "The body is not what is expected"),
        (status = 401, body = RefusalBody, description = "The user or the password is wrong, or there were too many failures"),
        (status = 403, body = RefusalBody, description = "The user has no console access"),
        (status = 413, body = RefusalBody, description = "The body is too large"),
        (status = 503, body = RefusalBody, description = "The registry is too busy or its storage cannot be written at the moment"),
        (status = 507, body = RefusalBody, description = "The registry's storage is full")))]
async fn create(State(app): State<AppState>, request: Open) -> Result<Response, Refused> {
    let announced = request
        .parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if !announced.is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(Refused::invalid(
            "4000014",
            "the Content-Type of a sign-in is application/json",
        ));
    }
    let wanted: SignIn = request.json()?;
    let client = request.origin.client;
    let opened = app
        .registry
        .sign_in(wanted.account.as_deref(), &wanted.user, &wanted.password, client)
        .await;
    match &opened {
        Ok(session) => Witness::hear_caller(&request.parts, &session.caller),
        Err(error) if is_refused_login(error) => {
            tracing::warn!(%client, "sign-in refused");
            let account = wanted.account.map_or_else(String::new, |account| account + "/");
            Witness::hear_refused(&request.parts, &(account + &wanted.user));
        }
        Err(_) => {}
    }
    let session = opened.map_err(|error| match error {
        Error::BadCredentials { explanation: None } => {
            Refused::login("The account, the user or the password is wrong")
        }
        other => Refused::from(other),
    })?;
    let cookie = cookie(&session.secret, session.lasts_seconds, &request.origin);
    let body = signed_in(&app, &session.caller, Some(session.open))?;
    Ok((StatusCode::CREATED, cookie, body).into_response())
}

/// Tell who I am
///
/// For callers with a session, a token or a signature.
#[utoipa::path(get, path = "/v2/manage/sessions", operation_id = "show_session", tag = "sessions",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = SignedIn)))]
async fn show(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let secret = session_secret(&call.parts.headers).unwrap_or_default();
    let open = app.registry.open_session(&call.caller, secret).await?;
    let body = signed_in(&app, &call.caller, open)?;
    Ok(([(CACHE_CONTROL, "no-store")], body).into_response())
}

/// Sign out
///
/// The session ends at once, everywhere.
#[utoipa::path(delete, path = "/v2/manage/sessions", operation_id = "delete_session", tag = "sessions",
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 400, description = "There is no session to end", body = RefusalBody)))]
async fn delete(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    app.registry.sign_out(&call.caller).await?;
    Ok((StatusCode::NO_CONTENT, cookie("", 0, &call.origin)).into_response())
}

/// The headers that set the cookie.
fn cookie(secret: &str, seconds: i64, origin: &Origin) -> [(http::HeaderName, HeaderValue); 2] {
    [
        (SET_COOKIE, session_cookie(secret, seconds, origin)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]
}

/// The cookie of a session; over TLS it is never sent without.
pub(super) fn session_cookie(secret: &str, seconds: i64, origin: &Origin) -> HeaderValue {
    let secure = if origin.url.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let base = &origin.base;
    let text = format!(
        "{SESSION_COOKIE}={secret}; Path={base}/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
    );
    HeaderValue::try_from(text).expect("a secret is of hexadecimal digits")
}

fn signed_in(app: &AppState, caller: &Caller, open: Option<OpenSession>) -> Result<Json<SignedIn>, Refused> {
    let Caller::User(user) = caller else {
        return Err(Error::Unauthenticated.into());
    };
    let project = app.registry.project(&user.account_id);
    Ok(Json(SignedIn {
        user_id: user.user_id.clone(),
        user_name: user.user_name.clone(),
        domain_id: user.account_id.clone(),
        domain_name: user.account_name.clone(),
        administrator: user.administrator,
        project_id: project.id,
        project_name: project.name,
        expires_at: open.as_ref().map(|open| Time(open.expires_at)),
        csrf_token: open.map(|open| open.forgery_proof),
    }))
}
