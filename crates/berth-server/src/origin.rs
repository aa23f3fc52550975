//! Where a request came from and at which address its client sees this server, proxies taken into account.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRef;
use axum::extract::FromRequestParts;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::config::{BasePath, Settings};
use crate::serve::Arrival;
use crate::state::AppState;

/// What a handler may know about the other end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address.
    pub(crate) client: IpAddr,
    /// This server's address as the client sees it, such as `https://registry.example.com`; without a slash at its end.
    pub(crate) url: String,
    /// The path under which a proxy serves the console, such as `/berth`; empty at the root of the host.
    pub(crate) base: String,
}

impl Origin {
    /// The host and port of the address, as docker and its like want it.
    pub(crate) fn host(&self) -> &str {
        self.url.split_once("://").map_or(&self.url, |(_, host)| host)
    }

    /// Reads connection and headers. What a proxy says is believed only from those that the settings trust.
    pub(crate) fn of(parts: &Parts, settings: &Settings) -> Self {
        let (address, client) = Self::ends(parts, settings);
        let trusted = settings.trusts_proxy(address);
        let from_proxy = |name| trusted.then(|| first(&parts.headers, name)).flatten();
        let forwarded = || from_proxy("x-forwarded-prefix").and_then(BasePath::parse);
        let base = match &settings.base_path {
            BasePath(path) if path.is_empty() => forwarded().map(|path| path.0).unwrap_or_default(),
            BasePath(path) => path.clone(),
        };
        let asked = Self::asked_host(parts, settings);
        let is_mirror = asked.is_some_and(|host| settings.mirror.hosts.find(host).is_some());
        // A client of a host that is a mirror's gets its token at that host, where its names are understood.
        if let Some(url) = settings.external_url.0.as_ref().filter(|_| !is_mirror) {
            let url = url.clone();
            return Self { client, url, base };
        }
        let arrival = parts.extensions.get::<Arrival>();
        let own_scheme = if arrival.is_some_and(|arrival| arrival.peer().secure) {
            "https"
        } else {
            "http"
        };
        let scheme = from_proxy("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https"));
        let listen = settings.listen.0.to_string();
        let url = format!("{}://{}", scheme.unwrap_or(own_scheme), asked.unwrap_or(&listen));
        Self { client, url, base }
    }

    /// The host, and the port if there is one, that the client asked for, whatever this server calls itself.
    pub(crate) fn asked_host<'a>(parts: &'a Parts, settings: &Settings) -> Option<&'a str> {
        let forwarded = || settings.trusts_proxy(Self::ends(parts, settings).0);
        let proxied = first(&parts.headers, "x-forwarded-host").filter(|_| forwarded());
        let host = proxied
            .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
            .or_else(|| only_host(&parts.headers));
        host.filter(|host| is_plain_host(host))
    }

    /// The client's address alone.
    pub(crate) fn client(parts: &Parts, settings: &Settings) -> IpAddr {
        Self::ends(parts, settings).1
    }

    /// The same, of a request that came from this address with these headers.
    pub(crate) fn client_behind(address: IpAddr, headers: &HeaderMap, settings: &Settings) -> IpAddr {
        let forwarded = settings
            .trusts_proxy(address)
            .then(|| forwarded_client(headers, settings))
            .flatten();
        forwarded.unwrap_or(address)
    }

    /// The address at the other end of the connection, and the client's, which may be behind it.
    fn ends(parts: &Parts, settings: &Settings) -> (IpAddr, IpAddr) {
        let arrival = parts.extensions.get::<Arrival>();
        let address = arrival.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |arrival| {
            arrival.peer().address.ip()
        });
        (address, Self::client_behind(address, &parts.headers, settings))
    }
}

/// The last address in X-Forwarded-For that is not one of our proxies: what stands before it is the client's own word.
fn forwarded_client(headers: &HeaderMap, settings: &Settings) -> Option<IpAddr> {
    let values = headers
        .get_all("x-forwarded-for")
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> = values
        .flat_map(|value| value.split(','))
        .filter_map(|hop| hop.trim().parse().ok())
        .collect();
    let outside = hops.iter().rev().find(|hop| !settings.trusts_proxy(**hop));
    outside.or(hops.first()).map(IpAddr::to_canonical)
}

/// The first element of a header that may be a list.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = headers.get(name)?.to_str().ok()?;
    value
        .split(',')
        .next()
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

/// The header `Host`; of several, a proxy may have gone by another one than the first.
fn only_host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none())?;
    host.to_str().ok()
}

/// A host goes into headers, pages and commands that people paste into a shell: nothing but a name and a port may pass.
fn is_plain_host(host: &str) -> bool {
    host.len() <= 255
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

impl<S> FromRequestParts<S> for Origin
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, &AppState::from_ref(state).settings))
    }
}

#[cfg(test)]
mod tests;
