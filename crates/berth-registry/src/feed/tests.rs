//! The ring that listeners follow: where they begin, and when they are cut.

use berth_metadata::{Audience, Change};
use tokio::time::Instant;

use super::{At, Batch, Feed, KEPT_MAX, PER_LOGIN_MAX, Told};
use crate::access::{Credential, UserCaller};

fn batch(ids: std::ops::RangeInclusive<i64>) -> Batch {
    let change = |id| Change {
        id,
        at: 1,
        kind: "rights".to_owned(),
        action: "changed".to_owned(),
        organization_id: None,
        repository_id: None,
        place: None,
        name: None,
        digest: None,
        subject: None,
        account_id: None,
        user_id: None,
    };
    Batch {
        low: *ids.end(),
        changes: ids.map(change).collect(),
        audience: Audience::default(),
        read_at: Instant::now(),
        resets: false,
    }
}

fn user(name: &str) -> UserCaller {
    UserCaller {
        user_id: name.to_owned(),
        user_name: name.to_owned(),
        account_id: "account".to_owned(),
        account_name: "account".to_owned(),
        administrator: false,
        credential: Credential::Password,
        password_fingerprint: None,
        scopes: None,
    }
}

#[test]
fn a_listener_goes_on_where_it_stopped_or_begins_anew() {
    let feed = Feed::default();
    assert!(feed.begin(None).is_none(), "nobody reads");
    feed.open(5, 100);
    feed.push(batch(101..=110));
    feed.push(batch(111..=120));
    for (last, told, position, after) in [
        (None, Told::Ready, 2, 120),
        (Some("5-120"), Told::Ready, 2, 120),
        (Some("5-115"), Told::Ready, 1, 115),
        (Some("5-110"), Told::Ready, 1, 110),
        (Some("5-100"), Told::Ready, 0, 100),
        (Some("5-99"), Told::Reset, 2, 120),
        (Some("5-121"), Told::Reset, 2, 120),
        (Some("4-115"), Told::Reset, 2, 120),
        (Some("115"), Told::Reset, 2, 120),
        (Some("nonsense"), Told::Reset, 2, 120),
    ] {
        let begin = feed.begin(last).unwrap();
        let found = (begin.told, begin.position, begin.after);
        assert_eq!(found, (told, position, after), "{last:?}");
    }
}

#[test]
fn who_falls_behind_is_cut() {
    let feed = Feed::default();
    feed.open(5, 0);
    let kept = i64::try_from(KEPT_MAX).unwrap();
    feed.push(batch(1..=10));
    assert!(matches!(feed.at(0), At::Batch(_)));
    assert!(matches!(feed.at(1), At::End));
    feed.push(batch(11..=kept));
    assert!(matches!(feed.at(0), At::Batch(_)), "as many as are kept");
    feed.push(batch(kept + 1..=kept + 1));
    assert!(matches!(feed.at(0), At::Gone));
    assert!(matches!(feed.at(1), At::Batch(_)));
    assert_eq!(feed.begin(Some("5-9")).unwrap().told, Told::Reset);
    assert_eq!(feed.begin(Some("5-10")).unwrap().position, 1);
    let end = feed.begin(None).unwrap().position;
    feed.close();
    assert!(matches!(feed.at(end), At::Gone), "nobody reads any more");
    assert!(feed.begin(None).is_none());
    feed.open(5, 0);
    assert!(matches!(feed.at(end), At::Gone), "another reader's positions");
}

#[test]
fn streams_are_bounded_for_a_login_a_user_and_a_process() {
    let feed = Feed::default();
    let per_login = u32::try_from(PER_LOGIN_MAX).unwrap();
    let bounds = (per_login + 3, per_login + 2);
    let enter = |name: &str, login: &str| {
        feed.enter(&user(name), login, bounds)
            .map_err(|error| error.to_string())
    };
    for _ in 0..PER_LOGIN_MAX {
        enter("mary", "first").unwrap();
    }
    assert!(enter("mary", "first").unwrap_err().contains("this login"));
    enter("mary", "second").unwrap();
    enter("mary", "second").unwrap();
    assert!(enter("mary", "third").unwrap_err().contains("a user may"));
    enter("john", "fourth").unwrap();
    assert!(enter("ann", "fifth").unwrap_err().contains("this server"));
    let mary = ("mary".to_owned(), "account".to_owned());
    feed.leave(&mary, "first");
    enter("mary", "first").unwrap();
    for _ in 0..PER_LOGIN_MAX {
        feed.leave(&mary, "first");
    }
    feed.leave(&mary, "second");
    feed.leave(&mary, "second");
    assert_eq!(feed.listeners(), [("john".to_owned(), "account".to_owned())]);
}
