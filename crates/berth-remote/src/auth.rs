//! Logging in: which scheme the registry wants, and its tokens, one for each set of scopes.
//!
//! A token is fetched once however many requests wait for it, kept until shortly before it ends, and replaced once when
//! the registry does not take it. Refuses to know what the requests are for.

mod token_service;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Response, Url};
use tokio::time::Instant;

use self::token_service::TokenService;
use crate::address;
use crate::challenge::Challenge;
use crate::error::Error;
use crate::login::Login;
use crate::transport::Transport;

/// Sets of scopes whose tokens are kept.
const TOKENS_MAX: usize = 1024;
/// How long a login that was not taken is not tried again for the same scopes.
const REFUSED: Duration = Duration::from_secs(5);

/// The login at one registry, and what came of it.
pub(crate) struct Auth {
    login: Option<Login>,
    scheme: Mutex<Option<Scheme>>,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// What the registry asks for.
#[derive(Clone)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// The token for one set of scopes; held while it is fetched.
type Slot = tokio::sync::Mutex<Kept>;

#[derive(Default)]
struct Kept {
    token: Option<Token>,
    /// What the registry asked for beyond the scopes known here, such as a name that a proxy in front rewrites.
    besides: Option<String>,
    /// What the token service said when it did not take the login, and how long that is taken for its answer: those
    /// who wait for the same token do not try the same login, which would lock its user out.
    refused: Option<(Instant, String)>,
}

struct Token {
    value: HeaderValue,
    until: Instant,
}

impl Kept {
    fn usable(&self) -> Option<&Token> {
        self.token.as_ref().filter(|token| token.until > Instant::now())
    }
}

impl Token {
    fn credential(&self) -> Credential {
        Credential {
            value: self.value.clone(),
            is_new: false,
        }
    }
}

/// The value of an `Authorization` header.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) value: HeaderValue,
    /// Made for this very request: when it is not taken, another will not be either.
    is_new: bool,
}

impl Auth {
    pub(crate) fn new(login: Option<Login>) -> Self {
        Self {
            login,
            scheme: Mutex::default(),
            slots: Mutex::default(),
        }
    }

    /// What a request with these scopes carries; nothing as long as the registry has not asked for anything.
    pub(crate) async fn credential(
        &self,
        transport: &Transport,
        scopes: &[String],
    ) -> Result<Option<Credential>, Error> {
        let scheme = self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match scheme {
            None => Ok(None),
            Some(Scheme::Basic) => Ok(self.basic()),
            Some(Scheme::Bearer { realm, service }) => {
                let slot = self.slot(scopes);
                let mut kept = slot.lock().await;
                if let Some(token) = kept.usable() {
                    return Ok(Some(token.credential()));
                }
                let service = service.as_deref();
                self.fetch(transport, (&realm, service), scopes, &mut kept)
                    .await
                    .map(Some)
            }
        }
    }

    /// Learns from an answer 401 to a request that carried `tried`: what to send instead, or none when nothing else is
    /// left to try.
    pub(crate) async fn challenged(
        &self,
        transport: &Transport,
        scopes: &[String],
        answer: &Response,
        tried: Option<&Credential>,
    ) -> Result<Option<Credential>, Error> {
        let Some((scheme, challenge)) = chosen(transport, answer.headers())? else {
            return Ok(None);
        };
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(scheme.clone());
        match scheme {
            // The same name and password again help nobody, and lock the user out after a few times.
            Scheme::Basic => Ok(self
                .basic()
                .filter(|basic| tried.is_none_or(|tried| tried.value != basic.value))),
            Scheme::Bearer { realm, service } => {
                let slot = self.slot(scopes);
                let mut kept = slot.lock().await;
                let asked = challenge.parameter("scope").filter(|scope| is_scope(scope));
                let known = || scopes.iter().map(String::as_str).chain(kept.besides.as_deref());
                let besides = asked
                    .filter(|asked| !is_covered(asked, &known()))
                    .map(str::to_owned);
                if besides.is_none() {
                    let is_other = |token: &&Token| tried.is_none_or(|tried| tried.value != token.value);
                    if let Some(token) = kept.usable().filter(is_other) {
                        // Another request was told the same and has fetched it.
                        return Ok(Some(token.credential()));
                    }
                    if tried.is_some_and(|tried| tried.is_new) {
                        return Ok(None);
                    }
                }
                kept.token = None;
                kept.besides = besides.or(kept.besides.take());
                let service = service.as_deref();
                self.fetch(transport, (&realm, service), scopes, &mut kept)
                    .await
                    .map(Some)
            }
        }
    }

