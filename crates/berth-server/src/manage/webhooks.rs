//! Deliveries of webhooks: what became of them, once more, tests, dead letters, secrets; calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_oci::RepositoryName;
use berth_registry::{DeadPlace, Deliveries, Delivery, Error, Ping, WantedDeliveries};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names;
use super::wire::Time;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(again))
        .routes(routes!(all_again))
        .routes(routes!(ping))
        .routes(routes!(replace_secret))
        .routes(routes!(dead))
}

/// The path of a trigger.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InTrigger {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The trigger's name.
    trigger: String,
}

/// The path of a delivery.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InDelivery {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The trigger's name.
    trigger: String,
    /// The delivery's id.
    delivery_id: i64,
}

impl InTrigger {
    fn image(&self) -> Result<RepositoryName, Refused> {
        names::repository(&self.namespace, &self.repository)
    }
}

impl InDelivery {
    fn image(&self) -> Result<RepositoryName, Refused> {
        names::repository(&self.namespace, &self.repository)
    }
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
struct DeliveriesPage {
    /// Newest first.
    deliveries: Vec<ShownDelivery>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// What a push set a webhook to tell.
#[derive(Serialize, ToSchema)]
struct ShownDelivery {
    id: i64,
    /// The header `webhook-id` of all its attempts; null before the first one.
    webhook_id: Option<String>,
    namespace: String,
    /// The image.
    repository: String,
    trigger: String,
    /// Where it is sent; for who may not push the image, without path and query.
    url: String,
    tag: String,
    digest: String,
    /// `waiting`, `delivered` or `dead`.
    status: String,
    attempts: i64,
    /// The status that the receiver answered the last attempt with.
    response_status: Option<i64>,
    /// What went wrong with the last attempt, in a sentence.
    error: String,
    /// How long the last attempt took, in milliseconds.
    duration_ms: Option<i64>,
    created_at: Time,
    attempted_at: Option<Time>,
    /// When the next attempt is.
    next_attempt_at: Option<Time>,
}

/// A delivery and what it sends.
#[derive(Serialize, ToSchema)]
struct DeliveryDetail {
    #[serde(flatten)]
    delivery: ShownDelivery,
    /// The event, as it is sent; null before the first attempt.
    #[schema(value_type = Object)]
    event: Value,
}

/// How many deliveries are made once more.
#[derive(Serialize, ToSchema)]
struct Redelivered {
    redelivered: i64,
}

/// What came of a test delivery.
#[derive(Serialize, ToSchema)]
struct PingResult {
    /// Whether the receiver answered 2xx.
    delivered: bool,
    webhook_id: String,
    response_status: Option<u16>,
    /// What went wrong, in a sentence.
    error: String,
    duration_ms: u64,
    /// What was sent.
    #[schema(value_type = Object)]
    event: Value,
}

/// Another secret.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplaceSecret {
    /// `whsec_` and 24 to 64 bytes in Base64; made and answered once when absent.
    #[serde(default)]
    webhook_secret: Option<String>,
}

/// The secret, when it was made here.
#[derive(Serialize, ToSchema)]
struct SecretReplaced {
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
}

/// List what a webhook delivered
///
/// Newest first. For who may see the image's triggers.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/deliveries",
    operation_id = "list_webhook_deliveries", tag = "webhooks", extensions(("x-berth-extension" = json!(true))),
    params(InTrigger, MarkedParameters,
        ("status" = Option<String>, Query, description = "`waiting`, `delivered` or `dead`")),
    responses((status = 200, body = DeliveriesPage), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<Json<DeliveriesPage>, Refused> {
    let (name, wanted) = (place.image()?, wanted(&call)?);
    let found = app
        .registry
        .deliveries(&call.caller, &name, &place.trigger, wanted);
    Ok(Json(page(found.await.map_err(refused)?)))
}

/// Show a delivery and what it sends
#[utoipa::path(get,
    path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/deliveries/{delivery_id}",
    operation_id = "show_webhook_delivery", tag = "webhooks", extensions(("x-berth-extension" = json!(true))),
    params(InDelivery), responses((status = 200, body = DeliveryDetail), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InDelivery>,
    call: Call,
) -> Result<Json<DeliveryDetail>, Refused> {
    let name = place.image()?;
    let found = app
        .registry
        .delivery(&call.caller, &name, &place.trigger, place.delivery_id);
    let (delivery, body) = found.await.map_err(refused)?;
    Ok(Json(DeliveryDetail {
        delivery: document(delivery),
        event: event(body.as_deref()),
    }))
}

/// Make a delivery once more
///
/// One that has ended, well or not. It keeps its `webhook-id`, so that a receiver that has it already knows. For who may
/// push the image.
#[utoipa::path(post,
    path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/deliveries/{delivery_id}/redeliver",
    operation_id = "redeliver_webhook", tag = "webhooks", extensions(("x-berth-extension" = json!(true))),
    params(InDelivery), responses((status = 202, body = Redelivered), (status = 404, body = RefusalBody)))]
async fn again(
    State(app): State<AppState>,
    Path(place): Path<InDelivery>,
    call: Call,
) -> Result<(StatusCode, Json<Redelivered>), Refused> {
    let name = place.image()?;
    let asked = app
        .registry
        .redeliver(&call.caller, &name, &place.trigger, Some(place.delivery_id));
    let redelivered = asked.await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(Redelivered { redelivered })))
}

