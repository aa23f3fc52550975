//! What an OpenID provider says of somebody: its tokens, checked, and what follows for who they are here. Knows no browser.

use berth_metadata::Provider;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::directory::Person;
use super::terms::OpenIdTerms;
use crate::issuer::{self, Failure, Place};
use crate::outbound::Outbound;
use crate::{Error, Registry};

const SUBJECT_BYTES_MAX: usize = 255;
const GROUPS_MAX: usize = 1000;
const NAME_CHARS_MAX: usize = 50;

/// What a token endpoint answers.
#[derive(Deserialize)]
pub(super) struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: String,
}

impl Registry {
    /// Who the tokens of a provider are about.
    pub(super) async fn vouched_person(
        &self,
        provider: &Provider,
        terms: &OpenIdTerms,
        tokens: &Tokens,
        nonce: Option<&str>,
    ) -> Result<Person, Error> {
        let outbound = Outbound::new(self.limits.outbound.clone());
        let place = place(provider);
        let failed = |failure: Failure| provider_failed(provider, &failure);
        let mut claims = self
            .identity
            .issuers
            .claims(&outbound, &place, (&tokens.id_token, &terms.client_id))
            .await
            .map_err(failed)?;
        let refused = |why: &str| failed(Failure::Token(why.to_owned()));
        if nonce.is_some_and(|nonce| claims.get("nonce").and_then(Value::as_str) != Some(nonce)) {
            return Err(refused("its nonce is not the one of this sign-in"));
        }
        // Made for several: it must be this client that it was given to.
        let party = claims.get("azp").and_then(Value::as_str);
        let is_for_many = claims
            .get("aud")
            .and_then(Value::as_array)
            .is_some_and(|all| all.len() > 1);
        if party.map_or(is_for_many, |party| party != terms.client_id) {
            return Err(refused("it was given to another client"));
        }
        let subject = claims
            .get("sub")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX || subject.contains(char::is_control) {
            return Err(refused("its subject is none"));
        }
        let wanted = [&terms.name_claim, &terms.groups_claim];
        if wanted.iter().any(|claim| !claims.contains_key(*claim)) && !tokens.access_token.is_empty() {
            let issuer = self
                .identity
                .issuers
                .issuer(&outbound, &place)
                .await
                .map_err(failed)?;
            if !issuer.published.userinfo_endpoint.is_empty() {
                let address =
                    issuer::checked(&outbound, &issuer.published.userinfo_endpoint).map_err(failed)?;
                let request = issuer::client(&outbound, &place).map_err(failed)?.get(address);
                let more = issuer::answer(request.bearer_auth(&tokens.access_token)).await;
                add_claims(&mut claims, more.map_err(failed)?, &subject).map_err(refused)?;
            }
        }
        Ok(Person {
            name: name_from(&claims, &terms.name_claim, &subject),
            groups: groups_from(&claims, &terms.groups_claim),
            subject,
        })
    }
}

/// Where a provider is.
pub(super) fn place(provider: &Provider) -> Place {
    Place {
        url: provider.url.clone(),
        certificate_authority: provider.certificate_authority.clone(),
    }
}

/// What a provider gives for a code.
pub(super) async fn tokens(request: reqwest::RequestBuilder) -> Result<Tokens, Failure> {
    let (status, body) = issuer::said(request).await?;
    if status == http::StatusCode::BAD_REQUEST {
        return Err(Failure::Token("it does not take the code".to_owned()));
    }
    if !status.is_success() {
        return Err(Failure::Issuer(format!("it answered {status} for a code")));
    }
    serde_json::from_slice(&body)
        .map_err(|_| Failure::Issuer("its answer for a code is not understood".to_owned()))
}

