//! How a copy ends, and what the other registry's refusals mean for it: which are final, which pass by themselves, and
//! which concern the whole region.

use std::time::Duration;

use berth_remote::Error as RemoteError;

use crate::error::Error;
use crate::jobs::pause_after;

/// How long a region whose login is refused is left alone; a change of the region ends that at once.
const LOGIN_REFUSED: Duration = Duration::from_mins(10);
/// The longest pause of a region that does not answer.
const AWAY_MAX: Duration = Duration::from_mins(5);
/// How often a copy is refused before that is final: what is missing there may be made just now.
const REFUSALS_MAX: i64 = 3;
const REFUSED: Duration = Duration::from_secs(20);
/// When to look again whether what is damaged here was healed or pushed again.
const DAMAGED: Duration = Duration::from_mins(10);
/// After so long a copy that breaks off again and again, while its region answers, is given up.
const GIVEN_UP_AFTER_MS: i64 = 7 * 24 * 3600 * 1000;

/// SWR's words for how a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It is there.
    Success,
    /// It was there, or something else is there that may not be replaced.
    Existed,
    /// It cannot be copied.
    Failed,
    /// It was tried for too long.
    Timeout,
    /// There is nothing to copy any more.
    Cancel,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Existed => "existed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancel => "cancel",
        }
    }
}

/// Why a copy goes on no further now.
#[derive(Debug)]
pub(super) enum Stop {
    /// It ended.
    Ended {
        status: Status,
        /// A sentence; may be empty for a success.
        detail: String,
    },
    /// It is tried again later.
    Later {
        /// A sentence.
        detail: String,
        after: Duration,
        /// Whether everything that goes to the region waits until then.
        whole_region: bool,
        /// Whether the other side understood and did not want it.
        refused: bool,
    },
    /// Somebody cancelled it.
    Cancelled,
    /// Something here broke.
    Broken(Error),
}

impl Stop {
    pub(super) fn ended(status: Status, detail: impl Into<String>) -> Self {
        Self::Ended {
            status,
            detail: detail.into(),
        }
    }

    /// Something that goes along is damaged here.
    pub(super) fn damaged(what: &str) -> Self {
        Self::Later {
            detail: format!("{what} is damaged here: it goes on when that is healed or pushed again"),
            after: DAMAGED,
            whole_region: false,
            refused: false,
        }
    }

    pub(super) fn failed(detail: impl Into<String>) -> Self {
        Self::ended(Status::Failed, detail)
    }
}

impl From<berth_metadata::Error> for Stop {
    fn from(error: berth_metadata::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// What was tried before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    /// How often it was begun, this time included.
    pub(super) attempts: i64,
    /// How often the other side did not want it.
    pub(super) refusals: i64,
    /// Milliseconds since it was begun first, those left out in which the region was away.
    pub(super) for_ms: i64,
}

/// What it means when a region does not take part at all, told as `detail`. `failures`: how often in a row.
pub(super) fn of_region((error, detail): (&RemoteError, String), failures: i64) -> Stop {
    let after = match error {
        RemoteError::RateLimited { .. } | RemoteError::Unavailable { .. } => {
            let pause = pause_after(failures + 1).min(AWAY_MAX);
            pause.max(error.retry_after().unwrap_or_default().min(LOGIN_REFUSED))
        }
        _ => LOGIN_REFUSED,
    };
    Stop::Later {
        detail,
        after,
        whole_region: true,
        refused: false,
    }
}

/// What it means when a region that takes part does not do something.
pub(super) fn of_copy(error: &RemoteError, tried: Tried) -> Stop {
    let detail = error.to_string();
    let again = |after, whole_region, refused| Stop::Later {
        detail: detail.clone(),
        after,
        whole_region,
        refused,
    };
    match error {
        RemoteError::RateLimited { after, .. } => {
            let pause = pause_after(tried.attempts).min(AWAY_MAX);
            again(
                pause.max(after.unwrap_or_default().min(LOGIN_REFUSED)),
                true,
                false,
            )
        }
        RemoteError::Unavailable { .. } | RemoteError::Source(_) if tried.for_ms > GIVEN_UP_AFTER_MS => {
            Stop::ended(Status::Timeout, format!("tried for a week: {detail}"))
        }
        RemoteError::Unavailable { after, .. } => {
            let pause = pause_after(tried.attempts).min(AWAY_MAX);
            again(
                pause.max(after.unwrap_or_default().min(LOGIN_REFUSED)),
                false,
                false,
            )
        }
        RemoteError::Source(_) | RemoteError::Changed(_) => again(pause_after(tried.attempts), false, false),
        _ if tried.refusals + 1 < REFUSALS_MAX => again(REFUSED, false, true),
        _ => Stop::failed(detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable(after: Option<u64>) -> RemoteError {
        RemoteError::Unavailable {
            reason: "no route".to_owned(),
            after: after.map(Duration::from_secs),
        }
    }

    fn told(stop: &Stop) -> String {
        match stop {
            Stop::Ended { status, detail } => format!("{} {detail}", status.as_str()),
            Stop::Later {
                detail,
                after,
                whole_region,
                refused,
            } => format!(
                "in {} s{}{}: {detail}",
                after.as_secs(),
                if *whole_region { ", the region" } else { "" },
                if *refused { ", refused" } else { "" }
            ),
            Stop::Cancelled => "cancelled".to_owned(),
            Stop::Broken(error) => error.to_string(),
        }
    }

    #[test]
    fn a_region_that_is_away_is_asked_ever_less_often_and_never_given_up() {
        for (error, failures, expected) in [
            (unavailable(None), 0, "in 2 s, the region: no route"),
            (unavailable(None), 3, "in 16 s, the region: no route"),
            (unavailable(None), 1_000_000, "in 300 s, the region: no route"),
            (unavailable(Some(60)), 0, "in 60 s, the region: no route"),
            (unavailable(Some(86_400)), 0, "in 600 s, the region: no route"),
            (
                RemoteError::Unauthorized("wrong password".to_owned()),
                0,
                "in 600 s, the region: wrong password",
            ),
            (
                RemoteError::Untrusted("self-made".to_owned()),
                9,
                "in 600 s, the region: self-made",
            ),
        ] {
            assert_eq!(told(&of_region((&error, error.to_string()), failures)), expected);
        }
    }

    #[test]
    fn a_refusal_is_final_the_third_time_and_a_broken_connection_after_a_week() {
        let denied = || RemoteError::Denied("no rights".to_owned());
        let tried = |attempts, refusals, days: i64| Tried {
            attempts,
            refusals,
            for_ms: days * 24 * 3600 * 1000 + 1,
        };
        for (error, tried, expected) in [
            (denied(), tried(1, 0, 0), "in 20 s, refused: no rights"),
            // It was away for long before it said so.
            (denied(), tried(500, 0, 30), "in 20 s, refused: no rights"),
            (denied(), tried(3, 2, 0), "failed no rights"),
            (unavailable(None), tried(1, 0, 0), "in 2 s: no route"),
            (unavailable(None), tried(40, 0, 6), "in 300 s: no route"),
            (
                unavailable(None),
                tried(40, 0, 7),
                "timeout tried for a week: no route",
            ),
            (
                RemoteError::RateLimited {
                    reason: "slowly".to_owned(),
                    after: Some(Duration::from_secs(30)),
                },
                tried(1, 0, 9),
                "in 30 s, the region: slowly",
            ),
        ] {
            assert_eq!(told(&of_copy(&error, tried)), expected);
        }
    }
}
