//! The token service that a registry names: who is told the login, how it is asked, and what it grants.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;

use crate::address;
use crate::error::Error;
use crate::login::Login;
use crate::transport::{Head, Payload, Transport};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// The shortest life of a token, and that of one whose life is not told, as the token specification has it.
const LIFE_MIN: Duration = Duration::from_mins(1);
/// No token is believed to live longer.
const LIFE_MAX: Duration = Duration::from_hours(1);
/// The client that a token service is told of (RFC 6749 section 2.2).
const CLIENT_ID: &str = "berth";

/// A token service, as one user asks it.
pub(super) struct TokenService<'a> {
    pub(super) transport: &'a Transport,
    pub(super) realm: &'a Url,
    pub(super) service: Option<&'a str>,
    pub(super) login: Option<&'a Login>,
}

/// The answer of a token service.
#[derive(Deserialize)]
struct Granted {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl TokenService<'_> {
    /// A token for these scopes, as the value of a header, and how long it lives.
    pub(super) async fn grant(&self, scopes: &[&str]) -> Result<(HeaderValue, Duration), Error> {
        self.may_be_told()?;
        let response = match self.login {
            Some(Login::RefreshToken(token)) => {
                let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
                self.post(&fields, scopes).await?
            }
            Some(Login::Password { username, password }) => {
                let response = self.get(scopes).await?;
                match response.status() {
                    // Those that only speak OAuth 2.
                    StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                        let fields = [
                            ("grant_type", "password"),
                            ("username", username),
                            ("password", password),
                        ];
                        self.post(&fields, scopes).await?
                    }
                    _ => response,
                }
            }
            None => self.get(scopes).await?,
        };
        self.granted(response).await
    }

    /// The login goes to the registry's own host, which was given it, or to another that the registry names when TLS
    /// proves that it is that one. Without TLS anybody on the way could be it.
    fn may_be_told(&self) -> Result<(), Error> {
        let is_known = address::same_host(&self.transport.base, self.realm);
        if self.login.is_none() || self.realm.scheme() == "https" || is_known {
            return Ok(());
        }
        Err(Error::Unauthorized(format!(
            "the registry sends its users to {} for tokens, without TLS: the login is not sent there",
            address::place(self.realm)
        )))
    }

    async fn get(&self, scopes: &[&str]) -> Result<Response, Error> {
        let mut url = self.realm.clone();
        let scopes = scopes.iter().map(|scope| ("scope", *scope));
        let service = self.service.map(|service| ("service", service));
        url.query_pairs_mut()
            .extend_pairs(service.into_iter().chain(scopes));
        let mut headers = HeaderMap::new();
        headers.extend(self.login.map(|login| (AUTHORIZATION, login.basic())));
        let head = Head {
            method: &Method::GET,
            url: &url,
            headers,
        };
        self.transport.transmit(head, Payload::Bytes(Bytes::new())).await
    }

    async fn post(&self, fields: &[(&str, &str)], scopes: &[&str]) -> Result<Response, Error> {
        let mut form = Url::parse("form:").expect("a scheme is an address");
        form.query_pairs_mut()
            .extend_pairs(fields)
            .extend_pairs(self.service.map(|service| ("service", service)))
            .append_pair("client_id", CLIENT_ID)
            .append_pair("scope", &scopes.join(" "));
        let mut headers = HeaderMap::new();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        let head = Head {
            method: &Method::POST,
            url: self.realm,
            headers,
        };
        let body = form.query().unwrap_or_default().to_owned();
        self.transport.transmit(head, Payload::Bytes(body.into())).await
    }

    async fn granted(&self, response: Response) -> Result<(HeaderValue, Duration), Error> {
        let place = address::place(self.realm);
        let status = response.status();
        if status.is_redirection() {
            // The login was meant for who was named, not for who comes after.
            return Err(Error::malformed(format!(
                "the token service {place} leads elsewhere"
            )));
        }
        if !status.is_success() {
            let secret: Vec<&str> = self.login.map(Login::secret).into_iter().collect();
            return Err(match self.transport.failure(response, &secret).await {
                Error::Denied(sentence) | Error::NotFound(sentence) => Error::Unauthorized(sentence),
                Error::Refused { message, .. } => Error::Unauthorized(message),
                error => error,
            });
        }
        let body = self.transport.bytes(response, ANSWER_BYTES_MAX).await?;
        let none = || Error::malformed(format!("the token service {place} gives no token"));
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| none())?;
        let mut tokens = [granted.token, granted.access_token].into_iter().flatten();
        let token = tokens.find(|token| !token.is_empty()).ok_or_else(none)?;
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| none())?;
        value.set_sensitive(true);
        let life = Duration::from_secs(granted.expires_in.unwrap_or_default());
        Ok((value, life.clamp(LIFE_MIN, LIFE_MAX)))
    }
}
