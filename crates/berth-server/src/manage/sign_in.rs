//! Signing in at an OpenID provider with a browser (an extension): which there are, going there, and coming back. What belongs
//! to one sign-in is in a cookie of the browser that began it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use berth_registry::{Error, Returned};
use http::header::{CACHE_CONTROL, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Open;
use super::error::{RefusalBody, Refused, Subject};
use super::sessions;
use crate::audit::{Code, Witness};
use crate::authenticate::is_refused_login;
use crate::manage::names::Path;
use crate::origin::Origin;
use crate::state::AppState;

const COOKIE_NAME: &str = "berth_sign_in";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(begin))
        .routes(routes!(end))
}

/// A provider that a browser can sign in at.
#[derive(Serialize, ToSchema)]
struct SignInButton {
    /// The account's name.
    domain: String,
    /// The provider's name.
    provider: String,
    /// Where the browser begins, below the server's address.
    path: String,
}

/// List where people sign in with a browser
///
/// For everybody: what the sign-in page shows.
#[utoipa::path(get, path = "/v2/manage/sign-in", operation_id = "list_sign_in_buttons", tag = "sessions", security(()),
    params(("domain" = Option<String>, Query, description = "The account's name; the first account when absent")),
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = Vec<SignInButton>)))]
async fn list(State(app): State<AppState>, request: Open) -> Result<Json<Vec<SignInButton>>, Refused> {
    let domain = query(&request, "domain");
    let found = app.registry.provider_buttons(domain.as_deref()).await?;
    let buttons = found.into_iter().map(|button| SignInButton {
        path: format!("/v2/manage/sign-in/{}/{}", button.account, button.name),
        domain: button.account,
        provider: button.name,
    });
    Ok(Json(buttons.collect()))
}

/// Sign in at a provider
///
/// For browsers: leads to the provider, which leads back.
#[utoipa::path(get, path = "/v2/manage/sign-in/{domain}/{provider}", operation_id = "begin_sign_in", tag = "sessions",
    security(()), extensions(("x-berth-extension" = json!(true))),
    params(("domain" = String, Path, description = "The account's name"),
        ("provider" = String, Path, description = "The provider's name"),
        ("go_on" = Option<String>, Query, description = "The path of this server to go on at")),
    responses(
        (status = 302, description = "To the provider"),
        (status = 400, body = RefusalBody, description = "The path holds what cannot be a name"),
        (status = 404, body = RefusalBody, description = "There is no such provider"),
        (status = 503, body = RefusalBody, description = "The provider does not answer as it should")))]
async fn begin(
    State(app): State<AppState>,
    Path((domain, provider)): Path<(String, String)>,
    request: Open,
) -> Result<Response, Refused> {
    let origin = &request.origin;
    let back = format!("{}{}{}", origin.url, origin.base, way_back(&domain, &provider));
    let go_on = query(&request, "go_on").unwrap_or_default();
    let begun = app.registry.begin_sign_in((&domain, &provider), back, &go_on);
    let begun = begun
        .await
        .map_err(|error| Refused::of(Subject::Registration, error))?;
    let location = HeaderValue::try_from(begun.address.as_str())
        .map_err(|error| Error::Invalid(format!("the provider's address is none: {error}")))?;
    let mut headers = quiet();
    headers.append(LOCATION, location);
    headers.append(
        SET_COOKIE,
        cookie(&begun.under_way, begun.lasts_seconds, &domain, &provider, origin),
    );
    Ok((StatusCode::FOUND, headers).into_response())
}

/// Come back from a provider
///
/// For browsers that a provider sends back: opens a session and leads on.
#[utoipa::path(get, path = "/v2/manage/sign-in/{domain}/{provider}/back", operation_id = "end_sign_in", tag = "sessions",
    security(()), extensions(("x-berth-extension" = json!(true))),
    params(("domain" = String, Path, description = "The account's name"),
        ("provider" = String, Path, description = "The provider's name"),
        ("code" = Option<String>, Query, description = "What the provider gave"),
        ("state" = Option<String>, Query, description = "What it was given"),
        ("iss" = Option<String>, Query, description = "Who it says that it is"),
        ("error" = Option<String>, Query, description = "Why it signed nobody in")),
    responses(
        (status = 400, body = RefusalBody, description = "The path holds what cannot be a name"),
        (status = 303, description = "On to the console, signed in; or to its sign-in page, which says what went wrong")))]
async fn end(
    State(app): State<AppState>,
    Path((domain, provider)): Path<(String, String)>,
    request: Open,
) -> Response {
    let origin = &request.origin;
    let under_way = held(&request.parts.headers).unwrap_or_default();
    let [code, state] = ["code", "state"].map(|name| query(&request, name).unwrap_or_default());
    let issuer = query(&request, "iss");
    let ended = app.registry.end_sign_in(Returned {
        under_way: &under_way,
        state: &state,
        code: &code,
        issuer: issuer.as_deref(),
        from: (&domain, &provider),
    });
    let mut headers = quiet();
    // Used up, whatever came of it.
    headers.append(SET_COOKIE, cookie("", 0, &domain, &provider, origin));
    let mut refused = false;
    let location = match ended.await {
        Ok((session, go_on)) => {
            Witness::hear_caller(&request.parts, &session.caller);
            headers.append(
                SET_COOKIE,
                sessions::session_cookie(&session.secret, session.lasts_seconds, origin),
            );
            format!("{}{go_on}", origin.base)
        }
        Err(error) => {
            let client = origin.client;
            if is_refused_login(&error) {
                let why = why(&error);
                tracing::warn!(%client, provider, why, "sign-in refused");
                Witness::hear_refused(&request.parts, &format!("{domain}/{provider}"));
            }
            refused = true;
            format!("{}/sign-in?refused={}", origin.base, told(&error))
        }
    };
    headers.append(
        LOCATION,
        HeaderValue::try_from(location).unwrap_or_else(|_| HeaderValue::from_static("/")),
    );
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    if refused {
        // The status of a browser that is led on tells the trail nothing.
        response.extensions_mut().insert(Code("APIGW.0301".to_owned()));
    }
    response
}

/// Why, for the log.
fn why(error: &Error) -> &str {
    match error {
        Error::BadCredentials {
            explanation: Some(why),
        } => why,
        Error::Denied(denial) => &denial.explanation,
        _ => "",
    }
}

/// What the sign-in page is told, which has words for each: a text in an address would be anybody's.
fn told(error: &Error) -> &'static str {
    match error {
        Error::BadCredentials { .. } | Error::Unknown(_) => "refused",
        Error::Denied(_) => "access",
        Error::SignInUnavailable(_) => "unavailable",
        _ => "failed",
    }
}

fn way_back(domain: &str, provider: &str) -> String {
    format!("/v2/manage/sign-in/{domain}/{provider}/back")
}

/// Answers of a sign-in are for nobody else, and what they lead to does not hear where it was.
fn quiet() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
}

/// Lax: it comes along when the provider leads the browser back, and with nothing else that another site makes it do.
fn cookie(value: &str, seconds: i64, domain: &str, provider: &str, origin: &Origin) -> HeaderValue {
    let secure = if origin.url.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let (base, way) = (&origin.base, way_back(domain, provider));
    let text =
        format!("{COOKIE_NAME}={value}; Path={base}{way}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    // Names of what is not there may hold anything; then there is nothing to keep.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn held(headers: &HeaderMap) -> Option<String> {
    let name: HeaderName = COOKIE;
    let cookies = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value.to_owned())
}

fn query(request: &Open, name: &str) -> Option<String> {
    let query = request.parts.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
