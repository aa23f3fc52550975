//! What clients did to a registry and what they heard, sorted by the place that it changed. Owns the check that what was
//! heard, and what is there afterwards, has one explanation. Knows no HTTP.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::register::{Action, Entry, Outcome, Value, Verdict, explain};

/// Something that changes as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A tag of a repository; it holds a digest.
    Tag(String, String),
    /// A manifest of a repository, by digest; it holds its own digest, or nothing.
    Manifest(String, String),
    /// A blob that a repository links; it holds its own digest, or nothing.
    Blob(String, String),
}

impl Place {
    /// The repository that it is in.
    pub(crate) fn repository(&self) -> &str {
        match self {
            Self::Tag(repository, _) | Self::Manifest(repository, _) | Self::Blob(repository, _) => {
                repository
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(repository, tag) => write!(formatter, "tag {repository}:{tag}"),
            Self::Manifest(repository, digest) => write!(formatter, "manifest {repository}@{digest}"),
            Self::Blob(repository, digest) => write!(formatter, "blob {digest} in {repository}"),
        }
    }
}

/// How many operations ended how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
}

/// What all clients recorded since the last settling, and what was known to be there then.
#[derive(Debug)]
pub(crate) struct History {
    clock: Instant,
    last: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What each place held when it was last settled.
    settled: BTreeMap<Place, Option<Value>>,
    entries: BTreeMap<Place, Vec<Entry>>,
    /// Deletions of whole repositories.
    whole: Vec<(String, Entry)>,
    counts: Counts,
    findings: Vec<String>,
    /// Whether answers mean nothing any more.
    is_dark: bool,
}

impl Inner {
    fn believed(&self, outcome: Outcome) -> Outcome {
        if self.is_dark { Outcome::Unknown } else { outcome }
    }
}

/// A moment at which an operation began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun(u64);

impl History {
    pub(crate) fn new() -> Self {
        Self {
            clock: Instant::now(),
            last: AtomicU64::new(0),
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A client that panicked recorded whole entries before.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A moment later than every one before: nanoseconds, and never the same twice.
    fn now(&self) -> u64 {
        let now = u64::try_from(self.clock.elapsed().as_nanos()).expect("a run ends within centuries");
        let bump = |last: u64| Some(now.max(last + 1));
        let before = self.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, bump);
        now.max(before.unwrap_or_default() + 1)
    }

    /// An operation is about to be sent.
    pub(crate) fn begin(&self) -> Begun {
        Begun(self.now())
    }

    /// An operation has ended so; `changes` are the places that it touches and what it does there.
    pub(crate) fn end(&self, begun: Begun, what: &str, outcome: Outcome, changes: Vec<(Place, Action)>) {
        let ended = self.now();
        let mut inner = self.inner();
        let outcome = inner.believed(outcome);
        match outcome {
            Outcome::Done => inner.counts.acknowledged += 1,
            Outcome::Refused => inner.counts.refused += 1,
            Outcome::Unknown => inner.counts.unknown += 1,
        }
        for (place, action) in changes {
            let entry = Entry {
                what: what.to_owned(),
                action,
                outcome,
                begun: begun.0,
                ended,
            };
            inner.entries.entry(place).or_default().push(entry);
        }
    }

    /// The deletion of everything in a repository has ended so.
    pub(crate) fn end_of_all(&self, begun: Begun, what: &str, outcome: Outcome, repository: &str) {
        let ended = self.now();
        let mut inner = self.inner();
        let outcome = inner.believed(outcome);
        match outcome {
            Outcome::Unknown => inner.counts.unknown += 1,
            _ => inner.counts.acknowledged += 1,
        }
        let entry = Entry {
            what: what.to_owned(),
            action: Action::clear(),
            outcome,
            begun: begun.0,
            ended,
        };
        inner.whole.push((repository.to_owned(), entry));
    }

    /// From now on and until all is settled, answers are taken for none: the medium is being cut from its power, and
    /// a sync that the cut overtakes may be answered with success by the file system itself.
    pub(crate) fn go_dark(&self) {
        self.inner().is_dark = true;
    }

    /// Whether answers mean nothing any more.
    pub(crate) fn is_dark(&self) -> bool {
        self.inner().is_dark
    }

    /// Something that must not be, whatever the order of things was.
    pub(crate) fn found(&self, finding: String) {
        self.inner().findings.push(finding);
    }

    /// Whether something may have come to this place and gone again, as an answer that nobody heard may have said.
    pub(crate) fn may_hold(&self, place: &Place) -> bool {
        self.inner().entries.get(place).is_some_and(|entries| {
            entries
                .iter()
                .any(|entry| entry.outcome == Outcome::Unknown && !matches!(entry.action, Action::Read(_)))
        })
    }

    /// How many operations were recorded so far.
    pub(crate) fn counts(&self) -> Counts {
        self.inner().counts
    }

    /// Every place that was touched since the last settling, those by deletions of whole repositories included.
    pub(crate) fn touched(&self) -> Vec<Place> {
        let inner = self.inner();
        let cleared = |place: &Place| inner.whole.iter().any(|(name, _)| name == place.repository());
        let known = inner.settled.keys().filter(|place| cleared(place));
        let mut places: Vec<Place> = inner.entries.keys().chain(known).cloned().collect();
        places.sort();
        places.dedup();
        places
    }

    /// Every place that was ever touched.
    pub(crate) fn all(&self) -> Vec<Place> {
        let inner = self.inner();
        let mut places: Vec<Place> = inner
            .entries
            .keys()
            .chain(inner.settled.keys())
            .cloned()
            .collect();
        places.sort();
        places.dedup();
        places
    }

    /// Holds everything recorded since the last time, and what was `seen` now that no client works, to one another;
    /// answers what cannot be, and starts anew from what was seen.
    pub(crate) fn settle(&self, seen: Vec<(Place, Option<Value>)>) -> Vec<String> {
        let now = self.now();
        let mut inner = self.inner();
        let mut findings = std::mem::take(&mut inner.findings);
        for (place, value) in seen {
            let mut entries = inner.entries.remove(&place).unwrap_or_default();
            let whole = inner
                .whole
                .iter()
                .filter(|(repository, _)| repository == place.repository());
            entries.extend(whole.map(|(_, entry)| entry.clone()));
            entries.push(Entry {
                what: "looked afterwards".to_owned(),
                action: Action::Read(value.clone()),
                outcome: Outcome::Done,
                begun: now,
                ended: now,
            });
            let initial = inner.settled.get(&place).cloned().flatten();
            let verdict = explain(initial.as_ref(), &entries);
            if verdict != Verdict::Explained {
                findings.push(told(&place, verdict, initial.as_ref(), &entries));
            }
            inner.settled.insert(place, value);
        }
        for (place, entries) in std::mem::take(&mut inner.entries) {
            findings.push(format!(
                "{place} was not looked at after {} operations",
                entries.len()
            ));
        }
        inner.whole.clear();
        inner.is_dark = false;
        findings
    }
}

/// What people need to understand a finding.
fn told(place: &Place, verdict: Verdict, initial: Option<&Value>, entries: &[Entry]) -> String {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.begun);
    let first = entries.first().map_or(0, |entry| entry.begun);
    let lines = entries.iter().map(|entry| {
        let end = match entry.outcome {
            Outcome::Unknown => "?".to_owned(),
            _ => format!("{} us", (entry.ended - first) / 1000),
        };
        let begun = (entry.begun - first) / 1000;
        format!(
            "\n  {begun} us to {end}: {}: {:?} {:?}",
            entry.what, entry.action, entry.outcome
        )
    });
    let why = match verdict {
        Verdict::TooHard => "the search for an order was given up",
        _ => "no order explains this",
    };
    format!("{place}: {why}; it held {initial:?}{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn tag(name: &str) -> Place {
        Place::Tag("o/r".to_owned(), name.to_owned())
    }

