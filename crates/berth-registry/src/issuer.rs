//! Issuers of OpenID Connect: what they publish of themselves, their keys, and whether a token is one of theirs. What an
//! issuer says is a stranger's text: bounded, asked for through the guard of outside addresses, and asked for again only
//! now and then, whatever keys tokens name. Knows no user and no row.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::outbound::{Outbound, OutboundClass, certificates};

/// How long what an issuer published is taken for true.
const KNOWN_FOR: Duration = Duration::from_mins(15);
/// Time between two questions to an issuer because a token names a key that is not known.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 512 * 1024;
const TOKEN_BYTES_MAX: usize = 16 * 1024;
const ISSUERS_MAX: usize = 200;
const KEYS_MAX: usize = 100;
/// Seconds that clocks may differ.
const LEEWAY_SECONDS: u64 = 60;
/// Signatures that only the issuer can make. What the public key could make (HMAC) and nothing at all are none.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What an issuer publishes of itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Published {
    pub(crate) issuer: String,
    #[serde(default)]
    pub(crate) authorization_endpoint: String,
    #[serde(default)]
    pub(crate) token_endpoint: String,
    #[serde(default)]
    pub(crate) userinfo_endpoint: String,
    #[serde(default)]
    pub(crate) device_authorization_endpoint: String,
    jwks_uri: String,
}

/// An issuer with the keys that it had when it was last asked.
pub(crate) struct Issuer {
    pub(crate) published: Published,
    keys: JwkSet,
    asked_at: Instant,
}

/// Why an issuer or a token of one is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The issuer did not answer, or not as it should.
    #[error("{0}")]
    Issuer(String),
    /// The token is none that may be believed.
    #[error("{0}")]
    Token(String),
}

/// Keys as an issuer publishes them.
#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

/// What is known of one issuer; held while it is asked, so that one asks for all.
type Known = Arc<Mutex<Option<Arc<Issuer>>>>;

/// Issuers that were asked a while ago.
#[derive(Default)]
pub(crate) struct Issuers {
    known: Mutex<HashMap<Place, Known>>,
}

/// Where an issuer is, and what its certificate is checked with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) certificate_authority: String,
}

impl Issuers {
    /// An issuer as it published itself not long ago.
    pub(crate) async fn issuer(&self, outbound: &Outbound, place: &Place) -> Result<Arc<Issuer>, Failure> {
        self.asked(outbound, place, |issuer| issuer.asked_at.elapsed() < KNOWN_FOR)
            .await
    }

    /// The claims of a token of that issuer for that audience, its signature and times checked.
    pub(crate) async fn claims(
        &self,
        outbound: &Outbound,
        place: &Place,
        (token, audience): (&str, &str),
    ) -> Result<Map<String, Value>, Failure> {
        let refused = |why: &str| Failure::Token(why.to_owned());
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused("it is too long"));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused("it is no signed token"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(refused("it is not signed in a way that only its issuer can"));
        }
        let mut issuer = self.issuer(outbound, place).await?;
        if issuer.key(header.kid.as_deref(), header.alg).is_none() {
            // The issuer may have got new keys. Tokens that name no key of anybody's do not make it asked each time.
            issuer = self
                .asked(outbound, place, |issuer| {
                    issuer.asked_at.elapsed() < ASKED_AGAIN_AFTER
                })
                .await?;
        }
        let key = issuer
            .key(header.kid.as_deref(), header.alg)
            .ok_or_else(|| refused("its issuer has no such key"))?;
        let key = DecodingKey::from_jwk(key).map_err(|_| refused("its issuer's key is unusable"))?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[&issuer.published.issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
        decoded
            .map(|decoded| decoded.claims)
            .map_err(|error| Failure::Token(error.to_string()))
    }

    async fn asked(
        &self,
        outbound: &Outbound,
        place: &Place,
        is_good: impl Fn(&Issuer) -> bool,
    ) -> Result<Arc<Issuer>, Failure> {
        let slot = {
            let mut known = self.known.lock().await;
            if known.len() >= ISSUERS_MAX && !known.contains_key(place) {
                known.clear();
            }
            Arc::clone(known.entry(place.clone()).or_default())
        };
        // One asks, the others wait for the answer.
        let mut slot = slot.lock().await;
        if let Some(issuer) = slot.as_ref().filter(|issuer| is_good(issuer)) {
            return Ok(Arc::clone(issuer));
        }
        let issuer = Arc::new(ask(outbound, place).await?);
        *slot = Some(Arc::clone(&issuer));
        Ok(issuer)
    }
}

