//! The refusal of a request that came too fast.

use std::fmt;
use std::net::IpAddr;

use crate::limits::Rate;

/// Whose requests came too fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hurried {
    /// Those of an account's users together.
    Account(String),
    /// Those of one user, after the account's name and a slash.
    User(String),
    /// Those that came from one address; of IPv6 the first half.
    Address(IpAddr),
}

/// A request that came too fast to wait for its turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{who} makes more requests than {setting} = \"{rate}\" allows; try again in {retry_after_seconds} s")]
pub struct TooFast {
    /// Whose requests.
    pub who: Hurried,
    /// The setting that has the rate.
    pub setting: String,
    /// The rate.
    pub rate: Rate,
    /// When one would go on.
    pub retry_after_seconds: u64,
    /// Who, which rule, until when, and what helps.
    pub explanation: String,
}

impl fmt::Display for Hurried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account '{name}'"),
            Self::User(name) => write!(f, "user '{name}'"),
            Self::Address(address) => write!(f, "address {address}"),
        }
    }
}
