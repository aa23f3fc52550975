//! How often and after which pauses something is tried again.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::Limits;
use crate::error::Error;

const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The pauses of one call.
pub(crate) struct Backoff {
    attempts: u32,
    failed: u32,
    pause_max: Duration,
}

impl Backoff {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            attempts: limits.attempts,
            failed: 0,
            pause_max: limits.pause_max,
        }
    }

    /// Counts a failure: how long to wait before the next attempt, or none when there is to be none.
    pub(crate) fn pause(&mut self, error: &Error) -> Option<Duration> {
        if error.is_transient() {
            self.again(error.retry_after())
        } else {
            None
        }
    }

    /// The same for any failure that is worth another attempt.
    pub(crate) fn again(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.failed += 1;
        let asked = asked.unwrap_or_default();
        if self.failed >= self.attempts || asked > self.pause_max {
            return None;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.failed - 1).min(16));
        // Half of it by chance, so that many that failed together do not come back together.
        let own = doubled
            .min(self.pause_max)
            .mul_f64(0.5 + rand::random::<f64>() / 2.0);
        Some(own.max(asked))
    }

    /// Something was achieved: failures are counted from here.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }
}

/// How long an answer asks to wait (RFC 9110 section 10.2.3). A date is read by the clock of the server that wrote it.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let then = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let now = OffsetDateTime::parse(headers.get(DATE)?.to_str().ok()?, &Rfc2822).ok()?;
    Some((then - now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_read_in_seconds_or_as_a_date() {
        const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (wish, date, expected) in [
            ("0", "", Some(0)),
            ("120", "", Some(120)),
            ("4294967295", "", Some(4_294_967_295)),
            ("99999999999999999999", "", None),
            ("-1", "", None),
            ("soon", NOW, None),
            ("Sun, 06 Nov 1994 08:50:07 GMT", NOW, Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", NOW, Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", "", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, wish.parse().unwrap());
            if !date.is_empty() {
                headers.insert(DATE, date.parse().unwrap());
            }
            assert_eq!(
                asked(&headers),
                expected.map(Duration::from_secs),
                "{wish} {date}"
            );
        }
    }

    #[test]
    fn attempts_end() {
        let limits = Limits {
            attempts: 3,
            pause_max: Duration::from_secs(10),
            ..Limits::default()
        };
        let transient = |seconds: Option<u64>| Error::Unavailable {
            reason: String::new(),
            after: seconds.map(Duration::from_secs),
        };
        let mut backoff = Backoff::new(&limits);
        assert!(backoff.pause(&transient(None)).unwrap() <= FIRST_PAUSE);
        assert_eq!(backoff.pause(&transient(Some(9))), Some(Duration::from_secs(9)));
        assert_eq!(backoff.pause(&transient(None)), None);
        backoff.progressed();
        assert!(backoff.pause(&transient(None)).is_some());
        assert_eq!(
            backoff.pause(&transient(Some(11))),
            None,
            "longer than anybody waits here"
        );
        assert_eq!(Backoff::new(&limits).pause(&Error::Denied(String::new())), None);
    }
}
