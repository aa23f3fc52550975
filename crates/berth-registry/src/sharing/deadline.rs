//! The last day of a share. A share counts to the end of that day in UTC, whatever the time in it.

use std::fmt;
use std::str::FromStr;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcDateTime, UtcOffset};

use crate::Error;

/// The word for no end.
const FOREVER: &str = "forever";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Until when something is shared. Written `forever`, or as a time in UTC (RFC 3339); read from a day (`2026-11-30`) as
/// well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// For ever.
    Forever,
    /// To the end of the day of this time, milliseconds since the epoch.
    Time(i64),
}

impl Deadline {
    /// The deadline at a time in milliseconds since the epoch, or none.
    pub(super) fn of(at: Option<i64>) -> Self {
        at.map_or(Self::Forever, Self::Time)
    }

    /// The time, none for no end.
    pub(super) fn at(self) -> Option<i64> {
        match self {
            Self::Forever => None,
            Self::Time(at) => Some(at),
        }
    }

    /// From when on a share counts no more: the beginning of the day after.
    pub(super) fn expires_at(self) -> Option<i64> {
        self.at()
            .map(|at| (at.div_euclid(DAY_MS) + 1).saturating_mul(DAY_MS))
    }
}

impl FromStr for Deadline {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == FOREVER {
            return Ok(Self::Forever);
        }
        let time = match Date::parse(text, format_description!("[year]-[month]-[day]")) {
            Ok(day) => Some(day.midnight().assume_utc()),
            Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok(),
        };
        // Beyond the year 9999 no time can be written.
        let in_utc = time.and_then(|time| time.checked_to_offset(UtcOffset::UTC));
        let Some(time) = in_utc.filter(|time| (0..=9999).contains(&time.year())) else {
            return Err(Error::Invalid(
                "the deadline is 'forever' or a day or time in UTC, such as 2026-11-30T00:00:00Z".to_owned(),
            ));
        };
        let ms = time.unix_timestamp_nanos().div_euclid(1_000_000);
        let ms = i64::try_from(ms).expect("a year has four digits");
        Ok(Self::Time(ms))
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Time(ms) = self else {
            return formatter.write_str(FOREVER);
        };
        let time = UtcDateTime::from_unix_timestamp_nanos(i128::from(*ms) * 1_000_000);
        let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
        formatter.write_str(&text.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Deadline;

    const DAY_MS: i64 = 86_400_000;
    /// 2026-11-30 at midnight.
    const MIDNIGHT: i64 = 1_796_000_000_000 - 1_796_000_000_000 % DAY_MS;

    #[test]
    fn a_deadline_is_a_day_a_time_or_never() {
        let day = Deadline::Time(MIDNIGHT).to_string()[..10].to_owned();
        let next = Deadline::Time(MIDNIGHT + DAY_MS).to_string()[..10].to_owned();
        let check = |text: &str, shown: Option<&str>, lasts_days: Option<i64>| {
            let read = text.parse::<Deadline>().ok();
            assert_eq!(
                read.map(|deadline| deadline.to_string()).as_deref(),
                shown,
                "{text}"
            );
            let end = read.and_then(Deadline::expires_at);
            let days = end.map(|end| (end - MIDNIGHT) / DAY_MS);
            assert_eq!(days, lasts_days, "{text}");
        };
        let at = |day: &str, time: &str| format!("{day}T{time}");
        let midnight = at(&day, "00:00:00Z");
        check("forever", Some("forever"), None);
        check(&day, Some(&midnight), Some(1));
        check(&midnight, Some(&midnight), Some(1));
        let last = at(&day, "23:59:59.5Z");
        check(&last, Some(&last), Some(1));
        check(&at(&next, "00:00:00Z"), Some(&at(&next, "00:00:00Z")), Some(2));
        // The day is that of UTC.
        check(
            &at(&next, "01:00:00+02:00"),
            Some(&at(&day, "23:00:00Z")),
            Some(1),
        );
        for wrong in [
            "",
            "Forever",
            "never",
            "2026-13-01",
            "2026-02-30",
            "2026-11-30T25:00:00Z",
            "2026-11-30T00:00:00",
            "1796000000",
            "+12026-11-30",
            "-0001-11-30",
            "9999-12-31T23:59:59-01:00",
            "0000-01-01T00:00:00+01:00",
            "\0",
        ] {
            check(wrong, None, None);
        }
    }
}
