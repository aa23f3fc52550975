//! Rules by which tokens of CI jobs and pods stand for users, made by an account's administrators: calls that SWR does not have.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, TrustRuleView, WantedTrustRule};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::wire::Time;
use crate::manage::names::Path;
use crate::state::AppState;

const TTL_SECONDS: i64 = 900;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, delete))
}

/// A rule to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateTrustRule {
    /// Unique in the account.
    #[schema(max_length = 64, example = "ci")]
    name: String,
    /// Who signs the tokens.
    #[schema(example = "https://token.actions.githubusercontent.com")]
    issuer: String,
    /// For whom a token must be made.
    #[schema(example = "https://registry.example")]
    audience: String,
    /// What its claims must be: texts in which `*` stands for any characters; of a list one.
    #[schema(example = json!({ "sub": "repo:team/app:ref:refs/heads/main" }))]
    claims: BTreeMap<String, String>,
    /// The user of the account that the token stands for.
    #[schema(example = "robot")]
    user: String,
    /// Seconds for which the login of a token is good from its first use on, 60 to 43200; 900 when absent.
    #[serde(default)]
    ttl_seconds: Option<i64>,
    /// Certificates that the issuer's is checked with, as PEM; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
}

/// A rule by which tokens of an issuer stand for a user.
#[derive(Serialize, ToSchema)]
struct TrustRule {
    name: String,
    issuer: String,
    audience: String,
    /// What a token's claims must be.
    claims: BTreeMap<String, String>,
    user: String,
    ttl_seconds: i64,
    /// PEM; empty for what the machine trusts.
    certificate_authority: String,
    /// What programs log in as, with their token as the password.
    #[schema(example = "oidc@berth/ci")]
    login: String,
    created_at: Time,
}

/// Make a rule by which tokens of an issuer stand for a user
///
/// For administrators. Programs log in as `oidc@<account>/<rule>` with their token as the password.
#[utoipa::path(post, path = "/v2/manage/trust-rules", operation_id = "create_trust_rule", tag = "sessions",
    request_body = CreateTrustRule, extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = TrustRule), (status = 409, body = RefusalBody)))]
async fn create(State(app): State<AppState>, call: Call) -> Result<(StatusCode, Json<TrustRule>), Refused> {
    let sent: CreateTrustRule = call.json()?;
    let wanted = WantedTrustRule {
        name: sent.name,
        issuer: sent.issuer,
        certificate_authority: sent.certificate_authority.unwrap_or_default(),
        audience: sent.audience,
        claims: sent.claims,
        user: sent.user,
        ttl_seconds: sent.ttl_seconds.unwrap_or(TTL_SECONDS),
    };
    let created = app.registry.create_trust_rule(&call.caller, wanted);
    let created = created.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(document(&call, created))))
}

/// List the rules by which tokens stand for users
///
/// For administrators.
#[utoipa::path(get, path = "/v2/manage/trust-rules", operation_id = "list_trust_rules", tag = "sessions",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = Vec<TrustRule>)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Vec<TrustRule>>, Refused> {
    let listed = app.registry.list_trust_rules(&call.caller);
    let rules = listed.await.map_err(refused)?;
    Ok(Json(
        rules.into_iter().map(|rule| document(&call, rule)).collect(),
    ))
}

/// Show a rule by which tokens stand for a user
///
/// For administrators.
#[utoipa::path(get, path = "/v2/manage/trust-rules/{rule}", operation_id = "show_trust_rule", tag = "sessions",
    params(("rule" = String, Path, description = "The rule's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TrustRule), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Json<TrustRule>, Refused> {
    let found = app.registry.show_trust_rule(&call.caller, &name);
    Ok(Json(document(&call, found.await.map_err(refused)?)))
}

/// Delete a rule by which tokens stand for a user
///
/// What was given for tokens before ends when its time is over.
#[utoipa::path(delete, path = "/v2/manage/trust-rules/{rule}", operation_id = "delete_trust_rule", tag = "sessions",
    params(("rule" = String, Path, description = "The rule's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let deleted = app.registry.delete_trust_rule(&call.caller, &name);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn document(call: &Call, view: TrustRuleView) -> TrustRule {
    let account = match &call.caller {
        berth_registry::Caller::User(user) => user.account_name.as_str(),
        _ => "",
    };
    TrustRule {
        login: format!("oidc@{account}/{}", view.rule.name),
        name: view.rule.name,
        issuer: view.rule.issuer,
        audience: view.rule.audience,
        claims: view.claims,
        user: view.rule.user_name,
        ttl_seconds: view.rule.ttl_ms / 1000,
        certificate_authority: view.rule.certificate_authority,
        created_at: Time(view.rule.created_at),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Registration, error)
}
