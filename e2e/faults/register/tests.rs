//! Made-up histories, good and bad: a checker that finds nothing must be seen to find something.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::*;

fn value(text: &str) -> Value {
    Arc::from(text)
}

fn entry(action: Action, outcome: Outcome, begun: u64, ended: u64) -> Entry {
    Entry {
        what: String::new(),
        action,
        outcome,
        begun,
        ended,
    }
}

fn write(to: &str, begun: u64, ended: u64) -> Entry {
    entry(Action::write(&value(to)), Outcome::Done, begun, ended)
}

fn lost_write(to: &str, begun: u64) -> Entry {
    entry(Action::write(&value(to)), Outcome::Unknown, begun, 0)
}

fn swap(from: &str, to: &str, outcome: Outcome, begun: u64, ended: u64) -> Entry {
    let action = Action::Change {
        expected: Expected::Is(value(from)),
        to: Some(value(to)),
    };
    entry(action, outcome, begun, ended)
}

fn create(to: &str, outcome: Outcome, begun: u64, ended: u64) -> Entry {
    let action = Action::Change {
        expected: Expected::Nothing,
        to: Some(value(to)),
    };
    entry(action, outcome, begun, ended)
}

fn take(outcome: Outcome, begun: u64, ended: u64) -> Entry {
    entry(Action::take(), outcome, begun, ended)
}

fn read(seen: &str, begun: u64, ended: u64) -> Entry {
    let seen = (!seen.is_empty()).then(|| value(seen));
    entry(Action::Read(seen), Outcome::Done, begun, ended)
}

fn forget(what: &str, outcome: Outcome, begun: u64, ended: u64) -> Entry {
    entry(Action::Forget(value(what)), outcome, begun, ended)
}

#[track_caller]
fn check(entries: &[Entry], expected: Verdict) {
    assert_eq!(explain(None, entries), expected, "{entries:#?}");
}

#[test]
fn good_histories_are_explained() {
    use Outcome::{Done, Refused, Unknown};
    let histories: Vec<Vec<Entry>> = vec![
        vec![],
        vec![read("", 0, 1)],
        vec![write("a", 0, 1), read("a", 2, 3)],
        // Two at once, in either order.
        vec![write("a", 0, 10), write("b", 0, 10), read("a", 11, 12)],
        vec![write("a", 0, 10), write("b", 0, 10), read("b", 11, 12)],
        // A reader may see what its writer has not heard of yet.
        vec![write("a", 0, 10), read("a", 3, 4), read("a", 5, 6)],
        vec![write("a", 0, 10), read("", 3, 4), read("a", 5, 6)],
        // Without an answer: never, or late.
        vec![lost_write("a", 0), read("", 1, 2)],
        vec![lost_write("a", 0), read("", 1, 2), read("a", 3, 4)],
        vec![
            write("a", 0, 1),
            swap("a", "b", Done, 2, 3),
            swap("a", "c", Refused, 2, 3),
            read("b", 4, 5),
        ],
        vec![
            create("a", Done, 0, 1),
            create("b", Refused, 2, 3),
            take(Done, 4, 5),
            create("b", Done, 6, 7),
            read("b", 8, 9),
        ],
        vec![
            take(Refused, 0, 1),
            write("a", 2, 3),
            take(Unknown, 4, 0),
            read("a", 5, 6),
        ],
        vec![write("a", 0, 1), take(Unknown, 4, 0), read("", 5, 6)],
        vec![write("a", 0, 1), forget("b", Done, 2, 3), read("a", 4, 5)],
        vec![write("a", 0, 1), forget("a", Done, 2, 3), read("", 4, 5)],
        vec![
            write("a", 0, 1),
            swap("a", "b", Unknown, 2, 0),
            take(Done, 3, 4),
            read("", 5, 6),
        ],
    ];
    for history in histories {
        check(&history, Verdict::Explained);
    }
}

