//! Programs that somebody else vouches for: a CI job or a pod comes with the token of its issuer, and a rule of the account says
//! which user that is here, for a short while. Rules are the account's administrators'.

use std::collections::BTreeMap;

use berth_metadata::{Conflict, TemporaryLogin, TrustRule};
use berth_oci::excerpt::shown;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::access::{Caller, UserCaller};
use crate::account::check_name;
use crate::clock::now_ms;
use crate::identity::{admit_temporary, not_recognised};
use crate::issuer::{Failure, Place};
use crate::outbound::Outbound;
use crate::remote::{checked_authority, checked_url, conflict};
use crate::{Error, Registry};

const RULES_MAX: i64 = 200;
const CLAIMS_MAX: usize = 20;
const TEXT_CHARS_MAX: usize = 512;
const TTL_SECONDS: std::ops::RangeInclusive<i64> = 60..=12 * 3600;
/// What stands for the project in the temporary logins that are made for tokens.
const PROJECT: &str = "oidc";

/// A rule to make.
#[derive(Clone, Debug)]
pub struct WantedTrustRule {
    /// Its name, unique in the account.
    pub name: String,
    /// Who signs the tokens.
    pub issuer: String,
    /// PEM; empty for what the machine trusts.
    pub certificate_authority: String,
    /// For whom a token must be made.
    pub audience: String,
    /// What its claims must be: texts in which `*` stands for any characters.
    pub claims: BTreeMap<String, String>,
    /// The name of the user that it stands for.
    pub user: String,
    /// Seconds for which what is given for a token is good.
    pub ttl_seconds: i64,
}

/// A rule as its administrators see it.
#[derive(Clone, Debug)]
pub struct TrustRuleView {
    /// What is kept of it.
    pub rule: TrustRule,
    /// What claims must be.
    pub claims: BTreeMap<String, String>,
}

impl Registry {
    /// Makes a rule in the caller's account, for its administrators; `Exists`.
    pub async fn create_trust_rule(
        &self,
        caller: &Caller,
        wanted: WantedTrustRule,
    ) -> Result<TrustRuleView, Error> {
        caller.require_lasting()?;
        let asking = caller.require_own_administrator()?;
        check_name("trust rule", &wanted.name)?;
        check(&wanted)?;
        let user = self
            .metadata
            .user_by_name(&asking.account_name, &wanted.user)
            .await?;
        let user =
            user.ok_or_else(|| Error::Invalid(format!("there is no user '{}'", shown(&wanted.user))))?;
        let claims = serde_json::to_string(&wanted.claims)
            .map_err(|error| Error::internal("writing a trust rule", error))?;
        let rule = TrustRule {
            id: 0,
            account_id: asking.account_id.clone(),
            name: wanted.name,
            issuer: checked_url("issuer", &wanted.issuer)?,
            certificate_authority: checked_authority(wanted.certificate_authority)?,
            audience: wanted.audience,
            claims,
            user_id: user.id,
            user_name: user.name,
            ttl_ms: wanted.ttl_seconds * 1000,
            created_at: now_ms(),
        };
        let what = format!("trust rule '{}'", rule.name);
        match self.metadata.create_trust_rule(rule.clone(), RULES_MAX).await {
            Ok(()) => viewed(rule),
            Err(berth_metadata::Error::Conflict(Conflict::UserGone)) => Err(Error::Unavailable),
            Err(error) => Err(conflict(error, &what, RULES_MAX)),
        }
    }

    /// The rules of the caller's account by name, for its administrators.
    pub async fn list_trust_rules(&self, caller: &Caller) -> Result<Vec<TrustRuleView>, Error> {
        let asking = caller.require_own_administrator()?;
        let rules = self.metadata.list_trust_rules(&asking.account_id).await?;
        rules.into_iter().map(viewed).collect()
    }

    /// A rule of the caller's account, for its administrators.
    pub async fn show_trust_rule(&self, caller: &Caller, name: &str) -> Result<TrustRuleView, Error> {
        let asking = caller.require_own_administrator()?;
        let found = self.metadata.trust_rule(&asking.account_id, name).await?;
        viewed(found.ok_or_else(|| unknown(name))?)
    }

    /// Deletes a rule of the caller's account, for its administrators. What was given for tokens before ends by itself.
    pub async fn delete_trust_rule(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        caller.require_lasting()?;
        let asking = caller.require_own_administrator()?;
        let done = self.metadata.delete_trust_rule(&asking.account_id, name).await?;
        done.then_some(()).ok_or_else(|| unknown(name))
    }

    /// The caller that a token of an issuer stands for by the rule `<account>/<rule>`, for as long as that says from the
    /// token's first use on; `None` for a token that the rule does not take.
    pub(crate) async fn workload(
        &self,
        rule: &str,
        token: &str,
    ) -> Result<Option<Result<UserCaller, Error>>, Error> {
        let Some((account, name)) = rule.split_once('/') else {
            return Ok(None);
        };
        let Some(account) = self.metadata.account_by_name(account).await? else {
            return Ok(None);
        };
        let Some(rule) = self.metadata.trust_rule(&account.id, name).await? else {
            return Ok(None);
        };
        let outbound = Outbound::new(self.limits.outbound.clone());
        let place = Place {
            url: rule.issuer.clone(),
            certificate_authority: rule.certificate_authority.clone(),
        };
        let told = self
            .identity
            .issuers
            .claims(&outbound, &place, (token, &rule.audience))
            .await;
        let claims = match told {
            Ok(claims) => claims,
            Err(failure) => {
                tracing::warn!(
                    rule = name,
                    error = &failure as &dyn std::error::Error,
                    "a token of an issuer was not taken"
                );
                return match failure {
                    Failure::Token(_) => Ok(None),
                    Failure::Issuer(_) => Err(Error::SignInUnavailable(format!(
                        "the issuer of trust rule '{}' does not answer as it should at the moment",
                        shown(name)
                    ))),
                };
            }
        };
        let wanted: BTreeMap<String, String> = read_claims(&rule)?;
        if wanted.is_empty()
            || !wanted
                .iter()
                .all(|(claim, pattern)| is_like(&claims, claim, pattern))
        {
            tracing::warn!(rule = name, "a token's claims are not those of the rule");
            return Ok(None);
        }
        self.login_for_token(&rule, token).await.map(Some)
    }

