//! Node agents, and images that they shall have.

use crate::world::{World, digest};
use berth_metadata::{MetNode, NewPreheat, PreheatCause, PreheatNode, SwarmTotals};

fn met(account_id: &str, id: &str) -> MetNode {
    MetNode {
        account_id: account_id.to_owned(),
        id: id.to_owned(),
        user_name: "robot".to_owned(),
        address: "10.0.0.1:7001".to_owned(),
        labels: r#"{"zone":"a"}"#.to_owned(),
        seeds: 3,
        peers_bytes: 10,
        registry_bytes: 1,
    }
}

pub(crate) async fn nodes_are_noted_and_their_bytes_add_up(world: World) {
    let metadata = &world.metadata;
    let (one, two) = (world.account().await, world.account().await);
    let totals = SwarmTotals {
        joins: 5,
        peers_bytes: 10,
        registry_bytes: 1,
    };
    let nodes: Vec<MetNode> = (0..120).map(|n| met(&one, &format!("n{n:03}"))).collect();
    metadata.note_nodes(nodes, totals, 100).await.unwrap();
    let mut again = vec![met(&two, "n000"), met(&one, "n001"), met("gone", "n000")];
    again[1].seeds = 4;
    metadata.note_nodes(again, totals, 200).await.unwrap();
    assert_eq!(metadata.count_nodes(100).await.unwrap(), 121);
    assert_eq!(metadata.count_nodes(200).await.unwrap(), 2);
    let found = metadata.nodes(Some(&one), 200, None, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    let node = &found[0];
    assert_eq!(
        (node.met.id.as_str(), node.first_at, node.seen_at),
        ("n001", 100, 200)
    );
    assert_eq!(
        (node.met.seeds, node.met.peers_bytes, node.met.registry_bytes),
        (4, 20, 2)
    );
    let page = metadata
        .nodes(Some(&one), 0, Some((&one, "n117")), 10)
        .await
        .unwrap();
    assert_eq!(page.len(), 2);
    assert_eq!(metadata.nodes(None, 200, None, 10).await.unwrap().len(), 2);
    assert_eq!(
        metadata.swarm_totals().await.unwrap(),
        SwarmTotals {
            joins: 10,
            peers_bytes: 20,
            registry_bytes: 2,
        }
    );
    assert_eq!(metadata.forget_nodes(200).await.unwrap(), 119);
}

fn wanted(repository_id: i64, nodes: &[&str], at: i64) -> NewPreheat {
    NewPreheat {
        repository_id,
        tag: Some("v1".to_owned()),
        digest: digest("manifest"),
        labels: "{}".to_owned(),
        wanted_by: PreheatCause::Request,
        creator: (None, "ann".to_owned()),
        nodes: (
            "account".to_owned(),
            nodes.iter().map(|node| (*node).to_owned()).collect(),
        ),
        times: (at, at + 100),
        most: 2,
    }
}

/// What a node is told of at a time, when what it was told before another is told again; below 0 what is wanted no more.
async fn told(world: &World, node: (&str, &str), times: (i64, i64)) -> Vec<i64> {
    let work = world.metadata.take_preheats(node, times, 10).await.unwrap();
    work.into_iter()
        .map(|work| if work.is_over { -work.id } else { work.id })
        .collect()
}

pub(crate) async fn images_go_to_nodes_until_they_end(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let new = wanted(repository, &["a", "b", "c"], 10);
    let id = metadata.create_preheat(new).await.unwrap().unwrap();
    assert_eq!(metadata.awaited_nodes(20, 10).await.unwrap().len(), 3);
    assert_eq!(told(&world, ("account", "a"), (20, 0)).await, [id]);
    // It was told; it is told again only much later.
    assert_eq!(told(&world, ("account", "a"), (21, 20)).await, []);
    assert_eq!(told(&world, ("account", "a"), (30, 25)).await, [id]);
    // Another account's node of that name is another.
    assert_eq!(told(&world, ("other", "b"), (20, 0)).await, []);
    let states = |state: &str| vec![(id, state.to_owned(), "why".to_owned())];
    for (node, state) in [("a", "complete"), ("a", "failed"), ("b", "failed")] {
        let settled = metadata.settle_preheats("account", node, states(state), 50);
        settled.await.unwrap();
    }
    let found = metadata.preheat(repository, id).await.unwrap().unwrap();
    assert_eq!(found.counts, [1, 0, 1, 1]);
    let nodes = metadata.preheat_nodes(id, Some("a"), 1).await.unwrap();
    let failed = PreheatNode {
        node: "b".to_owned(),
        state: "failed".to_owned(),
        detail: "why".to_owned(),
        updated_at: 50,
    };
    assert_eq!(nodes, [failed]);
    // Its time is over, or it is cancelled: nobody is told any more.
    assert_eq!(told(&world, ("account", "c"), (110, 0)).await, []);
    assert!(metadata.cancel_preheat(repository, id, 60).await.unwrap());
    assert!(!metadata.cancel_preheat(repository, id, 61).await.unwrap());
    assert_eq!(metadata.awaited_nodes(20, 10).await.unwrap(), []);
}

pub(crate) async fn a_node_hears_that_an_image_is_wanted_no_more(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let new = wanted(repository, &["a", "b"], 10);
    let id = metadata.create_preheat(new).await.unwrap().unwrap();
    assert_eq!(told(&world, ("account", "a"), (20, 0)).await, [id]);
    assert!(metadata.cancel_preheat(repository, id, 30).await.unwrap());
    // Who was not told of it hears nothing of its end.
    let a = ("account".to_owned(), "a".to_owned());
    assert_eq!(metadata.awaited_nodes(40, 10).await.unwrap(), [a]);
    assert_eq!(told(&world, ("account", "b"), (40, 0)).await, []);
    assert_eq!(told(&world, ("account", "a"), (40, 0)).await, [-id]);
    assert_eq!(told(&world, ("account", "a"), (40, 0)).await, []);
    assert_eq!(metadata.awaited_nodes(40, 10).await.unwrap(), []);
    // It may have been done by then.
    let complete = vec![(id, "complete".to_owned(), String::new())];
    let settled = metadata.settle_preheats("account", "a", complete, 50);
    settled.await.unwrap();
    let found = metadata.preheat(repository, id).await.unwrap().unwrap();
    assert_eq!(found.counts, [1, 0, 1, 0]);
}

pub(crate) async fn what_a_run_waits_for_is_queued_once(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let of_run = async |run: i64, event: i64| {
        let new = NewPreheat {
            wanted_by: PreheatCause::Run {
                trigger: 7,
                run,
                event,
            },
            most: 10,
            ..wanted(repository, &["a"], 10)
        };
        metadata.create_preheat(new).await.unwrap().unwrap()
    };
    let first = of_run(1, 5).await;
    assert_eq!(of_run(1, 5).await, first);
    let second = of_run(3, 6).await;
    let found = metadata.preheat(repository, first).await.unwrap().unwrap();
    assert_eq!(
        (found.superseded_by, found.cancelled_at),
        (Some(second), Some(10))
    );
    // What an earlier run wants takes the place of nothing.
    of_run(2, 4).await;
    let found = metadata.preheat(repository, second).await.unwrap().unwrap();
    let wanted_by = PreheatCause::Run {
        trigger: 7,
        run: 3,
        event: 6,
    };
    assert_eq!((found.superseded_by, found.wanted_by), (None, wanted_by));
}

pub(crate) async fn the_oldest_images_for_nodes_make_room(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let mut ids = Vec::new();
    let make = async |at: i64| {
        let made = metadata.create_preheat(wanted(repository, &["a"], at)).await;
        made.unwrap().unwrap()
    };
    let is_there = async |id: i64| metadata.preheat(repository, id).await.unwrap().is_some();
    for at in [10, 20, 30] {
        ids.push(make(at).await);
    }
    assert!(is_there(ids[0]).await, "its node waits");
    // One that is cancelled goes when its node, which was told of it, knows.
    assert_eq!(told(&world, ("account", "a"), (40, 0)).await, ids);
    assert!(metadata.cancel_preheat(repository, ids[0], 41).await.unwrap());
    ids.push(make(42).await);
    assert!(is_there(ids[0]).await, "its node was not told");
    told(&world, ("account", "a"), (43, 0)).await;
    let complete = vec![(ids[1], "complete".to_owned(), String::new())];
    let settled = metadata.settle_preheats("account", "a", complete, 44);
    settled.await.unwrap();
    ids.push(make(45).await);
    assert!(!is_there(ids[0]).await && !is_there(ids[1]).await);
    assert!(is_there(ids[2]).await, "its node was told and is at it");
    // Those whose time is over wait for nobody.
    ids.push(make(140).await);
    assert!(!is_there(ids[2]).await && is_there(ids[3]).await);
    // There are never ten times as many.
    for _ in 0..18 {
        ids.push(make(141).await);
    }
    assert!(!is_there(ids[3]).await && is_there(ids[4]).await);
}

pub(crate) async fn images_for_nodes_are_listed_in_parts(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let mut ids = vec![0];
    for at in [20, 30] {
        let made = metadata.create_preheat(wanted(repository, &["a"], at)).await;
        ids.push(made.unwrap().unwrap());
    }
    let listed = metadata.preheats(repository, None, 10).await.unwrap();
    assert_eq!([listed[0].id, listed[1].id], [ids[2], ids[1]]);
    assert_eq!(
        metadata
            .preheats(repository, Some(ids[2]), 10)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(metadata.forget_preheats(121).await.unwrap(), 1);
    let gone = metadata.create_preheat(wanted(9999, &["a"], 1)).await;
    assert_eq!(gone.unwrap(), None);
}
