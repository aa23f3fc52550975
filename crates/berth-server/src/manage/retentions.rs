//! Retention of an image's tags (operations 44 to 49); below, what SWR does not have: previews, runs, and rules of
//! organizations.

mod organization;
mod runs;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use berth_oci::RepositoryName;
use berth_registry::{Error, Retention, TagSelector, WantedRetention, WantedRetentionRule};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::Listing;
use super::names::{self, InRepository};
use super::wire::{Nothing, Time};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(histories))
        .routes(routes!(show, update, delete))
        .merge(runs::routes())
        .merge(organization::routes())
}

/// The path of a retention.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InRetention {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The retention's id.
    #[param(value_type = i64)]
    retention_id: String,
}

impl InRetention {
    fn image(&self) -> Result<RepositoryName, Refused> {
        names::repository(&self.namespace, &self.repository)
    }

    /// What is no number is no retention's id; none has this one.
    fn id(&self) -> i64 {
        self.retention_id.parse().unwrap_or(0)
    }
}

/// How long an image keeps its tags.
#[derive(Deserialize, ToSchema)]
struct RetentionBody {
    /// `or`.
    #[schema(pattern = "^or$", example = "or")]
    algorithm: String,
    /// Exactly one rule.
    #[schema(min_items = 1, max_items = 1)]
    rules: Vec<RetentionRule>,
}

/// A rule of a retention.
#[derive(Serialize, Deserialize, ToSchema)]
struct RetentionRule {
    /// `date_rule` keeps tags for a number of days, `tag_rule` keeps a number of tags; cannot be changed.
    #[schema(pattern = "^(date_rule|tag_rule)$", example = "date_rule")]
    template: String,
    params: RetentionParams,
    /// Which tags are never deleted; may be empty.
    #[schema(max_items = 100)]
    tag_selectors: Vec<RetentionSelector>,
}

/// How long or how many: `days` for a `date_rule`, `num` for a `tag_rule`.
#[derive(Serialize, Deserialize, ToSchema)]
struct RetentionParams {
    /// 1 to 365, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30")]
    days: Option<String>,
    /// 1 to 1000, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    num: Option<String>,
}

/// Tags that are never deleted.
#[derive(Serialize, Deserialize, ToSchema)]
struct RetentionSelector {
    /// `label` for one tag, `regexp` for those that a regular expression matches, in part unless it is anchored.
    #[schema(pattern = "^(label|regexp)$", example = "regexp")]
    kind: String,
    /// The tag or the expression.
    #[schema(max_length = 256, example = "^v")]
    pattern: String,
}

/// The id of a new retention.
#[derive(Serialize, ToSchema)]
struct RetentionCreated {
    id: i64,
}

/// An image's retention.
#[derive(Serialize, ToSchema)]
struct RetentionShown {
    algorithm: &'static str,
    id: i64,
    rules: [RetentionRule; 1],
    /// Reserved, empty.
    scope: &'static str,
}

/// A page of what retentions deleted.
#[derive(Serialize, ToSchema)]
struct RetentionHistories {
    /// Newest first.
    retention_log: Vec<RetentionLogLine>,
    /// Lines in all.
    total: i64,
}

/// A tag that a retention deleted.
#[derive(Serialize, ToSchema)]
struct RetentionLogLine {
    id: i64,
    retention_id: i64,
    namespace: String,
    repo: String,
    /// The rule as it was then, JSON as text.
    rule_type: String,
    tag: String,
    created_at: Time,
}

/// Set how long an image keeps its tags
///
/// For who manages the image; an image has one retention at most. Tags that the rule does not keep go at once, and whenever
/// it is looked at again, into the bin.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions",
    operation_id = "create_retention", tag = "retention", params(InRepository), request_body = RetentionBody,
    responses((status = 201, body = RetentionCreated), (status = 404, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<RetentionCreated>), Refused> {
    let (name, wanted) = (place.name()?, wanted(&call)?);
    let created = app.registry.create_retention(&call.caller, &name, &wanted);
    let id = created.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(RetentionCreated { id })))
}

