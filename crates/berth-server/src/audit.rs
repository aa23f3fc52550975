//! What the audit trail hears of: changes, refusals of people who are known, and refused logins. One layer around the
//! documented operations and one place in the distribution API, so that no handler can forget it. Decides nothing and
//! changes no answer; hears names, never a secret.

mod resource;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use berth_oci::Endpoint;
use berth_registry::{Actor, Caller, Deed, Registry};
use http::request::Parts;
use http::{Method, StatusCode};
use utoipa::openapi::OpenApi;

use crate::origin::Origin;
use crate::serve::Arrival;
use crate::state::AppState;
use resource::Named;

/// What is noted as the action of a refused login that is no operation of its own.
const LOGIN: &str = "login";
/// The status that servers note for a client that went away before its answer.
const CLIENT_GONE: (u16, &str) = (499, "CLIENT_GONE");

/// The code of a refusal, which an answer carries as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Code(pub(crate) String);

/// What an answer tells of a request's end.
pub(crate) struct Told {
    status: StatusCode,
    code: String,
}

impl Told {
    /// What this one tells.
    pub(crate) fn by(response: &Response) -> Self {
        let code = response.extensions().get::<Code>();
        Self {
            status: response.status(),
            code: code.map_or_else(String::new, |code| code.0.clone()),
        }
    }
}

/// What a request turns out to be about while it is handled; requests that are heard carry one as an extension.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    actor: Option<Actor>,
    named: Named,
}

impl Witness {
    /// Notes who a request's caller is.
    pub(crate) fn hear_caller(parts: &Parts, caller: &Caller) {
        if let (Some(witness), Some(actor)) = (parts.extensions.get::<Self>(), Actor::of(caller)) {
            witness.heard().actor = Some(actor);
        }
    }

    /// Notes whose login was refused.
    pub(crate) fn hear_refused(parts: &Parts, presented: &str) {
        if let Some(witness) = parts.extensions.get::<Self>() {
            witness.heard().actor = Some(Actor::Refused(presented.to_owned()));
        }
    }

    /// Notes what the body of a change names.
    pub(crate) fn hear_body(parts: &Parts, body: &[u8]) {
        if let Some(witness) = parts.extensions.get::<Self>().filter(|_| !parts.method.is_safe()) {
            witness.heard().named.read(body);
        }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The operations by method and path, as the document has them.
#[derive(Clone)]
pub(crate) struct Operations {
    app: AppState,
    ids: Arc<HashMap<(Method, String), String>>,
}

impl Operations {
    /// Those of a document.
    pub(crate) fn of(app: &AppState, document: &OpenApi) -> Self {
        let mut ids = HashMap::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in [
                (Method::GET, &item.get),
                (Method::HEAD, &item.head),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ] {
                if let Some(id) = operation
                    .as_ref()
                    .and_then(|operation| operation.operation_id.clone())
                {
                    ids.insert((method, path.clone()), id);
                }
            }
        }
        Self {
            app: app.clone(),
            ids: Arc::new(ids),
        }
    }
}

/// Hears the documented operations.
pub(crate) async fn operations(
    State(operations): State<Operations>,
    request: Request,
    next: Next,
) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let key = matched.map(|path| (request.method().clone(), path.as_str().to_owned()));
    let Some(id) = key.and_then(|key| operations.ids.get(&key)) else {
        return next.run(request).await;
    };
    // A browser that a provider leads back asks with GET, and gets a session.
    let changes = !request.method().is_safe() || id == "end_sign_in";
    let action = (id.as_str(), changes);
    hear(&operations.app, action, request, next).await
}

/// Hears the token endpoint: who asks for a token changes nothing, but may be refused.
pub(crate) async fn logins(State(app): State<AppState>, request: Request, next: Next) -> Response {
    hear(&app, (LOGIN, false), request, next).await
}

async fn hear(app: &AppState, (action, changes): (&str, bool), request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let witness = Witness::default();
    if let Ok(path) = RawPathParams::from_request_parts(&mut parts, &()).await {
        witness.heard().named = Named::of(&path);
    }
    parts.extensions.insert(witness.clone());
    let note = Note {
        registry: Arc::clone(&app.registry),
        deed: Some(deed(app, &parts, action.to_owned())),
        witness,
        changes,
        may_follow: false,
    };
    let response = next.run(Request::from_parts(parts, body)).await;
    note.answered(Told::by(&response)).await;
    response
}

