//! The audit trail: listed newest first, filtered, paged, forgotten with age.

use crate::world::World;
use berth_metadata::{AuditEvent, AuditFilter, AuditMark};

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
    world.metadata.add_audit_events(events.clone()).await.unwrap();
    let all = world
        .metadata
        .audit_events("account", &AuditFilter::default(), None, 100)
        .await
        .unwrap();
    let all: Vec<AuditEvent> = all.into_iter().map(|(_, event)| event).collect();
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
    world.metadata.add_audit_events(events.to_vec()).await.unwrap();
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
    world.metadata.add_audit_events(events.to_vec()).await.unwrap();
    assert_eq!(world.metadata.forget_audit_events(4, 2).await.unwrap(), 2);
    assert_eq!(world.metadata.forget_audit_events(4, 2).await.unwrap(), 1);
    assert_eq!(world.metadata.forget_audit_events(4, 2).await.unwrap(), 0);
    assert_eq!(times(&world, AuditFilter::default()).await, [5, 4]);
}
