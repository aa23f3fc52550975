//! How much more a registry will answer, as Docker Hub tells it: `ratelimit-limit: 100;w=21600` and
//! `ratelimit-remaining: 76;w=21600` (draft-ietf-httpapi-ratelimit-headers-02).

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

/// What a registry said of how much more it will answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests that it answers in a window of time, when it said so.
    pub limit: Option<u64>,
    /// Those that are left.
    pub remaining: u64,
    /// The window, when it said so.
    pub window: Option<Duration>,
    /// When it said so.
    pub at: SystemTime,
}

impl Budget {
    /// What an answer says; none when it says nothing of it.
    pub(crate) fn told(headers: &HeaderMap) -> Option<Self> {
        let remaining = headers.get("ratelimit-remaining")?;
        let (remaining, window) = figure(remaining.to_str().ok()?)?;
        let limit = headers
            .get("ratelimit-limit")
            .and_then(|limit| figure(limit.to_str().ok()?));
        Some(Self {
            limit: limit.map(|(limit, _)| limit),
            remaining,
            window: window.or(limit.and_then(|(_, window)| window)),
            at: SystemTime::now(),
        })
    }
}

/// A number, and the `w` among the parameters that follow it, which are seconds.
fn figure(text: &str) -> Option<(u64, Option<Duration>)> {
    let mut parts = text.split([';', ',']).map(str::trim);
    let number = parts.next()?.parse().ok()?;
    let window = parts.find_map(|part| part.strip_prefix("w=")?.parse().ok());
    Some((number, window.map(Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_read_from_headers() {
        for (limit, remaining, expected) in [
            (
                "100;w=21600",
                "76;w=21600",
                Some((Some(100), 76, Some(Duration::from_hours(6)))),
            ),
            ("100", "76", Some((Some(100), 76, None))),
            ("", "0;w=60", Some((None, 0, Some(Duration::from_mins(1))))),
            (
                "100;w=60",
                "7",
                Some((Some(100), 7, Some(Duration::from_mins(1)))),
            ),
            ("100;w=60", "", None),
            ("100;w=60", "many", None),
            ("many", "1;w=x", Some((None, 1, None))),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("ratelimit-limit", limit.parse().unwrap());
            headers.insert("ratelimit-remaining", remaining.parse().unwrap());
            let found = Budget::told(&headers).map(|told| (told.limit, told.remaining, told.window));
            assert_eq!(found, expected, "{limit} {remaining}");
        }
    }
}
