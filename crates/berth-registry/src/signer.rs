//! Signed tokens (JWT, ES256): making and checking their signature, audience and time. Pure but for key generation.
//! Knows neither rights nor whether the credential behind a token still stands.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth_oci::Scope;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Error;

/// The service name of challenges and tokens, and the audience that `verify` demands.
pub const SERVICE: &str = "berth";
/// The audience of IAM tokens: neither kind of token stands for the other.
pub(crate) const IAM: &str = "berth-iam";
/// How far the clocks of two replicas may differ.
const LEEWAY_SECONDS: i64 = 60;
/// Longer texts are no tokens of ours: they are refused before they are hashed or decoded.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What a token says. Times are seconds since the epoch, as RFC 7519 has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    /// The user's id, empty for an anonymous caller.
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) exp: i64,
    pub(crate) nbf: i64,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    /// Which credential asked for the token; `None` for an anonymous caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<CredentialClaim>,
    /// What was granted, in the shape of the distribution token specification; empty in an IAM token.
    pub(crate) access: Vec<AccessEntry>,
    /// What an IAM token is for; `None` in a registry token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<TokenScope>,
}

/// What an IAM token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// The project, that is the region's part of an account.
    Project,
    /// The whole account.
    Domain,
}

/// The credential a token was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum CredentialClaim {
    /// A password; the fingerprint of its stored hash ends the token when the password changes.
    Password { fingerprint: String },
    /// An access key's long-term login key.
    Key { id: String },
    /// A temporary login.
    Temporary { id: String },
}

/// One granted resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessEntry {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) actions: Vec<String>,
}

/// A token whose signature and audience are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    /// What was granted, read once.
    pub(crate) scopes: Arc<[Scope]>,
    /// Milliseconds since the epoch from which the token is no longer valid.
    pub(crate) expires_at: i64,
}

impl AccessEntry {
    /// A scope in the shape of the token specification; both are its three parts, `type:name:actions`.
    pub(crate) fn of(scope: &Scope) -> Self {
        let text = scope.to_string();
        let (resource, actions) = text.rsplit_once(':').expect("a scope has three parts");
        let (kind, name) = resource.split_once(':').expect("a scope has three parts");
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.split(',').map(str::to_owned).collect(),
        }
    }

    fn scope(&self) -> Option<Scope> {
        Scope::parse(&format!("{}:{}:{}", self.kind, self.name, self.actions.join(","))).ok()
    }
}

impl Verified {
    /// Roughly what it takes in memory.
    pub(crate) fn memory_bytes(&self) -> u32 {
        let access = self.claims.access.iter();
        let granted: usize = access
            .map(|entry| 200 + 2 * entry.name.len() + 40 * entry.actions.len())
            .sum();
        u32::try_from(500 + granted).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_expired(&self, now: i64) -> bool {
        self.expires_at <= now
    }
}

/// A freshly generated private key in PKCS #8 DER.
pub(crate) fn generate_private_key() -> Result<Zeroizing<Vec<u8>>, Error> {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
        .map(|pair| Zeroizing::new(pair.serialize_der()))
        .map_err(|error| broken("generating the token signing key", error))
}

/// Signs with one key and verifies with every key of the installation.
pub(crate) struct Signer {
    key_id: String,
    signing: EncodingKey,
    verifying: HashMap<String, DecodingKey>,
    public_keys: Value,
    validation: Validation,
}

impl Signer {
    /// `private_keys` in PKCS #8 DER, the first one signs.
    pub(crate) fn new(private_keys: &[Zeroizing<Vec<u8>>]) -> Result<Signer, Error> {
        let mut verifying = HashMap::new();
        let (mut key_ids, mut public_keys) = (Vec::new(), Vec::new());
        for private_key in private_keys {
            let (key_id, public_key) = public_half(private_key)?;
            verifying.insert(key_id.clone(), DecodingKey::from_ec_der(&public_key));
            public_keys.push(jwk(&key_id, &public_key)?);
            key_ids.push(key_id);
        }
        let (Some(key_id), Some(first)) = (key_ids.into_iter().next(), private_keys.first()) else {
            return Err(broken("loading the token signing key", "there is none"));
        };
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[SERVICE, IAM]);
        validation.set_issuer(&[SERVICE]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        // Time is checked below, against the caller's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Signer {
            key_id,
            signing: EncodingKey::from_ec_der(first),
            verifying,
            public_keys: json!({ "keys": public_keys }),
            validation,
        })
    }

    /// The claims, signed for whatever audience they name.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        let header = Header {
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(|error| broken("signing a token", error))
    }

    /// The public halves of all keys of the installation, as a set of RFC 7517.
    pub(crate) fn public_keys(&self) -> &Value {
        &self.public_keys
    }

    /// The claims of a token that this installation signed for that audience and whose time has come, `None` for anything
    /// else.
    pub(crate) fn verify(&self, token: &str, audience: &str, now: i64) -> Option<Verified> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let key_id = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = self.verifying.get(&key_id)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation)
            .ok()?
            .claims;
        let not_yet = claims.nbf.saturating_sub(LEEWAY_SECONDS) > now / 1000;
        let expires_at = claims.exp.saturating_mul(1000);
        let scopes = claims.access.iter().filter_map(AccessEntry::scope).collect();
        (!not_yet && claims.aud == audience).then_some(Verified {
            claims,
            scopes,
            expires_at,
        })
    }
}

