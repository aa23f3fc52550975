//! The extractor of management calls: reads the body whole, because a signature covers it, and names the caller.

use std::io;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use berth_registry::{Caller, Traffic};
use futures_util::{Stream, stream};
use http::request::Parts;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use super::error::Refused;
use crate::audit::Witness;
use crate::authenticate;
use crate::origin::Origin;
use crate::rates;
use crate::state::AppState;

/// The largest body of this API is a list of a hundred users.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest body that is gathered because a signature covers it, of those that are not held otherwise.
const STREAMED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A request of somebody who proved who they are.
pub(crate) struct Call {
    /// Who calls.
    pub(crate) caller: Caller,
    /// Where the call came from, and this server's address as the client knows it.
    pub(crate) origin: Origin,
    /// The rest of the request.
    pub(crate) parts: Parts,
    body: Bytes,
}

/// A request of somebody who is about to prove who they are.
pub(crate) struct Open {
    /// Where it came from, and this server's address as the client knows it.
    pub(crate) origin: Origin,
    /// The rest of the request.
    pub(crate) parts: Parts,
    body: Bytes,
}

/// A request of somebody who need not log in: without a word of who they are they are nobody, and whoever says it proves it.
pub(crate) struct Visit(pub(crate) Call);

impl FromRequest<AppState> for Visit {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Refused> {
        if authenticate::shows_credentials(request.headers()) {
            return Call::from_request(request, app).await.map(Self);
        }
        let Open { origin, parts, body } = Open::from_request(request, app).await?;
        Ok(Self(Call {
            caller: Caller::Anonymous,
            origin,
            parts,
            body,
        }))
    }
}

impl FromRequest<AppState> for Open {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        rates::of_address(app, &parts, Traffic::Api).await?;
        let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(Refused::body_too_large());
            }
            Err(_) => return Err(Refused::body_broken_off()),
        };
        Ok(Self {
            origin: Origin::of(&parts, &app.settings),
            parts,
            body,
        })
    }
}

impl FromRequest<AppState> for Call {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Refused> {
        let Open { origin, parts, body } = Open::from_request(request, app).await?;
        let caller = match authenticate::management_caller(app, &parts, &body).await {
            Ok(caller) => caller,
            Err(error) => {
                if let Some(presented) = authenticate::presented(&parts.headers) {
                    Witness::hear_refused(&parts, &presented);
                }
                return Err(error.into());
            }
        };
        Witness::hear_caller(&parts, &caller);
        rates::of_caller(app, &parts, (&caller, Traffic::Api)).await?;
        Witness::hear_body(&parts, &body);
        Ok(Self {
            caller,
            origin,
            parts,
            body,
        })
    }
}

/// A request whose body is too large to be held, of somebody who proved who they are.
pub(crate) struct Streamed {
    /// Who calls.
    pub(crate) caller: Caller,
    /// The bytes announced, if they were.
    pub(crate) length: Option<u64>,
    /// The bytes.
    pub(crate) body: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    parts: Parts,
}

impl FromRequest<AppState> for Streamed {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        rates::of_address(app, &parts, Traffic::Api).await?;
        // A signature covers the bytes, so they are gathered before anybody is known by it.
        let (body, read) = if authenticate::is_signed(&parts.headers) {
            let read = Limited::new(body, STREAMED_BYTES_MAX).collect().await;
            let read = read.map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    Refused::chunk_too_large()
                } else {
                    Refused::body_broken_off()
                }
            })?;
            (Body::empty(), Some(read.to_bytes()))
        } else {
            (body, None)
        };
        let caller = match authenticate::management_caller(
            app,
            &parts,
            read.as_ref().unwrap_or(&Bytes::new()),
        )
        .await
        {
            Ok(caller) => caller,
            Err(error) => {
                if let Some(presented) = authenticate::presented(&parts.headers) {
                    Witness::hear_refused(&parts, &presented);
                }
                return Err(error.into());
            }
        };
        Witness::hear_caller(&parts, &caller);
        rates::of_caller(app, &parts, (&caller, Traffic::Api)).await?;
        Ok(match read {
            Some(bytes) => Self {
                caller,
                length: Some(bytes.len() as u64),
                body: Box::pin(stream::iter([Ok(bytes)])),
                parts,
            },
            None => Self {
                caller,
                length: body.size_hint().exact(),
                body: Box::pin(crate::body::bytes(body)),
                parts,
            },
        })
    }
}

impl Streamed {
    /// A number of the query that must be there.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Refused> {
        let query = self.parts.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let found = pairs.find(|(key, _)| key == name);
        let found = found.and_then(|(_, value)| value.parse().ok());
        found.ok_or_else(|| Refused::parameter(name))
    }
}

impl Open {
    /// The body as JSON of the wanted form, whatever its content type says.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_json::from_slice(&self.body).map_err(|error| Refused::body_malformed(&error))
    }
}

impl Call {
    /// The body as JSON of the wanted form, whatever its content type says.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        serde_json::from_slice(&self.body).map_err(|error| Refused::body_malformed(&error))
    }

    /// A parameter of the query, decoded; an empty one is as good as none.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty())
    }
}
