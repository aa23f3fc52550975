//! The audit trail: listed newest first, filtered, paged, forgotten with age.

use std::hash::{Hash as _, Hasher as _};

use crate::world::World;
use berth_metadata::{
    AuditBook, AuditEvent, AuditFilter, AuditFlaw, AuditMark, AuditPlace, AuditSeal, AuditVerified,
};

fn event(at: i64, user: &str, action: &str, resource: &str, status: i64) -> AuditEvent {
    AuditEvent {
        at,
        account_id: Some("account".to_owned()),
        user_id: (user != "nobody").then(|| format!("id of {user}")),
        user_name: user.to_owned(),
        credential: "password".to_owned(),
        source: "192.0.2.1".to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        status,
        code: if status < 400 {
            String::new()
        } else {
            "DENIED".to_owned()
        },
        request_id: format!("request {at}"),
        link: None,
    }
}

/// Not a MAC that anybody should use: it is the same for equal bytes, and hardly for others.
fn seal() -> AuditSeal {
    AuditSeal::new(|text| {
        let mut mac = [0; 32];
        for (n, lane) in mac.chunks_mut(8).enumerate() {
            let mut hasher = std::hash::DefaultHasher::new();
            (n, text).hash(&mut hasher);
            lane.copy_from_slice(&hasher.finish().to_be_bytes());
        }
        mac
    })
}

async fn add(world: &World, events: Vec<AuditEvent>) {
    world.metadata.add_audit_events(&seal(), events).await.unwrap();
}

/// Verifies a chain of the account in steps of three events.
async fn verify(world: &World, book: AuditBook) -> AuditVerified {
    let (mut place, mut checked) = (AuditPlace::start(), 0);
    loop {
        let mut step = world
            .metadata
            .verify_audit_events(&seal(), ("account", book), place, 3)
            .await
            .unwrap();
        checked += step.checked;
        let Some(next) = step.next.clone() else {
            step.checked = checked;
            return step;
        };
        place = next;
    }
}

async fn times(world: &World, filter: AuditFilter) -> Vec<i64> {
    let found = world
        .metadata
        .audit_events("account", &filter, None, 100)
        .await
        .unwrap();
    found.into_iter().map(|(_, event)| event.at).collect()
}

pub(crate) async fn the_audit_trail_is_filtered(world: World) {
    let elsewhere = AuditEvent {
        account_id: Some("another".to_owned()),
        ..event(25, "ann", "create_repo", "team/app", 200)
    };
    let nowhere = AuditEvent {
        account_id: None,
        ..event(26, "ann", "login", "", 401)
    };
    let events = vec![
        event(10, "ann", "create_repo", "team/app", 200),
        event(20, "bob", "delete_repo", "team/app", 403),
        event(30, "ann", "put_manifest", "team/app:v1", 201),
        event(40, "nobody", "login", "", 401),
        event(50, "bob", "create_namespace", "team-2", 201),
        event(60, "bob", "delete_repo", "team/app/part", 204),
        elsewhere,
        nowhere,
    ];
    add(&world, events.clone()).await;
    let all = world
        .metadata
        .audit_events("account", &AuditFilter::default(), None, 100)
        .await
        .unwrap();
    let unlinked = |event| AuditEvent { link: None, ..event };
    let all: Vec<AuditEvent> = all.into_iter().map(|(_, event)| unlinked(event)).collect();
    let mut expected = events[..6].to_vec();
    expected.reverse();
    assert_eq!(all, expected);
    for (set, expected) in FILTERS {
        let mut filter = AuditFilter::default();
        set(&mut filter);
        assert_eq!(times(&world, filter.clone()).await, *expected, "{filter:?}");
    }
}

