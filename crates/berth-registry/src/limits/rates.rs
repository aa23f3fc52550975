//! The bounds of how fast requests may come.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// So many in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; as many may come at once.
    pub count: NonZeroU32,
    /// In which time, which is not zero.
    pub per: Duration,
}

impl fmt::Display for Rate {
    /// As it is written in settings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            60 => "m",
            3600 => "h",
            _ => "s",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// How fast requests may come, and what becomes of those who do not care.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Requests that push or delete.
    pub push: Rates,
    /// Requests that pull.
    pub pull: Rates,
    /// Requests of the management API and logins.
    pub api: Rates,
    /// The longest that a request is held back; one that would have to wait longer is refused.
    pub wait_max: Duration,
    /// Requests that are held back at one time, each of which has a place among those that are answered.
    pub waiting_max: usize,
    /// So many refused requests in such a time shut an account out, or an address of those who do not log in; none: nobody is.
    pub shut_out_after: Option<Rate>,
    /// For how long.
    pub shut_out_for: Duration,
}

/// Rates of one kind of request; none where nothing is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Of an account's users together.
    pub account: Option<Rate>,
    /// Of one user.
    pub user: Option<Rate>,
    /// From one address.
    pub address: Option<Rate>,
}

impl RateLimits {
    /// Whether there is a rate at all.
    pub(crate) fn is_any(&self) -> bool {
        [&self.push, &self.pull, &self.api]
            .iter()
            .any(|rates| rates.account.or(rates.user).or(rates.address).is_some())
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            push: Rates::default(),
            pull: Rates::default(),
            api: Rates::default(),
            wait_max: Duration::from_secs(10),
            waiting_max: 128,
            shut_out_after: None,
            shut_out_for: Duration::from_mins(30),
        }
    }
}
