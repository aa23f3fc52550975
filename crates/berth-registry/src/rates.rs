//! How many requests an account, a user and an address make in a time: beyond it they wait for their turn, and beyond their
//! patience they are told when to come back. Each process counts for itself. Decides about no right.

mod bucket;
mod shut_outs;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

pub(crate) use shut_outs::{KEPT_MS, ShutOuts};

use crate::access::{Caller, UserCaller};
use crate::clock::now_ms;
use crate::error::{Error, Hurried, TooFast};
use crate::identity::time_text;
use crate::limits::{RateLimits, Rates};
use bucket::{Buckets, Turn};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Something is pushed or deleted.
    Push,
    /// Something is pulled, or asked for in the distribution API.
    Pull,
    /// The management API, or a login.
    Api,
}

impl Traffic {
    /// All of them.
    const ALL: [Self; 3] = [Self::Push, Self::Pull, Self::Api];

    const fn word(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Api => "api",
        }
    }
}

/// The address that is counted: of IPv6 what one household or machine gets.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The counts of all rates that are set.
pub(crate) struct Pacing {
    start: Instant,
    push: Kinds,
    pull: Kinds,
    api: Kinds,
    patience: Duration,
    waiting: AtomicUsize,
    waiting_max: usize,
}

struct Kinds {
    account: Option<Buckets>,
    user: Option<Buckets>,
    address: Option<Buckets>,
    held_back: Counter,
    refused: Counter,
}

/// What became of requests of one kind that came faster than a rate.
#[derive(Clone, Copy, Debug)]
pub struct RateFigures {
    /// `push`, `pull` or `api`.
    pub traffic: &'static str,
    /// Those that waited for their turn.
    pub held_back: u64,
    /// Those that were told to come back.
    pub refused: u64,
}

impl Kinds {
    fn new(rates: &Rates) -> Self {
        Self {
            account: rates.account.map(Buckets::new),
            user: rates.user.map(Buckets::new),
            address: rates.address.map(Buckets::new),
            held_back: Counter::default(),
            refused: Counter::default(),
        }
    }
}

impl Pacing {
    /// Counts for these rates; none when none is set.
    pub(crate) fn new(limits: &RateLimits) -> Option<Self> {
        limits.is_any().then(|| Self {
            start: Instant::now(),
            push: Kinds::new(&limits.push),
            pull: Kinds::new(&limits.pull),
            api: Kinds::new(&limits.api),
            patience: limits.wait_max,
            waiting: AtomicUsize::new(0),
            waiting_max: limits.waiting_max,
        })
    }

    fn kinds(&self, traffic: Traffic) -> &Kinds {
        match traffic {
            Traffic::Push => &self.push,
            Traffic::Pull => &self.pull,
            Traffic::Api => &self.api,
        }
    }

    /// How long a request from this address waits.
    fn of_address(&self, traffic: Traffic, address: IpAddr) -> Result<Duration, TooFast> {
        let Some(buckets) = &self.kinds(traffic).address else {
            return Ok(Duration::ZERO);
        };
        self.turn(buckets, key_of_address(address)).map_err(|wait| {
            refused(
                (traffic, "address"),
                Hurried::Address(counted(address)),
                (buckets, wait),
            )
        })
    }

    /// How long a request of this user waits. First the user's turn: those that are refused for it cost the account none.
    fn of_user(&self, traffic: Traffic, user: &UserCaller) -> Result<Duration, TooFast> {
        let kinds = self.kinds(traffic);
        let mut longest = Duration::ZERO;
        if let Some(buckets) = &kinds.user {
            let refusal = |wait| {
                let who = Hurried::User(format!("{}/{}", user.account_name, user.user_name));
                refused((traffic, "user"), who, (buckets, wait))
            };
            longest = self.turn(buckets, key_of(&user.user_id)).map_err(refusal)?;
        }
        if let Some(buckets) = &kinds.account {
            let refusal = |wait| {
                let who = Hurried::Account(user.account_name.clone());
                refused((traffic, "account"), who, (buckets, wait))
            };
            longest = longest.max(self.turn(buckets, key_of(&user.account_id)).map_err(refusal)?);
        }
        Ok(longest)
    }

