//! Rules by which pushes go to nodes: one for each place, and of many pushes of a tag the newest.

use std::slice;

use crate::world::{World, conflict, digest, manifest, tagged};
use berth_metadata::{Conflict, EventFollows, NewPreheat, PreheatCause, PreheatTerms, TagEvent};

fn terms(tags: &str, enabled: bool) -> PreheatTerms {
    PreheatTerms {
        enabled,
        tags: tags.to_owned(),
        labels: r#"{"zone":"a"}"#.to_owned(),
    }
}

async fn place(world: &World) -> (i64, i64) {
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    (organization, world.repository_in(organization, "image").await.id)
}

pub(crate) async fn a_place_has_one_preheat_rule(world: World) {
    let metadata = &world.metadata;
    let (organization, repository) = place(&world).await;
    let other = world.repository_in(organization, "other").await.id;
    let told = async |image| {
        let rules = metadata.preheat_rules(organization, image).await.unwrap();
        let told = rules.into_iter().map(|rule| {
            let times = (rule.created_at, rule.updated_at);
            (rule.id, rule.repository_id, rule.terms, times)
        });
        told.collect::<Vec<_>>()
    };
    let mut ids = Vec::new();
    for (image, terms, now) in [
        (None, terms("", true), 5),
        (Some(repository), terms("v*", true), 6),
        (Some(repository), terms("w*", false), 7),
        (None, terms("x*", true), 8),
    ] {
        let put = metadata.put_preheat_rule((organization, image), terms, now);
        put.await.unwrap();
        ids.push(told(image).await.last().unwrap().0);
    }
    assert_eq!((ids[0], ids[1]), (ids[3], ids[2]), "a rule keeps its id");
    let of_all = (ids[0], None, terms("x*", true), (5, 8));
    assert_eq!(told(None).await, slice::from_ref(&of_all));
    assert_eq!(told(Some(other)).await, slice::from_ref(&of_all));
    let own = (ids[1], Some(repository), terms("w*", false), (6, 7));
    assert_eq!(told(Some(repository)).await, [of_all, own]);
    for (image, is_there) in [
        (None, true),
        (None, false),
        (Some(other), false),
        (Some(repository), true),
    ] {
        let deleted = metadata.delete_preheat_rule(organization, image).await;
        assert_eq!(deleted.unwrap(), is_there, "{image:?}");
    }
    assert_eq!(told(Some(repository)).await, []);
    let nowhere = metadata.put_preheat_rule((-1, None), terms("", true), 5).await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
}

/// What a rule wants because of an event.
fn wanted(rule: i64, event: &TagEvent, nodes: &[&str]) -> NewPreheat {
    NewPreheat {
        repository_id: event.repository_id,
        tag: Some(event.tag.clone()),
        digest: event.digest.clone(),
        labels: "{}".to_owned(),
        wanted_by: PreheatCause::Rule {
            rule,
            event: event.id,
        },
        creator: (event.user_id.clone(), String::new()),
        nodes: (
            "account".to_owned(),
            nodes.iter().map(|node| (*node).to_owned()).collect(),
        ),
        times: (10, 110),
        most: 100,
    }
}

async fn push(world: &World, repository: i64, tag: &str, content: &str) -> Vec<TagEvent> {
    let put = tagged(manifest(repository, content, &[]), &[tag]);
    world.metadata.put_manifest(put).await.unwrap();
    let events = world.metadata.tag_events(0, 10).await.unwrap();
    let of_tag = |event: &TagEvent| event.tag == tag;
    events.into_iter().filter(of_tag).collect()
}

pub(crate) async fn a_push_is_an_event_where_a_rule_is_heeded(world: World) {
    let (organization, repository) = place(&world).await;
    let other = world.repository_in(organization, "other").await.id;
    let put = async |image, enabled| {
        let put = world
            .metadata
            .put_preheat_rule((organization, image), terms("", enabled), 5);
        put.await.unwrap();
    };
    assert_eq!(push(&world, repository, "v1", "before").await, []);
    put(Some(repository), false).await;
    assert_eq!(push(&world, repository, "v2", "not heeded").await, []);
    put(Some(repository), true).await;
    assert_eq!(push(&world, other, "v3", "elsewhere").await, []);
    assert_eq!(push(&world, repository, "v4", "heeded").await.len(), 1);
    put(None, true).await;
    assert_eq!(push(&world, other, "v5", "of the organization").await.len(), 1);
}

pub(crate) async fn of_many_pushes_of_a_tag_the_newest_goes_to_nodes(world: World) {
    let metadata = &world.metadata;
    let (organization, repository) = place(&world).await;
    let put = metadata.put_preheat_rule((organization, None), terms("", true), 5);
    put.await.unwrap();
    let rule = metadata.preheat_rules(organization, None).await.unwrap()[0].id;
    let other = push(&world, repository, "other", "other").await.remove(0);
    let mut events = Vec::new();
    for content in ["first", "second", "third", "fourth"] {
        push(&world, repository, "v1", content).await;
    }
    events.extend(push(&world, repository, "v1", "fifth").await);
    assert_eq!(events.len(), 5);
    let settle = async |event: &TagEvent, rule, nodes: &[&str]| {
        let follows = EventFollows {
            preheats: vec![wanted(rule, event, nodes)],
            ..EventFollows::default()
        };
        metadata.settle_event(event.clone(), follows, 9).await.unwrap()
    };
    // What ended stays as it is; the second takes the place of nothing.
    assert!(settle(&other, rule, &["a"]).await);
    assert!(settle(&events[0], rule, &["a"]).await);
    assert!(
        !settle(&events[0], rule, &["a"]).await,
        "another process was first"
    );
    let first = metadata.preheats(repository, None, 1).await.unwrap().remove(0);
    let complete = vec![(first.id, "complete".to_owned(), String::new())];
    metadata
        .settle_preheats("account", "a", complete, 10)
        .await
        .unwrap();
    assert!(settle(&events[1], rule, &["a", "b"]).await);
    // Two processes at once: the older of two is settled later, and starts nothing.
    assert!(settle(&events[3], rule, &["a", "b"]).await);
    assert!(settle(&events[2], rule, &["a", "b"]).await);
    let listed = metadata.preheats(repository, None, 10).await.unwrap();
    let told: Vec<_> = listed
        .iter()
        .map(|found| (found.digest.clone(), found.superseded_by, found.counts))
        .collect();
    let expected = [
        (digest("fourth"), None, [2, 0, 0, 0]),
        (digest("second"), Some(listed[0].id), [2, 0, 0, 0]),
        (digest("first"), None, [0, 0, 1, 0]),
        (digest("other"), None, [1, 0, 0, 0]),
    ];
    assert_eq!(told, expected);
    let told = metadata
        .take_preheats(("account", "b"), (20, 0), 10)
        .await
        .unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    // A rule that is heeded no more, or gone, wants nothing.
    let put = metadata.put_preheat_rule((organization, None), terms("", false), 5);
    put.await.unwrap();
    assert!(settle(&events[4], rule, &["a"]).await);
    assert_eq!(metadata.preheats(repository, None, 10).await.unwrap().len(), 4);
    assert_eq!(metadata.tag_events(0, 10).await.unwrap(), []);
}
