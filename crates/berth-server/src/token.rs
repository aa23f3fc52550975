//! The token endpoint of the docker token protocol: Basic over GET, and the `OAuth2` form over POST.
//! Shapes requests and answers; what a token may carry is the registry's business.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use berth_oci::{ErrorBody, ErrorCode};
use berth_registry::{Caller, Error, IssuedToken, Traffic, time_text};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::json;

use crate::audit::{self, Code};
use crate::authenticate;
use crate::mirrored;
use crate::origin::Origin;
use crate::rates;
use crate::state::AppState;

/// RFC 8693: a token of another issuer for one of this registry.
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TOKEN_TYPES: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
];
/// The form of a login holds a name, a password and some scopes.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// The token endpoint, and the path that SWR has for it.
pub(crate) fn routes(app: &AppState) -> Router<AppState> {
    let both = || get(by_basic).post(by_form);
    Router::new()
        .route(authenticate::TOKEN_PATH, both())
        .route("/swr/auth/v2/registry/auth", both())
        .route("/swr/auth/v2/registry/auth/", both())
        .layer(middleware::from_fn_with_state(app.clone(), audit::logins))
}

async fn by_basic(State(app): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let scopes = scopes(parts.uri.query().unwrap_or_default());
    if let Err(error) = rates::of_address(&app, &parts, Traffic::Api).await {
        return refused(&error);
    }
    let caller = match authenticate::basic_caller(&app, &parts).await {
        Ok(caller) => caller,
        Err(error) => return refused(&error),
    };
    answer(&app, &parts, &caller, scopes).await
}

async fn by_form(State(app): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(error) = rates::of_address(&app, &parts, Traffic::Api).await {
        return refused(&error);
    }
    let Some(form) = read_form(body).await else {
        return unusable("the form is too large or did not arrive whole");
    };
    let field = |name: &str| {
        let mut pairs = form_urlencoded::parse(form.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let scopes = scopes(&form);
    let caller = match (
        field("grant_type").as_deref(),
        field("username"),
        field("password"),
    ) {
        (Some("password"), Some(user), Some(password)) => {
            match authenticate::login(&app, &parts, &user, &password).await {
                Ok(caller) => caller,
                Err(error) => return refused(&error),
            }
        }
        (Some(EXCHANGE), _, _) => {
            let (Some(rule), Some(token)) = (field("client_id"), field("subject_token")) else {
                return unusable("client_id, which is ACCOUNT/RULE, and subject_token are missing");
            };
            if !TOKEN_TYPES.contains(&field("subject_token_type").unwrap_or_default().as_str()) {
                return unusable("the subject_token_type is one of a JWT or an ID token");
            }
            match authenticate::login(&app, &parts, &format!("oidc@{rule}"), &token).await {
                Ok(caller) => caller,
                Err(error) => return refused(&error),
            }
        }
        (Some("password"), _, _) => return unusable("username and password are missing"),
        _ => {
            return unusable(
                "the only grant_type is password, or an exchange of a token: log in again with a user name and password",
            );
        }
    };
    answer(&app, &parts, &caller, scopes).await
}

async fn read_form(body: Body) -> Option<String> {
    let bytes = Limited::new(body, FORM_BYTES_MAX)
        .collect()
        .await
        .ok()?
        .to_bytes();
    String::from_utf8(bytes.to_vec()).ok()
}

/// Every scope asked for, one per parameter or several with spaces between.
fn scopes(query: &str) -> Vec<String> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "scope")
        .flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

async fn answer(app: &AppState, parts: &Parts, caller: &Caller, scopes: Vec<String>) -> Response {
    // Also who shows nothing: an anonymous token is a login as nobody.
    let client = || Origin::client(parts, &app.settings);
    if let Err(error) = app.registry.require_not_shut_out(caller, client) {
        return refused(&error);
    }
    if let Err(error) = rates::of_caller(app, parts, (caller, Traffic::Api)).await {
        return refused(&error);
    }
    let issued = match mirrored::scopes(app, parts, scopes).await {
        Ok(scopes) => app.registry.issue_token(caller, &scopes).await,
        Err(error) => Err(error),
    };
    match issued {
        Ok(issued) => granted(&issued),
        Err(error) => refused(&error),
    }
}

fn granted(issued: &IssuedToken) -> Response {
    let body = json!({
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in_seconds,
        "issued_at": time_text(issued.issued_at),
        // RFC 8693 wants both.
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
    });
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// A refusal in the docker form, which clients print as `code: message`.
fn refused(error: &Error) -> Response {
    let mut headers = HeaderMap::new();
    let (status, body) = match error {
        Error::Denied(denial) => {
            let detail = Some(json!(denial.explanation));
            (
                StatusCode::UNAUTHORIZED,
                ErrorBody::one(ErrorCode::Denied, denial.text, detail),
            )
        }
        Error::Throttled { retry_after_seconds } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after_seconds));
            let body = ErrorBody::one(ErrorCode::TooManyRequests, error.to_string(), None);
            (StatusCode::TOO_MANY_REQUESTS, body)
        }
        Error::TooFast(fast) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(fast.retry_after_seconds));
            let detail = Some(json!(fast.explanation));
            let body = ErrorBody::one(ErrorCode::TooManyRequests, error.to_string(), detail);
            (StatusCode::TOO_MANY_REQUESTS, body)
        }
        Error::BadCredentials { explanation } => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"berth\""),
            );
            let body = authenticate::unauthorized(explanation.as_deref());
            (StatusCode::UNAUTHORIZED, body)
        }
        Error::Invalid(_) => (
            StatusCode::BAD_REQUEST,
            ErrorBody::one(ErrorCode::Unsupported, error.to_string(), None),
        ),
        Error::Unavailable | Error::SignInUnavailable(_) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            let body = ErrorBody::one(ErrorCode::Unknown, error.to_string(), None);
            (StatusCode::SERVICE_UNAVAILABLE, body)
        }
        error => {
            tracing::error!(error = error as &dyn std::error::Error, "token request failed");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorBody::one(ErrorCode::Unknown, "internal error", None),
            )
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let code = body.errors.first().map(|error| Code(error.code.to_string()));
    let mut response = (status, headers, body.to_json()).into_response();
    if let Some(code) = code {
        response.extensions_mut().insert(code);
    }
    response
}

fn unusable(message: &str) -> Response {
    let body = ErrorBody::one(ErrorCode::Unsupported, message, None);
    (
        StatusCode::BAD_REQUEST,
        [(CONTENT_TYPE, "application/json")],
        body.to_json(),
    )
        .into_response()
}
