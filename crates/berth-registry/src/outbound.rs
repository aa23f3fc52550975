//! Which addresses Berth reaches on behalf of its users. Judged is the address that is connected to, after names were
//! resolved and for every connection, so that a name which leads elsewhere later is of no help. Knows no webhook,
//! cluster or region.

mod address;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, Url, redirect};

use self::address::Kind;
use crate::Registry;
use crate::error::Error;
use crate::limits::OutboundRules;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first byte sent to the last one received, for webhooks.
const PUBLIC_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a registered place may send nothing.
const SILENCE_MAX: Duration = Duration::from_mins(1);
const REDIRECTS_MAX: usize = 10;

/// Who named an address, and so what may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundClass {
    /// Anybody who may push: public addresses only, and no redirect is followed.
    Public,
    /// An account's administrators, who registered a place: private networks too.
    Registered,
}

/// Why an address is not reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct OutboundRefusal {
    text: String,
    is_unresolved: bool,
}

/// The guard that every connection on behalf of users passes.
#[derive(Debug, Default)]
pub struct Outbound {
    rules: Arc<OutboundRules>,
    public: OnceLock<Client>,
    registered: OnceLock<Client>,
}

impl Outbound {
    /// A guard that keeps these rules.
    pub fn new(rules: OutboundRules) -> Self {
        Self {
            rules: Arc::new(rules),
            ..Self::default()
        }
    }

    /// A client that connects to permitted addresses only, names and redirects included. What it is asked for first must
    /// pass [`Outbound::check_url`]: an address in a URL is never resolved, so no resolver hears of it.
    pub fn client(&self, class: OutboundClass) -> Result<Client, Error> {
        let kept = match class {
            OutboundClass::Public => &self.public,
            OutboundClass::Registered => &self.registered,
        };
        if let Some(client) = kept.get() {
            return Ok(client.clone());
        }
        let built = self.builder(class).build();
        let built = built.map_err(|error| Error::internal("preparing to connect to other servers", error))?;
        Ok(kept.get_or_init(|| built).clone())
    }

    /// The same to be built otherwise, such as with certificates to trust; leave its resolver, redirects and proxies.
    pub fn builder(&self, class: OutboundClass) -> ClientBuilder {
        let guarded = Client::builder()
            .dns_resolver(GuardedResolver {
                class,
                rules: Arc::clone(&self.rules),
            })
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("berth/", env!("CARGO_PKG_VERSION")));
        match class {
            OutboundClass::Public => guarded.redirect(redirect::Policy::none()).timeout(PUBLIC_TIMEOUT),
            OutboundClass::Registered => {
                let rules = Arc::clone(&self.rules);
                let policy = redirect::Policy::custom(move |attempt| {
                    if attempt.previous().len() > REDIRECTS_MAX {
                        return attempt.error(OutboundRefusal::new("it is redirected too often".to_owned()));
                    }
                    match rules.check_url(class, attempt.url()) {
                        Ok(()) => attempt.follow(),
                        Err(refusal) => attempt.error(refusal),
                    }
                });
                guarded.redirect(policy).read_timeout(SILENCE_MAX)
            }
        }
    }

    /// Refuses a URL that is not `http` or `https`, or whose host is an address that is not permitted. A name passes:
    /// it is judged when it is resolved.
    pub fn check_url(&self, class: OutboundClass, url: &Url) -> Result<(), OutboundRefusal> {
        self.rules.check_url(class, url)
    }

    /// The permitted addresses of a host, which is a name or an address, for clients that connect by themselves: they
    /// connect to these and to no others.
    pub async fn resolve(
        &self,
        class: OutboundClass,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, OutboundRefusal> {
        self.rules.resolve(class, host, port).await
    }
}

impl OutboundRefusal {
    fn new(text: String) -> Self {
        Self {
            text,
            is_unresolved: false,
        }
    }

    fn unresolved(text: String) -> Self {
        Self {
            text,
            is_unresolved: true,
        }
    }

    /// Whether no more is wrong than that a name has no address now, which may change by itself.
    pub fn is_unresolved(&self) -> bool {
        self.is_unresolved
    }

    /// The refusal that made a request fail, if one did.
    pub fn of(error: &reqwest::Error) -> Option<&Self> {
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(refusal);
            }
            cause = error.source();
        }
        None
    }
}

impl From<OutboundRefusal> for Error {
    fn from(refusal: OutboundRefusal) -> Self {
        Self::Invalid(refusal.text)
    }
}

impl OutboundRules {
    fn check_url(&self, class: OutboundClass, url: &Url) -> Result<(), OutboundRefusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OutboundRefusal::new(format!(
                "{}: only http and https are spoken",
                url.scheme()
            )));
        }
        // Every way of writing an IPv4 address (decimal, octal, hexadecimal, short) was read into the usual one.
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        literal
            .parse()
            .map_or(Ok(()), |address| self.check(class, host, address))
    }

    /// Refuses an address that is not permitted; `host` is what was asked for.
    fn check(&self, class: OutboundClass, host: &str, address: IpAddr) -> Result<(), OutboundRefusal> {
        let meant = address::meant(address);
        let named = if host.trim_matches(['[', ']']) == address.to_string() {
            host.to_owned()
        } else {
            format!("{host} ({address})")
        };
        let among = |networks: &[IpNet]| {
            networks
                .iter()
                .any(|network| network.contains(&meant) || network.contains(&address))
        };
        if among(&self.deny) {
            return Err(OutboundRefusal::new(format!(
                "{named} may not be reached: the setting outbound.deny forbids it"
            )));
        }
        if among(&self.allow) {
            return Ok(());
        }
        let kind = address::kind(meant);
        let what = match (kind, class) {
            (Kind::Global, OutboundClass::Public) if is_own(meant) => "an address of the registry itself",
            (Kind::Global, _) | (Kind::Private, OutboundClass::Registered) => return Ok(()),
            _ => kind.as_str(),
        };
        Err(OutboundRefusal::new(format!(
            "{named} may not be reached: it is {what}, which the operator can permit with the setting outbound.allow"
        )))
    }

    async fn resolve(
        &self,
        class: OutboundClass,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, OutboundRefusal> {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((name, port)).await;
        let found = found
            .map_err(|error| OutboundRefusal::unresolved(format!("{host} cannot be resolved: {error}")))?;
        let mut refused = None;
        let mut permitted = Vec::new();
        for address in found {
            match self.check(class, host, address.ip()) {
                Ok(()) => permitted.push(address),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match refused {
            Some(refusal) if permitted.is_empty() => Err(refusal),
            None if permitted.is_empty() => {
                Err(OutboundRefusal::unresolved(format!("{host} has no address")))
            }
            _ => Ok(permitted),
        }
    }
}

/// Whether this machine has the address: it would then speak to it from that address. Nothing is sent to find out.
fn is_own(address: IpAddr) -> bool {
    let any: SocketAddr = match address {
        IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        IpAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let from = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(SocketAddr::new(address, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == address)
}

/// Resolves names to permitted addresses.
struct GuardedResolver {
    class: OutboundClass,
    rules: Arc<OutboundRules>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (class, rules) = (self.class, Arc::clone(&self.rules));
        Box::pin(async move {
            let addresses = rules.resolve(class, name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Registry {
    /// The guard that every connection on behalf of users passes.
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }
}

/// The certificates of a text that was checked.
pub(crate) fn certificates(pem: &str) -> Result<Vec<Certificate>, Error> {
    Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|_| Error::Invalid("the certificate authority is no certificate in PEM".to_owned()))
}

#[cfg(test)]
mod tests;
