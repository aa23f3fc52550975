//! The types a setting can have: how each is written, what it allows, how it is shown.
//! Knows no setting by name.

mod address;
mod base_path;
mod quantity;
mod stand_ins;
mod storage;

use std::num::NonZeroU32;
use std::path::PathBuf;

pub(crate) use address::{Database, ImageHosts, Listen, Origin};
pub(crate) use base_path::BasePath;
pub(crate) use quantity::{Period, Size, bytes};
pub(crate) use stand_ins::{StandIn, StandIns};
pub(crate) use storage::{Endpoint, Redirect, StoragePlace};

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

/// A name of a region, account or user: letters, digits, `_`, `-`, `.`; empty only before the table's default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PlainName(pub(crate) String);

/// Directives for the log, as `tracing-subscriber` reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LogFilter(pub(crate) String);

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

impl Value for Option<PlainName> {
    fn kind(&self) -> &'static str {
        "name"
    }

    fn allowed(&self) -> String {
        PlainName::default().allowed()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let mut name = PlainName::default();
        name.assign(text)?;
        *self = Some(name);
        Ok(())
    }

    fn show(&self) -> String {
        self.as_ref().map(Value::show).unwrap_or_default()
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
