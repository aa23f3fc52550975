//! Organisations, which this API calls namespaces (operations 1 to 4).

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use berth_oci::OrganizationName;
use berth_registry::{ListedFor, OrganizationView};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Refused, Subject};
use super::signed::Signed;
use crate::state::AppState;

#[derive(Deserialize)]
struct Create {
    namespace: String,
}

pub(super) async fn create(State(app): State<AppState>, request: Signed) -> Result<Response, Refused> {
    let wanted: Create = request.json()?;
    let name = parse(&wanted.namespace)?;
    app.registry
        .create_organization(&request.caller, &name)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}

pub(super) async fn list(State(app): State<AppState>, request: Signed) -> Result<Json<Value>, Refused> {
    let filter = Filter::of(&request)?;
    let found = app
        .registry
        .list_organizations(&request.caller, filter.listed_for)
        .await
        .map_err(refused)?;
    let shown = found.iter().filter(|view| filter.passes(&view.organization.name));
    Ok(Json(
        json!({ "namespaces": shown.map(document).collect::<Vec<_>>() }),
    ))
}

pub(super) async fn show(
    State(app): State<AppState>,
    Path(namespace): Path<String>,
    request: Signed,
) -> Result<Json<Value>, Refused> {
    let name = parse(&namespace)?;
    let view = app
        .registry
        .organization(&request.caller, &name)
        .await
        .map_err(refused)?;
    Ok(Json(document(&view)))
}

pub(super) async fn delete(
    State(app): State<AppState>,
    Path(namespace): Path<String>,
    request: Signed,
) -> Result<StatusCode, Refused> {
    let name = parse(&namespace)?;
    app.registry
        .delete_organization(&request.caller, &name)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A name in a path or a body.
pub(super) fn parse(namespace: &str) -> Result<OrganizationName, Refused> {
    namespace
        .parse()
        .map_err(|error: berth_oci::NameError| Refused::invalid("4001008", error.to_string()))
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Organization, error)
}

fn document(view: &OrganizationView) -> Value {
    json!({
        "id": view.organization.id,
        "name": view.organization.name,
        "creator_name": view.organization.creator_name,
        "auth": view.permission.bits(),
    })
}

/// Which organisations a list shows.
struct Filter {
    part: Option<String>,
    name: Option<String>,
    listed_for: ListedFor,
}

impl Filter {
    /// The packed `filter` parameter (`namespace::a|mode::visible`) wins over the plain one.
    fn of(request: &Signed) -> Result<Self, Refused> {
        let Some(packed) = request.query("filter").filter(|packed| !packed.is_empty()) else {
            let name = request.query("namespace").filter(|name| !name.is_empty());
            return Ok(Self {
                part: None,
                name,
                listed_for: ListedFor::Permitted,
            });
        };
        let mut filter = Self {
            part: None,
            name: None,
            listed_for: ListedFor::Permitted,
        };
        for pair in packed.split('|') {
            match pair.split_once("::") {
                Some(("namespace", part)) => filter.part = Some(part.to_owned()),
                Some(("mode", "visible")) => filter.listed_for = ListedFor::Visible,
                Some(("mode", "")) => {}
                _ => {
                    return Err(Refused::invalid(
                        "4001035",
                        format!("the filter does not know '{pair}'"),
                    ));
                }
            }
        }
        Ok(filter)
    }

    fn passes(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|wanted| wanted == name)
            && self.part.as_ref().is_none_or(|part| name.contains(part.as_str()))
    }
}