fn public_half(private_key: &[u8]) -> Result<(String, Vec<u8>), Error> {
    let der = rcgen::KeyPair::try_from(private_key)
        .map_err(|error| broken("loading the token signing key", error))?;
    let public_key = der.public_key_raw();
    let key_id = hex::encode(&Sha256::digest(public_key)[..8]);
    Ok((key_id, public_key.to_vec()))
}

/// A public key as RFC 7517 writes it, from an uncompressed point: 4, then both coordinates.
fn jwk(key_id: &str, point: &[u8]) -> Result<Value, Error> {
    let coordinates = point.split_first().filter(|(form, _)| **form == 4);
    let (x, y) = coordinates
        .and_then(|(_, both)| both.split_at_checked(32))
        .ok_or_else(|| {
            broken(
                "loading the token signing key",
                "its public half has another form",
            )
        })?;
    Ok(json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": key_id,
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    }))
}

fn broken(doing: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Internal {
        doing: doing.to_owned(),
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;
    const SWARM: &str = "berth-swarm";

    #[test]
    fn a_scope_keeps_its_meaning_in_a_token() {
        for text in [
            "repository:group/app:pull",
            "repository:group/team/app:pull,push",
            "repository:group/app:*",
            "registry:catalog:*",
        ] {
            let scope = Scope::parse(text).unwrap();
            assert_eq!(AccessEntry::of(&scope).scope(), Some(scope), "{text}");
        }
    }

    fn claims() -> Claims {
        Claims {
            iss: SERVICE.to_owned(),
            sub: "user".to_owned(),
            aud: SERVICE.to_owned(),
            exp: NOW / 1000 + 900,
            nbf: NOW / 1000,
            iat: NOW / 1000,
            jti: "1".to_owned(),
            credential: Some(CredentialClaim::Key { id: "AK".to_owned() }),
            access: vec![AccessEntry {
                kind: "repository".to_owned(),
                name: "group/app".to_owned(),
                actions: vec!["pull".to_owned()],
            }],
            scope: None,
        }
    }

    fn signer() -> Signer {
        Signer::new(&[generate_private_key().unwrap()]).unwrap()
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let signer = signer();
        let token = signer.sign(&claims()).unwrap();
        let verified = signer.verify(&token, SERVICE, NOW).unwrap();
        assert_eq!(verified.claims, claims());
        assert!(!verified.is_expired(NOW + 899_999));
        assert!(verified.is_expired(NOW + 900_000));
    }

    #[test]
    fn another_replica_with_the_same_key_and_a_newer_one_verifies() {
        let (old, new) = (generate_private_key().unwrap(), generate_private_key().unwrap());
        let token = Signer::new(std::slice::from_ref(&old))
            .unwrap()
            .sign(&claims())
            .unwrap();
        assert!(
            Signer::new(&[new, old])
                .unwrap()
                .verify(&token, SERVICE, NOW)
                .is_some()
        );
        assert!(signer().verify(&token, SERVICE, NOW).is_none());
    }

    #[test]
    fn a_token_is_good_for_its_own_audience_only() {
        let signer = signer();
        for (signed_for, presented_for, good) in [
            (SERVICE, SERVICE, true),
            (IAM, IAM, true),
            (SERVICE, IAM, false),
            (IAM, SERVICE, false),
            (SWARM, SERVICE, false),
            (SWARM, IAM, false),
            (SERVICE, SWARM, false),
            // Nobody shows a ticket here: agents show them to one another.
            (SWARM, SWARM, false),
        ] {
            let token = signer
                .sign(&Claims {
                    aud: signed_for.to_owned(),
                    ..claims()
                })
                .unwrap();
            let verified = signer.verify(&token, presented_for, NOW);
            assert_eq!(verified.is_some(), good, "{signed_for} as {presented_for}");
        }
    }

    #[test]
    fn whoever_has_the_public_keys_can_check_what_was_signed() {
        let (old, new) = (generate_private_key().unwrap(), generate_private_key().unwrap());
        let signer = Signer::new(&[new, old]).unwrap();
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(signer.public_keys().clone()).unwrap();
        assert_eq!(keys.keys.len(), 2);
        let ticket = signer
            .sign(&json!({ "aud": SWARM, "exp": NOW, "peer": "p" }))
            .unwrap();
        let id = jsonwebtoken::decode_header(&ticket).unwrap().kid.unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[SWARM]);
        for key in &keys.keys {
            let is_it = key.common.key_id.as_ref() == Some(&id);
            let read = DecodingKey::from_jwk(key).unwrap();
            let checked = jsonwebtoken::decode::<Value>(&ticket, &read, &validation);
            assert_eq!(checked.is_ok_and(|checked| checked.claims["peer"] == "p"), is_it);
        }
    }

    #[test]
    fn a_token_is_refused_when_any_part_is_not_ours() {
        let signer = signer();
        let with = |change: &dyn Fn(&mut Claims)| {
            let mut claims = claims();
            change(&mut claims);
            signer.sign(&claims).unwrap()
        };
        for (token, why) in [
            (with(&|claims| claims.aud = "other".to_owned()), "audience"),
            (with(&|claims| claims.iss = "other".to_owned()), "issuer"),
            (with(&|claims| claims.nbf = NOW / 1000 + 61), "before its time"),
            (String::new(), "empty"),
            ("a.b.c".to_owned(), "no token"),
            ("x".repeat(TOKEN_BYTES_MAX + 1), "too long"),
        ] {
            assert!(signer.verify(&token, SERVICE, NOW).is_none(), "{why}");
        }
        assert!(
            signer
                .verify(&with(&|claims| claims.nbf = NOW / 1000 + 60), SERVICE, NOW)
                .is_some(),
            "a clock that is a minute ahead"
        );
    }

    #[test]
    fn no_other_algorithm_and_no_changed_byte_is_accepted() {
        let signer = signer();
        let token = signer.sign(&claims()).unwrap();
        let body = serde_json::to_vec(&claims()).unwrap();
        for algorithm in ["none", "HS256", "RS256", "ES384"] {
            let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT","kid":"{}"}}"#, signer.key_id);
            let signature = token.rsplit('.').next().unwrap();
            let forged = format!(
                "{}.{}.{signature}",
                URL_SAFE_NO_PAD.encode(header),
                URL_SAFE_NO_PAD.encode(&body)
            );
            assert!(signer.verify(&forged, SERVICE, NOW).is_none(), "{algorithm}");
        }
        for position in 0..token.len() - 1 {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(signer.verify(&changed, SERVICE, NOW).is_none(), "byte {position}");
        }
    }
}
