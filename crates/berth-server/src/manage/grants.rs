//! Rights of users on an organisation (operations 5 to 8).

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use berth_registry::{Caller, Grant, GrantPlace, Permission, WantedGrant};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Refused, Subject};
use super::organizations::parse;
use super::signed::Signed;
use crate::state::AppState;

/// A right as clients send it; the user's name is for people and not looked at.
#[derive(Deserialize)]
struct UserAuth {
    user_id: String,
    auth: i64,
}

pub(super) async fn show(
    State(app): State<AppState>,
    Path(namespace): Path<String>,
    request: Signed,
) -> Result<Json<Value>, Refused> {
    let name = parse(&namespace)?;
    let (view, grants) = app
        .registry
        .organization_grants(&request.caller, &name)
        .await
        .map_err(refused)?;
    let Caller::User(user) = &request.caller else {
        return Err(refused(berth_registry::Error::Unauthenticated));
    };
    let own = Grant {
        user_id: user.user_id.clone(),
        user_name: user.user_name.clone(),
        permission: view.permission,
    };
    let others = grants.iter().filter(|grant| grant.user_id != own.user_id);
    Ok(Json(json!({
        "id": view.organization.id,
        "name": view.organization.name,
        "creator_name": view.organization.creator_name,
        "self_auth": document(&own),
        "others_auths": others.map(document).collect::<Vec<_>>(),
    })))
}

pub(super) async fn create(
    State(app): State<AppState>,
    Path(namespace): Path<String>,
    request: Signed,
) -> Result<Response, Refused> {
    let (place, wanted) = (place(&namespace)?, wanted(&request)?);
    app.registry
        .add_grants(&request.caller, &place, &wanted)
        .await
        .map_err(refused)?;
    Ok(Json(json!({})).into_response())
}

pub(super) async fn update(
    State(app): State<AppState>,
    Path(namespace): Path<String>,
    request: Signed,
) -> Result<Response, Refused> {
    let (place, wanted) = (place(&namespace)?, wanted(&request)?);
    app.registry
        .update_grants(&request.caller, &place, &wanted)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}

pub(super) async fn delete(
    State(app): State<AppState>,
    Path(namespace): Path<String>,
    request: Signed,
) -> Result<StatusCode, Refused> {
    let (place, user_ids) = (place(&namespace)?, request.json::<Vec<String>>()?);
    app.registry
        .remove_grants(&request.caller, &place, &user_ids)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn place(namespace: &str) -> Result<GrantPlace, Refused> {
    parse(namespace).map(GrantPlace::Organization)
}

fn wanted(request: &Signed) -> Result<Vec<WantedGrant>, Refused> {
    let sent: Vec<UserAuth> = request.json()?;
    let grant = |sent: UserAuth| {
        let permission = Permission::from_bits(sent.auth)
            .ok_or_else(|| Refused::invalid("4001065", "auth is 7 (manage), 3 (write) or 1 (read)"))?;
        Ok(WantedGrant {
            user_id: sent.user_id,
            permission,
        })
    };
    sent.into_iter().map(grant).collect()
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Grant, error)
}

fn document(grant: &Grant) -> Value {
    json!({ "user_id": grant.user_id, "user_name": grant.user_name, "auth": grant.permission.bits() })
}
