//! Users as keystone has them: `/v3/users`.

use axum::Json;
use axum::extract::State;
use berth_registry::{AccessType, NewPerson, PersonChange, Switch, User};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{AccessMode, Links};
use crate::manage::call::Call;
use crate::manage::error::{IamRefusalBody, Refused};
use crate::manage::names::Path;
use crate::origin::Origin;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
        .routes(routes!(change_password))
}

/// Users.
#[derive(Serialize, ToSchema)]
pub(super) struct KeystoneUsers {
    users: Vec<KeystoneUser>,
    links: Links,
}

/// One user.
#[derive(Serialize, ToSchema)]
struct OneKeystoneUser {
    user: KeystoneUser,
}

/// A user.
#[derive(Serialize, ToSchema)]
struct KeystoneUser {
    id: String,
    name: String,
    /// The account.
    domain_id: String,
    enabled: bool,
    description: String,
    access_mode: AccessMode,
    /// Whether the password must be changed at the next login: never.
    pwd_status: bool,
    /// Always `null`: passwords do not expire.
    password_expires_at: Option<String>,
    links: Links,
}

/// A user to create.
#[derive(Deserialize, ToSchema)]
struct KeystoneNewUser {
    user: KeystoneNewUserFields,
}

/// What is said of a new user.
#[derive(Deserialize, ToSchema)]
struct KeystoneNewUserFields {
    /// 1 to 64 letters, digits, `.`, `_` or `-`.
    name: String,
    /// The caller's account, which is meant when nothing is said.
    domain_id: Option<String>,
    /// At least 8 characters; without one the user has access keys only.
    #[schema(min_length = 8)]
    password: Option<String>,
    enabled: Option<bool>,
    /// At most 255 characters.
    #[schema(max_length = 255)]
    description: Option<String>,
}

/// What to change of a user.
#[derive(Deserialize, ToSchema)]
struct KeystoneUserUpdate {
    user: KeystoneUserUpdateFields,
}

/// Absent fields stay.
#[derive(Deserialize, ToSchema)]
struct KeystoneUserUpdateFields {
    name: Option<String>,
    password: Option<String>,
    enabled: Option<bool>,
    description: Option<String>,
}

/// A new password for oneself.
#[derive(Deserialize, ToSchema)]
struct PasswordChange {
    user: PasswordChangeFields,
}

/// The password to come and the one that is.
#[derive(Deserialize, ToSchema)]
struct PasswordChangeFields {
    password: String,
    original_password: String,
}

/// List users
///
/// Those of the caller's account, by name. For its administrators.
#[utoipa::path(get, path = "/v3/users", operation_id = "keystone_list_users", tag = "iam",
    params(
        ("domain_id" = Option<String>, Query, description = "The caller's account, which is meant when nothing is said"),
        ("name" = Option<String>, Query, description = "The name of the one wanted"),
        ("enabled" = Option<bool>, Query, description = "Only those that are enabled, or are not")),
    responses((status = 200, body = KeystoneUsers),
        (status = 400, body = IamRefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<KeystoneUsers>, Refused> {
    let (name, enabled) = (call.query("name"), flag(&call, "enabled")?);
    let mut users = app
        .registry
        .people(&call.caller, call.query("domain_id").as_deref())
        .await?;
    users.retain(|user| {
        name.as_ref().is_none_or(|name| *name == user.name)
            && enabled.is_none_or(|enabled| enabled == user.enabled)
    });
    Ok(Json(documents(&users, &call.origin, "/v3/users")))
}

/// Create a user
///
/// For the administrators of the account.
#[utoipa::path(post, path = "/v3/users", operation_id = "keystone_create_user", tag = "iam",
    request_body = KeystoneNewUser,
    responses((status = 201, body = OneKeystoneUser), (status = 409, body = IamRefusalBody)))]
