//! Every kind of change before every kind of listener.

use std::collections::BTreeMap;

use berth_metadata::{Audience, Change};

use super::{LiveKind, heard_by};
use crate::access::{Credential, UserCaller};

/// What is not in any place, with whom it is for.
fn change(kind: &str, account: Option<&str>, user: Option<&str>) -> Change {
    Change {
        id: 1,
        at: 1,
        kind: kind.to_owned(),
        action: "changed".to_owned(),
        organization_id: None,
        repository_id: None,
        place: None,
        name: None,
        digest: None,
        subject: None,
        account_id: account.map(str::to_owned),
        user_id: user.map(str::to_owned),
    }
}

/// `operator` administers the operator's account, `admin` and `mary` are of another, `guest` of a third.
fn people() -> BTreeMap<&'static str, (UserCaller, bool)> {
    let person = |name: &str, account: &str, administrator| UserCaller {
        user_id: name.to_owned(),
        user_name: name.to_owned(),
        account_id: account.to_owned(),
        account_name: account.to_owned(),
        administrator,
        credential: Credential::Password,
        password_fingerprint: None,
        scopes: None,
    };
    BTreeMap::from([
        ("operator", (person("operator", "first", true), true)),
        ("admin", (person("admin", "own", true), false)),
        ("mary", (person("mary", "own", false), false)),
        ("guest", (person("guest", "other", true), false)),
    ])
}

#[test]
fn what_is_in_no_place_is_heard_by_those_it_concerns() {
    let check = |change: Change, expected: &[&str]| {
        let people = people();
        let heard = people.iter().filter(|(_, (user, operating))| {
            heard_by(user, *operating, &change, &Audience::default()).is_some()
        });
        let heard: Vec<&str> = heard.map(|(name, _)| *name).collect();
        assert_eq!(heard, expected, "{change:?}");
    };
    let (own, mary) = (Some("own"), Some("mary"));
    check(change("session", None, mary), &[]);
    check(change("of-a-later-version", None, None), &[]);
    check(change("damage", None, None), &["operator"]);
    check(change("maintenance_run", None, None), &["operator"]);
    check(change("people", own, mary), &["admin", "mary"]);
    check(change("people", own, None), &["admin"]);
    check(change("registration", own, None), &["admin", "mary"]);
    check(change("quota", own, None), &["admin", "mary"]);
    check(change("rights", None, mary), &["mary"]);
    check(change("rights", own, None), &["admin", "mary"]);
    check(
        change("rights", None, None),
        &["admin", "guest", "mary", "operator"],
    );
    check(change("organization", own, None), &["admin"]);
    // A place that is gone is nobody's.
    for (_, kind) in LiveKind::ALL {
        if ["people", "registration", "damage", "maintenance_run"].contains(&kind) {
            continue;
        }
        let gone = Change {
            repository_id: Some(7),
            organization_id: Some(3),
            ..change(kind, own, mary)
        };
        check(gone, &[]);
    }
}