/// Make all dead deliveries of a webhook once more
///
/// For who may push the image.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/redeliver",
    operation_id = "redeliver_dead_webhooks", tag = "webhooks", extensions(("x-berth-extension" = json!(true))),
    params(InTrigger), responses((status = 202, body = Redelivered), (status = 404, body = RefusalBody)))]
async fn all_again(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<(StatusCode, Json<Redelivered>), Refused> {
    let name = place.image()?;
    let asked = app.registry.redeliver(&call.caller, &name, &place.trigger, None);
    let redelivered = asked.await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(Redelivered { redelivered })))
}

/// Send a test delivery
///
/// At once, of the type `io.berth.ping.v1`; the answer tells what came of it. It is not kept and not tried again. For who
/// may push the image.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/ping",
    operation_id = "ping_webhook", tag = "webhooks", extensions(("x-berth-extension" = json!(true))),
    params(InTrigger), responses((status = 200, body = PingResult), (status = 404, body = RefusalBody)))]
async fn ping(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<Json<PingResult>, Refused> {
    let name = place.image()?;
    let sent = app.registry.ping_webhook(&call.caller, &name, &place.trigger);
    Ok(Json(result(sent.await.map_err(refused)?)))
}

/// Give a webhook another secret
///
/// For a day deliveries are signed with the one before, too. For who may push the image.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/secret",
    operation_id = "replace_webhook_secret", tag = "webhooks", extensions(("x-berth-extension" = json!(true))),
    params(InTrigger), request_body = ReplaceSecret,
    responses((status = 200, body = SecretReplaced), (status = 404, body = RefusalBody)))]
async fn replace_secret(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<Json<SecretReplaced>, Refused> {
    let (name, sent) = (place.image()?, call.json::<ReplaceSecret>()?);
    let wanted = sent.webhook_secret.as_deref();
    let replaced = app
        .registry
        .replace_webhook_secret(&call.caller, &name, &place.trigger, wanted);
    let webhook_secret = replaced.await.map_err(refused)?;
    Ok(Json(SecretReplaced { webhook_secret }))
}

/// List what could not be delivered
///
/// Of the caller's account, for its administrators; of one organization, for who manages it; of one image, for who may
/// push it. Newest first.
#[utoipa::path(get, path = "/v2/manage/webhooks/dead",
    operation_id = "list_dead_webhook_deliveries", tag = "webhooks", extensions(("x-berth-extension" = json!(true))),
    params(MarkedParameters, ("namespace" = Option<String>, Query, description = "The organization"),
        ("repository" = Option<String>, Query, description = "The image in that organization")),
    responses((status = 200, body = DeliveriesPage), (status = 400, body = RefusalBody), (status = 404, body = RefusalBody)))]
async fn dead(State(app): State<AppState>, call: Call) -> Result<Json<DeliveriesPage>, Refused> {
    let wanted = WantedDeliveries {
        status: None,
        ..wanted(&call)?
    };
    let (namespace, image) = (call.query("namespace"), call.query("repository"));
    let place = match (namespace, image) {
        (None, None) => DeadPlace::Account,
        (Some(namespace), None) => DeadPlace::Organization(names::organization(&namespace)?),
        (Some(namespace), Some(image)) => DeadPlace::Image(names::repository(&namespace, &image)?),
        (None, Some(_)) => {
            return Err(Refused::invalid(
                "4001008",
                "an image is named with its organization",
            ));
        }
    };
    let found = app.registry.dead_letters(&call.caller, place, wanted);
    Ok(Json(page(found.await.map_err(refused)?)))
}

fn wanted(call: &Call) -> Result<WantedDeliveries, Refused> {
    let Marked { limit, marker } = Marked::<i64>::of(call)?;
    Ok(WantedDeliveries {
        status: call.query("status"),
        before: marker,
        limit,
    })
}

fn page(found: Deliveries) -> DeliveriesPage {
    DeliveriesPage {
        deliveries: found.rows.into_iter().map(document).collect(),
        next_marker: found.next,
    }
}

fn document(delivery: Delivery) -> ShownDelivery {
    let (namespace, repository) = delivery.repository.split_once('/').unwrap_or_default();
    ShownDelivery {
        id: delivery.id,
        webhook_id: delivery.uid,
        namespace: namespace.to_owned(),
        repository: repository.to_owned(),
        trigger: delivery.trigger,
        url: delivery.url,
        tag: delivery.tag,
        digest: delivery.digest,
        status: delivery.status,
        attempts: delivery.attempts,
        response_status: delivery.response_status,
        error: delivery.error,
        duration_ms: delivery.took_ms,
        created_at: Time(delivery.at),
        attempted_at: delivery.attempted_at.map(Time),
        next_attempt_at: delivery.due_at.map(Time),
    }
}

fn result(sent: Ping) -> PingResult {
    PingResult {
        delivered: sent.error.is_empty(),
        webhook_id: sent.webhook_id,
        response_status: sent.response_status,
        error: sent.error,
        duration_ms: u64::try_from(sent.took.as_millis()).unwrap_or(u64::MAX),
        event: event(Some(&sent.body)),
    }
}

fn event(body: Option<&str>) -> Value {
    body.and_then(|body| serde_json::from_str(body).ok())
        .unwrap_or_default()
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Trigger, error)
}
