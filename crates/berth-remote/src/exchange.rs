//! Requests to a registry: with the login, once more after a fault that passes, through redirects.
//!
//! The login goes to the registry's own origin and nowhere else. Refuses to know what is asked.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use crate::auth::{Auth, Credential, is_insufficient};
use crate::budget::Budget;
use crate::error::Error;
use crate::login::Login;
use crate::retry::Backoff;
use crate::transport::{Head, Outgoing, Payload, Transport};
use crate::{Limits, address};

const REDIRECTS_MAX: usize = 5;

/// A registry to send requests to.
pub(crate) struct Exchange {
    transport: Transport,
    auth: Auth,
    budget: Mutex<Option<Budget>>,
}

/// A request that can be sent again.
pub(crate) struct Ask {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    scopes: Vec<String>,
}

impl Ask {
    pub(crate) fn new(method: Method, url: Url, scopes: &[String]) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            scopes: scopes.to_vec(),
        }
    }

    pub(crate) fn get(url: Url, scopes: &[String]) -> Self {
        Self::new(Method::GET, url, scopes)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }
}

/// A success.
pub(crate) struct Answer {
    response: Response,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The text of a header that came once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.response.headers().get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        value.to_str().ok()
    }

    /// Every value of a header that is text.
    pub(crate) fn header_values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let values = self.response.headers().get_all(name).iter();
        values.filter_map(|value| value.to_str().ok())
    }

    /// Where the answer came from.
    pub(crate) fn url(&self) -> &Url {
        self.response.url()
    }

    pub(crate) fn into_response(self) -> Response {
        self.response
    }
}

impl Exchange {
    pub(crate) fn new(transport: Transport, login: Option<Login>) -> Self {
        Self {
            transport,
            auth: Auth::new(login),
            budget: Mutex::default(),
        }
    }

    pub(crate) fn base(&self) -> &Url {
        &self.transport.base
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.transport.limits
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What the registry last said of how much more it will answer.
    pub(crate) fn budget(&self) -> Option<Budget> {
        *self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An address below `/v2/`.
    pub(crate) fn url(&self, rest: &str) -> Result<Url, Error> {
        let url = self.base().join(&format!("v2/{rest}"));
        url.map_err(|_| Error::Invalid("no address can be made of this".to_owned()))
    }

    /// Whether the login goes to this address.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        address::same_origin(self.base(), url)
    }

    /// Sends a request, again after faults that pass; the answer is a success.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, Error> {
        let mut backoff = Backoff::new(self.limits());
        loop {
            let error = match self.send_once(ask, None).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match backoff.pause(&error) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Sends a request one time, but for redirects and logins; with a body that is gone then, when one is given.
    pub(crate) async fn send_once(&self, ask: &Ask, mut body: Option<Outgoing>) -> Result<Answer, Error> {
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.authorized(ask, &url, body.take()).await?;
            if response.status().is_success() {
                return Ok(Answer { response });
            }
            if !response.status().is_redirection() {
                return Err(self.transport.failure(response, &[]).await);
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let Some(location) = location else {
                return Err(Error::malformed(format!(
                    "{} leads elsewhere and does not say where",
                    address::place(&url)
                )));
            };
            let next = address::named(self.base(), &url, location)?;
            if !matches!(ask.method, Method::GET | Method::HEAD) {
                return Err(Error::malformed(format!(
                    "{} sends what is written to it on to {}",
                    address::place(&url),
                    address::place(&next)
                )));
            }
            url = next;
        }
        Err(Error::malformed(format!(
            "{} leads in circles",
            address::place(&url)
        )))
    }

    /// One request with the login, when it is for this address, and once more when another login is asked for.
    async fn authorized(&self, ask: &Ask, url: &Url, body: Option<Outgoing>) -> Result<Response, Error> {
        if !self.is_own(url) {
            return self.elsewhere(ask, url, body).await;
        }
        let mut credential = self.auth.credential(&self.transport, &ask.scopes).await?;
        let can_repeat = body.is_none();
        let mut response = self.transmit(ask, url, credential.as_ref(), body).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let tried = credential.as_ref();
            let other = self
                .auth
                .challenged(&self.transport, &ask.scopes, &response, tried)
                .await?;
            match other {
                Some(_) if !can_repeat => {
                    return Err(Error::unavailable("the login ended while a blob was sent"));
                }
                Some(other) => {
                    response = self.transmit(ask, url, Some(&other), None).await?;
                    credential = Some(other);
                }
                None => {}
            }
        }
        if let Some(budget) = Budget::told(response.headers()) {
            *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some(budget);
        }
        let status = response.status();
        if status.is_success() || status.is_redirection() {
            return Ok(response);
        }
        let is_insufficient = status == StatusCode::UNAUTHORIZED && is_insufficient(response.headers());
        let hidden = self.auth.hidden(credential.as_ref());
        Err(match self.transport.failure(response, &hidden).await {
            Error::Unauthorized(sentence) if is_insufficient => Error::Denied(sentence),
            error => error,
        })
    }

    /// A request to a store that the registry keeps its bytes in. What it does not allow is an address that has ended;
    /// the registry gives another.
    async fn elsewhere(&self, ask: &Ask, url: &Url, body: Option<Outgoing>) -> Result<Response, Error> {
        let response = self.transmit(ask, url, None, body).await?;
        if matches!(
            response.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            return Err(Error::unavailable(format!(
                "{}, where the registry keeps its blobs, answers {}",
                address::place(url),
                response.status().as_u16()
            )));
        }
        Ok(response)
    }

    async fn transmit(
        &self,
        ask: &Ask,
        url: &Url,
        credential: Option<&Credential>,
        body: Option<Outgoing>,
    ) -> Result<Response, Error> {
        let mut headers = ask.headers.clone();
        headers.extend(credential.map(|credential| (AUTHORIZATION, credential.value.clone())));
        let head = Head {
            method: &ask.method,
            url,
            headers,
        };
        let payload = body.map_or_else(|| Payload::Bytes(ask.body.clone()), Payload::Stream);
        self.transport.transmit(head, payload).await
    }
}
