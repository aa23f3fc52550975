//! Who sent a request: reads the credentials out of its headers and asks the registry. Decides about no right.
//! Also the challenge, which tells clients where tokens are.

use std::fmt::Write as _;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_oci::signature::{ALGORITHM, Authorization, SignedBody, SignedRequest};
use berth_oci::{ErrorBody, ErrorCode};
use berth_registry::{Caller, Error, Presented, SERVICE, TokenCaller};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::audit::Witness;
use crate::origin::Origin;
use crate::state::AppState;

/// Where the challenge sends clients.
pub(crate) const TOKEN_PATH: &str = "/token";

/// The header of IAM tokens.
const TOKEN_HEADER: &str = "x-auth-token";
/// The cookie of the console's sessions.
pub(crate) const SESSION_COOKIE: &str = "berth_session";
/// The header that proves that a page of ours sent a request of a session.
const FORGERY_PROOF_HEADER: &str = "x-csrf-token";

/// A recognised caller of the distribution API.
#[derive(Debug)]
pub(crate) struct Authenticated {
    /// Who it is.
    pub(crate) caller: Caller,
    /// The token has ended: good for going on with the caller's own upload only.
    pub(crate) expired: bool,
}

impl Authenticated {
    /// Who shows nothing that this module knows.
    pub(crate) fn nobody() -> Self {
        Self {
            caller: Caller::Anonymous,
            expired: false,
        }
    }
}

/// What the headers show.
enum Shown<'a> {
    Nothing,
    Bearer(&'a str),
    Basic { user: String, password: String },
    Signature(String),
    Unreadable,
}

impl<'a> Shown<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Shown::Nothing;
        };
        let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.trim().split_once(' ')) else {
            return Shown::Unreadable;
        };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            Shown::Bearer(rest)
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic(rest).unwrap_or(Shown::Unreadable)
        } else if scheme == ALGORITHM {
            Shown::Signature(format!("{scheme} {rest}"))
        } else {
            Shown::Unreadable
        }
    }
}

fn basic(encoded: &str) -> Option<Shown<'static>> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Shown::Basic {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

/// The caller of a distribution request: by token, by Basic login, or anonymous.
pub(crate) async fn caller(app: &AppState, parts: &Parts) -> Result<Authenticated, Error> {
    let valid = |caller| Authenticated {
        caller,
        expired: false,
    };
    match Shown::of(&parts.headers) {
        Shown::Nothing => Ok(valid(Caller::Anonymous)),
        Shown::Bearer(token) => Ok(match app.registry.verify_token(token).await? {
            TokenCaller::Valid(caller) => valid(caller),
            TokenCaller::Expired(caller) => Authenticated {
                caller,
                expired: true,
            },
        }),
        Shown::Basic { user, password } => Box::pin(login(app, parts, &user, &password)).await.map(valid),
        Shown::Signature(_) | Shown::Unreadable => Err(unusable()),
    }
}

/// The caller of the token endpoint: by Basic login, or anonymous.
pub(crate) async fn basic_caller(app: &AppState, parts: &Parts) -> Result<Caller, Error> {
    match Shown::of(&parts.headers) {
        Shown::Nothing => Ok(Caller::Anonymous),
        Shown::Basic { user, password } => login(app, parts, &user, &password).await,
        Shown::Bearer(_) | Shown::Signature(_) | Shown::Unreadable => Err(unusable()),
    }
}

/// The caller of a management request: who signed it, whose token it carries, or who is signed in to the console. The
/// first of them that is there counts.
pub(crate) async fn management_caller(app: &AppState, parts: &Parts, body: &Bytes) -> Result<Caller, Error> {
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if let Shown::Signature(authorization) = Shown::of(&parts.headers) {
        return signer(app, parts, body, &authorization).await;
    }
    if let Some(token) = header(TOKEN_HEADER) {
        return app.registry.authenticate_iam_token(token.trim()).await;
    }
    let Some(secret) = session_secret(&parts.headers) else {
        return Err(Error::Unauthenticated);
    };
    let proof = (!parts.method.is_safe()).then(|| header(FORGERY_PROOF_HEADER).unwrap_or_default());
    app.registry.authenticate_session(secret, proof).await
}

