//! Users as IAM's own calls have them, with their access type: `/v3.0/OS-USER/users`.

use axum::Json;
use axum::extract::State;
use berth_registry::{NewPerson, PersonChange, User};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::users::switch;
use super::wire::{AccessMode, Links};
use crate::manage::call::Call;
use crate::manage::error::{IamRefusalBody, Refused};
use crate::manage::names::Path;
use crate::manage::wire::Micros;
use crate::origin::Origin;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(show, update))
}

/// One user.
#[derive(Serialize, ToSchema)]
struct OneUser {
    user: IamUser,
}

/// A user. Mail, telephone and identities elsewhere are not kept here.
#[derive(Serialize, ToSchema)]
struct IamUser {
    id: String,
    name: String,
    /// The account.
    domain_id: String,
    enabled: bool,
    description: String,
    access_mode: AccessMode,
    /// Whether the user administers the account by themselves, not through a group.
    is_domain_owner: bool,
    /// Whether the password must be changed at the next login: never.
    pwd_status: bool,
    /// Always `null`: passwords do not expire.
    password_expires_at: Option<String>,
    create_time: Micros,
    /// Empty.
    email: &'static str,
    /// Empty.
    areacode: &'static str,
    /// Empty.
    phone: &'static str,
    /// Empty.
    xuser_id: &'static str,
    /// Empty.
    xuser_type: &'static str,
    /// Empty.
    xdomain_id: &'static str,
    /// Empty.
    xdomain_type: &'static str,
    links: Links,
}

/// A user to create.
#[derive(Deserialize, ToSchema)]
struct NewUser {
    user: NewUserFields,
}

/// What is said of a new user; other fields of IAM are not looked at.
#[derive(Deserialize, ToSchema)]
struct NewUserFields {
    /// 1 to 64 letters, digits, `.`, `_` or `-`.
    name: String,
    /// The caller's account.
    domain_id: String,
    /// At least 8 characters; without one the user has access keys only.
    #[schema(min_length = 8)]
    password: Option<String>,
    enabled: Option<bool>,
    /// At most 255 characters.
    #[schema(max_length = 255)]
    description: Option<String>,
    access_mode: Option<AccessMode>,
}

/// What to change of a user.
#[derive(Deserialize, ToSchema)]
struct UserUpdate {
    user: UserUpdateFields,
}

/// Absent fields stay; other fields of IAM are not looked at.
#[derive(Deserialize, ToSchema)]
struct UserUpdateFields {
    name: Option<String>,
    password: Option<String>,
    enabled: Option<bool>,
    description: Option<String>,
    access_mode: Option<AccessMode>,
}

/// Create a user with an access type
///
/// For the administrators of the account.
#[utoipa::path(post, path = "/v3.0/OS-USER/users", operation_id = "create_user", tag = "iam",
    request_body = NewUser,
    responses((status = 201, body = OneUser), (status = 409, body = IamRefusalBody)))]
async fn create(State(app): State<AppState>, call: Call) -> Result<(StatusCode, Json<OneUser>), Refused> {
    let NewUser { user: wanted } = call.json()?;
    let person = NewPerson {
        name: wanted.name,
        password: wanted.password,
        access: wanted.access_mode.unwrap_or(AccessMode::Default).into(),
        administrator: false,
        description: wanted.description.unwrap_or_default(),
    };
    let enabled = switch(wanted.enabled.unwrap_or(true));
    let made = app
        .registry
        .create_person(&call.caller, Some(&wanted.domain_id), person, enabled)
        .await?;
    Ok((StatusCode::CREATED, Json(one(&made, &call.origin))))
}

/// Show a user with their access type
///
/// To the user and the administrators of the account.
#[utoipa::path(get, path = "/v3.0/OS-USER/users/{user_id}", operation_id = "show_user", tag = "iam",
    params(("user_id" = String, Path, description = "The user's id")),
    responses((status = 200, body = OneUser), (status = 404, body = IamRefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<Json<OneUser>, Refused> {
    let user = app.registry.person_by_id(&call.caller, &user_id).await?;
    Ok(Json(one(&user, &call.origin)))
}

/// Change a user and their access type
///
/// For the administrators of the account; its last one cannot be disabled.
#[utoipa::path(put, path = "/v3.0/OS-USER/users/{user_id}", operation_id = "update_user", tag = "iam",
    params(("user_id" = String, Path, description = "The user's id")), request_body = UserUpdate,
    responses((status = 200, body = OneUser), (status = 404, body = IamRefusalBody), (status = 409, body = IamRefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<Json<OneUser>, Refused> {
    let UserUpdate { user: wanted } = call.json()?;
    let change = PersonChange {
        name: wanted.name,
        password: wanted.password,
        access: wanted.access_mode.map(Into::into),
        switch: wanted.enabled.map(switch),
        description: wanted.description,
    };
    let user = app.registry.change_person(&call.caller, &user_id, change).await?;
    Ok(Json(one(&user, &call.origin)))
}

fn one(user: &User, origin: &Origin) -> OneUser {
    OneUser {
        user: IamUser {
            id: user.id.clone(),
            name: user.name.clone(),
            domain_id: user.account_id.clone(),
            enabled: user.enabled,
            description: user.description.clone(),
            access_mode: user.access.into(),
            is_domain_owner: user.own_administrator,
            pwd_status: false,
            password_expires_at: None,
            create_time: Micros(user.created_at),
            email: "",
            areacode: "",
            phone: "",
            xuser_id: "",
            xuser_type: "",
            xdomain_id: "",
            xdomain_type: "",
            links: Links::to(origin, format!("/v3.0/OS-USER/users/{}", user.id)),
        },
    }
}