    fn put(history: &History, place: &Place, value: &str) -> Value {
        let value: Value = Arc::from(value);
        let begun = history.begin();
        let changes = vec![(place.clone(), Action::write(&value))];
        history.end(begun, "put", Outcome::Done, changes);
        value
    }

    #[test]
    fn what_was_acknowledged_must_be_there_now_and_later() {
        let history = History::new();
        let value = put(&history, &tag("t"), "a");
        assert_eq!(
            history.settle(vec![(tag("t"), Some(value))]),
            Vec::<String>::new()
        );
        assert_eq!(history.touched(), Vec::new());
        assert_eq!(history.all(), vec![tag("t")]);
        let lost = history.settle(vec![(tag("t"), None)]);
        assert_eq!(lost.len(), 1);
        assert!(
            lost[0].starts_with("tag o/r:t: no order explains this"),
            "{}",
            lost[0]
        );
    }

    #[test]
    fn a_deleted_repository_takes_what_was_in_it() {
        let history = History::new();
        let value = put(&history, &tag("t"), "a");
        let begun = history.begin();
        history.end_of_all(begun, "delete image", Outcome::Done, "o/r");
        assert_eq!(
            history.settle(vec![(tag("t"), Some(value))]).len(),
            1,
            "it is still there"
        );

        let value = put(&history, &tag("t"), "b");
        history.settle(vec![(tag("t"), Some(value))]);
        let begun = history.begin();
        history.end_of_all(begun, "delete image", Outcome::Unknown, "o/r");
        assert_eq!(history.touched(), vec![tag("t")]);
        assert_eq!(history.settle(vec![(tag("t"), None)]), Vec::<String>::new());
    }

    #[test]
    fn an_answer_in_the_dark_is_no_answer() {
        let history = History::new();
        history.go_dark();
        put(&history, &tag("t"), "a");
        assert_eq!(history.settle(vec![(tag("t"), None)]), Vec::<String>::new());
        put(&history, &tag("t"), "a");
        assert_eq!(
            history.settle(vec![(tag("t"), None)]).len(),
            1,
            "there is light again"
        );
    }

    #[test]
    fn nothing_is_forgotten_and_everything_found_is_told() {
        let history = History::new();
        put(&history, &tag("t"), "a");
        history.found("wrong bytes".to_owned());
        let told = history.settle(Vec::new());
        assert_eq!(
            told,
            ["wrong bytes", "tag o/r:t was not looked at after 1 operations"]
        );
    }
}
