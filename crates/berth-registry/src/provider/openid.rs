//! People who sign in at an OpenID provider, by code with PKCE in a browser. What belongs to one sign-in (state, nonce,
//! verifier, where it goes on) is sealed and held by the browser that began it, so that no other browser can end it. Knows no
//! cookie and no header.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use berth_metadata::Provider;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::claims::{place, provider_failed, tokens};
use super::terms::{OpenIdTerms, ProviderTerms};
use crate::clock::now_ms;
use crate::issuer::{self, Failure, Place};
use crate::outbound::Outbound;
use crate::{Error, NewSession, Registry};

/// How long somebody may take at the provider.
pub(super) const UNDER_WAY_MS: i64 = 10 * 60 * 1000;
const CONTEXT: &str = "sign-in under way";

/// A provider as somebody sees it who is not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderButton {
    /// The account's name.
    pub account: String,
    /// The provider's name.
    pub name: String,
}

/// A sign-in that began.
#[derive(Clone, Debug)]
pub struct BegunSignIn {
    /// Where the browser goes.
    pub address: String,
    /// What it brings back, for nobody else.
    pub under_way: String,
    /// How long it is good for.
    pub lasts_seconds: i64,
}

/// What a browser brings back from a provider.
#[derive(Clone, Copy)]
pub struct Returned<'a> {
    /// What it was given when the sign-in began.
    pub under_way: &'a str,
    /// The state that the provider was given.
    pub state: &'a str,
    /// What the provider gave it.
    pub code: &'a str,
    /// Who the provider says that it is, if it says.
    pub issuer: Option<&'a str>,
    /// Whom it was sent back from: the account and the provider that the address names.
    pub from: (&'a str, &'a str),
}

/// One sign-in, as the browser holds it sealed.
#[derive(Serialize, Deserialize)]
struct UnderWay {
    provider_id: i64,
    state: String,
    nonce: String,
    verifier: String,
    redirect_uri: String,
    go_on: String,
    until: i64,
}

impl Registry {
    /// The OpenID providers that people of an account sign in at; of the account that was made first when none is named.
    pub async fn provider_buttons(&self, account: Option<&str>) -> Result<Vec<ProviderButton>, Error> {
        let account = match account {
            Some(name) => self.metadata.account_by_name(name).await?,
            None => self.metadata.first_account().await?,
        };
        let Some(account) = account else {
            return Ok(Vec::new());
        };
        let mut buttons = Vec::new();
        for provider in self.metadata.list_providers(&account.id).await? {
            if provider.enabled && matches!(ProviderTerms::read(&provider.terms)?, ProviderTerms::Oidc(_)) {
                buttons.push(ProviderButton {
                    account: account.name.clone(),
                    name: provider.name,
                });
            }
        }
        Ok(buttons)
    }

