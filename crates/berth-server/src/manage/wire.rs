//! Values of the wire that many operations share.

use berth_registry::{Permission, time_text};
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