/// What is asked for, and the times of what is found.
type Filtered = (fn(&mut AuditFilter), &'static [i64]);

const FILTERS: &[Filtered] = &[
    (
        |filter| (filter.from, filter.to) = (Some(20), Some(50)),
        &[40, 30, 20],
    ),
    (|filter| filter.to = Some(10), &[]),
    (|filter| filter.user_name = Some("ann".to_owned()), &[30, 10]),
    (
        |filter| (filter.user_name, filter.from) = (Some("ann".to_owned()), Some(11)),
        &[30],
    ),
    (|filter| filter.user_name = Some("an".to_owned()), &[]),
    (|filter| filter.action = Some("delete_repo".to_owned()), &[60, 20]),
    (
        |filter| filter.resource = Some("team".to_owned()),
        &[60, 30, 20, 10],
    ),
    (
        |filter| filter.resource = Some("team/app".to_owned()),
        &[60, 30, 20, 10],
    ),
    (|filter| filter.resource = Some("team/app:v1".to_owned()), &[30]),
    (|filter| filter.resource = Some("team-2".to_owned()), &[50]),
    (|filter| filter.succeeded = Some(true), &[60, 50, 30, 10]),
    (|filter| filter.succeeded = Some(false), &[40, 20]),
    (
        |filter| (filter.succeeded, filter.user_name) = (Some(false), Some("bob".to_owned())),
        &[20],
    ),
];

pub(crate) async fn the_audit_trail_is_paged_newest_first(world: World) {
    // Three events share a time: their order is that of their coming.
    let events = [1, 2, 2, 2, 3].map(|at| event(at, "ann", "create_repo", "team/app", 200));
    add(&world, events.to_vec()).await;
    let filter = AuditFilter::default();
    let (mut mark, mut pages) = (None::<AuditMark>, Vec::new());
    loop {
        let page = world
            .metadata
            .audit_events("account", &filter, mark, 2)
            .await
            .unwrap();
        let Some((last, _)) = page.last() else { break };
        mark = Some(*last);
        pages.push(page);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let marks: Vec<(i64, i64)> = pages
        .iter()
        .flatten()
        .map(|(mark, _)| (mark.at, mark.id))
        .collect();
    assert_eq!(
        marks.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        [3, 2, 2, 2, 1]
    );
    let mut sorted = marks.clone();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.reverse();
    assert_eq!(marks, sorted);
}

pub(crate) async fn old_audit_events_are_forgotten(world: World) {
    let events = [1, 2, 3, 4, 5].map(|at| event(at, "ann", "create_repo", "team/app", 200));
    add(&world, events.to_vec()).await;
    let forget = async || world.metadata.forget_audit_events(&seal(), 4, 2).await.unwrap();
    assert_eq!(forget().await, 2);
    assert_eq!(forget().await, 1);
    assert_eq!(forget().await, 0);
    assert_eq!(times(&world, AuditFilter::default()).await, [5, 4]);
    let verified = verify(&world, AuditBook::Changes).await;
    let (numbers, flaw) = ((verified.first, verified.last), verified.flaw);
    assert_eq!((numbers, flaw, verified.dropped_for_room), ((4, 5), None, 0));
}

/// What is done to the rows behind the registry's back, and what the verification tells of it.
type Tampering = (&'static str, Option<AuditFlaw>);

const TAMPERINGS: &[Tampering] = &[
    ("UPDATE audit_events SET id = id", None),
    (
        "DELETE FROM audit_events WHERE number = 1",
        Some(AuditFlaw::Missing(1)),
    ),
    (
        "DELETE FROM audit_events WHERE number = 4 OR number = 5",
        Some(AuditFlaw::Missing(4)),
    ),
    (
        "DELETE FROM audit_events WHERE number >= 6",
        Some(AuditFlaw::CutOff(6)),
    ),
    ("DELETE FROM audit_events", Some(AuditFlaw::CutOff(1))),
    (
        "UPDATE audit_events SET resource = 'other' WHERE number = 3",
        Some(AuditFlaw::Altered(3)),
    ),
    (
        "UPDATE audit_events SET user_id = NULL WHERE number = 3",
        Some(AuditFlaw::Altered(3)),
    ),
    (
        "UPDATE audit_events SET number = 9 - number WHERE number IN (4, 5)",
        Some(AuditFlaw::Altered(4)),
    ),
    (
        "INSERT INTO audit_events (at, account_id, user_name, credential, source, action, resource, status, code, \
         request_id, book, number, mac) SELECT at, account_id, user_name, credential, source, 'forged', resource, status, \
         code, request_id, book, number, mac FROM audit_events WHERE number = 3",
        Some(AuditFlaw::Altered(3)),
    ),
    (
        // Who can write the database, but has no key: the end goes, and the head is told so.
        "UPDATE audit_heads SET number = 5, mac = (SELECT mac FROM audit_events WHERE number = 5); \
         DELETE FROM audit_events WHERE number > 5",
        Some(AuditFlaw::Head(6)),
    ),
    (
        "UPDATE audit_heads SET dropped = 2, dropped_mac = (SELECT mac FROM audit_events WHERE number = 2); \
         DELETE FROM audit_events WHERE number <= 2",
        Some(AuditFlaw::Head(9)),
    ),
    ("DELETE FROM audit_heads", Some(AuditFlaw::Head(1))),
];

pub(crate) async fn what_is_done_to_the_audit_trail_shows(world: World) {
    for (text, flaw) in TAMPERINGS {
        world
            .run("DELETE FROM audit_events; DELETE FROM audit_heads")
            .await;
        let event = |at| event(at, "ann", "create_repo", "team/app", 200);
        add(&world, (1..=5).map(event).collect()).await;
        add(&world, (6..=8).map(event).collect()).await;
        world.run(text).await;
        assert_eq!(verify(&world, AuditBook::Changes).await.flaw, *flaw, "{text}");
        // It still shows when the registry went on with what it found.
        add(&world, vec![event(9)]).await;
        let later = verify(&world, AuditBook::Changes).await.flaw;
        assert_eq!(later.is_some(), flaw.is_some(), "{text}: {later:?}");
    }
}

pub(crate) async fn books_of_the_audit_trail_are_chains_apart(world: World) {
    add(
        &world,
        vec![
            event(1, "ann", "create_repo", "team/app", 200),
            event(2, "ann", "put_manifest", "team/app:v1", 201),
            event(3, "bob", "delete_repo", "team/app", 403),
            event(4, "ann", "put_manifest", "team/app:v2", 403),
        ],
    )
    .await;
    // As the version before this one writes them.
    world
        .run(
            "INSERT INTO audit_events (at, account_id, user_name, credential, source, action, resource, status, code, \
             request_id) VALUES (7, 'account', 'ann', '', '', 'create_repo', '', 200, '', '')",
        )
        .await;
    for (book, events) in [
        (AuditBook::Changes, 1),
        (AuditBook::Pushes, 1),
        (AuditBook::Refusals, 2),
    ] {
        let verified = verify(&world, book).await;
        assert_eq!(
            (verified.first, verified.last, verified.checked, verified.flaw),
            (1, events, events, None),
            "{book:?}"
        );
    }
    let outside = world.metadata.audit_events_in_no_chain("account").await.unwrap();
    assert_eq!(outside, (1, Some(7)));
    let nobody = world.metadata.audit_events_in_no_chain("nobody").await.unwrap();
    assert_eq!(nobody, (0, None));
}

pub(crate) async fn two_replicas_write_one_audit_trail(world: World) {
    let other = world.again().await;
    let writers = [&world, &other].map(|world| async move {
        for at in 0..20 {
            let refusal = event(at, "bob", "delete_repo", "team/app", 403);
            let change = event(at, "ann", "create_repo", "team/app", 200);
            // Either order, as batches have them.
            let batch = if at % 2 == 0 {
                vec![refusal, change]
            } else {
                vec![change, refusal]
            };
            add(world, batch).await;
        }
    });
    let [first, second] = writers;
    tokio::join!(first, second);
    for book in [AuditBook::Changes, AuditBook::Refusals] {
        let verified = verify(&world, book).await;
        assert_eq!((verified.last, verified.checked, verified.flaw), (40, 40, None));
    }
}

pub(crate) async fn too_many_audit_events_make_room(world: World) {
    let refusals = (1..=10).map(|at| event(at, "bob", "delete_repo", "team/app", 403));
    let changes = (1..=4).map(|at| event(at, "ann", "create_repo", "team/app", 200));
    add(&world, changes.chain(refusals).collect()).await;
    let drop = async || {
        let dropped = world.metadata.drop_audit_events(&seal(), 4, 5).await.unwrap();
        dropped.map(|dropped| (dropped.account_id, dropped.book, dropped.events))
    };
    let gone = |events| Some(("account".to_owned(), AuditBook::Refusals, events));
    assert_eq!(drop().await, gone(5));
    assert_eq!(drop().await, gone(1));
    assert_eq!(drop().await, None);
    let refusals = verify(&world, AuditBook::Refusals).await;
    assert_eq!((refusals.first, refusals.last, refusals.flaw), (7, 10, None));
    assert_eq!(refusals.dropped_for_room, 6);
    let changes = verify(&world, AuditBook::Changes).await;
    assert_eq!((changes.first, changes.last, changes.flaw), (1, 4, None));
    add(&world, vec![event(11, "bob", "delete_repo", "team/app", 403)]).await;
    assert_eq!(verify(&world, AuditBook::Refusals).await.flaw, None);
    let from = |number| {
        let place = AuditPlace::before(number);
        let seal = seal();
        let world = &world;
        async move {
            let chain = ("account", AuditBook::Refusals);
            let step = world.metadata.verify_audit_events(&seal, chain, place, 2).await;
            let step = step.unwrap();
            (step.checked, step.flaw, step.next_number())
        }
    };
    assert_eq!(from(9).await, (2, None, Some(11)));
    assert_eq!(from(11).await, (1, None, None));
    assert_eq!(from(500).await, (0, None, None));
    assert_eq!(from(-5).await, (2, None, Some(9)));
}
