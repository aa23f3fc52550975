//! Repeated failures to say who one is: they slow down, per source address and per user, and lock a signing key.
//! In memory, bounded, forgotten when idle; each replica counts for itself. Knows no credentials.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use moka::ops::compute::Op;
use moka::sync::Cache;

use crate::Error;

/// Who failed. Names are those presented, known or not, so that refusals tell nothing about who exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// The address a request came from; for IPv6 its /64, which is what one household or machine gets.
    Source(IpAddr),
    /// A login name as presented.
    Login(String),
    /// An access key that signed a request.
    SigningKey(String),
}

impl Subject {
    pub(crate) fn source(address: IpAddr) -> Subject {
        Subject::Source(match address {
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => IpAddr::V4(v4),
                None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
            },
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// A login name; an overlong one is cut, so that the table stays small whatever is presented.
    pub(crate) fn login(name: &str) -> Subject {
        Subject::Login(name.chars().take(LOGIN_CHARS_MAX).collect())
    }

    /// An access key; an overlong one is cut.
    pub(crate) fn signing_key(access_key_id: &str) -> Subject {
        Subject::SigningKey(access_key_id.chars().take(LOGIN_CHARS_MAX).collect())
    }
}

const LOGIN_CHARS_MAX: usize = 200;
const SUBJECTS_MAX: u64 = 100_000;
const FORGOTTEN_AFTER: Duration = Duration::from_mins(30);

/// What a kind of subject may fail and what it then waits.
struct Rule {
    /// Consecutive failures that cost nothing.
    free: u32,
    /// The wait after the first failure beyond those, doubling with each further one, in milliseconds.
    first_wait: i64,
    wait_max: i64,
    /// Whether the count starts again when the wait is over.
    starts_again: bool,
}

/// Many people share one address, and any success of theirs resets it: only a source that does nothing but fail waits.
const SOURCE: Rule = Rule {
    free: 30,
    first_wait: 1_000,
    wait_max: 300_000,
    starts_again: false,
};
/// Short at the top: nobody may lock somebody else out for long by failing in his name.
const LOGIN: Rule = Rule {
    free: 5,
    first_wait: 1_000,
    wait_max: 30_000,
    starts_again: false,
};
/// SWR: an access key with five consecutive failures is locked for five minutes.
const SIGNING_KEY: Rule = Rule {
    free: 4,
    first_wait: 300_000,
    wait_max: 300_000,
    starts_again: true,
};

#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    /// Milliseconds since the epoch before which nothing is tried.
    wait_until: i64,
}

/// The table of failures.
pub(crate) struct Throttle {
    failures: Cache<Subject, Failures>,
}

impl Throttle {
    pub(crate) fn new() -> Throttle {
        Throttle {
            failures: Cache::builder()
                .max_capacity(SUBJECTS_MAX)
                .time_to_idle(FORGOTTEN_AFTER)
                .build(),
        }
    }

    /// `Throttled` while `subject` has to wait; asked before a credential is looked at.
    pub(crate) fn check(&self, subject: &Subject, now: i64) -> Result<(), Error> {
        match self.failures.get(subject) {
            Some(failures) if failures.wait_until > now => Err(Error::Throttled {
                retry_after_seconds: u64::try_from((failures.wait_until - now + 999) / 1000).unwrap_or(1),
            }),
            _ => Ok(()),
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, subject: Subject, now: i64) {
        let rule = match subject {
            Subject::Source(_) => &SOURCE,
            Subject::Login(_) => &LOGIN,
            Subject::SigningKey(_) => &SIGNING_KEY,
        };
        self.failures.entry(subject).and_compute_with(|entry| {
            let before = entry.map(moka::Entry::into_value).unwrap_or_default();
            Op::Put(before.and_one_more(rule, now))
        });
    }

    /// Forgets the failures of `subject`.
    pub(crate) fn succeeded(&self, subject: &Subject) {
        self.failures.invalidate(subject);
    }
}

impl Failures {
    fn and_one_more(self, rule: &Rule, now: i64) -> Failures {
        let waited = self.wait_until != 0 && self.wait_until <= now;
        let count = if rule.starts_again && waited {
            1
        } else {
            self.count.saturating_add(1)
        };
        let Some(beyond) = count.checked_sub(rule.free + 1) else {
            return Failures { count, wait_until: 0 };
        };
        let wait = rule
            .first_wait
            .saturating_mul(1_i64 << beyond.min(30))
            .min(rule.wait_max);
        Failures {
            count,
            wait_until: now.saturating_add(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    /// Fails `times` times at NOW and says how many seconds there are to wait then.
    fn wait_after(subject: &Subject, times: u32) -> u64 {
        let throttle = Throttle::new();
        for _ in 0..times {
            throttle.failed(subject.clone(), NOW);
        }
        match throttle.check(subject, NOW) {
            Err(Error::Throttled { retry_after_seconds }) => retry_after_seconds,
            _ => 0,
        }
    }

    #[test]
    fn waits_grow_with_failures_and_have_an_end() {
        let source = Subject::source("192.0.2.1".parse().unwrap());
        let (login, key) = (Subject::login("berth/admin"), Subject::signing_key("AK"));
        for (subject, times, seconds) in [
            (&login, 0, 0),
            (&login, 5, 0),
            (&login, 6, 1),
            (&login, 7, 2),
            (&login, 8, 4),
            (&login, 11, 30),
            (&login, 1000, 30),
            (&key, 4, 0),
            (&key, 5, 300),
            (&source, 30, 0),
            (&source, 31, 1),
            (&source, 1000, 300),
        ] {
            assert_eq!(wait_after(subject, times), seconds, "{subject:?} {times}");
        }
    }

    #[test]
    fn a_locked_key_has_five_tries_again_after_its_lock() {
        let (throttle, key) = (Throttle::new(), Subject::signing_key("AK"));
        for _ in 0..5 {
            throttle.failed(key.clone(), NOW);
        }
        assert!(throttle.check(&key, NOW + 299_999).is_err());
        let later = NOW + 300_000;
        for _ in 0..4 {
            assert!(throttle.check(&key, later).is_ok());
            throttle.failed(key.clone(), later);
        }
        assert!(throttle.check(&key, later).is_ok());
        throttle.failed(key.clone(), later);
        assert!(throttle.check(&key, later).is_err());
    }

    #[test]
    fn success_forgets_and_one_subject_does_not_slow_another() {
        let (throttle, login) = (Throttle::new(), Subject::login("a"));
        for _ in 0..9 {
            throttle.failed(login.clone(), NOW);
        }
        assert!(throttle.check(&login, NOW).is_err());
        assert!(throttle.check(&Subject::login("b"), NOW).is_ok());
        throttle.succeeded(&login);
        assert!(throttle.check(&login, NOW).is_ok());
    }

    #[test]
    fn addresses_of_one_machine_are_one_source() {
        for (left, right, same) in [
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let (a, b) = (left.parse().unwrap(), right.parse().unwrap());
            assert_eq!(Subject::source(a) == Subject::source(b), same, "{left} {right}");
        }
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(
            Subject::login(&"x".repeat(5000)),
            Subject::login(&"x".repeat(200))
        );
    }
}