/// What else a provider says of somebody, who must be the same.
fn add_claims(
    claims: &mut Map<String, Value>,
    more: Map<String, Value>,
    subject: &str,
) -> Result<(), &'static str> {
    if more.get("sub").and_then(Value::as_str) != Some(subject) {
        return Err("what else the provider says is about somebody else");
    }
    for (claim, value) in more {
        claims.entry(claim).or_insert(value);
    }
    Ok(())
}

/// A name for the user: never who it is, so anything fit that is like it will do.
fn name_from(claims: &Map<String, Value>, claim: &str, subject: &str) -> String {
    let said = claims.get(claim).and_then(Value::as_str).unwrap_or_default();
    let fit = |letter: char| {
        if letter.is_ascii_alphanumeric() || "._-".contains(letter) {
            letter
        } else {
            '-'
        }
    };
    let name: String = said.chars().take(NAME_CHARS_MAX).map(fit).collect();
    let name = name.trim_start_matches(['.', '_', '-']);
    if name.is_empty() {
        return format!("user-{}", &hex::encode(Sha256::digest(subject.as_bytes()))[..8]);
    }
    name.to_owned()
}

fn groups_from(claims: &Map<String, Value>, claim: &str) -> Vec<String> {
    match claims.get(claim) {
        Some(Value::String(group)) => vec![group.clone()],
        Some(Value::Array(groups)) => {
            let groups = groups.iter().filter_map(Value::as_str);
            groups.take(GROUPS_MAX).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// A provider that cannot be asked, or whose word is not good: the log has why, the caller is told which.
pub(super) fn provider_failed(provider: &Provider, failure: &Failure) -> Error {
    tracing::warn!(
        provider = provider.name,
        account = provider.account_id,
        error = failure as &dyn std::error::Error,
        "a sign-in at a provider failed"
    );
    match failure {
        Failure::Issuer(_) => Error::SignInUnavailable(format!(
            "sign-in provider '{}' does not answer as it should at the moment",
            provider.name
        )),
        Failure::Token(_) => Error::BadCredentials {
            explanation: Some(format!(
                "what sign-in provider '{}' answered is not to be believed: an administrator finds why in the log",
                provider.name
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_fit_and_groups_are_texts() {
        let claims = |value: Value| serde_json::from_value::<Map<String, Value>>(value).unwrap();
        for (name, expected) in [
            (serde_json::json!("mary"), "mary"),
            (serde_json::json!("mary@corp.example"), "mary-corp.example"),
            (serde_json::json!("-.mary/x"), "mary-x"),
            (serde_json::json!("\u{4e2d}"), "user-8c4ef9d4"),
            (serde_json::json!(7), "user-8c4ef9d4"),
        ] {
            let found = name_from(&claims(serde_json::json!({ "name": name })), "name", "subject");
            let is_made = expected.starts_with("user-");
            assert!(
                found == expected || (is_made && found.starts_with("user-")),
                "{found}"
            );
        }
        for (groups, expected) in [
            (serde_json::json!(["a", 1, "b"]), vec!["a", "b"]),
            (serde_json::json!("a"), vec!["a"]),
            (serde_json::json!({ "a": 1 }), vec![]),
        ] {
            assert_eq!(
                groups_from(&claims(serde_json::json!({ "groups": groups })), "groups"),
                expected
            );
        }
    }

    #[test]
    fn what_else_a_provider_says_is_about_the_same_person() {
        let claims = |value: Value| serde_json::from_value::<Map<String, Value>>(value).unwrap();
        let mut known = claims(serde_json::json!({ "sub": "1", "name": "mary" }));
        let other = claims(serde_json::json!({ "sub": "2", "groups": ["admins"] }));
        assert!(add_claims(&mut known, other, "1").is_err());
        let same = claims(serde_json::json!({ "sub": "1", "name": "other", "groups": ["staff"] }));
        add_claims(&mut known, same, "1").unwrap();
        assert_eq!(
            known,
            claims(serde_json::json!({ "sub": "1", "name": "mary", "groups": ["staff"] }))
        );
    }
}
