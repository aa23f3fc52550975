//! The OCI distribution API: one catch-all under `/v2/`, because a repository name holds any number of `/`.
//! A request becomes an [`Endpoint`], runs one registry call and is shaped into the specification's answer.

mod blobs;
mod error;
mod lists;
mod manifests;
mod swarm;
mod uploads;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use berth_oci::Endpoint;
use berth_registry::{Actor, Caller, Error, Traffic, at_one_moment};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, Entry};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::audit::{self, Note, Told};
use crate::authenticate;
use crate::mirrored::{Named, Wanted};
use crate::rates;
use crate::state::AppState;
use error::Refused;

/// The header that says which registry a name was taken to be of, when the request said so.
const NAMESPACE: HeaderName = HeaderName::from_static("oci-namespace");

/// A request that was read: who asks, and its parts for the headers that matter to an endpoint.
struct Asked<'a> {
    app: &'a AppState,
    caller: &'a Caller,
    parts: &'a Parts,
}

/// Whether a path is one of the distribution API.
pub(crate) fn has(path: &str) -> bool {
    path.strip_prefix("/v2/").is_some_and(|rest| {
        rest.strip_prefix("manage")
            .is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/'))
    })
}

/// The answer to a request for such a path.
pub(crate) async fn answer(app: &AppState, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // Boxed: what it may need at one time would be moved into each place that it is kept in.
    let handled = Box::pin(read(app, &parts, body));
    let response = if parts.method.is_safe() {
        at_one_moment(handled).await
    } else {
        handled.await
    };
    complete(&parts.method, response)
}

/// An answer with its length, which is all that `HEAD` is told of a body.
fn complete(method: &Method, mut response: Response) -> Response {
    if let Some(length) = response.body().size_hint().exact()
        && let Entry::Vacant(place) = response.headers_mut().entry(CONTENT_LENGTH)
    {
        place.insert(HeaderValue::from(length));
    }
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

async fn read(app: &AppState, parts: &Parts, body: Body) -> Response {
    match Wanted::read(app, parts).await {
        Ok(wanted) => {
            let mut response = handle(app, parts, &wanted, body).await;
            if let Named::Elsewhere(Some(registry)) = &wanted.named {
                response
                    .headers_mut()
                    .insert(NAMESPACE, manifests::text(registry));
            }
            response
        }
        Err(unread) => error::unread(&unread),
    }
}

async fn handle(app: &AppState, parts: &Parts, wanted: &Wanted, body: Body) -> Response {
    let refused = Refused::new(app, parts, wanted);
    let endpoint = &wanted.endpoint;
    let traffic = rates::traffic(&parts.method, endpoint);
    if let Some(traffic) = traffic
        && let Err(error) = rates::of_address(app, parts, traffic).await
    {
        return refused.answer(&error);
    }
    let authenticated = match endpoint {
        // It shows by its header who it is, which is no login.
        Endpoint::SwarmReplica => Ok(authenticate::Authenticated::nobody()),
        _ => authenticate::caller(app, parts).await,
    };
    let caller = match authenticated {
        Ok(authenticated) if !authenticated.expired || continues_upload(endpoint) => authenticated.caller,
        Ok(_) => {
            return refused.answer(&Error::BadCredentials {
                explanation: Some("the token has ended; ask for a new one".into()),
            });
        }
        Err(error) => {
            let response = refused.answer(&error);
            if let Some(presented) = authenticate::presented(&parts.headers)
                && authenticate::is_refused_login(&error)
            {
                audit::refused(app, parts, Actor::Refused(presented), &response);
            }
            return response;
        }
    };
    if let Some(traffic) = traffic
        && let Err(error) = admit(app, parts, (&caller, traffic)).await
    {
        return refused.answer(&error);
    }
    let change = Note::of_change(app, parts, endpoint).map(|note| note.by(&caller));
    let asked = Asked {
        app,
        caller: &caller,
        parts,
    };
    let served = serve(&asked, endpoint, body).await;
    let denied = matches!(served, Err(Error::Denied(_)));
    let mut response = served.unwrap_or_else(|error| refused.answer(&error));
    if let Some(payer) = rates::payer(app, parts, (&caller, endpoint)) {
        response.extensions_mut().insert(payer);
    }
    if let Some(change) = change {
        change.answered(Told::by(&response)).await;
    } else if let Some(actor) = denied.then(|| Actor::of(&caller)).flatten() {
        audit::refused(app, parts, actor, &response);
    }
    response
}

/// Lets a caller pass who is not shut out, when it is their turn.
async fn admit(app: &AppState, parts: &Parts, request: (&Caller, Traffic)) -> Result<(), Error> {
    rates::not_shut_out(app, parts, request.0)?;
    rates::of_caller(app, parts, request).await
}

/// Headers, with room for those that all answers have: a map that grows is made twice.
fn head_of<const N: usize>(headers: [(HeaderName, HeaderValue); N]) -> HeaderMap {
    let mut head = HeaderMap::with_capacity(N + 4);
    for (name, value) in headers {
        head.insert(name, value);
    }
    head
}

fn respond(status: StatusCode, head: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = head;
    response
}

/// A running upload does not die because its token ended: its own session goes on.
fn continues_upload(endpoint: &Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::UploadStatus { .. }
            | Endpoint::AppendUpload { .. }
            | Endpoint::FinishUpload { .. }
            | Endpoint::CancelUpload { .. }
    )
}

