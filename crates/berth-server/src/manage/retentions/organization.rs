//! Rules of an organization about which tags its images keep: calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_oci::OrganizationName;
use berth_registry::{
    Error, ImagePreview, OrganizationPreview, OrganizationRetention, WantedOrganizationRetention,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::runs::{RetentionTotals, TagFate, tag_fate, totals};
use super::{RetentionCreated, RetentionParams, RetentionRule, RetentionSelector, shown_rule, wanted_rule};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused, Subject};
use crate::manage::ledger::{FreedDocument, freed_document};
use crate::manage::listing::{Marked, MarkedParameters};
use crate::manage::names::{self, InOrganization, Path};
use crate::manage::wire::{Nothing, Time};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(preview))
        .routes(routes!(show, update, delete))
}

/// The path of a rule.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InRule {
    /// The organization's name.
    namespace: String,
    /// The rule's id.
    retention_rule_id: i64,
}

impl InRule {
    fn name(&self) -> Result<OrganizationName, Refused> {
        names::organization(&self.namespace)
    }
}

/// Which tags an organization's images keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RuleBody {
    /// `date_rule` keeps tags for a number of days, `tag_rule` keeps a number of tags of each image.
    #[schema(pattern = "^(date_rule|tag_rule)$", example = "date_rule")]
    template: String,
    params: RetentionParams,
    /// Tags that no rule ever deletes of the images that this one is for.
    #[serde(default)]
    #[schema(max_items = 100)]
    tag_selectors: Vec<RetentionSelector>,
    /// Which images it is for, as a glob of their names in which `*` means no `/` and `**` does; all when absent or empty.
    #[serde(default)]
    #[schema(max_length = 256, example = "release/**")]
    images: String,
    /// Which tags it is for: a glob, or what can only be one, a regular expression; all when absent or empty.
    #[serde(default)]
    #[schema(max_length = 256, example = "dev-*")]
    tags: String,
    /// Whether it is in force; yes when absent.
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

/// Rules that are only thought of; an empty object for those that are in force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrganizationPreviewBody {
    /// In the place of all rules of the organization.
    #[serde(default)]
    #[schema(max_items = 50)]
    rules: Option<Vec<RuleBody>>,
}

/// A rule of an organization.
#[derive(Serialize, ToSchema)]
struct RuleDocument {
    id: i64,
    #[serde(flatten)]
    rule: RetentionRule,
    /// Which images it is for; empty: all.
    images: String,
    /// Which tags it is for; empty: all.
    tags: String,
    enabled: bool,
    created_at: Time,
    updated_at: Time,
}

/// What a run would do with an image now.
#[derive(Serialize, ToSchema)]
struct PreviewedImage {
    repository: String,
    /// Whether its own retention decides, and not the rules of the organization.
    own: bool,
    totals: RetentionTotals,
    /// The first hundred of the tags that go; the preview of the image tells all.
    tags: Vec<TagFate>,
}

/// What runs over a page of an organization's images would do now.
#[derive(Serialize, ToSchema)]
struct OrganizationPreviewDocument {
    repos: Vec<PreviewedImage>,
    /// Of this page's images.
    totals: RetentionTotals,
    /// What deleting the tags that go frees together in the end; null when they are more than half a million.
    freed: Option<FreedDocument>,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// Add a rule about which tags an organization's images keep
///
/// For who manages the organization; at most 50. A rule is for images without a retention of their own. Of several that are for
/// a tag every one must let it go. Runs over its images begin at once.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/retentions", operation_id = "create_namespace_retention",
    tag = "retention", params(InOrganization), request_body = RuleBody, extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = RetentionCreated), (status = 404, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<(StatusCode, Json<RetentionCreated>), Refused> {
    let (name, wanted) = (place.name()?, wanted(call.json()?));
    let added = app
        .registry
        .add_organization_retention(&call.caller, &name, &wanted);
    let id = added.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(RetentionCreated { id })))
}

