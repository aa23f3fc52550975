//! What a history of one place (a tag, a manifest, a link to a blob) must look like: a register that is written,
//! swapped, taken and read. Owns the search for an order that explains a history (linearizability, with operations whose
//! outcome nobody heard taking effect at any later time or never). Knows nothing of registries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a register holds when it holds something.
pub(crate) type Value = Arc<str>;

/// What a register must hold for a change to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever it holds, nothing included.
    Whatever,
    /// This value.
    Is(Value),
    /// Some value.
    Something,
    /// No value.
    Nothing,
}

/// One operation on a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Holds `to` afterwards, if it held what was expected; refused otherwise.
    Change { expected: Expected, to: Option<Value> },
    /// Holds nothing afterwards if it held this; never refused.
    Forget(Value),
    /// Was seen to hold this.
    Read(Option<Value>),
}

impl Action {
    /// An unconditional write.
    pub(crate) fn write(value: &Value) -> Self {
        Self::Change {
            expected: Expected::Whatever,
            to: Some(Arc::clone(value)),
        }
    }

    /// A removal of something that must be there.
    pub(crate) fn take() -> Self {
        Self::Change {
            expected: Expected::Something,
            to: None,
        }
    }

    /// A removal that does not care what is there.
    pub(crate) fn clear() -> Self {
        Self::Change {
            expected: Expected::Whatever,
            to: None,
        }
    }
}

/// What the client heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It happened.
    Done,
    /// It did not happen, because the register did not hold what was expected.
    Refused,
    /// No answer, or one that says nothing: it happens at some time after its begin, or never.
    Unknown,
}

/// An operation as its client saw it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// For people: who did what.
    pub(crate) what: String,
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
    /// When the client sent it.
    pub(crate) begun: u64,
    /// When the client had its answer; without meaning for an unknown outcome.
    pub(crate) ended: u64,
}

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Some order explains everything.
    Explained,
    /// No order does: something acknowledged is lost, or something is there that nobody wrote.
    Impossible,
    /// The search was given up.
    TooHard,
}

/// Positions that the search looks at before it gives up.
const POSITIONS_MAX: usize = 4_000_000;

/// Whether some order of the entries, each between its begin and its end, explains what was heard of all of them.
pub(crate) fn explain(initial: Option<&Value>, entries: &[Entry]) -> Verdict {
    let search = Search::new(initial, entries);
    search.run()
}

/// A value's number; 0 is nothing.
type Number = u32;

#[derive(Clone, Copy)]
enum Step {
    Change(Want, Number),
    Forget(Number),
    Read(Number),
}

#[derive(Clone, Copy)]
enum Want {
    Whatever,
    Is(Number),
    Something,
}

impl Want {
    fn holds(self, state: Number) -> bool {
        match self {
            Self::Whatever => true,
            Self::Is(number) => state == number,
            Self::Something => state != 0,
        }
    }
}

struct Item {
    step: Step,
    outcome: Outcome,
    begun: u64,
    ended: u64,
}

impl Item {
    /// The state after this item, if it can stand here.
    fn apply(&self, state: Number) -> Option<Number> {
        match (self.step, self.outcome) {
            (Step::Read(seen), _) => (seen == state).then_some(state),
            (Step::Forget(value), _) => Some(if state == value { 0 } else { state }),
            (Step::Change(want, _), Outcome::Refused) => (!want.holds(state)).then_some(state),
            (Step::Change(want, to), _) => want.holds(state).then_some(to),
        }
    }
}

struct Search {
    items: Vec<Item>,
    initial: Number,
}

/// Which items have their place already, as bits, and what the register holds after them.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Position {
    placed: Box<[u64]>,
    state: Number,
}

impl Position {
    fn has(&self, item: usize) -> bool {
        self.placed[item / 64] & (1 << (item % 64)) != 0
    }

    fn with(&self, item: usize, state: Number) -> Self {
        let mut placed = self.placed.clone();
        placed[item / 64] |= 1 << (item % 64);
        Self { placed, state }
    }
}

impl Search {
    fn new(initial: Option<&Value>, entries: &[Entry]) -> Self {
        let mut numbers: HashMap<Value, Number> = HashMap::new();
        let mut number = |value: Option<&Value>| {
            let Some(value) = value else { return 0 };
            let next = Number::try_from(numbers.len() + 1).expect("fewer values than numbers");
            *numbers.entry(Arc::clone(value)).or_insert(next)
        };
        let initial = number(initial);
        let mut items: Vec<Item> = entries
            .iter()
            // A read that nobody heard of says nothing.
            .filter(|entry| !(entry.outcome == Outcome::Unknown && matches!(entry.action, Action::Read(_))))
            .map(|entry| Item {
                step: match &entry.action {
                    Action::Change { expected, to } => {
                        let want = match expected {
                            Expected::Whatever => Want::Whatever,
                            Expected::Is(value) => Want::Is(number(Some(value))),
                            Expected::Something => Want::Something,
                            Expected::Nothing => Want::Is(0),
                        };
                        Step::Change(want, number(to.as_ref()))
                    }
                    Action::Forget(value) => Step::Forget(number(Some(value))),
                    Action::Read(seen) => Step::Read(number(seen.as_ref())),
                },
                outcome: entry.outcome,
                begun: entry.begun,
                ended: entry.ended,
            })
            .collect();
        // Those with an answer first: what nobody heard of is tried only when nothing else goes on.
        items.sort_by_key(|item| (item.outcome == Outcome::Unknown, item.begun));
        Self { items, initial }
    }

    fn run(&self) -> Verdict {
        let start = Position {
            placed: vec![0; self.items.len().div_ceil(64).max(1)].into(),
            state: self.initial,
        };
        let mut seen: HashSet<Position> = HashSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(position) = open.pop() {
            let mut next = Vec::new();
            if self.follow(&position, &mut next) {
                return Verdict::Explained;
            }
            // The last one is looked at first: the earliest entry is to be tried first.
            for position in next.into_iter().rev() {
                if seen.insert(position.clone()) {
                    open.push(position);
                }
            }
            if seen.len() > POSITIONS_MAX {
                return Verdict::TooHard;
            }
        }
        Verdict::Impossible
    }

    /// Collects the positions that may follow; true when every answered entry has its place.
    fn follow(&self, position: &Position, next: &mut Vec<Position>) -> bool {
        let waiting = || {
            self.items
                .iter()
                .enumerate()
                .filter(|(index, _)| !position.has(*index))
        };
        let answered = waiting().filter(|(_, item)| item.outcome != Outcome::Unknown);
        // What begins after another has ended must stand behind it.
        let Some(limit) = answered.map(|(_, item)| item.ended).min() else {
            return true;
        };
        for (index, item) in waiting().filter(|(_, item)| item.begun <= limit) {
            let Some(state) = item.apply(position.state) else {
                continue;
            };
            // What has no effect here may as well never have happened.
            if item.outcome == Outcome::Unknown && state == position.state {
                continue;
            }
            next.push(position.with(index, state));
        }
        false
    }
}

#[cfg(test)]
mod tests;