/// Reads are most of all requests: only they are part of this future, which is made and moved for every one.
async fn serve(asked: &Asked<'_>, endpoint: &Endpoint, body: Body) -> Result<Response, Error> {
    match endpoint {
        Endpoint::Ping => ping(asked),
        Endpoint::ListRepositories { page } => {
            asked.login_first()?;
            Box::pin(lists::repositories(asked, page)).await
        }
        Endpoint::ListTags { repository, page } => Box::pin(lists::tags(asked, repository, page)).await,
        Endpoint::ListReferrers {
            repository,
            digest,
            artifact_type,
            last,
        } => {
            let wanted = (artifact_type.as_deref(), last.as_ref());
            Box::pin(lists::referrers(asked, repository, digest, wanted)).await
        }
        Endpoint::GetManifest {
            repository,
            reference,
        } => manifests::get(asked, repository, reference).await,
        Endpoint::HeadManifest {
            repository,
            reference,
        } => manifests::head(asked, repository, reference).await,
        Endpoint::PutManifest {
            repository,
            reference,
            tags,
        } => Box::pin(manifests::put(asked, repository, (reference, tags), body)).await,
        Endpoint::DeleteManifest {
            repository,
            reference,
        } => Box::pin(manifests::delete(asked, repository, reference)).await,
        Endpoint::GetBlob { repository, digest } => blobs::get(asked, repository, digest).await,
        Endpoint::HeadBlob { repository, digest } => blobs::head(asked, repository, digest).await,
        Endpoint::DeleteBlob { repository, digest } => {
            Box::pin(blobs::delete(asked, repository, digest)).await
        }
        Endpoint::StartUpload { repository, start } => {
            Box::pin(uploads::start(asked, repository, start.clone(), body)).await
        }
        Endpoint::UploadStatus { repository, id } => Box::pin(uploads::status(asked, repository, id)).await,
        Endpoint::AppendUpload { repository, id } => {
            Box::pin(uploads::append(asked, repository, id, body)).await
        }
        Endpoint::FinishUpload {
            repository,
            id,
            digest,
        } => Box::pin(uploads::finish(asked, repository, (id, digest), body)).await,
        Endpoint::CancelUpload { repository, id } => Box::pin(uploads::cancel(asked, repository, id)).await,
        Endpoint::JoinSwarm { repository, digest } => {
            Box::pin(swarm::join(asked, repository, digest, body)).await
        }
        Endpoint::SwarmKey => Ok(swarm::key(asked)),
        Endpoint::SwarmReplica => Box::pin(swarm::replica(asked, body)).await,
        Endpoint::SwarmNodes => Box::pin(swarm::node(asked, body)).await,
    }
}

/// end-1. Clients learn from its 401 where tokens are, so nobody passes without having shown some credential.
fn ping(asked: &Asked<'_>) -> Result<Response, Error> {
    asked.login_first()?;
    Ok((
        [
            ("docker-distribution-api-version", "registry/2.0"),
            // So that a registry that sends copies here knows whether they came from here.
            ("berth-registry-id", asked.app.registry.id()),
        ],
        axum::Json(serde_json::json!({})),
    )
        .into_response())
}

impl Asked<'_> {
    /// Sends whoever showed no credential at all, not even an anonymous token, to the token endpoint.
    fn login_first(&self) -> Result<(), Error> {
        if self.parts.headers.contains_key(AUTHORIZATION) {
            Ok(())
        } else {
            Err(Error::Unauthenticated)
        }
    }

    fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The entity tags of an `If-Match` or `If-None-Match` header.
    fn entity_tags(&self, name: http::HeaderName) -> Option<Vec<EntityTag>> {
        let mut values = self.parts.headers.get_all(name).iter().peekable();
        values.peek()?;
        let tags = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        Some(tags.map(EntityTag::of).collect())
    }

    /// How an answer about what a digest names may be kept, as that never changes: by every cache when it was given to
    /// nobody in particular, else by the client alone. A cache between must not take the words that are missing here for a
    /// leave: some of them keep answers to requests with a login. A cache asks again after a day all the same, because an image
    /// that is public may not be so for ever.
    fn for_ever(&self) -> HeaderValue {
        HeaderValue::from_static(match self.caller {
            Caller::Anonymous => "public, max-age=31536000, s-maxage=86400, immutable",
            Caller::User(_) | Caller::System => "private, max-age=31536000, immutable",
        })
    }

    /// The same for what a tag names, which may change at any time: whoever kept it asks again with its `ETag`.
    fn until_asked_again(&self) -> HeaderValue {
        HeaderValue::from_static(match self.caller {
            Caller::Anonymous => "public, no-cache",
            Caller::User(_) | Caller::System => "private, no-cache",
        })
    }

    /// Whether the client says that it has this digest already.
    fn has_already(&self, digest: &str) -> bool {
        self.entity_tags(http::header::IF_NONE_MATCH)
            .is_some_and(|tags| tags.iter().any(|tag| tag.value == "*" || tag.value == digest))
    }
}

/// One of the tags in `If-Match` or `If-None-Match`, or `*` (RFC 9110 section 8.8.3).
struct EntityTag {
    value: String,
    weak: bool,
}

impl EntityTag {
    fn of(text: &str) -> Self {
        let text = text.trim();
        let after = text.strip_prefix("W/");
        Self {
            value: after.unwrap_or(text).trim_matches('"').to_owned(),
            weak: after.is_some(),
        }
    }
}
