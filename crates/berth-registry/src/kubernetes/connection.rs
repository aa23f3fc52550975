//! The way to a cluster's server: who is trusted, who we are, and the bounds. Follows no redirect and reads no file and
//! no variable, whatever the login says.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use kube::Client;
use kube::client::{Body, ClientBuilder};
use reqwest::{Certificate, Identity};
use serde::{Deserialize, Serialize};
use tower_service::Service;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::error::{KubernetesError, said};
use crate::outbound::OutboundRefusal;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Most time for one question and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest answer; a page of pods has a megabyte or two.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// Bytes of all answers to one connection, which is made anew for each look and each step.
const ALL_BYTES_MAX: usize = 256 << 20;

/// Who Berth is in a cluster; wiped from memory when dropped.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Credential {
    /// A bearer token, such as a service account's.
    Token(String),
    /// A client certificate with its key, both in PEM.
    Certificate {
        /// The certificate, and those between it and the cluster's authority.
        certificate: String,
        /// Its private key.
        key: String,
    },
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::Certificate { .. } => "Certificate(..)",
        })
    }
}

/// Where a cluster is, how it is trusted and who we are there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The address of its server, with no `/` at the end.
    pub(crate) server: String,
    /// Certificates in PEM to trust it by; empty for those that the machine trusts.
    pub(crate) certificate_authority: String,
    /// Who we are.
    pub(crate) credential: Credential,
}

#[derive(Clone)]
struct Connection {
    http: reqwest::Client,
    server: String,
    authorization: Option<HeaderValue>,
    /// Bytes of the answers so far.
    answered: Arc<AtomicUsize>,
}

pub(super) fn client(http: reqwest::ClientBuilder, place: &Place) -> Result<Client, KubernetesError> {
    let refused = |what: &str| KubernetesError::Refused(what.to_owned());
    let mut http = http
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")));
    if !place.certificate_authority.trim().is_empty() {
        let trusted = Certificate::from_pem_bundle(place.certificate_authority.as_bytes());
        let trusted = trusted.map_err(|_| refused("certificate_authority holds no certificates in PEM"))?;
        http = http.tls_certs_only(trusted);
    }
    let mut authorization = None;
    match &place.credential {
        Credential::Token(token) => {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|_| refused("the token has characters that no header carries"))?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        Credential::Certificate { certificate, key } => {
            let both = zeroize::Zeroizing::new(format!("{certificate}\n{key}\n"));
            let identity = Identity::from_pem(both.as_bytes());
            http = http.identity(
                identity.map_err(|_| refused("the client certificate or its key is not readable PEM"))?,
            );
        }
    }
    let http = http.build();
    let connection = Connection {
        http: http.map_err(|error| {
            KubernetesError::Refused(format!("the cluster cannot be spoken to: {}", root(&error)))
        })?,
        server: place.server.clone(),
        authorization,
        answered: Arc::default(),
    };
    Ok(ClientBuilder::new(connection, "default").build())
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = KubernetesError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, KubernetesError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), KubernetesError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let connection = self.clone();
        Box::pin(async move { connection.send(request).await })
    }
}

impl Connection {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, KubernetesError> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut sending = self
            .http
            .request(parts.method, format!("{}{path}", self.server))
            .headers(parts.headers)
            .body(body.collect_bytes().await?);
        if let Some(value) = &self.authorization {
            sending = sending.header(AUTHORIZATION, value.clone());
        }
        let mut answer = sending.send().await.map_err(|error| unreachable(&error))?;
        if answer.status().is_redirection() {
            return Err(KubernetesError::Refused(
                "the server leads elsewhere, and the login is sent nowhere else: register the address of the cluster's \
                 API server itself"
                    .to_owned(),
            ));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(&error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(KubernetesError::Refused(format!(
                    "the cluster answers with more than {ANSWER_BYTES_MAX} bytes"
                )));
            }
            let all = self.answered.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            if all > ALL_BYTES_MAX {
                return Err(KubernetesError::Refused(format!(
                    "the cluster answers with more than {ALL_BYTES_MAX} bytes in all"
                )));
            }
            bytes.extend_from_slice(&chunk);
        }
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = answer.status();
        Ok(response)
    }
}

fn unreachable(error: &reqwest::Error) -> KubernetesError {
    if let Some(refusal) = OutboundRefusal::of(error) {
        return if refusal.is_unresolved() {
            KubernetesError::Unreachable(refusal.to_string())
        } else {
            KubernetesError::Refused(refusal.to_string())
        };
    }
    if error.is_timeout() {
        return KubernetesError::Unreachable(format!(
            "it does not answer within {} s",
            if error.is_connect() {
                CONNECT_WITHIN
            } else {
                ANSWER_WITHIN
            }
            .as_secs()
        ));
    }
    let why = root(error);
    let advice = if why.contains("UnknownIssuer") || why.contains("NotValidForName") {
        "; certificate_authority says by which certificates it is trusted"
    } else {
        ""
    };
    KubernetesError::Unreachable(format!("{why}{advice}"))
}

/// The innermost cause: those around it repeat the address.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    if error.source().is_none() {
        return said(&error.to_string());
    }
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    said(&cause.to_string())
}