/// List the retentions of an image: one or none
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions",
    operation_id = "list_retentions", tag = "retention", params(InRepository),
    responses((status = 200, body = Vec<RetentionShown>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<RetentionShown>>, Refused> {
    let name = place.name()?;
    let listed = app.registry.list_retentions(&call.caller, &name);
    let found = listed.await.map_err(refused)?;
    Ok(Json(found.iter().map(document).collect()))
}

/// Show a retention
///
/// An image without it answers 400 with the code 4000306, as SWR does.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}",
    operation_id = "show_retention", tag = "retention", params(InRetention),
    responses((status = 200, body = RetentionShown), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InRetention>,
    call: Call,
) -> Result<Json<RetentionShown>, Refused> {
    let name = place.image()?;
    let found = app.registry.retention(&call.caller, &name, place.id());
    Ok(Json(document(&found.await.map_err(refused)?)))
}

/// Change how long an image keeps its tags
#[utoipa::path(patch, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}",
    operation_id = "update_retention", tag = "retention", params(InRetention), request_body = RetentionBody,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(place): Path<InRetention>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let (name, wanted) = (place.image()?, wanted(&call)?);
    app.registry
        .update_retention(&call.caller, &name, place.id(), &wanted)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// Keep an image's tags for ever again
///
/// The log of what was deleted stays.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/{retention_id}",
    operation_id = "delete_retention", tag = "retention", params(InRetention),
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InRetention>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    app.registry
        .delete_retention(&call.caller, &place.image()?, place.id())
        .await
        .map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// List the tags that retentions deleted from an image
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/histories",
    operation_id = "list_retention_histories", tag = "retention",
    params(
        InRepository,
        ("offset" = Option<u32>, Query, minimum = 0, description = "Lines to skip; goes with `limit`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Lines to answer at most; goes with `offset`"),
        ("filter" = Option<String>, Query, description = "Both in one: `limit::10|offset::0`; wins over them"),
    ),
    responses(
        (status = 200, body = RetentionHistories,
            headers(("Content-Range" = Option<String>, description = "`offset-lines/total`, when a page was asked for"))),
        (status = 404, body = RefusalBody)
    ))]
async fn histories(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<impl IntoResponse, Refused> {
    let (name, page) = (place.name()?, Listing::of(&call, &[], &[])?);
    let found = app
        .registry
        .retention_log(&call.caller, &name, page.offset, page.limit);
    let found = found.await.map_err(refused)?;
    let range = page.content_range(found.lines.len(), found.total);
    let lines = found.lines.into_iter().map(|line| RetentionLogLine {
        id: line.id,
        retention_id: line.retention_id,
        namespace: name.organization().to_string(),
        repo: name.image().to_string(),
        rule_type: line.rule,
        tag: line.tag,
        created_at: Time(line.at),
    });
    let body = RetentionHistories {
        retention_log: lines.collect(),
        total: found.total,
    };
    Ok((AppendHeaders(range), Json(body)))
}

fn wanted(call: &Call) -> Result<WantedRetention, Refused> {
    let sent: RetentionBody = call.json()?;
    Ok(WantedRetention {
        algorithm: sent.algorithm,
        rules: sent.rules.into_iter().map(wanted_rule).collect(),
    })
}

fn wanted_rule(rule: RetentionRule) -> WantedRetentionRule {
    let named = [("days", rule.params.days), ("num", rule.params.num)];
    let given = named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let selectors = rule.tag_selectors.into_iter().map(|selector| TagSelector {
        kind: selector.kind,
        pattern: selector.pattern,
    });
    WantedRetentionRule {
        template: rule.template,
        params: given.collect::<BTreeMap<_, _>>(),
        tag_selectors: selectors.collect(),
    }
}

/// A rule as it is shown.
fn shown_rule(template: &str, (parameter, amount): (&str, i64), exempt: &[TagSelector]) -> RetentionRule {
    let value = |name: &str| (parameter == name).then(|| amount.to_string());
    let selectors = exempt.iter().map(|selector| RetentionSelector {
        kind: selector.kind.clone(),
        pattern: selector.pattern.clone(),
    });
    RetentionRule {
        template: template.to_owned(),
        params: RetentionParams {
            days: value("days"),
            num: value("num"),
        },
        tag_selectors: selectors.collect(),
    }
}

fn document(retention: &Retention) -> RetentionShown {
    RetentionShown {
        algorithm: "or",
        id: retention.id,
        rules: [shown_rule(
            retention.template,
            (retention.parameter, retention.amount),
            &retention.exempt,
        )],
        scope: "",
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Retention, error)
}
