//! Values of the wire that many operations share.

use berth_registry::{Permission, RightFrom, Rights, time_text};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;
use utoipa::ToSchema;

/// The body of a success that has nothing to tell: `{}`. Clients parse it, so it is never left out.
#[derive(Serialize, ToSchema)]
pub(crate) struct Nothing {}

/// A time, milliseconds since the epoch here and RFC 3339 in UTC on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05Z")]
pub(crate) struct Time(pub(crate) i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time_text(self.0))
    }
}

/// A permission on the wire: 7 manage, 3 write, 1 read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = i64, example = 7)]
pub(crate) struct Auth(pub(crate) Permission);

impl Serialize for Auth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.bits())
    }
}

/// What the caller may do with something, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SelfRights {
    permission: PermissionName,
    source: RightSource,
}

/// What a right allows; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PermissionName {
    Read,
    Write,
    Manage,
}

/// What a right comes from: the account's administration, a grant on the organization or on the image, a share with the
/// caller's account, or that everybody may pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RightSource {
    Administrator,
    Organization,
    Image,
    Share,
    Public,
}

impl SelfRights {
    /// The right on the wire.
    pub(crate) fn of(rights: Rights) -> Self {
        Self {
            permission: match rights.permission {
                Permission::Read => PermissionName::Read,
                Permission::Write => PermissionName::Write,
                Permission::Manage => PermissionName::Manage,
            },
            source: match rights.from {
                RightFrom::Administrator => RightSource::Administrator,
                RightFrom::Organization => RightSource::Organization,
                RightFrom::Image => RightSource::Image,
                RightFrom::Share => RightSource::Share,
                RightFrom::Public => RightSource::Public,
            },
        }
    }
}

/// A time with six digits after the second, as IAM and the headers of logins have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.000000Z")]
pub(crate) struct Micros(pub(crate) i64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let format =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000);
        let text = at.ok().and_then(|at| at.format(&format).ok());
        f.write_str(&text.expect("times of this API are near today"))
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
