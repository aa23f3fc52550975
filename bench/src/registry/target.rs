//! A server to measure: where it listens, who calls, which processes it is made of.

use std::collections::HashMap;
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use rustls::ClientConfig;
use serde_json::Value;
use tokio::sync::Mutex;

use super::path_of;
use crate::h1::{Body, Conn, Endpoint, Sink};

const TOKEN_REUSE: Duration = Duration::from_secs(40);

/// How the server wants to know who calls.
#[derive(Clone)]
pub enum Login {
    None,
    Token(String),
    Password(String, String),
}

/// What stands at the other end.
pub enum Kind {
    Registry,
    /// A plain file server over a folder laid out as the registry's URLs: the
    /// generator "pushes" by writing files into it.
    Static(PathBuf),
}

pub struct Target {
    pub name: String,
    pub kind: Kind,
    pub login: Login,
    pub pids: Vec<u32>,
    /// One, or several that serve the same: connections go to each in turn.
    endpoints: Vec<Endpoint>,
    turn: AtomicUsize,
    tls: Arc<ClientConfig>,
    remote: bool,
    tokens: Mutex<HashMap<String, (String, Instant)>>,
}

impl Target {
    /// Reads `name=N,url=U[+U2][,pid=1+2][,user=U,pass=P | ,token=T][,root=DIR]`; `remote` lets it be on another machine.
    pub fn parse(spec: &str, tls: &Arc<ClientConfig>, remote: bool) -> Result<Self> {
        let mut target = Self {
            name: String::new(),
            kind: Kind::Registry,
            login: Login::None,
            pids: Vec::new(),
            endpoints: Vec::new(),
            turn: AtomicUsize::new(0),
            tls: tls.clone(),
            remote,
            tokens: Mutex::default(),
        };
        let (mut user, mut pass) = (None, None);
        for part in spec.split(',') {
            let (key, value) = part.split_once('=').with_context(|| format!("{part}: no '='"))?;
            match key {
                "name" => target.name = value.into(),
                "url" => {
                    for url in value.split('+') {
                        let endpoint = Endpoint::parse(url, tls)?;
                        target.permits(&endpoint)?;
                        target.endpoints.push(endpoint);
                    }
                }
                "root" => target.kind = Kind::Static(PathBuf::from(value)),
                "token" => target.login = Login::Token(value.into()),
                "user" => user = Some(value.to_string()),
                "pass" => pass = Some(value.to_string()),
                "pid" => {
                    for p in value.split('+') {
                        target.pids.push(p.parse().with_context(|| format!("pid {p}"))?);
                    }
                }
                other => bail!("unknown target key {other}"),
            }
        }
        if let (Login::None, Some(user), Some(pass)) = (&target.login, user, pass) {
            target.login = Login::Password(user, pass);
        }
        ensure!(!target.name.is_empty(), "target without name");
        ensure!(!target.endpoints.is_empty(), "target without url");
        Ok(target)
    }

    /// Fails for a server that is not on this machine, unless that was allowed.
    pub fn permits(&self, endpoint: &Endpoint) -> Result<()> {
        for addr in (endpoint.host.as_str(), endpoint.port).to_socket_addrs()? {
            ensure!(
                self.remote || addr.ip().is_loopback(),
                "{addr} is not on this machine; --allow-remote lets it pass"
            );
        }
        Ok(())
    }

    /// Where the next connection goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoints[self.turn.fetch_add(1, Ordering::Relaxed) % self.endpoints.len()]
    }

    pub fn tls(&self) -> &Arc<ClientConfig> {
        &self.tls
    }

    pub fn is_static(&self) -> bool {
        matches!(self.kind, Kind::Static(_))
    }

    /// The `Authorization` value for work on `repo`, if any.
    pub async fn authorization(&self, repo: &str) -> Result<Option<String>> {
        let (user, pass) = match &self.login {
            Login::None => return Ok(None),
            Login::Token(t) => return Ok(Some(format!("Bearer {t}"))),
            Login::Password(u, p) => (u, p),
        };
        let basic = format!("Basic {}", B64.encode(format!("{user}:{pass}")));
        let mut tokens = self.tokens.lock().await;
        if let Some((value, since)) = tokens.get(repo)
            && since.elapsed() < TOKEN_REUSE
        {
            return Ok(Some(value.clone()));
        }
        let mut conn = Conn::connect(self.endpoint()).await?;
        let head = conn.request("GET", "/v2/", &[], Body::Empty).await?;
        conn.read_body(&head, &mut Sink::Discard).await?;
        let value = match head.www_authenticate.as_deref() {
            Some(c) if c.len() > 7 && c[..7].eq_ignore_ascii_case("bearer ") => {
                self.fetch_token(&c[7..], repo, &basic).await?
            }
            _ => basic,
        };
        tokens.insert(repo.to_string(), (value.clone(), Instant::now()));
        Ok(Some(value))
    }

    async fn fetch_token(&self, challenge: &str, repo: &str, basic: &str) -> Result<String> {
        let param = |key: &str| {
            challenge.split(',').find_map(|p| {
                let (k, v) = p.trim().split_once('=')?;
                (k == key).then(|| v.trim_matches('"').to_string())
            })
        };
        let realm = param("realm").context("Bearer challenge without realm")?;
        let service = param("service").unwrap_or_default();
        // The token service is asked at the target's own address.
        let path = path_of(&realm);
        let sep = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sep}service={service}&scope=repository:{repo}:pull,push,delete");
        let mut conn = Conn::connect(self.endpoint()).await?;
        let head = conn
            .request("GET", &path, &[("Authorization", basic)], Body::Empty)
            .await?;
        let mut body = Vec::new();
        conn.read_body(&head, &mut Sink::Collect(&mut body)).await?;
        head.expect(&[200], "token")?;
        let doc: Value = serde_json::from_slice(&body)?;
        let token = doc["token"].as_str().or(doc["access_token"].as_str());
        Ok(format!("Bearer {}", token.context("no token in answer")?))
    }
}
