//! Temporary access keys, which are used together with a security token.

use axum::Json;
use axum::extract::State;
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::manage::call::Call;
use crate::manage::error::Refused;
use crate::manage::wire::Micros;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create))
}

/// A temporary access key to make.
#[derive(Deserialize, ToSchema)]
struct CreateTemporaryKey {
    auth: TemporaryKeyAuth,
}

#[derive(Deserialize, ToSchema)]
struct TemporaryKeyAuth {
    identity: TemporaryKeyIdentity,
}

/// What the key is made of: the credential that the request came with.
#[derive(Deserialize, ToSchema)]
struct TemporaryKeyIdentity {
    /// `token`.
    #[schema(example = json!(["token"]))]
    methods: Vec<String>,
    token: Option<TemporaryKeyLife>,
    /// Not taken here: the key has its maker's rights.
    #[schema(value_type = Option<Object>)]
    policy: Option<serde_json::Value>,
}

/// How long the key is good for.
#[derive(Deserialize, ToSchema)]
struct TemporaryKeyLife {
    /// 900 to 86400; 900 when nothing is said.
    #[schema(minimum = 900, maximum = 86400)]
    duration_seconds: Option<i64>,
}

/// A temporary access key.
#[derive(Serialize, ToSchema)]
struct TemporaryCredential {
    credential: TemporaryCredentialFields,
}

/// Its parts; they are shown only here.
#[derive(Serialize, ToSchema)]
struct TemporaryCredentialFields {
    /// The access key id (AK).
    access: String,
    /// The secret key (SK).
    secret: String,
    /// What requests carry in the header `X-Security-Token`.
    securitytoken: String,
    expires_at: Micros,
}

/// Make a temporary access key
///
/// For the caller, with the caller's rights. Requests signed with it carry `X-Security-Token`, signed or not. It ends early
/// with the password or access key behind the caller.
#[utoipa::path(post, path = "/v3.0/OS-CREDENTIAL/securitytokens", operation_id = "create_temporary_access_key_by_token",
    tag = "iam", request_body = CreateTemporaryKey, responses((status = 201, body = TemporaryCredential)))]
async fn create(
    State(app): State<AppState>,
    call: Call,
) -> Result<
    (
        StatusCode,
        [(HeaderName, &'static str); 1],
        Json<TemporaryCredential>,
    ),
    Refused,
> {
    let wanted: CreateTemporaryKey = call.json()?;
    let identity = wanted.auth.identity;
    if identity.methods != ["token"] {
        return Err(Refused::invalid(
            "4000014",
            "auth.identity.methods is [\"token\"]",
        ));
    }
    if identity.policy.is_some() {
        return Err(Refused::invalid(
            "4000014",
            "a policy narrows rights on another service's objects only; leave it out",
        ));
    }
    let seconds = identity.token.and_then(|life| life.duration_seconds);
    let made = app.registry.create_temporary_key(&call.caller, seconds).await?;
    let credential = TemporaryCredentialFields {
        access: made.pair.access_key_id,
        secret: made.pair.secret_key,
        securitytoken: made.security_token,
        expires_at: Micros(made.expires_at),
    };
    Ok((
        StatusCode::CREATED,
        [(CACHE_CONTROL, "no-store")],
        Json(TemporaryCredential { credential }),
    ))
}
