//! Where blobs are, how the store is reached, and which clients may go there themselves.

use std::path::PathBuf;

use ipnet::IpNet;

use super::Value;
use super::address::{http_address, network};

/// Where the blobs are: a folder, or a bucket of an S3 store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum StoragePlace {
    /// `storage` in the data folder.
    #[default]
    InDataDir,
    /// A folder.
    Folder(PathBuf),
    /// A bucket, and what every name in it begins with.
    S3 { bucket: String, prefix: String },
}

/// Scheme, host and port of an S3 store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Endpoint(pub(crate) Option<String>);

/// Which clients fetch blobs from the store itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Redirect {
    /// None.
    #[default]
    Never,
    /// All.
    Always,
    /// Those in these networks.
    Networks(Vec<IpNet>),
}

impl Value for StoragePlace {
    fn kind(&self) -> &'static str {
        "storage"
    }

    fn allowed(&self) -> String {
        "a path of a folder, or s3://BUCKET or s3://BUCKET/PREFIX".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        if let Some(place) = text.strip_prefix("s3://") {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            *self = Self::S3 {
                bucket: bucket_name(bucket)?,
                prefix: prefix_name(prefix.trim_end_matches('/'))?,
            };
        } else if text.contains("://") {
            return Err("this kind of storage is not known".into());
        } else {
            *self = Self::Folder(text.into());
        }
        Ok(())
    }

    fn show(&self) -> String {
        match self {
            Self::InDataDir => String::new(),
            Self::Folder(path) => path.display().to_string(),
            Self::S3 { bucket, prefix } if prefix.is_empty() => format!("s3://{bucket}"),
            Self::S3 { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
        }
    }
}

fn bucket_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if (3..=63).contains(&text.len()) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("the name of its bucket is not one: 3 to 63 letters, digits, `-`, `.` and `_`".into())
    }
}

fn prefix_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    if text.is_empty() || text.len() <= 200 && text.chars().all(allowed) && text.split('/').all(is_part) {
        Ok(text.to_owned())
    } else {
        Err("its prefix is not one: names of letters, digits, `-`, `.` and `_`, joined by `/`".into())
    }
}

impl Value for Endpoint {
    fn kind(&self) -> &'static str {
        "address"
    }

    fn allowed(&self) -> String {
        "http:// or https://, a host name, and a port where it is not the usual one; no path".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        self.0 = Some(http_address(text, "the bucket is named in the setting storage")?);
        Ok(())
    }

    fn show(&self) -> String {
        self.0.clone().unwrap_or_default()
    }
}

impl Value for Redirect {
    fn kind(&self) -> &'static str {
        "redirect"
    }

    fn allowed(&self) -> String {
        "never, always, or IP addresses and networks, such as 10.0.0.0/8; a list in berth.toml, separated by commas \
         elsewhere"
            .into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        *self = match text {
            "never" => Self::Never,
            "always" => Self::Always,
            _ => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                let networks: Vec<IpNet> = parts.map(network).collect::<Result<_, _>>()?;
                if networks.is_empty() {
                    return Err("it names no network".into());
                }
                Self::Networks(networks)
            }
        };
        Ok(())
    }

    fn show(&self) -> String {
        match self {
            Self::Never => "never".to_owned(),
            Self::Always => "always".to_owned(),
            Self::Networks(networks) => networks
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
        }
    }
}