    /// What no message may repeat of this login and credential.
    pub(crate) fn hidden<'a>(&'a self, credential: Option<&'a Credential>) -> Vec<&'a str> {
        let value = credential.and_then(|credential| credential.value.to_str().ok());
        let value = value
            .and_then(|value| value.split_once(' '))
            .map(|(_, secret)| secret);
        value
            .into_iter()
            .chain(self.login.as_ref().map(Login::secret))
            .collect()
    }

    fn basic(&self) -> Option<Credential> {
        self.login.as_ref().map(|login| Credential {
            value: login.basic(),
            is_new: true,
        })
    }

    fn slot(&self, scopes: &[String]) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= TOKENS_MAX {
            slots.clear();
        }
        Arc::clone(slots.entry(scopes.join(" ")).or_default())
    }

    async fn fetch(
        &self,
        transport: &Transport,
        service: (&Url, Option<&str>),
        scopes: &[String],
        kept: &mut Kept,
    ) -> Result<Credential, Error> {
        let (realm, service) = service;
        let asked_at = Instant::now();
        if let Some((until, sentence)) = &kept.refused
            && *until > asked_at
        {
            return Err(Error::Unauthorized(sentence.clone()));
        }
        // A scope that the registry named itself goes first: some token services read one only.
        let mut wanted: Vec<&str> = kept.besides.as_deref().into_iter().collect();
        wanted.extend(scopes.iter().map(String::as_str));
        let service = TokenService {
            transport,
            realm,
            service,
            login: self.login.as_ref(),
        };
        let granted = service.grant(&wanted).await;
        if let Err(Error::Unauthorized(sentence)) = &granted {
            kept.refused = Some((Instant::now() + REFUSED, sentence.clone()));
        }
        let (value, life) = granted?;
        // A token that ends while the request is on its way is one request too many.
        let margin = (life / 4).min(Duration::from_secs(30));
        kept.token = Some(Token {
            value: value.clone(),
            until: asked_at + life.saturating_sub(margin),
        });
        Ok(Credential { value, is_new: true })
    }
}

/// The challenge to meet: a token before a password, because a token is worth less to who steals it.
fn chosen(transport: &Transport, headers: &HeaderMap) -> Result<Option<(Scheme, Challenge)>, Error> {
    let headers = headers.get_all(WWW_AUTHENTICATE).iter().take(8);
    let challenges: Vec<Challenge> = headers
        .filter_map(|header| header.to_str().ok())
        .flat_map(Challenge::all)
        .collect();
    for challenge in &challenges {
        if let ("bearer", Some(realm)) = (challenge.scheme.as_str(), challenge.parameter("realm")) {
            let realm = address::named(&transport.base, &transport.base, realm)?;
            let service = challenge.parameter("service").map(str::to_owned);
            return Ok(Some((Scheme::Bearer { realm, service }, challenge.clone())));
        }
    }
    let basic = challenges
        .into_iter()
        .find(|challenge| challenge.scheme == "basic");
    Ok(basic.map(|challenge| (Scheme::Basic, challenge)))
}

/// Why a registry that has been told everything still answers 401.
pub(crate) fn is_insufficient(headers: &HeaderMap) -> bool {
    let headers = headers.get_all(WWW_AUTHENTICATE).iter().take(8);
    let mut challenges = headers
        .filter_map(|header| header.to_str().ok())
        .flat_map(Challenge::all);
    challenges.any(|challenge| challenge.parameter("error") == Some("insufficient_scope"))
}

/// What may be repeated to a token service.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.len() <= 1024 && scope.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// Whether a token for the scopes `known` serves for all that is asked.
fn is_covered<'a>(asked: &str, known: &(impl Iterator<Item = &'a str> + Clone)) -> bool {
    let covers = |known: &str, asked: &str| match (known.rsplit_once(':'), asked.rsplit_once(':')) {
        (Some((name, actions)), Some((asked_name, asked))) if name == asked_name => asked
            .split(',')
            .all(|asked| actions.split(',').any(|action| action == asked)),
        _ => known == asked,
    };
    let mut words = asked.split(' ').filter(|word| !word.is_empty());
    words.all(|word| {
        known
            .clone()
            .flat_map(|known| known.split(' '))
            .any(|known| covers(known, word))
    })
}
