//! Which tags neither move nor go: calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, ImmutabilityPlace, ImmutabilityRule, WantedImmutability};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names;
use super::wire::Time;
use crate::manage::names::{InOrganization, InRepository, Path};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(delete))
        .routes(routes!(preview))
        .routes(routes!(list_of_image, create_of_image))
        .routes(routes!(delete_of_image))
        .routes(routes!(preview_of_image))
}

/// The path of an organization's rule.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InRule {
    /// The organization's name.
    namespace: String,
    /// The rule's id.
    rule_id: i64,
}

/// The path of an image's rule.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InImageRule {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The rule's id.
    rule_id: i64,
}

/// How a pattern is read.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum PatternKind {
    /// `*` any characters, `?` one, `{a,b}` either; over the whole tag. What can only be a regular expression is one.
    #[default]
    Glob,
    /// A regular expression, which a part of the tag matches, unless it is anchored.
    Regex,
}

/// Which tags of an image are to be immutable.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ImageRuleBody {
    /// Which tags.
    #[schema(max_length = 256, example = "v*")]
    pattern: String,
    /// How the pattern is read; `glob` when absent.
    #[serde(default)]
    kind: PatternKind,
    /// Tags that are left out, read as `glob` is.
    #[serde(default)]
    #[schema(max_length = 256, example = "{latest,dev-*}")]
    except: Option<String>,
}

/// Which tags in an organization are to be immutable.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ImmutabilityRuleBody {
    /// Which tags.
    #[schema(max_length = 256, example = "v*")]
    pattern: String,
    /// How the pattern is read; `glob` when absent.
    #[serde(default)]
    kind: PatternKind,
    /// Tags that are left out, read as `glob` is.
    #[serde(default)]
    #[schema(max_length = 256, example = "{latest,dev-*}")]
    except: Option<String>,
    /// Which images, as a glob of their names in which `*` means no `/` and `**` does; all when absent.
    #[serde(default)]
    #[schema(max_length = 256, example = "release/**")]
    images: Option<String>,
}

/// What a rule is on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum On {
    Organization,
    Image,
}

/// A rule that makes tags immutable.
#[derive(Serialize, ToSchema)]
struct ImmutabilityDocument {
    id: i64,
    on: On,
    pattern: String,
    /// `glob` or `regex`.
    kind: String,
    /// Tags that are left out; null for none.
    except: Option<String>,
    /// Of an organization's rule: which images; null for all.
    images: Option<String>,
    creator_id: String,
    creator_name: String,
    /// Since when it protects.
    created_at: Time,
}

/// Whether a rule keeps a tag; not in SWR.
#[derive(Serialize, ToSchema)]
pub(super) struct Kept {
    /// Whether a rule keeps it from being moved and deleted.
    immutable: bool,
    /// The id of that rule, null when there is none.
    immutable_rule: Option<i64>,
}

impl Kept {
    pub(super) fn by(rule: Option<i64>) -> Self {
        Self {
            immutable: rule.is_some(),
            immutable_rule: rule,
        }
    }
}

/// What a rule would make immutable of what is there.
#[derive(Serialize, ToSchema)]
struct CoveredDocument {
    /// The first hundred.
    tags: Vec<PreviewTag>,
    /// How many were found.
    found: u64,
    /// Whether there are more tags than the hundred thousand that were looked at.
    more: bool,
}

/// A tag that a rule would make immutable.
#[derive(Serialize, ToSchema)]
struct PreviewTag {
    repository: String,
    tag: String,
}

