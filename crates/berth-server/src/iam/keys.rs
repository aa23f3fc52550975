//! Access keys that last. A secret is shown once, when it is made.

use axum::Json;
use axum::extract::State;
use berth_registry::{AccessKey, Switch};
use http::header::CACHE_CONTROL;
use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::manage::call::Call;
use crate::manage::error::{IamRefusalBody, Refused};
use crate::manage::names::Path;
use crate::manage::wire::Micros;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
}

/// Access keys.
#[derive(Serialize, ToSchema)]
struct Credentials {
    credentials: Vec<ShownCredential>,
}

/// One access key.
#[derive(Serialize, ToSchema)]
struct OneCredential {
    credential: ShownCredential,
}

/// An access key that was just made.
#[derive(Serialize, ToSchema)]
struct CreatedCredential {
    credential: CredentialWithSecret,
}

/// Whether an access key works.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KeyStatus {
    Active,
    Inactive,
}

/// An access key.
#[derive(Serialize, ToSchema)]
struct IamCredential {
    user_id: String,
    /// The access key id (AK).
    access: String,
    status: KeyStatus,
    create_time: Micros,
    description: String,
}

/// An access key, and when it was used.
#[derive(Serialize, ToSchema)]
struct ShownCredential {
    #[serde(flatten)]
    credential: IamCredential,
    /// To the hour; `null` when it was never used.
    last_use_time: Option<Micros>,
}

/// An access key with its secret.
#[derive(Serialize, ToSchema)]
struct CredentialWithSecret {
    #[serde(flatten)]
    credential: IamCredential,
    /// The secret key (SK); it is shown only here.
    secret: String,
}

/// An access key to make.
#[derive(Deserialize, ToSchema)]
struct CreateCredential {
    credential: CreateCredentialFields,
}

/// Whose it is to be.
#[derive(Deserialize, ToSchema)]
struct CreateCredentialFields {
    user_id: String,
    /// At most 255 characters.
    #[schema(max_length = 255)]
    description: Option<String>,
}

/// What to change of an access key.
#[derive(Deserialize, ToSchema)]
struct UpdateCredential {
    credential: UpdateCredentialFields,
}

/// Absent fields stay.
#[derive(Deserialize, ToSchema)]
struct UpdateCredentialFields {
    status: Option<KeyStatus>,
    #[schema(max_length = 255)]
    description: Option<String>,
}

/// List access keys
///
/// The caller's own, or those of a user of the account that the caller administers, with when each was last used.
#[utoipa::path(get, path = "/v3.0/OS-CREDENTIAL/credentials", operation_id = "list_permanent_access_keys", tag = "iam",
    params(("user_id" = Option<String>, Query, description = "Whose; the caller's when nothing is said")),
    responses((status = 200, body = Credentials), (status = 404, body = IamRefusalBody)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Credentials>, Refused> {
    let own = call.caller.user_id().map(str::to_owned);
    let user_id = call.query("user_id").or(own).unwrap_or_default();
    let keys = app.registry.keys_of(&call.caller, &user_id).await?;
    Ok(Json(Credentials {
        credentials: keys.iter().map(shown).collect(),
    }))
}

/// Make an access key
///
/// For the caller, or for a user of the account that the caller administers. The secret is shown only in this answer.
#[utoipa::path(post, path = "/v3.0/OS-CREDENTIAL/credentials", operation_id = "create_permanent_access_key", tag = "iam",
    request_body = CreateCredential,
    responses((status = 201, body = CreatedCredential), (status = 404, body = IamRefusalBody)))]
async fn create(
    State(app): State<AppState>,
    call: Call,
) -> Result<
    (
        StatusCode,
        [(HeaderName, &'static str); 1],
        Json<CreatedCredential>,
    ),
    Refused,
> {
    let CreateCredential { credential: wanted } = call.json()?;
    let description = wanted.description.unwrap_or_default();
    let (pair, key) = app
        .registry
        .create_key_of(&call.caller, &wanted.user_id, &description)
        .await?;
    let credential = CredentialWithSecret {
        credential: document(&key),
        secret: pair.secret_key,
    };
    Ok((
        StatusCode::CREATED,
        [(CACHE_CONTROL, "no-store")],
        Json(CreatedCredential { credential }),
    ))
}

/// Show an access key
///
/// To its owner and the administrators of the account.
#[utoipa::path(get, path = "/v3.0/OS-CREDENTIAL/credentials/{access_key}", operation_id = "show_permanent_access_key",
    tag = "iam", params(("access_key" = String, Path, description = "The access key id")),
    responses((status = 200, body = OneCredential), (status = 404, body = IamRefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(access_key): Path<String>,
    call: Call,
) -> Result<Json<OneCredential>, Refused> {
    let key = app.registry.key_by_id(&call.caller, &access_key).await?;
    Ok(Json(one(&key)))
}

/// Switch or describe an access key
///
/// For its owner and the administrators of the account. An inactive key ends every login and token made with it.
#[utoipa::path(put, path = "/v3.0/OS-CREDENTIAL/credentials/{access_key}", operation_id = "update_permanent_access_key",
    tag = "iam", params(("access_key" = String, Path, description = "The access key id")), request_body = UpdateCredential,
    responses((status = 200, body = OneCredential), (status = 404, body = IamRefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(access_key): Path<String>,
    call: Call,
) -> Result<Json<OneCredential>, Refused> {
    let UpdateCredential { credential: wanted } = call.json()?;
    let switch = wanted.status.map(|status| match status {
        KeyStatus::Active => Switch::Enabled,
        KeyStatus::Inactive => Switch::Disabled,
    });
    let key = app
        .registry
        .change_key(&call.caller, &access_key, switch, wanted.description.as_deref())
        .await?;
    Ok(Json(one(&key)))
}

/// Delete an access key
///
/// For its owner and the administrators of the account. Every login and token made with it ends.
#[utoipa::path(delete, path = "/v3.0/OS-CREDENTIAL/credentials/{access_key}",
    operation_id = "delete_permanent_access_key", tag = "iam",
    params(("access_key" = String, Path, description = "The access key id")),
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(access_key): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry.delete_access_key(&call.caller, &access_key).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn one(key: &AccessKey) -> OneCredential {
    OneCredential {
        credential: shown(key),
    }
}

fn shown(key: &AccessKey) -> ShownCredential {
    ShownCredential {
        credential: document(key),
        last_use_time: key.last_used_at.map(Micros),
    }
}

fn document(key: &AccessKey) -> IamCredential {
    IamCredential {
        user_id: key.user_id.clone(),
        access: key.access_key_id.clone(),
        status: if key.enabled {
            KeyStatus::Active
        } else {
            KeyStatus::Inactive
        },
        create_time: Micros(key.created_at),
        description: key.description.clone(),
    }
}
