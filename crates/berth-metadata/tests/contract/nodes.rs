//! Node agents, and images that they shall have.

use crate::world::{World, digest};
use berth_metadata::{MetNode, NewPreheat, PreheatNode, SwarmTotals};

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

pub(crate) async fn images_go_to_nodes_until_they_end(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let new = |nodes: &[&str], at: i64| NewPreheat {
        repository_id: repository,
        tag: Some("v1".to_owned()),
        digest: digest("manifest"),
        labels: "{}".to_owned(),
        creator: (None, "ann".to_owned()),
        nodes: (
            "account".to_owned(),
            nodes.iter().map(|node| (*node).to_owned()).collect(),
        ),
        times: (at, at + 100),
    };
    let id = metadata
        .create_preheat(new(&["a", "b", "c"], 10), 2)
        .await
        .unwrap()
        .unwrap();
    let awaited = metadata.awaited_nodes(20, 10).await.unwrap();
    assert_eq!(awaited.len(), 3);
    let work = metadata
        .take_preheats(("account", "a"), (20, 0), 10)
        .await
        .unwrap();
    assert_eq!(
        (work.len(), work[0].id, work[0].digest.as_str()),
        (1, id, digest("manifest").as_str())
    );
    // It was told; it is told again only much later.
    assert!(
        metadata
            .take_preheats(("account", "a"), (21, 20), 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        metadata
            .take_preheats(("account", "a"), (30, 25), 10)
            .await
            .unwrap()
            .len(),
        1
    );
    // Another account's node of that name is another.
    assert!(
        metadata
            .take_preheats(("other", "b"), (20, 0), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let states = |state: &str| vec![(id, state.to_owned(), "why".to_owned())];
    metadata
        .settle_preheats("account", "a", states("complete"), 40)
        .await
        .unwrap();
    metadata
        .settle_preheats("account", "a", states("failed"), 50)
        .await
        .unwrap();
    metadata
        .settle_preheats("account", "b", states("failed"), 50)
        .await
        .unwrap();
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
    assert!(
        metadata
            .take_preheats(("account", "c"), (110, 0), 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(metadata.cancel_preheat(repository, id, 60).await.unwrap());
    assert!(!metadata.cancel_preheat(repository, id, 61).await.unwrap());
    assert!(metadata.awaited_nodes(20, 10).await.unwrap().is_empty());
    // The oldest makes room.
    for at in [20, 30] {
        metadata.create_preheat(new(&["a"], at), 2).await.unwrap();
    }
    assert_eq!(metadata.preheat(repository, id).await.unwrap(), None);
    assert_eq!(metadata.preheats(repository, None, 10).await.unwrap().len(), 2);
    assert_eq!(metadata.forget_preheats(121).await.unwrap(), 1);
    let gone = NewPreheat {
        repository_id: 9999,
        ..new(&["a"], 1)
    };
    assert_eq!(metadata.create_preheat(gone, 2).await.unwrap(), None);
}
