//! Values of IAM's wire that many calls share.

use berth_registry::AccessType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::origin::Origin;

/// The addresses of a list or a thing; pages do not exist here.
#[derive(Serialize, ToSchema)]
pub(super) struct Links {
    #[serde(rename = "self")]
    this: String,
    /// Always `null`.
    previous: Option<String>,
    /// Always `null`.
    next: Option<String>,
}

impl Links {
    pub(super) fn to(origin: &Origin, path: impl AsRef<str>) -> Self {
        Self {
            this: format!("{}{}", origin.url, path.as_ref()),
            previous: None,
            next: None,
        }
    }
}

/// An account, by id and name.
#[derive(Serialize, ToSchema)]
pub(super) struct Domain {
    pub(super) id: String,
    pub(super) name: String,
}

/// Where a user may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AccessMode {
    /// Everywhere.
    Default,
    /// With access keys, tokens and clients only.
    Programmatic,
    /// In the console only.
    Console,
}

impl From<AccessMode> for AccessType {
    fn from(mode: AccessMode) -> Self {
        match mode {
            AccessMode::Default => Self::Both,
            AccessMode::Programmatic => Self::Programmatic,
            AccessMode::Console => Self::Console,
        }
    }
}

impl From<AccessType> for AccessMode {
    fn from(access: AccessType) -> Self {
        match access {
            AccessType::Both => Self::Default,
            AccessType::Programmatic => Self::Programmatic,
            AccessType::Console => Self::Console,
        }
    }
}