#[test]
fn bad_histories_are_found() {
    use Outcome::{Done, Refused, Unknown};
    let histories: Vec<Vec<Entry>> = vec![
        // An acknowledged write is lost.
        vec![write("a", 0, 1), read("", 2, 3)],
        vec![write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)],
        // What nobody wrote is there.
        vec![read("a", 0, 1)],
        vec![lost_write("a", 0), read("b", 1, 2)],
        // Seen before it was sent.
        vec![read("a", 0, 1), lost_write("a", 2)],
        // Seen, and then no longer.
        vec![
            write("a", 0, 10),
            read("a", 3, 4),
            read("", 5, 6),
            read("a", 11, 12),
        ],
        vec![lost_write("a", 0), read("a", 1, 2), read("", 3, 4)],
        // Two swaps from one value both won.
        vec![
            write("a", 0, 1),
            swap("a", "b", Done, 2, 5),
            swap("a", "c", Done, 2, 5),
        ],
        // A swap was refused though the value was there all the time.
        vec![write("a", 0, 1), swap("a", "b", Refused, 2, 3), read("a", 4, 5)],
        // A deleted thing is back, or was deleted twice.
        vec![write("a", 0, 1), take(Done, 2, 3), read("a", 4, 5)],
        vec![write("a", 0, 1), take(Done, 2, 5), take(Done, 2, 5)],
        // A deletion of another manifest took the tag.
        vec![write("a", 0, 1), forget("b", Done, 2, 3), read("", 4, 5)],
        vec![write("a", 0, 1), forget("a", Done, 2, 3), read("a", 4, 5)],
        vec![write("a", 0, 1), forget("b", Unknown, 2, 0), read("", 4, 5)],
        vec![create("a", Done, 0, 1), create("b", Done, 2, 3)],
        // An unknown change happens once.
        vec![
            lost_write("a", 0),
            read("a", 1, 2),
            write("b", 3, 4),
            read("b", 5, 6),
            read("a", 7, 8),
        ],
        vec![write("a", 0, 1), swap("c", "b", Unknown, 2, 0), read("b", 5, 6)],
    ];
    for history in histories {
        check(&history, Verdict::Impossible);
    }
}

#[test]
fn what_was_there_before_counts() {
    let there = value("a");
    let kept = [read("a", 0, 1)];
    assert_eq!(explain(Some(&there), &kept), Verdict::Explained);
    assert_eq!(explain(Some(&there), &[read("", 0, 1)]), Verdict::Impossible);
    assert_eq!(
        explain(Some(&there), &[swap("a", "b", Outcome::Refused, 0, 1)]),
        Verdict::Impossible
    );
}

/// A register that real threads of time share: each operation takes effect at one moment inside its interval.
fn made_history(random: &mut StdRng) -> Vec<Entry> {
    let values = ["a", "b", "c", "d"];
    let mut effects: Vec<(u64, usize)> = Vec::new();
    let mut plans = Vec::new();
    for index in 0..60 {
        let begun = random.random_range(0..400);
        let at = begun + random.random_range(0..25);
        plans.push((
            begun,
            at,
            at + random.random_range(0..25),
            random.random_range(0..100),
        ));
        effects.push((at, index));
    }
    effects.sort_unstable();
    let (mut state, mut entries) = (None::<Value>, Vec::new());
    for (_, index) in effects {
        let (begun, _, ended, dice) = plans[index];
        let to = value(values.choose(random).unwrap());
        let expected = match dice % 4 {
            0 => Expected::Whatever,
            1 => Expected::Is(value(values.choose(random).unwrap())),
            2 => Expected::Something,
            _ => Expected::Nothing,
        };
        let action = match dice / 4 % 4 {
            0 => Action::Read(state.clone()),
            1 => Action::Change { expected, to: None },
            _ => Action::Change {
                expected,
                to: Some(to),
            },
        };
        let holds = match &action {
            Action::Change { expected, .. } => match expected {
                Expected::Whatever => true,
                Expected::Is(value) => state.as_ref() == Some(value),
                Expected::Something => state.is_some(),
                Expected::Nothing => state.is_none(),
            },
            _ => true,
        };
        let lost = dice >= 95;
        // Of those whose answer is lost, every other one never happened.
        if let Action::Change { to, .. } = &action
            && holds
            && (!lost || dice % 2 == 0)
        {
            state.clone_from(to);
        }
        let outcome = match (lost, holds) {
            (true, _) => Outcome::Unknown,
            (false, true) => Outcome::Done,
            (false, false) => Outcome::Refused,
        };
        entries.push(entry(action, outcome, begun, ended));
    }
    entries.push(entry(Action::Read(state), Outcome::Done, 1000, 1001));
    entries
}

#[test]
fn whatever_a_real_register_does_is_explained_and_a_forged_end_is_not() {
    let mut random = StdRng::seed_from_u64(4);
    for _ in 0..60 {
        let mut entries = made_history(&mut random);
        assert_eq!(explain(None, &entries), Verdict::Explained, "{entries:#?}");
        entries.push(entry(
            Action::Read(Some(value("never written"))),
            Outcome::Done,
            1002,
            1003,
        ));
        assert_eq!(explain(None, &entries), Verdict::Impossible);
    }
}
