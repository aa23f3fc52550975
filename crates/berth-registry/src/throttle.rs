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
/// The longest that an attempt is held back; one that would have to wait longer is told to come back.
const PATIENCE_MS: i64 = 10_000;

/// What repeated failures cost.
enum Rule {
    /// Attempts after the free failures go one by one, with a pause between them that doubles with each failure. A
    /// person notices little, and many attempts at once gain nothing.
    Slower { free: u32, first_ms: i64, max_ms: i64 },
    /// After so many failures nothing is tried for a time; then the count starts again.
    Locked { failures: u32, for_ms: i64 },
}

/// Many people share one address, and any success of theirs resets it: only a source that does nothing but fail waits.
const SOURCE: Rule = Rule::Slower {
    free: 50,
    first_ms: 250,
    max_ms: 4_000,
};
const LOGIN: Rule = Rule::Slower {
    free: 5,
    first_ms: 250,
    max_ms: 8_000,
};
/// SWR: an access key with five consecutive failures is locked for five minutes.
const SIGNING_KEY: Rule = Rule::Locked {
    failures: 5,
    for_ms: 300_000,
};

impl Subject {
    fn rule(&self) -> &'static Rule {
        match self {
            Subject::Source(_) => &SOURCE,
            Subject::Login(_) => &LOGIN,
            Subject::SigningKey(_) => &SIGNING_KEY,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    /// Milliseconds since the epoch before which no further attempt is made.
    next_at: i64,
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

    /// How long to hold an attempt of `subject` back before its credential is looked at; `Throttled` when that would be
    /// too long. Each call takes a turn of its own.
    pub(crate) fn turn(&self, subject: &Subject, now: i64) -> Result<Duration, Error> {
        if !self.failures.contains_key(subject) {
            return Ok(Duration::ZERO);
        }
        let mut turn_at = now;
        self.failures.entry_by_ref(subject).and_compute_with(|entry| {
            let Some(before) = entry.map(moka::Entry::into_value) else {
                return Op::Nop;
            };
            turn_at = before.next_at.max(now);
            match subject.rule().pause_ms(before.count) {
                Some(pause) if turn_at - now <= PATIENCE_MS => Op::Put(Failures {
                    next_at: turn_at + pause,
                    ..before
                }),
                _ => Op::Nop,
            }
        });
        let wait = u64::try_from(turn_at - now).unwrap_or(0);
        if turn_at - now <= PATIENCE_MS {
            Ok(Duration::from_millis(wait))
        } else {
            Err(Error::Throttled {
                retry_after_seconds: wait.div_ceil(1000),
            })
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, subject: Subject, now: i64) {
        let rule = subject.rule();
        self.failures.entry(subject).and_compute_with(|entry| {
            let before = entry.map(moka::Entry::into_value).unwrap_or_default();
            Op::Put(rule.failed(before, now))
        });
    }

    /// Forgets the failures of `subject`.
    pub(crate) fn succeeded(&self, subject: &Subject) {
        self.failures.invalidate(subject);
    }
}

impl Rule {
    /// The pause between two attempts after `count` failures, none while they cost nothing or when none is made at all.
    fn pause_ms(&self, count: u32) -> Option<i64> {
        match self {
            Rule::Slower {
                free,
                first_ms,
                max_ms,
            } => {
                let beyond = count.checked_sub(*free)?;
                Some(first_ms.saturating_mul(1 << beyond.min(30)).min(*max_ms))
            }
            Rule::Locked { .. } => None,
        }
    }

    fn failed(&self, before: Failures, now: i64) -> Failures {
        match self {
            Rule::Slower { .. } => Failures {
                count: before.count.saturating_add(1),
                ..before
            },
            Rule::Locked { failures, for_ms } => {
                let is_over = before.next_at != 0 && before.next_at <= now;
                let count = if is_over {
                    1
                } else {
                    before.count.saturating_add(1)
                };
                let next_at = if count >= *failures {
                    now.saturating_add(*for_ms)
                } else {
                    0
                };
                Failures { count, next_at }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn failing(subject: &Subject, times: u32) -> Throttle {
        let throttle = Throttle::new();
        for _ in 0..times {
            throttle.failed(subject.clone(), NOW);
        }
        throttle
    }

    /// The waits of attempts that come all at once, in milliseconds; `None` for one that is sent away.
    fn turns(throttle: &Throttle, subject: &Subject, attempts: usize) -> Vec<Option<u128>> {
        let turn = |_| throttle.turn(subject, NOW).ok().map(|wait| wait.as_millis());
        (0..attempts).map(turn).collect()
    }

    #[test]
    fn attempts_after_free_failures_go_one_by_one_and_ever_slower() {
        let (source, login) = (
            Subject::source("192.0.2.1".parse().unwrap()),
            Subject::login("berth/admin"),
        );
        let all = |waits: [u128; 3]| waits.map(Some).to_vec();
        for (subject, failures, expected) in [
            (&login, 0, all([0, 0, 0])),
            (&login, 4, all([0, 0, 0])),
            (&login, 5, all([0, 250, 500])),
            (&login, 6, all([0, 500, 1000])),
            (&login, 9, all([0, 4000, 8000])),
            (&login, 10, vec![Some(0), Some(8000), None]),
            (&login, 100_000, vec![Some(0), Some(8000), None]),
            (&source, 49, all([0, 0, 0])),
            (&source, 50, all([0, 250, 500])),
            (&source, 100_000, all([0, 4000, 8000])),
        ] {
            let found = turns(&failing(subject, failures), subject, 3);
            assert_eq!(found, expected, "{subject:?} {failures}");
        }
    }

    #[test]
    fn an_attempt_sent_away_takes_no_turn_and_learns_when_to_come_back() {
        let login = Subject::login("berth/admin");
        let throttle = failing(&login, 100);
        turns(&throttle, &login, 50);
        for _ in 0..2 {
            let found = throttle.turn(&login, NOW);
            assert!(matches!(
                found,
                Err(Error::Throttled {
                    retry_after_seconds: 16
                })
            ));
        }
        assert!(throttle.turn(&login, NOW + 6_000).is_ok());
    }

    #[test]
    fn a_key_is_locked_after_five_failures_and_has_five_tries_again_later() {
        let key = Subject::signing_key("AK");
        assert_eq!(turns(&failing(&key, 4), &key, 2), [Some(0), Some(0)]);
        let throttle = failing(&key, 5);
        let found = throttle.turn(&key, NOW);
        assert!(matches!(
            found,
            Err(Error::Throttled {
                retry_after_seconds: 300
            })
        ));
        assert!(throttle.turn(&key, NOW + 289_000).is_err());
        let later = NOW + 300_000;
        for _ in 0..4 {
            throttle.failed(key.clone(), later);
            assert!(throttle.turn(&key, later).is_ok());
        }
        throttle.failed(key.clone(), later);
        assert!(throttle.turn(&key, later).is_err());
    }

    #[test]
    fn success_forgets_and_one_subject_does_not_slow_another() {
        let login = Subject::login("a");
        let throttle = failing(&login, 20);
        assert_eq!(turns(&throttle, &login, 2), [Some(0), Some(8000)]);
        assert_eq!(turns(&throttle, &Subject::login("b"), 2), [Some(0), Some(0)]);
        throttle.succeeded(&login);
        assert_eq!(turns(&throttle, &login, 2), [Some(0), Some(0)]);
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
