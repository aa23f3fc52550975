//! What runs in registered clusters.

use std::collections::BTreeSet;

use crate::outside::cluster;
use crate::world::World;
use berth_metadata::{Metadata, Repository, RunningWorkload};

fn runs(image: &str, workload: &str, tag: &str, digest: &str) -> RunningWorkload {
    RunningWorkload {
        image: image.to_owned(),
        tag: tag.to_owned(),
        digest: digest.to_owned(),
        namespace: "shop".to_owned(),
        kind: "Deployment".to_owned(),
        workload: workload.to_owned(),
        container: "web".to_owned(),
    }
}

/// The name that the world gives a repository.
fn full_name(repository: &Repository) -> String {
    format!("o{}/{}", repository.organization_id, repository.image)
}

async fn cluster_of(metadata: &Metadata, account: &str, id: &str) -> i64 {
    let stored = metadata.create_cluster(cluster(account, id, id), 10).await;
    stored.unwrap();
    metadata.cluster(account, id).await.unwrap().unwrap().id
}

async fn known(metadata: &Metadata, repository: i64) -> Vec<(String, i64, RunningWorkload)> {
    let found = metadata.running_images(repository).await.unwrap();
    found
        .into_iter()
        .map(|one| (one.cluster_name, one.seen_at, one.runs))
        .collect()
}

pub(crate) async fn what_runs_is_replaced_whole(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let organization = world.organization(&world.user(&account).await).await;
    let repository = world.repository_in(organization, "app").await;
    let (east, west) = (
        cluster_of(metadata, &account, "east").await,
        cluster_of(metadata, &account, "west").await,
    );
    let app = full_name(&repository);
    let app = app.as_str();
    let (first, second) = (runs(app, "a", "v1", "sha256:1"), runs(app, "b", "", "sha256:2"));
    let third = runs(app, "c", "v3", "");
    let replace = async |cluster, running: &[&RunningWorkload], now| {
        let running: BTreeSet<_> = running.iter().map(|one| (*one).clone()).collect();
        metadata
            .replace_running_images(cluster, running, now)
            .await
            .unwrap()
    };
    assert!(replace(east, &[&first, &second], 10).await);
    assert!(replace(west, &[&first], 20).await);
    let in_west = ("west".to_owned(), 20, first.clone());
    assert_eq!(
        known(metadata, repository.id).await,
        [
            ("east".to_owned(), 10, first.clone()),
            ("east".to_owned(), 10, second.clone()),
            in_west.clone()
        ]
    );
    assert!(replace(east, &[&second, &third], 30).await);
    let of_east = [("east".to_owned(), 30, second), ("east".to_owned(), 30, third)];
    let expected: Vec<_> = of_east.into_iter().chain([in_west.clone()]).collect();
    assert_eq!(known(metadata, repository.id).await, expected);

    // A cluster that cannot be reached keeps what was known, and its age.
    metadata
        .note_unseen_cluster(east, "no route".to_owned())
        .await
        .unwrap();
    assert_eq!(known(metadata, repository.id).await, expected);
    let stored = metadata.cluster_by_row(east).await.unwrap().unwrap();
    assert_eq!(
        (stored.looked_at, stored.look_problem.as_str()),
        (Some(30), "no route")
    );
    assert!(replace(east, &[], 40).await);
    let stored = metadata.cluster_by_row(east).await.unwrap().unwrap();
    assert_eq!((stored.looked_at, stored.look_problem.as_str()), (Some(40), ""));
    assert_eq!(known(metadata, repository.id).await, [in_west]);

    // What runs in a cluster is forgotten with it.
    assert!(metadata.delete_cluster(&account, "west").await.unwrap());
    assert_eq!(known(metadata, repository.id).await, []);
    assert!(!replace(west, &[&first], 50).await);
}

pub(crate) async fn only_images_of_the_clusters_account_count(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let others = world.repository().await;
    let row = cluster_of(metadata, &account, "c1").await;
    let theirs = full_name(&others);
    let running = [runs(&theirs, "a", "v1", ""), runs("no/such", "b", "v1", "")];
    let done = metadata.replace_running_images(row, BTreeSet::from(running), 10);
    assert!(done.await.unwrap());
    assert_eq!(known(metadata, others.id).await, []);
}
