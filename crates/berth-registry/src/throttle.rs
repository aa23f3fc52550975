//! Repeated failures to say who one is: they slow down, per source address and per user, and lock a signing key.
//! Counted in the database, for all replicas together, and forgotten when idle. Knows no credentials.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use berth_metadata::{Failures, Metadata};

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
/// How long failures are kept after the last one.
pub(crate) const FORGOTTEN_AFTER_MS: i64 = 30 * 60 * 1000;
/// The longest that an attempt is held back; one that would have to wait longer is told to come back.
const PATIENCE_MS: i64 = 10_000;

/// What repeated failures cost.
#[derive(Clone, Copy)]
enum Rule {
    /// Attempts after the free failures go one by one, with a pause between them that doubles with each failure. A
    /// person notices little, and many attempts at once gain nothing.
    Slower { free: i64, first_ms: i64, max_ms: i64 },
    /// After so many failures nothing is tried for a time; then the count starts again.
    Locked { failures: i64, for_ms: i64 },
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

impl std::fmt::Display for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Source(address) => write!(formatter, "source {address}"),
            // The database knows no zero byte.
            Subject::Login(name) => write!(formatter, "login {}", name.replace('\0', "\u{fffd}")),
            Subject::SigningKey(id) => write!(formatter, "key {}", id.replace('\0', "\u{fffd}")),
        }
    }
}

/// The count of failures.
pub(crate) struct Throttle {
    metadata: Metadata,
}

/// An attempt that may be made now.
pub(crate) struct Attempt {
    subject: Subject,
    /// Whether it has failures to forget when it succeeds.
    has_failed: bool,
}

impl Attempt {
    /// An attempt that nothing holds back.
    pub(crate) fn free(subject: Subject) -> Self {
        Self {
            subject,
            has_failed: false,
        }
    }
}

impl Throttle {
    pub(crate) fn new(metadata: Metadata) -> Throttle {
        Throttle { metadata }
    }

    /// Holds an attempt of `subject` back for as long as its failures demand, before its credential is looked at;
    /// `Throttled` when that would be too long. Each call takes a turn of its own.
    pub(crate) async fn attempt(&self, subject: Subject) -> Result<Attempt, Error> {
        let name = subject.to_string();
        let Some((failures, now)) = self.metadata.failures(&name, FORGOTTEN_AFTER_MS).await? else {
            return Ok(Attempt::free(subject));
        };
        let rule = subject.rule();
        let wait = match rule.pause_ms(failures.count) {
            // A turn of its own: the next one comes after it, to whichever replica.
            Some(_) => {
                let turn = move |before, now| rule.turn(before, now);
                self.metadata
                    .change_failures(&name, FORGOTTEN_AFTER_MS, turn)
                    .await??
            }
            None => rule.turn(failures, now).1?,
        };
        tokio::time::sleep(wait).await;
        Ok(Attempt {
            subject,
            has_failed: true,
        })
    }

    /// Counts a failure.
    pub(crate) async fn failed(&self, attempt: Attempt) -> Result<(), Error> {
        let rule = attempt.subject.rule();
        let failed = move |before, now| (rule.failed(before, now), ());
        let name = attempt.subject.to_string();
        Ok(self
            .metadata
            .change_failures(&name, FORGOTTEN_AFTER_MS, failed)
            .await?)
    }

    /// Forgets the failures. A store that cannot be written keeps nobody out.
    pub(crate) async fn succeeded(&self, attempt: Attempt) {
        if !attempt.has_failed {
            return;
        }
        let forgotten = self.metadata.forget_failures(&attempt.subject.to_string()).await;
        if let Err(error) = forgotten {
            tracing::debug!(%error, "failed logins could not be forgotten");
        }
    }
}

impl Rule {
    /// The pause between two attempts after `count` failures, none while they cost nothing or when none is made at all.
    fn pause_ms(&self, count: i64) -> Option<i64> {
        match self {
            Rule::Slower {
                free,
                first_ms,
                max_ms,
            } => {
                let beyond = count - free;
                (beyond >= 0).then(|| first_ms.saturating_mul(1 << beyond.min(30)).min(*max_ms))
            }
            Rule::Locked { .. } => None,
        }
    }

    /// What an attempt waits for, and what is left for the next one; one that is sent away leaves things as they are.
    fn turn(&self, before: Failures, now: i64) -> (Failures, Result<Duration, Error>) {
        let turn_at = before.next_at.max(now);
        let wait = u64::try_from(turn_at - now).unwrap_or(0);
        if turn_at - now > PATIENCE_MS {
            let refused = Error::Throttled {
                retry_after_seconds: wait.div_ceil(1000),
            };
            return (before, Err(refused));
        }
        let next_at = self
            .pause_ms(before.count)
            .map_or(before.next_at, |pause| turn_at + pause);
        (Failures { next_at, ..before }, Ok(Duration::from_millis(wait)))
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

    fn failing(subject: &Subject, times: i64) -> Failures {
        (0..times).fold(Failures::default(), |before, _| {
            subject.rule().failed(before, NOW)
        })
    }

    /// The waits of attempts that come all at once, in milliseconds; `None` for one that is sent away.
    fn turns(mut failures: Failures, subject: &Subject, attempts: usize) -> Vec<Option<u128>> {
        let turn = |_| {
            let (after, wait) = subject.rule().turn(failures, NOW);
            failures = after;
            wait.ok().map(|wait| wait.as_millis())
        };
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
            let found = turns(failing(subject, failures), subject, 3);
            assert_eq!(found, expected, "{subject:?} {failures}");
        }
    }

    #[test]
    fn an_attempt_sent_away_takes_no_turn_and_learns_when_to_come_back() {
        let login = Subject::login("berth/admin");
        let mut failures = failing(&login, 100);
        while let (after, Ok(_)) = login.rule().turn(failures, NOW) {
            failures = after;
        }
        for _ in 0..2 {
            let (after, found) = login.rule().turn(failures, NOW);
            assert_eq!(after, failures);
            assert!(matches!(
                found,
                Err(Error::Throttled {
                    retry_after_seconds: 16
                })
            ));
        }
        assert!(login.rule().turn(failures, NOW + 6_000).1.is_ok());
    }

    #[test]
    fn a_key_is_locked_after_five_failures_and_has_five_tries_again_later() {
        let key = Subject::signing_key("AK");
        let rule = key.rule();
        assert_eq!(turns(failing(&key, 4), &key, 2), [Some(0), Some(0)]);
        let mut failures = failing(&key, 5);
        assert!(matches!(
            rule.turn(failures, NOW).1,
            Err(Error::Throttled {
                retry_after_seconds: 300
            })
        ));
        assert!(rule.turn(failures, NOW + 289_000).1.is_err());
        let later = NOW + 300_000;
        for _ in 0..4 {
            failures = rule.failed(failures, later);
            assert!(rule.turn(failures, later).1.is_ok());
        }
        assert!(rule.turn(rule.failed(failures, later), later).1.is_err());
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