fn deed(app: &AppState, parts: &Parts, action: String) -> Deed {
    let id = parts.extensions.get::<Arrival>().map(Arrival::id);
    Deed {
        action,
        resource: String::new(),
        status: 0,
        code: String::new(),
        source: Origin::client(parts, &app.settings),
        request_id: id.unwrap_or_default().to_owned(),
    }
}

/// A request that is heard, until its answer is known.
pub(crate) struct Note {
    registry: Arc<Registry>,
    /// What is done; gone when it was noted.
    deed: Option<Deed>,
    witness: Witness,
    changes: bool,
    /// Whether the line may follow the answer. A push's may: the history of its tag, which is written with it, already
    /// tells who moved it, and a second wait for the disk would double what a small push costs.
    may_follow: bool,
}

impl Note {
    /// A request of the distribution API that changes something for good: manifests and deletions, not uploads.
    pub(crate) fn of_change(app: &AppState, parts: &Parts, endpoint: &Endpoint) -> Option<Self> {
        let changes = matches!(
            endpoint,
            Endpoint::PutManifest { .. } | Endpoint::DeleteManifest { .. } | Endpoint::DeleteBlob { .. }
        );
        changes.then(|| Self::of_endpoint(app, parts, endpoint))
    }

    fn of_endpoint(app: &AppState, parts: &Parts, endpoint: &Endpoint) -> Self {
        let (action, resource) = resource::of_endpoint(endpoint);
        let witness = Witness::default();
        witness.heard().named = Named::exactly(resource);
        Self {
            registry: Arc::clone(&app.registry),
            deed: Some(deed(app, parts, action.to_owned())),
            witness,
            changes: true,
            may_follow: matches!(endpoint, Endpoint::PutManifest { .. }),
        }
    }

    /// Notes who is behind it.
    pub(crate) fn by(self, caller: &Caller) -> Self {
        self.witness.heard().actor = Actor::of(caller);
        self
    }

    /// Notes the answer: a change before it goes out, a refusal and a push soon.
    pub(crate) async fn answered(mut self, told: Told) {
        let (actor, resource) = {
            let mut heard = self.witness.heard();
            (heard.actor.take(), heard.named.to_string())
        };
        let (Some(mut deed), Some(actor)) = (self.deed.take(), actor) else {
            return;
        };
        let refused = told.status.is_client_error() || told.status.is_server_error();
        let is_denied = told.status == StatusCode::FORBIDDEN;
        let is_refused_login = refused && matches!(actor, Actor::Refused(_));
        if !(self.changes || is_denied || is_refused_login) {
            return;
        }
        deed.resource = resource;
        (deed.status, deed.code) = (told.status.as_u16(), told.code);
        if refused || self.may_follow {
            self.registry.record_soon(actor, deed);
            return;
        }
        let registry = Arc::clone(&self.registry);
        // On a task of its own: it is written also when the client goes away meanwhile.
        let written = tokio::spawn(async move { registry.record(&actor, deed).await });
        if let Err(error) = written.await {
            tracing::error!(%error, "an audit event could not be written");
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let Some(mut deed) = self.deed.take().filter(|_| self.changes) else {
            return;
        };
        let mut heard = self.witness.heard();
        if let Some(actor) = heard.actor.take() {
            deed.resource = heard.named.to_string();
            (deed.status, deed.code) = (CLIENT_GONE.0, CLIENT_GONE.1.to_owned());
            self.registry.record_soon(actor, deed);
        }
    }
}

/// Notes a refusal of the distribution API to somebody who is known, or whose login it is.
pub(crate) fn refused(app: &AppState, parts: &Parts, actor: Actor, response: &Response) {
    // Read once more: who is not refused does not pay for it.
    let endpoint = Endpoint::parse(&parts.method, parts.uri.path(), parts.uri.query());
    let (action, resource) = endpoint
        .as_ref()
        .map_or((LOGIN, String::new()), resource::of_endpoint);
    let told = Told::by(response);
    let deed = Deed {
        resource,
        status: told.status.as_u16(),
        code: told.code,
        ..deed(app, parts, action.to_owned())
    };
    app.registry.record_soon(actor, deed);
}
