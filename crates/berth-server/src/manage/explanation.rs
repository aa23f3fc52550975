//! Why somebody may or may not do something with an image (an extension).

use axum::Json;
use axum::extract::State;
use berth_registry::{Action, Error, Explanation, ExplanationStep, Verdict, WantedExplanation};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::{InRepository, Path};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(explain))
}

/// Who wants to do what.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what explain() reads")]
struct ExplanationParameters {
    /// A user of the caller's account, or `account/user`; none: somebody who does not log in.
    user: Option<String>,
    /// `pull`, `push` or `delete`; none: `pull`.
    action: Option<String>,
    /// The tag, for the rules that keep tags as they are.
    tag: Option<String>,
}

/// Whether it is allowed, and why.
#[derive(Serialize, ToSchema)]
struct ExplanationDocument {
    /// Whether it would be allowed now.
    allowed: bool,
    /// What their client would be told; none when it is allowed.
    answer: Option<String>,
    /// What was looked at, in this order.
    steps: Vec<ExplanationStepDocument>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
struct ExplanationStepDocument {
    /// `user`, `shut_out`, `administrator`, `organization`, `image`, `share`, `public`, `mirror`, `decision`, `immutability`, `quota`
    /// or `rate`.
    step: &'static str,
    /// `grants`, `refuses` or `neutral`.
    verdict: &'static str,
    /// How it stands, in a sentence.
    text: String,
}

/// Explain why somebody may or may not do something with an image
///
/// The decision itself is made, as it would be for them, and then what it is made of is told. For those who manage the image, or
/// the organization when there is no such image yet. Of users of other accounts nothing is told but what their account is given.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/explanation",
    operation_id = "explain_repo_access", tag = "limits", params(InRepository, ExplanationParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = ExplanationDocument), (status = 404, body = RefusalBody),
        (status = 400, body = RefusalBody, description = "A name or the action is none; the message says which")))]
async fn explain(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<ExplanationDocument>, Refused> {
    let name = place.name()?;
    let action = match call.query("action").as_deref() {
        None | Some("pull") => Action::Pull,
        Some("push") => Action::Push,
        Some("delete") => Action::Delete,
        Some(_) => return Err(Refused::invalid("4000014", "action is pull, push or delete")),
    };
    let tag = call.query("tag").map(|tag| tag.parse()).transpose();
    let tag = tag.map_err(|error: berth_oci::NameError| Refused::invalid("4009021", error.to_string()))?;
    let user = call.query("user");
    let wanted = WantedExplanation { user, action, tag };
    let found = app.registry.explain(&call.caller, &name, &wanted).await;
    Ok(Json(document(found.map_err(refused)?)))
}

fn document(found: Explanation) -> ExplanationDocument {
    let step = |step: ExplanationStep| ExplanationStepDocument {
        step: step.step,
        verdict: match step.verdict {
            Verdict::Grants => "grants",
            Verdict::Refuses => "refuses",
            Verdict::Neutral => "neutral",
        },
        text: step.text,
    };
    ExplanationDocument {
        allowed: found.allowed,
        answer: found.answer,
        steps: found.steps.into_iter().map(step).collect(),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::RepositoryGrant, error)
}