    /// Begins a sign-in; `redirect_uri` is where the provider sends the browser back, `go_on` a path of this server.
    pub async fn begin_sign_in(
        &self,
        (account, name): (&str, &str),
        redirect_uri: String,
        go_on: &str,
    ) -> Result<BegunSignIn, Error> {
        let (provider, terms) = self.openid_provider(account, name).await?;
        let place = place(&provider);
        let outbound = Outbound::new(self.limits.outbound.clone());
        let issuer = self.identity.issuers.issuer(&outbound, &place).await;
        let issuer = issuer.map_err(|failure| provider_failed(&provider, &failure))?;
        let secret = || URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let under_way = UnderWay {
            provider_id: provider.id,
            state: secret(),
            nonce: secret(),
            verifier: secret(),
            redirect_uri,
            go_on: path_here(go_on).to_owned(),
            until: now_ms() + UNDER_WAY_MS,
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(under_way.verifier.as_bytes()));
        let address = reqwest::Url::parse_with_params(
            &issuer.published.authorization_endpoint,
            [
                ("response_type", "code"),
                ("client_id", &terms.client_id),
                ("redirect_uri", &under_way.redirect_uri),
                ("scope", &terms.scope()),
                ("state", &under_way.state),
                ("nonce", &under_way.nonce),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        );
        let address = address.map_err(|_| {
            let why = Failure::Issuer("it says no address to sign in at".to_owned());
            provider_failed(&provider, &why)
        })?;
        if !matches!(address.scheme(), "http" | "https") {
            let why = Failure::Issuer("its address to sign in at is none of the web".to_owned());
            return Err(provider_failed(&provider, &why));
        }
        let text =
            serde_json::to_vec(&under_way).map_err(|error| Error::internal("writing a sign-in", error))?;
        Ok(BegunSignIn {
            address: address.into(),
            under_way: URL_SAFE_NO_PAD.encode(self.master_key().seal(CONTEXT, &text)?),
            lasts_seconds: UNDER_WAY_MS / 1000,
        })
    }

    /// Ends a sign-in: a session, and where the browser goes on. `BadCredentials` with a reason for a sign-in that this
    /// browser did not begin, that took too long, or that the provider does not vouch for.
    pub async fn end_sign_in(&self, returned: Returned<'_>) -> Result<(NewSession, String), Error> {
        let (provider, terms) = self.openid_provider(returned.from.0, returned.from.1).await?;
        let under_way = self.unsealed_sign_in(returned.under_way)?;
        let is_same = bool::from(under_way.state.as_bytes().ct_eq(returned.state.as_bytes()));
        if !is_same || under_way.provider_id != provider.id || under_way.until <= now_ms() {
            return Err(begin_again());
        }
        let outbound = Outbound::new(self.limits.outbound.clone());
        let place = place(&provider);
        let failed = |failure: Failure| provider_failed(&provider, &failure);
        let issuer = self
            .identity
            .issuers
            .issuer(&outbound, &place)
            .await
            .map_err(failed)?;
        // Another provider's answer, passed off as this one's.
        if returned
            .issuer
            .is_some_and(|said| said != issuer.published.issuer)
        {
            return Err(begin_again());
        }
        let secret = self.provider_secret(&provider)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", returned.code),
            ("redirect_uri", &under_way.redirect_uri),
            ("code_verifier", &under_way.verifier),
        ];
        let request = token_request(
            &outbound,
            (&place, &issuer.published.token_endpoint),
            (&terms, &secret),
            &form,
        );
        let tokens = tokens(request.map_err(failed)?).await.map_err(failed)?;
        let person = self
            .vouched_person(&provider, &terms, &tokens, Some(&under_way.nonce))
            .await?;
        let user = self.admitted(&provider, person).await?;
        Ok((self.open_session_of(user).await?, under_way.go_on))
    }

    pub(super) async fn openid_provider(
        &self,
        account: &str,
        name: &str,
    ) -> Result<(Provider, OpenIdTerms), Error> {
        let unknown = || super::unknown(name);
        let account = self
            .metadata
            .account_by_name(account)
            .await?
            .ok_or_else(unknown)?;
        let found = self.metadata.provider(&account.id, name).await?;
        let provider = found.filter(|provider| provider.enabled).ok_or_else(unknown)?;
        match ProviderTerms::read(&provider.terms)? {
            ProviderTerms::Oidc(terms) => Ok((provider, terms)),
            ProviderTerms::Ldap(_) => Err(unknown()),
        }
    }

    fn unsealed_sign_in(&self, sealed: &str) -> Result<UnderWay, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| begin_again())?;
        let text = self
            .master_key()
            .open(CONTEXT, &bytes)
            .map_err(|_| begin_again())?;
        serde_json::from_slice(&text).map_err(|_| begin_again())
    }
}

/// A request of this client to an endpoint of the provider.
pub(super) fn token_request(
    outbound: &Outbound,
    (place, endpoint): (&Place, &str),
    (terms, secret): (&OpenIdTerms, &str),
    form: &[(&str, &str)],
) -> Result<reqwest::RequestBuilder, Failure> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    let request = issuer::client(outbound, place)?.post(issuer::checked(outbound, endpoint)?);
    let request = if secret.is_empty() {
        body.append_pair("client_id", &terms.client_id);
        request
    } else {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        request.basic_auth(encoded(&terms.client_id), Some(encoded(secret)))
    };
    Ok(request
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(http::header::ACCEPT, "application/json")
        .body(body.finish()))
}

/// A path of this server, and nothing that leads to another one.
fn path_here(path: &str) -> &str {
    let leads_away = !path.starts_with('/')
        || path.starts_with("//")
        || path.contains('\\')
        || path.contains(char::is_control)
        || path.len() > 2048;
    if leads_away { "/" } else { path }
}

fn begin_again() -> Error {
    Error::BadCredentials {
        explanation: Some(
            "this sign-in was not begun in this browser, or took too long: sign in again".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_goes_on_at_this_server() {
        for (path, expected) in [
            ("/", "/"),
            ("/images/team?x=1#y", "/images/team?x=1#y"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(path_here(path), expected, "{path:?}");
        }
    }
}