/// List the rules of an organization about immutable tags
///
/// Those of its images are listed there. For who has a right on the organization.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/immutability", operation_id = "list_namespace_immutability",
    tag = "immutability", extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    responses((status = 200, body = Vec<ImmutabilityDocument>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<Vec<ImmutabilityDocument>>, Refused> {
    let name = place.name()?;
    let place = ImmutabilityPlace::Organization(&name);
    let found = app.registry.immutability(&call.caller, place).await;
    Ok(Json(found.map_err(refused)?.into_iter().map(document).collect()))
}

/// Make tags of an organization's images immutable
///
/// From now on a tag that the rule covers cannot be made to name something else, nor be deleted, nor can its manifest or its
/// image, by whomever, until the rule is deleted; new tags can be pushed, and what a tag names already can be pushed
/// again. For who manages the organization, which has at most 50 rules.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/immutability", operation_id = "create_namespace_immutability",
    tag = "immutability", extensions(("x-berth-extension" = json!(true))), params(InOrganization), request_body = ImmutabilityRuleBody,
    responses((status = 201, body = ImmutabilityDocument), (status = 404, body = RefusalBody),
        (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<(StatusCode, Json<ImmutabilityDocument>), Refused> {
    let (name, wanted) = (place.name()?, call.json::<ImmutabilityRuleBody>()?.wanted());
    let place = ImmutabilityPlace::Organization(&name);
    let made = app.registry.add_immutability(&call.caller, place, &wanted).await;
    Ok((StatusCode::CREATED, Json(document(made.map_err(refused)?))))
}

/// Delete a rule of an organization about immutable tags
///
/// What no other rule covers can be moved and deleted again. For who manages the organization.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/immutability/{rule_id}",
    operation_id = "delete_namespace_immutability", tag = "immutability",
    extensions(("x-berth-extension" = json!(true))), params(InRule),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InRule>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let name = names::organization(&place.namespace)?;
    let organization = ImmutabilityPlace::Organization(&name);
    let deleted = app
        .registry
        .delete_immutability(&call.caller, organization, place.rule_id);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show what a rule of an organization would make immutable
///
/// Nothing is changed. For who manages the organization.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/immutability/preview",
    operation_id = "preview_namespace_immutability", tag = "immutability",
    extensions(("x-berth-extension" = json!(true))), params(InOrganization), request_body = ImmutabilityRuleBody,
    responses((status = 200, body = CoveredDocument), (status = 404, body = RefusalBody)))]
async fn preview(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<CoveredDocument>, Refused> {
    let (name, wanted) = (place.name()?, call.json::<ImmutabilityRuleBody>()?.wanted());
    let place = ImmutabilityPlace::Organization(&name);
    previewed(&app, &call, place, &wanted).await
}

/// List the rules about immutable tags that hold for an image
///
/// Its own, and those of its organization that are about it. For who has a right on the image.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/immutability",
    operation_id = "list_repo_immutability", tag = "immutability",
    extensions(("x-berth-extension" = json!(true))), params(InRepository),
    responses((status = 200, body = Vec<ImmutabilityDocument>), (status = 404, body = RefusalBody)))]
async fn list_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<ImmutabilityDocument>>, Refused> {
    let name = place.name()?;
    let found = app
        .registry
        .immutability(&call.caller, ImmutabilityPlace::Image(&name));
    Ok(Json(
        found.await.map_err(refused)?.into_iter().map(document).collect(),
    ))
}

/// Make tags of an image immutable
///
/// As a rule of its organization does, for who manages the image, which has at most 20 rules of its own.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/immutability",
    operation_id = "create_repo_immutability", tag = "immutability",
    extensions(("x-berth-extension" = json!(true))), params(InRepository), request_body = ImageRuleBody,
    responses((status = 201, body = ImmutabilityDocument), (status = 404, body = RefusalBody),
        (status = 409, body = RefusalBody)))]
async fn create_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<ImmutabilityDocument>), Refused> {
    let (name, wanted) = (place.name()?, call.json::<ImageRuleBody>()?.wanted());
    let place = ImmutabilityPlace::Image(&name);
    let made = app.registry.add_immutability(&call.caller, place, &wanted).await;
    Ok((StatusCode::CREATED, Json(document(made.map_err(refused)?))))
}

/// Delete a rule of an image about immutable tags
///
/// Not one of its organization. For who manages the image.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/immutability/{rule_id}",
    operation_id = "delete_repo_immutability", tag = "immutability",
    extensions(("x-berth-extension" = json!(true))), params(InImageRule),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete_of_image(
    State(app): State<AppState>,
    Path(place): Path<InImageRule>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let name = names::repository(&place.namespace, &place.repository)?;
    let image = ImmutabilityPlace::Image(&name);
    let deleted = app
        .registry
        .delete_immutability(&call.caller, image, place.rule_id);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show what a rule of an image would make immutable
///
/// Nothing is changed. For who manages the image.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/immutability/preview",
    operation_id = "preview_repo_immutability", tag = "immutability",
    extensions(("x-berth-extension" = json!(true))), params(InRepository), request_body = ImageRuleBody,
    responses((status = 200, body = CoveredDocument), (status = 404, body = RefusalBody)))]
async fn preview_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<CoveredDocument>, Refused> {
    let (name, wanted) = (place.name()?, call.json::<ImageRuleBody>()?.wanted());
    previewed(&app, &call, ImmutabilityPlace::Image(&name), &wanted).await
}

async fn previewed(
    app: &AppState,
    call: &Call,
    place: ImmutabilityPlace<'_>,
    wanted: &WantedImmutability,
) -> Result<Json<CoveredDocument>, Refused> {
    let found = app
        .registry
        .preview_immutability(&call.caller, place, wanted)
        .await;
    let found = found.map_err(refused)?;
    let tags = found.tags.into_iter();
    Ok(Json(CoveredDocument {
        tags: tags
            .map(|(repository, tag)| PreviewTag { repository, tag })
            .collect(),
        found: found.found,
        more: found.more,
    }))
}

impl ImmutabilityRuleBody {
    fn wanted(self) -> WantedImmutability {
        WantedImmutability {
            kind: self.kind.text(),
            pattern: self.pattern,
            except: self.except,
            images: self.images,
        }
    }
}

impl ImageRuleBody {
    fn wanted(self) -> WantedImmutability {
        WantedImmutability {
            kind: self.kind.text(),
            pattern: self.pattern,
            except: self.except,
            images: None,
        }
    }
}

impl PatternKind {
    fn text(self) -> String {
        match self {
            Self::Glob => "glob",
            Self::Regex => "regex",
        }
        .to_owned()
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Immutability, error)
}

fn document(rule: ImmutabilityRule) -> ImmutabilityDocument {
    ImmutabilityDocument {
        id: rule.id,
        on: if rule.repository_id.is_some() {
            On::Image
        } else {
            On::Organization
        },
        pattern: rule.terms.pattern,
        kind: rule.terms.kind,
        except: rule.terms.except,
        images: rule.terms.images,
        creator_id: rule.creator_id,
        creator_name: rule.creator_name,
        created_at: Time(rule.created_at),
    }
}
