//! Tokens: made for who proves to be a user, and looked at.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use berth_registry::{Caller, Error, IamToken, TokenScope};
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::token_request::CreateToken;
use super::wire::Domain;
use crate::audit::Witness;
use crate::authenticate::is_refused_login;
use crate::manage::call::{Call, Open};
use crate::manage::error::{IamRefusalBody, Refused};
use crate::manage::wire::Micros;
use crate::state::AppState;

const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create, validate))
}

/// What a token says.
#[derive(Serialize, ToSchema)]
struct TokenResponse {
    token: Token,
}

/// A token's holder, scope and life.
#[derive(Serialize, ToSchema)]
struct Token {
    /// What proved who the holder is: `password` or `hw_ak_sk`.
    methods: [&'static str; 1],
    issued_at: Micros,
    expires_at: Micros,
    user: TokenUser,
    /// The roles of an administrator; empty for others, whose rights are on organizations and images.
    roles: Vec<TokenRole>,
    /// The account, of a token for the whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<Domain>,
    /// The project, of a token for a project.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<TokenProject>,
    /// Empty: every call is at this server's address.
    catalog: [&'static str; 0],
}

/// A token's holder.
#[derive(Serialize, ToSchema)]
struct TokenUser {
    id: String,
    name: String,
    domain: Domain,
    /// Empty: passwords do not expire.
    password_expires_at: &'static str,
}

#[derive(Serialize, ToSchema)]
struct TokenProject {
    id: String,
    name: String,
    domain: Domain,
}

/// A role that a token carries.
#[derive(Serialize, ToSchema)]
struct TokenRole {
    /// Always `0`, as in IAM.
    id: &'static str,
    name: &'static str,
}

/// Make a token
///
/// For a user with a password, or an access key with its secret. The token is in the header `X-Subject-Token`, to be sent as
/// `X-Auth-Token`; it is good for 24 hours and ends early when the password changes, the key is disabled or deleted, or the
/// user is. Tokens for a project and for the account open the same doors here.
#[utoipa::path(post, path = "/v3/auth/tokens", operation_id = "keystone_create_user_token_by_password", tag = "iam",
    security(()), request_body = CreateToken,
    params(("nocatalog" = Option<String>, Query, description = "Leaves out the catalog, which is empty anyway")),
    responses(
        (status = 201, body = TokenResponse, headers(("X-Subject-Token" = String, description = "The token"))),
        (status = 400, body = IamRefusalBody, description = "Something in the request breaks a rule; the message says which"),
        (status = 401, body = IamRefusalBody, description = "The user, the password or the key is wrong, or locked"),
        (status = 403, body = IamRefusalBody, description = "The user has no programmatic access"),
        (status = 404, body = IamRefusalBody, description = "The project or account is not the user's"),
        (status = 413, body = IamRefusalBody, description = "The body is too large"),
        (status = 503, body = IamRefusalBody, description = "The registry is too busy or its storage cannot be reached at the moment")))]
async fn create(State(app): State<AppState>, request: Open) -> Result<Response, Refused> {
    let wanted: CreateToken = request.json()?;
    let made = app
        .registry
        .create_iam_token(wanted.proof()?, wanted.wanted()?, request.origin.client)
        .await;
    match &made {
        Ok(made) => Witness::hear_caller(&request.parts, &Caller::from(made.user.clone())),
        Err(error) if is_refused_login(error) => {
            tracing::warn!(client = %request.origin.client, "token refused");
            Witness::hear_refused(&request.parts, &wanted.presented());
        }
        Err(_) => {}
    }
    let made = made.map_err(|error| match error {
        Error::BadCredentials { explanation: None } => {
            Refused::login("The username or password is wrong, or the access key or its secret")
        }
        other => Refused::from(other),
    })?;
    Ok((StatusCode::CREATED, shown(&app, &made)).into_response())
}

/// Validate a token
///
/// Tells what the token in the header `X-Subject-Token` says, to its holder and to administrators of the holder's account.
#[utoipa::path(get, path = "/v3/auth/tokens", operation_id = "keystone_validate_token", tag = "iam",
    params(
        ("X-Subject-Token" = String, Header, description = "The token to look at"),
        ("nocatalog" = Option<String>, Query, description = "Leaves out the catalog, which is empty anyway")),
    responses(
        (status = 200, body = TokenResponse, headers(("X-Subject-Token" = String, description = "The token"))),
        (status = 400, body = IamRefusalBody, description = "There is no token to look at"),
        (status = 404, body = IamRefusalBody)))]
async fn validate(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let token = call
        .parts
        .headers
        .get(SUBJECT_TOKEN)
        .and_then(|token| token.to_str().ok());
    let Some(token) = token else {
        return Err(Refused::invalid(
            "4000014",
            "the header X-Subject-Token is missing",
        ));
    };
    let found = app.registry.inspect_iam_token(&call.caller, token).await?;
    Ok(shown(&app, &found))
}

fn shown(app: &AppState, token: &IamToken) -> Response {
    let domain = || Domain {
        id: token.user.account_id.clone(),
        name: token.user.account_name.clone(),
    };
    let project = || {
        let project = app.registry.project(&token.user.account_id);
        TokenProject {
            id: project.id,
            name: project.name,
            domain: domain(),
        }
    };
    let role = token.user.administrator.then_some(TokenRole {
        id: "0",
        name: "te_admin",
    });
    let body = TokenResponse {
        token: Token {
            methods: [token.method()],
            issued_at: Micros(token.issued_at),
            expires_at: Micros(token.expires_at),
            user: TokenUser {
                id: token.user.user_id.clone(),
                name: token.user.user_name.clone(),
                domain: domain(),
                password_expires_at: "",
            },
            roles: role.into_iter().collect(),
            domain: (token.scope == TokenScope::Domain).then(domain),
            project: (token.scope == TokenScope::Project).then(project),
            catalog: [],
        },
    };
    let value = HeaderValue::try_from(&token.token).expect("a token is of plain characters");
    let headers = [
        (SUBJECT_TOKEN, value),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Json(body)).into_response()
}