/// Whether a management request says who sends it, rightly or not.
pub(crate) fn shows_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
        || headers.contains_key(TOKEN_HEADER)
        || session_secret(headers).is_some()
}

/// Whether a signature says who sends a request; it covers the body.
pub(crate) fn is_signed(headers: &HeaderMap) -> bool {
    matches!(Shown::of(headers), Shown::Signature(_))
}

/// The secret of the console's session, from its cookie.
pub(crate) fn session_secret(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, secret)| secret)
}

async fn signer(app: &AppState, parts: &Parts, body: &Bytes, authorization: &str) -> Result<Caller, Error> {
    let request = SignedRequest {
        method: &parts.method,
        raw_path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        authority: parts.uri.authority().map(http::uri::Authority::as_str),
        body: SignedBody::Received(body),
    };
    let source = Origin::client(parts, &app.settings);
    app.registry
        .authenticate_signature(authorization, &request, source)
        .await
}

/// A user name and password, as Basic or a form carries them.
pub(crate) async fn login(
    app: &AppState,
    parts: &Parts,
    user: &str,
    password: &str,
) -> Result<Caller, Error> {
    let source = Origin::client(parts, &app.settings);
    let presented = Presented {
        user,
        password,
        source,
    };
    let result = app.registry.authenticate_password(presented).await;
    match &result {
        Ok(caller) => Witness::hear_caller(parts, caller),
        Err(error) if is_refused_login(error) => {
            tracing::warn!(client = %source, "login refused");
            Witness::hear_refused(parts, user);
        }
        Err(_) => {}
    }
    result
}

/// Whether an error is the refusal of a login, not a failure of the server.
pub(crate) fn is_refused_login(error: &Error) -> bool {
    matches!(
        error,
        Error::BadCredentials { .. } | Error::Denied(_) | Error::Throttled { .. }
    )
}

/// The name in a login that the headers show: a user's, or the id of an access key after an `@`. Tokens have none.
pub(crate) fn presented(headers: &HeaderMap) -> Option<String> {
    match Shown::of(headers) {
        Shown::Basic { user, .. } => Some(user),
        Shown::Signature(authorization) => {
            let authorization: Authorization = authorization.parse().ok()?;
            Some(format!("@{}", authorization.access_key_id()))
        }
        Shown::Nothing | Shown::Bearer(_) | Shown::Unreadable => None,
    }
}

/// SWR's text for every kind of refused login, and in the detail what helps. The detail is never left out: docker
/// shows the text only when there is one.
pub(crate) fn unauthorized(explanation: Option<&str>) -> ErrorBody {
    let explanation = explanation.unwrap_or(
        "log in, or log in again: there was no login, or its user name, key or password is wrong, has ended or was deleted",
    );
    ErrorBody::one(
        ErrorCode::Unauthorized,
        "authentication required",
        Some(json!(explanation)),
    )
}

fn unusable() -> Error {
    Error::BadCredentials {
        explanation: Some("the Authorization header is of no form that is accepted here".to_owned()),
    }
}

/// Why a request with a token was refused, in the words of RFC 6750.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChallengeError {
    /// The token has ended, or is none of ours.
    InvalidToken,
    /// The token is good but not for this.
    InsufficientScope,
}

/// The `WWW-Authenticate` header that sends a client to the token endpoint.
pub(crate) fn challenge(
    app: &AppState,
    parts: &Parts,
    scope: Option<&str>,
    error: Option<ChallengeError>,
) -> HeaderValue {
    let origin = Origin::of(parts, &app.settings);
    let mut text = format!(
        "Bearer realm=\"{}{TOKEN_PATH}\",service=\"{SERVICE}\"",
        origin.url
    );
    if let Some(scope) = scope {
        let _ = write!(text, ",scope=\"{scope}\"");
    }
    match error {
        None => {}
        Some(ChallengeError::InvalidToken) => text.push_str(",error=\"invalid_token\""),
        Some(ChallengeError::InsufficientScope) => text.push_str(",error=\"insufficient_scope\""),
    }
    HeaderValue::try_from(text).expect("an origin and a scope hold plain characters only")
}