    fn turn(&self, buckets: &Buckets, key: u128) -> Result<Duration, Duration> {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Those who wait have places that others need.
        let is_crowded = self.waiting.load(Ordering::Relaxed) >= self.waiting_max;
        let patience = if is_crowded { Duration::ZERO } else { self.patience };
        match buckets.take(key, now, patience) {
            Turn::Now => Ok(Duration::ZERO),
            Turn::After(wait) => Ok(wait),
            Turn::Refused(wait) => Err(wait),
        }
    }

    async fn take(&self, traffic: Traffic, turn: Result<Duration, TooFast>) -> Result<(), Error> {
        match turn {
            Ok(Duration::ZERO) => Ok(()),
            Ok(wait) => {
                self.kinds(traffic).held_back.inc();
                // Boxed: few wait, and all requests have room for what they might need.
                Box::pin(self.wait(wait)).await;
                Ok(())
            }
            Err(refused) => {
                self.kinds(traffic).refused.inc();
                Err(Error::TooFast(Box::new(refused)))
            }
        }
    }

    fn figures(&self) -> [RateFigures; 3] {
        Traffic::ALL.map(|traffic| {
            let kinds = self.kinds(traffic);
            RateFigures {
                traffic: traffic.word(),
                held_back: kinds.held_back.get(),
                refused: kinds.refused.get(),
            }
        })
    }

    async fn wait(&self, time: Duration) {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        tokio::time::sleep(time).await;
    }
}

/// Who, which rule, until when, and what to do.
fn refused((traffic, of): (Traffic, &str), who: Hurried, (buckets, wait): (&Buckets, Duration)) -> TooFast {
    let retry_after_seconds = u64::try_from(wait.as_millis().div_ceil(1000).max(1)).unwrap_or(u64::MAX);
    let until = now_ms().saturating_add_unsigned(retry_after_seconds.saturating_mul(1000));
    let (setting, rate) = (format!("limits.rate_{}_{of}", traffic.word()), buckets.rate);
    TooFast {
        explanation: format!(
            "{who} may make {rate} requests of this kind ({setting} of this registry), and made more; the next one is answered \
             from {} on: make fewer at one time (docker: max-concurrent-uploads and max-concurrent-downloads), or ask the \
             operator for a higher limit",
            time_text(until)
        ),
        who,
        setting,
        rate,
        retry_after_seconds,
    }
}

fn key_of_address(address: IpAddr) -> u128 {
    match counted(address) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Ids are 32 hexadecimal digits.
fn key_of(id: &str) -> u128 {
    u128::from_str_radix(id, 16).unwrap_or_default()
}

impl crate::Registry {
    /// Whether a rate is set at all: who asks first saves finding out where requests come from.
    pub fn is_paced(&self) -> bool {
        self.pacing.is_some()
    }

    /// What became of requests that came too fast, when a rate is set.
    pub(crate) fn rate_figures(&self) -> Vec<RateFigures> {
        let pacing = self.pacing.as_ref();
        pacing.map_or_else(Vec::new, |pacing| pacing.figures().to_vec())
    }

    /// Lets a request from this address pass when its turn comes: before anybody is recognised.
    pub async fn admit_address(&self, traffic: Traffic, address: IpAddr) -> Result<(), Error> {
        let Some(pacing) = &self.pacing else { return Ok(()) };
        let turn = pacing.of_address(traffic, address).inspect_err(|refused| {
            self.count_refused(None, address, refused);
        });
        pacing.take(traffic, turn).await
    }

    /// Lets a request of this caller, from this address, pass when their turn and their account's come.
    pub async fn admit(&self, traffic: Traffic, caller: &Caller, address: IpAddr) -> Result<(), Error> {
        let (Some(pacing), Caller::User(user)) = (&self.pacing, caller) else {
            return Ok(());
        };
        let turn = pacing.of_user(traffic, user).inspect_err(|refused| {
            self.count_refused(Some(user), address, refused);
        });
        pacing.take(traffic, turn).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_machine_are_counted_together() {
        for (left, right, same) in [
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let (a, b) = (left.parse().unwrap(), right.parse().unwrap());
            assert_eq!(counted(a) == counted(b), same, "{left} {right}");
        }
    }
}