/// List the rules about which tags an organization's images keep
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/retentions", operation_id = "list_namespace_retentions",
    tag = "retention", params(InOrganization), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Vec<RuleDocument>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<Vec<RuleDocument>>, Refused> {
    let name = place.name()?;
    let found = app.registry.organization_retentions(&call.caller, &name);
    let found = found.await.map_err(refused)?;
    Ok(Json(found.into_iter().map(rule_document).collect()))
}

/// Show a rule about which tags an organization's images keep
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/retentions/{retention_rule_id}",
    operation_id = "show_namespace_retention", tag = "retention", params(InRule),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RuleDocument), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InRule>,
    call: Call,
) -> Result<Json<RuleDocument>, Refused> {
    let name = place.name()?;
    let found = app
        .registry
        .organization_retention(&call.caller, &name, place.retention_rule_id);
    Ok(Json(rule_document(found.await.map_err(refused)?)))
}

/// Put another rule in the place of one
///
/// For who manages the organization. Runs over its images begin at once.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/retentions/{retention_rule_id}",
    operation_id = "update_namespace_retention", tag = "retention", params(InRule), request_body = RuleBody,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(place): Path<InRule>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let (name, wanted) = (place.name()?, wanted(call.json()?));
    app.registry
        .update_organization_retention(&call.caller, &name, place.retention_rule_id, &wanted)
        .await
        .map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Delete a rule about which tags an organization's images keep
///
/// For who manages the organization. What the others let go without it goes at once.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/retentions/{retention_rule_id}",
    operation_id = "delete_namespace_retention", tag = "retention", params(InRule),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InRule>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry
        .delete_organization_retention(&call.caller, &place.name()?, place.retention_rule_id)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Preview what retention would delete in an organization
///
/// By image and name, at most 100 in a page: by what is in force or, with `rules`, by these in the place of the organization's,
/// before they are saved.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/retentions/preview",
    operation_id = "preview_namespace_retention", tag = "retention", params(InOrganization, MarkedParameters),
    request_body = OrganizationPreviewBody, extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = OrganizationPreviewDocument), (status = 404, body = RefusalBody)))]
async fn preview(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<OrganizationPreviewDocument>, Refused> {
    let (name, page) = (place.name()?, Marked::<String>::of(&call)?);
    let sent: OrganizationPreviewBody = call.json()?;
    let rules: Option<Vec<_>> = sent.rules.map(|rules| rules.into_iter().map(wanted).collect());
    let page = (
        page.marker.as_deref(),
        u32::try_from(page.limit).unwrap_or(u32::MAX),
    );
    let found = app
        .registry
        .preview_organization_retention(&call.caller, &name, rules.as_deref(), page);
    Ok(Json(preview_document(found.await.map_err(refused)?)))
}

fn wanted(sent: RuleBody) -> WantedOrganizationRetention {
    WantedOrganizationRetention {
        rule: wanted_rule(RetentionRule {
            template: sent.template,
            params: sent.params,
            tag_selectors: sent.tag_selectors,
        }),
        images: sent.images,
        tags: sent.tags,
        enabled: sent.enabled,
    }
}

fn rule_document(rule: OrganizationRetention) -> RuleDocument {
    RuleDocument {
        id: rule.id,
        rule: shown_rule(rule.template, (rule.parameter, rule.amount), &rule.exempt),
        images: rule.images,
        tags: rule.tags,
        enabled: rule.enabled,
        created_at: Time(rule.created_at),
        updated_at: Time(rule.updated_at),
    }
}

fn preview_document(found: OrganizationPreview) -> OrganizationPreviewDocument {
    let last = found.images.entries.last().map(|last| last.image.clone());
    let image = |image: ImagePreview| PreviewedImage {
        repository: image.image,
        own: image.is_own,
        totals: totals(&image.totals),
        tags: image.tags.into_iter().map(tag_fate).collect(),
    };
    OrganizationPreviewDocument {
        totals: totals(&found.totals),
        freed: found.would_free.as_ref().map(freed_document),
        next_marker: last.filter(|_| found.images.more),
        repos: found.images.entries.into_iter().map(image).collect(),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::RetentionRule, error)
}