async fn create(
    State(app): State<AppState>,
    call: Call,
) -> Result<(StatusCode, Json<OneKeystoneUser>), Refused> {
    let KeystoneNewUser { user: wanted } = call.json()?;
    let person = NewPerson {
        name: wanted.name,
        password: wanted.password,
        access: AccessType::Both,
        administrator: false,
        description: wanted.description.unwrap_or_default(),
    };
    let made = app
        .registry
        .create_person(
            &call.caller,
            wanted.domain_id.as_deref(),
            person,
            switch(wanted.enabled.unwrap_or(true)),
        )
        .await?;
    Ok((StatusCode::CREATED, Json(one(&made, &call.origin))))
}

/// Show a user
///
/// To the user and the administrators of the account.
#[utoipa::path(get, path = "/v3/users/{user_id}", operation_id = "keystone_show_user", tag = "iam",
    params(("user_id" = String, Path, description = "The user's id")),
    responses((status = 200, body = OneKeystoneUser), (status = 404, body = IamRefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<Json<OneKeystoneUser>, Refused> {
    let user = app.registry.person_by_id(&call.caller, &user_id).await?;
    Ok(Json(one(&user, &call.origin)))
}

/// Change a user
///
/// For the administrators of the account; its last one cannot be disabled.
#[utoipa::path(patch, path = "/v3/users/{user_id}", operation_id = "keystone_update_user_by_admin", tag = "iam",
    params(("user_id" = String, Path, description = "The user's id")), request_body = KeystoneUserUpdate,
    responses((status = 200, body = OneKeystoneUser), (status = 404, body = IamRefusalBody),
        (status = 409, body = IamRefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<Json<OneKeystoneUser>, Refused> {
    let KeystoneUserUpdate { user: wanted } = call.json()?;
    let change = PersonChange {
        name: wanted.name,
        password: wanted.password,
        access: None,
        switch: wanted.enabled.map(switch),
        description: wanted.description,
    };
    let user = app.registry.change_person(&call.caller, &user_id, change).await?;
    Ok(Json(one(&user, &call.origin)))
}

/// Delete a user
///
/// With their keys, logins, memberships and rights. For the administrators of the account; its last one stays.
#[utoipa::path(delete, path = "/v3/users/{user_id}", operation_id = "keystone_delete_user", tag = "iam",
    params(("user_id" = String, Path, description = "The user's id")),
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry.remove_person(&call.caller, &user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's own password
///
/// Everything that was made with the old one ends: tokens, sessions, temporary keys and logins.
#[utoipa::path(post, path = "/v3/users/{user_id}/password", operation_id = "keystone_update_user_password", tag = "iam",
    params(("user_id" = String, Path, description = "The caller's id")), request_body = PasswordChange,
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn change_password(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let PasswordChange { user: wanted } = call.json()?;
    let passwords = (wanted.original_password.as_str(), wanted.password.as_str());
    app.registry
        .change_own_password(&call.caller, &user_id, passwords, call.origin.client)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The documents of users in a list at a path.
pub(super) fn documents(users: &[User], origin: &Origin, path: &str) -> KeystoneUsers {
    KeystoneUsers {
        users: users.iter().map(|user| document(user, origin)).collect(),
        links: Links::to(origin, path),
    }
}

pub(super) fn switch(enabled: bool) -> Switch {
    if enabled {
        Switch::Enabled
    } else {
        Switch::Disabled
    }
}

pub(super) fn flag(call: &Call, name: &str) -> Result<Option<bool>, Refused> {
    let parsed = call.query(name).map(|value| value.to_lowercase().parse());
    parsed
        .transpose()
        .map_err(|_| Refused::invalid("4001025", format!("{name} is true or false")))
}

fn one(user: &User, origin: &Origin) -> OneKeystoneUser {
    OneKeystoneUser {
        user: document(user, origin),
    }
}

fn document(user: &User, origin: &Origin) -> KeystoneUser {
    KeystoneUser {
        id: user.id.clone(),
        name: user.name.clone(),
        domain_id: user.account_id.clone(),
        enabled: user.enabled,
        description: user.description.clone(),
        access_mode: user.access.into(),
        pwd_status: false,
        password_expires_at: None,
        links: Links::to(origin, format!("/v3/users/{}", user.id)),
    }
}
