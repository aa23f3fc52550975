//! The types a setting can have: how each is written, what it allows, how it is shown.
//! Knows no setting by name.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// What the table of settings needs from a field of `Settings`.
pub(crate) trait Value {
    /// One word for the reference page, such as `duration`.
    fn kind(&self) -> &'static str;

    /// What may be written, as a noun phrase that completes "allowed: ...".
    fn allowed(&self) -> String;

    /// Takes over the written text, or says in a few words what is wrong with it.
    fn assign(&mut self, text: &str) -> Result<(), String>;

    /// The value as it would be written, without anything secret; empty when there is none.
    fn show(&self) -> String;
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size(pub(crate) u64);

/// Text that is never shown or logged.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Secret(Option<String>);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub(crate) fn expose(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Secret(set)"
        } else {
            "Secret(none)"
        })
    }
}

/// Where the server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) SocketAddr);

impl Default for Listen {
    fn default() -> Self {
        Self(SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

/// A name of a region, account or user: letters, digits, `_`, `-`, `.`; empty only before the table's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PlainName(pub(crate) String);

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

/// Directives for the log, as `tracing-subscriber` reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LogFilter(pub(crate) String);

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

impl Value for Option<PathBuf> {
    fn kind(&self) -> &'static str {
        "path"
    }

    fn allowed(&self) -> String {
        "a path, absolute or relative to the working directory".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        if text.contains("://") {
            return Err("it is an address, not a path".into());
        }
        *self = Some(PathBuf::from(text));
        Ok(())
    }

    fn show(&self) -> String {
        self.as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default()
    }
}

impl Value for PathBuf {
    fn kind(&self) -> &'static str {
        "path"
    }

    fn allowed(&self) -> String {
        "a path, absolute or relative to the working directory".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let mut path = None::<Self>;
        path.assign(text)?;
        path.map(|path| *self = path).ok_or_else(|| "it is empty".into())
    }

    fn show(&self) -> String {
        self.display().to_string()
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

impl Value for Origin {
    fn kind(&self) -> &'static str {
        "address"
    }

    fn allowed(&self) -> String {
        "http:// or https://, a host name, and a port where it is not the usual one; no path".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let uri: http::Uri = text.parse().map_err(|_| "it is not an address".to_owned())?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("it does not start with http:// or https://".into());
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err("it has a path; clients look for the registry at the root of a host".into());
        }
        if authority.as_str().contains('@') {
            return Err("it has a user part".into());
        }
        self.0 = Some(format!("{scheme}://{authority}"));
        Ok(())
    }

    fn show(&self) -> String {
        self.0.clone().unwrap_or_default()
    }
}

impl Value for PlainName {
    fn kind(&self) -> &'static str {
        "name"
    }

    fn allowed(&self) -> String {
        "1 to 64 letters, digits, `_`, `-` and `.`".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() || text.len() > 64 {
            return Err(format!("it has {} characters", text.chars().count()));
        }
        if let Some(found) = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || "_-.".contains(*c)))
        {
            return Err(format!("it holds {found:?}"));
        }
        text.clone_into(&mut self.0);
        Ok(())
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl Value for Secret {
    fn kind(&self) -> &'static str {
        "secret"
    }

    fn allowed(&self) -> String {
        "any text that is not empty".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        self.0 = Some(text.to_owned());
        Ok(())
    }

    fn show(&self) -> String {
        self.0.as_ref().map(|_| "(set)".to_owned()).unwrap_or_default()
    }
}

impl Value for bool {
    fn kind(&self) -> &'static str {
        "switch"
    }

    fn allowed(&self) -> String {
        "true or false".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = text
            .parse()
            .map_err(|_| "it is neither true nor false".to_owned())?;
        Ok(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    fn kind(&self) -> &'static str {
        "number"
    }

    fn allowed(&self) -> String {
        "a whole number, 0 or more".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = text
            .parse()
            .map_err(|_| "it is not a whole number from 0 to 4294967295".to_owned())?;
        Ok(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Option<NonZeroU32> {
    fn kind(&self) -> &'static str {
        "number"
    }

    fn allowed(&self) -> String {
        "a whole number, 1 or more".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = Some(
            text.parse()
                .map_err(|_| "it is not a whole number from 1 to 4294967295".to_owned())?,
        );
        Ok(())
    }

    fn show(&self) -> String {
        self.map(|number| number.to_string()).unwrap_or_default()
    }
}

impl Value for LogFilter {
    fn kind(&self) -> &'static str {
        "log filter"
    }

    fn allowed(&self) -> String {
        "off, error, warn, info, debug or trace; or such levels by module, as in info,hyper=debug".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let filter = tracing_subscriber::EnvFilter::builder().parse(text);
        filter.map_err(|error| error.to_string())?;
        text.clone_into(&mut self.0);
        Ok(())
    }

    fn show(&self) -> String {
        self.0.clone()
    }
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

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("{text:?} is neither an address nor a network"))
}

const UNITS_OF_TIME: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Value for Duration {
    fn kind(&self) -> &'static str {
        "duration"
    }

    fn allowed(&self) -> String {
        "a whole number and one of the units ms, s, m, h, d, such as 90s or 24h".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = Self::from_millis(with_unit(text, &UNITS_OF_TIME)?);
        Ok(())
    }

    fn show(&self) -> String {
        show_with_unit(
            u64::try_from(self.as_millis()).unwrap_or(u64::MAX),
            &UNITS_OF_TIME,
        )
    }
}

const UNITS_OF_SIZE: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

impl Value for Size {
    fn kind(&self) -> &'static str {
        "size"
    }

    fn allowed(&self) -> String {
        "a whole number and one of the units B, KiB, MiB, GiB, TiB, such as 10GiB".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        self.0 = with_unit(text, &UNITS_OF_SIZE)?;
        Ok(())
    }

    fn show(&self) -> String {
        show_with_unit(self.0, &UNITS_OF_SIZE)
    }
}

/// Reads "24h" or "24 h" into the smallest unit; never zero, because no limit means anything at zero.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "it does not start with a whole number".to_owned())?;
    let unit = unit.trim();
    let found = units.iter().find(|(name, _)| *name == unit);
    let (_, factor) = found.ok_or_else(|| {
        if unit.is_empty() {
            "it has no unit".to_owned()
        } else {
            format!("{unit:?} is not a unit known here")
        }
    })?;
    match number.checked_mul(*factor) {
        Some(0) => Err("it is zero".into()),
        Some(value) if i64::try_from(value).is_ok() => Ok(value),
        _ => Err("it is too large".into()),
    }
}

fn show_with_unit(value: u64, units: &[(&str, u64)]) -> String {
    let unit = units
        .iter()
        .find(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
    let (name, factor) = unit.copied().unwrap_or(("", 1));
    format!("{}{name}", value / factor)
}

/// Makes a `Value` of an enum whose variants are written as fixed words.
macro_rules! choice {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $crate::config::value::Value for $type {
            fn kind(&self) -> &'static str {
                "choice"
            }

            fn allowed(&self) -> String {
                [$($word),+].join(", ")
            }

            fn assign(&mut self, text: &str) -> Result<(), String> {
                *self = match text {
                    $($word => Self::$variant,)+
                    _ => return Err("it is none of the words known here".to_owned()),
                };
                Ok(())
            }

            fn show(&self) -> String {
                match self {
                    $(Self::$variant => $word,)+
                }
                .to_owned()
            }
        }
    };
}
pub(crate) use choice;
