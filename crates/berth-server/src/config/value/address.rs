//! Addresses: of the listener, of the server as clients see it, of the database, of proxies.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::Value;

/// Where the server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) SocketAddr);

impl Default for Listen {
    fn default() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

/// An address that need not be given.
impl Value for Option<Listen> {
    fn kind(&self) -> &'static str {
        Listen::default().kind()
    }

    fn allowed(&self) -> String {
        Listen::default().allowed()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        self.get_or_insert_default().assign(text)
    }

    fn show(&self) -> String {
        self.as_ref().map(Value::show).unwrap_or_default()
    }
}

/// Scheme, host and port of a server, such as `https://registry.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Origin(pub(crate) Option<String>);

/// Where the metadata are: a `PostgreSQL` address, or a path of a `SQLite` file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Database {
    /// `berth.db` in the data folder.
    #[default]
    InDataDir,
    /// A `SQLite` file.
    File(PathBuf),
    /// A `postgres://` address, perhaps with a password.
    Postgres(String),
}

impl Value for Listen {
    fn kind(&self) -> &'static str {
        "address"
    }

    fn allowed(&self) -> String {
        "an IP address and a port, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::]:5000".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let text = text
            .strip_prefix("localhost:")
            .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        self.0 = text
            .parse()
            .map_err(|_| "it is not an address and a port".to_owned())?;
        Ok(())
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Value for Database {
    fn kind(&self) -> &'static str {
        "database"
    }

    fn allowed(&self) -> String {
        "a path of a SQLite file, sqlite:///PATH, or postgres://USER:PASSWORD@HOST/NAME".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let path = text.strip_prefix("sqlite://").unwrap_or(text);
        *self = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.into())
        } else if path.contains("://") {
            return Err("this kind of database is not known".into());
        } else if path.is_empty() {
            return Err("it names no file".into());
        } else {
            Self::File(path.into())
        };
        Ok(())
    }

    fn show(&self) -> String {
        match self {
            Self::InDataDir => String::new(),
            Self::File(path) => path.display().to_string(),
            Self::Postgres(address) => without_password(address),
        }
    }
}

/// The address with the password of its user part replaced, for people to read.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return String::new();
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.split('?').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{host}/{path}")
        }
        None => format!("{scheme}://{authority}/{path}"),
    }
}

/// The scheme, host and port of an address that may have nothing else; `no_path` says why it has no path.
pub(super) fn http_address(text: &str, no_path: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|_| "it is not an address".to_owned())?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("it does not start with http:// or https://".into());
    };
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(format!("it has a path; {no_path}"));
    }
    if authority.as_str().contains('@') {
        return Err("it has a user part".into());
    }
    Ok(format!("{scheme}://{authority}"))
}

impl Value for Origin {
    fn kind(&self) -> &'static str {
        "address"
    }

    fn allowed(&self) -> String {
        "http:// or https://, a host name, and a port where it is not the usual one; no path".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        self.0 = Some(http_address(
            text,
            "clients look for the registry at the root of a host",
        )?);
        Ok(())
    }

    fn show(&self) -> String {
        self.0.clone().unwrap_or_default()
    }
}

/// Hosts as they stand before the first `/` of image references.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ImageHosts(pub(crate) Vec<String>);

impl Value for ImageHosts {
    fn kind(&self) -> &'static str {
        "hosts"
    }

    fn allowed(&self) -> String {
        "host names or addresses, each with a port where it is not the usual one; a list in berth.toml, separated by \
         commas elsewhere"
            .into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        self.0 = parts.map(image_host).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn show(&self) -> String {
        self.0.join(",")
    }
}

pub(super) fn image_host(text: &str) -> Result<String, String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || ".-_:[]".contains(character);
    let authority = text.parse::<http::uri::Authority>();
    if !text.chars().all(plain) || !authority.is_ok_and(|authority| !authority.host().is_empty()) {
        return Err(format!("{text:?} is no host as image references name it"));
    }
    // In a reference, a name with neither a dot nor a port is taken for a part of a path.
    if !text.contains(['.', ':']) && text != "localhost" {
        return Err(format!(
            "{text:?} needs a port, such as {text}:80, to be a host in an image reference"
        ));
    }
    Ok(text.to_owned())
}

impl Value for Vec<IpNet> {
    fn kind(&self) -> &'static str {
        "networks"
    }

    fn allowed(&self) -> String {
        "IP addresses and networks, such as 10.0.0.0/8; a list in berth.toml, separated by commas elsewhere"
            .into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        *self = parts.map(network).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn show(&self) -> String {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("{text:?} is neither an address nor a network"))
}