    async fn login_for_token(
        &self,
        rule: &TrustRule,
        token: &str,
    ) -> Result<Result<UserCaller, Error>, Error> {
        let now = now_ms();
        // The same for each use of a token, so that none prolongs what was given.
        let mark = hex::encode(Sha256::digest(format!("{}\n{token}", rule.id)));
        let id = format!("token-{}", &mark[..40]);
        let mut found = self.metadata.temporary_login(&id).await?;
        if found.is_none() {
            let login = TemporaryLogin {
                id: id.clone(),
                user_id: rule.user_id.clone(),
                // Nobody logs in with it: the token is shown each time.
                secret_hash: rand::random::<[u8; 32]>().to_vec(),
                made_with: None,
                password_fingerprint: None,
                project: PROJECT.to_owned(),
                created_at: now,
                expires_at: now + rule.ttl_ms,
            };
            match self.metadata.create_temporary_login(login).await {
                // Used twice at a time.
                Ok(()) | Err(berth_metadata::Error::Conflict(Conflict::AccessKeyExists)) => {}
                Err(berth_metadata::Error::Conflict(Conflict::UserGone | Conflict::AccessKeyGone)) => {
                    return Err(not_recognised());
                }
                Err(error) => return Err(error.into()),
            }
            found = self.metadata.temporary_login(&id).await?;
        }
        Ok(admit_temporary(found.ok_or_else(not_recognised)?, now))
    }
}

fn check(wanted: &WantedTrustRule) -> Result<(), Error> {
    let refused = |why: String| Err(Error::Invalid(why));
    let fits = |text: &str| {
        !text.is_empty() && text.chars().count() <= TEXT_CHARS_MAX && !text.contains(char::is_control)
    };
    if !fits(&wanted.audience) {
        return refused("a token is made for an audience, such as this registry's address".to_owned());
    }
    let texts = wanted
        .claims
        .iter()
        .all(|(claim, pattern)| fits(claim) && fits(pattern));
    let narrows = wanted
        .claims
        .values()
        .any(|pattern| pattern.chars().any(|letter| letter != '*'));
    if !texts || !narrows || wanted.claims.len() > CLAIMS_MAX {
        return refused(format!(
            "claims has 1 to {CLAIMS_MAX} claims that tell whose the token is, such as \"sub\": without one anybody of the \
             issuer would be the user"
        ));
    }
    if !TTL_SECONDS.contains(&wanted.ttl_seconds) {
        return refused(format!(
            "ttl_seconds is {} to {}",
            TTL_SECONDS.start(),
            TTL_SECONDS.end()
        ));
    }
    Ok(())
}

/// Whether a claim is like a pattern: a text, number or truth value as it is written, or one of a list.
fn is_like(claims: &Map<String, Value>, claim: &str, pattern: &str) -> bool {
    let one = |value: &Value| match value {
        Value::String(text) => matches(pattern, text),
        Value::Number(_) | Value::Bool(_) => matches(pattern, &value.to_string()),
        _ => false,
    };
    match claims.get(claim) {
        Some(Value::Array(values)) => values.iter().any(one),
        Some(value) => one(value),
        None => false,
    }
}

/// Whether a text is a pattern, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(end)
}

fn read_claims(rule: &TrustRule) -> Result<BTreeMap<String, String>, Error> {
    serde_json::from_str(&rule.claims).map_err(|error| Error::internal("reading a trust rule", error))
}

fn viewed(rule: TrustRule) -> Result<TrustRuleView, Error> {
    Ok(TrustRuleView {
        claims: read_claims(&rule)?,
        rule,
    })
}

fn unknown(name: &str) -> Error {
    Error::Unknown(format!("trust rule '{}'", shown(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_like_a_pattern() {
        for (pattern, text, expected) in [
            (
                "repo:team/app:ref:refs/heads/main",
                "repo:team/app:ref:refs/heads/main",
                true,
            ),
            ("repo:team/app:*", "repo:team/app:ref:refs/heads/main", true),
            ("repo:team/app:*", "repo:team/application:ref", false),
            (
                "repo:team/*:ref:refs/tags/*",
                "repo:team/app:ref:refs/tags/v1",
                true,
            ),
            (
                "repo:team/*:ref:refs/tags/*",
                "repo:team/app:ref:refs/heads/v1",
                false,
            ),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*c", "abc", true),
            ("a*b*b", "ab", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let claims: Map<String, Value> =
            serde_json::from_str(r#"{"sub":"x","list":["a","b"],"yes":true,"n":7,"deep":{"a":1}}"#).unwrap();
        for (claim, pattern, expected) in [
            ("sub", "x", true),
            ("list", "b", true),
            ("list", "c", false),
            ("yes", "true", true),
            ("n", "7", true),
            ("deep", "*", false),
            ("absent", "*", false),
        ] {
            assert_eq!(is_like(&claims, claim, pattern), expected, "{claim}");
        }
    }
}