impl Issuer {
    /// The key of that id for that algorithm; the only one there is for a token that names none.
    fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Jwk> {
        let mut fitting = self.keys.keys.iter().filter(|key| {
            let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
            let is_named = id.is_none_or(|id| key.common.key_id.as_deref() == Some(id));
            let named = key.common.key_algorithm;
            let is_for = named.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
            signs && is_named && is_for && fits(&key.algorithm, algorithm)
        });
        let found = fitting.next();
        if id.is_none() && fitting.next().is_some() {
            return None;
        }
        found
    }
}

/// Whether a key is of the kind that the algorithm wants.
fn fits(key: &AlgorithmParameters, algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => matches!(key, AlgorithmParameters::EllipticCurve(_)),
        Algorithm::EdDSA => matches!(key, AlgorithmParameters::OctetKeyPair(_)),
        _ => matches!(key, AlgorithmParameters::RSA(_)),
    }
}

/// A client for a place, which reaches only what may be reached.
pub(crate) fn client(outbound: &Outbound, place: &Place) -> Result<Client, Failure> {
    let mut builder = outbound.builder(OutboundClass::Registered).timeout(TIMEOUT);
    let unusable = |error: &dyn std::fmt::Display| Failure::Issuer(error.to_string());
    for certificate in certificates(&place.certificate_authority).map_err(|error| unusable(&error))? {
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| unusable(&error))
}

async fn ask(outbound: &Outbound, place: &Place) -> Result<Issuer, Failure> {
    let client = client(outbound, place)?;
    let address = format!("{}/.well-known/openid-configuration", place.url);
    let published: Published = answer(client.get(checked(outbound, &address)?)).await?;
    if published.issuer.trim_end_matches('/') != place.url {
        return Err(Failure::Issuer(
            "it calls itself otherwise than it is known here".to_owned(),
        ));
    }
    let endpoints = [
        &published.jwks_uri,
        &published.authorization_endpoint,
        &published.token_endpoint,
        &published.userinfo_endpoint,
        &published.device_authorization_endpoint,
    ];
    if place.url.starts_with("https://")
        && endpoints
            .iter()
            .any(|address| !address.is_empty() && !address.starts_with("https://"))
    {
        return Err(Failure::Issuer(
            "it leads from https:// to an address without".to_owned(),
        ));
    }
    // One by one: a set may hold keys of kinds that are not known here.
    let keys: Keys = answer(client.get(checked(outbound, &published.jwks_uri)?)).await?;
    let keys = keys.keys.into_iter().take(KEYS_MAX);
    let keys = keys.filter_map(|key| serde_json::from_value(key).ok()).collect();
    Ok(Issuer {
        published,
        keys: JwkSet { keys },
        asked_at: Instant::now(),
    })
}

/// An address that may be asked.
pub(crate) fn checked(outbound: &Outbound, address: &str) -> Result<reqwest::Url, Failure> {
    let url: reqwest::Url = address
        .parse()
        .map_err(|_| Failure::Issuer("an address of it cannot be read".to_owned()))?;
    outbound
        .check_url(OutboundClass::Registered, &url)
        .map_err(|refusal| Failure::Issuer(refusal.to_string()))?;
    Ok(url)
}

/// The answer to a request, when it is a good one.
pub(crate) async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, Failure> {
    let (status, body) = said(request).await?;
    if !status.is_success() {
        return Err(Failure::Issuer(format!("it answered {status}")));
    }
    serde_json::from_slice(&body).map_err(|_| Failure::Issuer("its answer is not understood".to_owned()))
}

/// The answer to a request, whatever it is.
pub(crate) async fn said(request: reqwest::RequestBuilder) -> Result<(http::StatusCode, Vec<u8>), Failure> {
    let lost = |error: reqwest::Error| match crate::outbound::OutboundRefusal::of(&error) {
        Some(refusal) => Failure::Issuer(refusal.to_string()),
        None => Failure::Issuer(format!("it is not reached: {}", error.without_url())),
    };
    let mut response = request.send().await.map_err(lost)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::Issuer("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}
