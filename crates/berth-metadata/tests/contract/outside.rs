//! Clusters, regions and mirrors: what an account's administrators register.

use crate::world::{World, conflict, id, name};
use berth_metadata::{
    Cluster, ClusterCheck, Conflict, HistoryOrder, Metadata, Mirror, MirrorFigures, MirrorRound, MirrorRules,
    NewSyncJobs, NewTrigger, Region, RoundDid,
};

pub(crate) fn cluster(account_id: &str, cluster_id: &str, name: &str) -> Cluster {
    Cluster {
        id: 0,
        account_id: account_id.to_owned(),
        cluster_id: cluster_id.to_owned(),
        name: name.to_owned(),
        server: "https://cluster.example:6443".to_owned(),
        certificate_authority: "PEM".to_owned(),
        credential_kind: "token".to_owned(),
        credential_encrypted: vec![1, 0, 255],
        namespaces: vec!["shop".to_owned(), "web".to_owned()],
        check: ClusterCheck {
            at: Some(5),
            version: "v1.20.2".to_owned(),
            problem: String::new(),
        },
        looked_at: None,
        look_problem: String::new(),
        created_at: 5,
        updated_at: 5,
    }
}

pub(crate) fn region(account_id: &str, region_id: &str) -> Region {
    Region {
        id: 0,
        account_id: account_id.to_owned(),
        region_id: region_id.to_owned(),
        registry_url: "https://registry.example".to_owned(),
        login_encrypted: None,
        certificate_authority: String::new(),
        check: None,
        created_at: 5,
        updated_at: 5,
    }
}

/// Stores a region of an account and answers its row.
pub(crate) async fn region_row(metadata: &Metadata, account_id: &str, region_id: &str) -> i64 {
    metadata
        .create_region(region(account_id, region_id), 10)
        .await
        .unwrap();
    metadata.region(account_id, region_id).await.unwrap().unwrap().id
}

#[expect(clippy::too_many_lines, reason = "the story reads best in one piece")]
pub(crate) async fn clusters_belong_to_one_account(world: World) {
    let metadata = &world.metadata;
    let (mine, other) = (world.account().await, world.account().await);
    metadata
        .create_cluster(cluster(&mine, "c1", "west"), 2)
        .await
        .unwrap();
    metadata
        .create_cluster(cluster(&other, "c1", "west"), 2)
        .await
        .unwrap();
    for (id, name) in [("c1", "east"), ("c2", "west")] {
        let taken = metadata.create_cluster(cluster(&mine, id, name), 2).await;
        assert_eq!(conflict(taken), Conflict::Taken, "{id} {name}");
    }
    metadata
        .create_cluster(cluster(&mine, "c2", "east"), 2)
        .await
        .unwrap();
    let third = metadata.create_cluster(cluster(&mine, "c3", "north"), 2).await;
    assert_eq!(conflict(third), Conflict::TooMany);
    let nobody = metadata.create_cluster(cluster(&id(), "c1", "west"), 2).await;
    assert_eq!(conflict(nobody), Conflict::AccountGone);
    let found = metadata.cluster(&mine, "c1").await.unwrap().unwrap();
    let stored = cluster(&mine, "c1", "west");
    assert_eq!(
        Cluster {
            id: 0,
            ..found.clone()
        },
        stored
    );
    let names: Vec<_> = metadata.list_clusters(&mine).await.unwrap();
    let names: Vec<_> = names.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["east", "west"]);
    assert_eq!(metadata.cluster(&other, "c2").await.unwrap(), None);

    let changed = Cluster {
        credential_kind: "certificate".to_owned(),
        credential_encrypted: vec![9],
        namespaces: Vec::new(),
        check: ClusterCheck::default(),
        name: "south".to_owned(),
        updated_at: 6,
        ..found.clone()
    };
    metadata.update_cluster(changed.clone(), 5).await.unwrap();
    assert_eq!(
        metadata.cluster(&mine, "c1").await.unwrap(),
        Some(changed.clone())
    );
    let late = metadata.update_cluster(found, 5).await;
    assert_eq!(conflict(late), Conflict::Changed);
    let check = ClusterCheck {
        at: Some(9),
        version: "v1".to_owned(),
        problem: "no login".to_owned(),
    };
    // What was found of the cluster as it was before is of no use.
    for (read_at, expected) in [(5, ClusterCheck::default()), (6, check.clone())] {
        let noted = metadata.note_cluster_check(changed.id, read_at, check.clone());
        noted.await.unwrap();
        let stored = metadata.cluster_by_row(changed.id).await.unwrap().unwrap();
        assert_eq!(stored.check, expected, "{read_at}");
    }
    let before = changed.id - 1;
    let next = metadata.clusters_after(before, 1).await.unwrap();
    assert_eq!(next.first().map(|cluster| cluster.id), Some(changed.id));
    let taken = Cluster {
        name: "east".to_owned(),
        updated_at: 7,
        ..changed
    };
    assert_eq!(conflict(metadata.update_cluster(taken, 6).await), Conflict::Taken);

    assert!(metadata.delete_cluster(&mine, "c1").await.unwrap());
    assert!(!metadata.delete_cluster(&mine, "c1").await.unwrap());
    assert!(metadata.cluster(&other, "c1").await.unwrap().is_some());
}

pub(crate) async fn a_cluster_with_triggers_is_not_deleted(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let account = world.account().await;
    metadata
        .create_cluster(cluster(&account, "c1", "west"), 10)
        .await
        .unwrap();
    let row = metadata.cluster(&account, "c1").await.unwrap().unwrap().id;
    let trigger = NewTrigger {
        cluster: Some(row),
        ..crate::policies::new_trigger(repository.id, "roll")
    };
    metadata.create_trigger(trigger, 10).await.unwrap();
    let refused = metadata.delete_cluster(&account, "c1").await;
    assert_eq!(conflict(refused), Conflict::InUse);
    let found = metadata.trigger(repository.id, "roll").await.unwrap().unwrap();
    assert_eq!(
        (found.cluster_id.as_str(), found.cluster_name.as_str()),
        ("c1", "west")
    );
    assert!(metadata.delete_trigger(found.id).await.unwrap());
    assert!(metadata.delete_cluster(&account, "c1").await.unwrap());
}

pub(crate) async fn regions_belong_to_one_account(world: World) {
    let metadata = &world.metadata;
    let (mine, other) = (world.account().await, world.account().await);
    region_row(metadata, &mine, "east").await;
    region_row(metadata, &other, "east").await;
    let taken = metadata.create_region(region(&mine, "east"), 10).await;
    assert_eq!(conflict(taken), Conflict::Taken);
    let second = metadata.create_region(region(&mine, "west"), 1).await;
    assert_eq!(conflict(second), Conflict::TooMany);
    let found = metadata.region(&mine, "east").await.unwrap().unwrap();
    let changed = Region {
        login_encrypted: Some(vec![7]),
        updated_at: 6,
        ..found.clone()
    };
    metadata.update_region(changed.clone(), 5).await.unwrap();
    assert_eq!(metadata.list_regions(&mine).await.unwrap(), [changed]);
    assert_eq!(
        conflict(metadata.update_region(found, 5).await),
        Conflict::Changed
    );
    assert!(metadata.delete_region(&mine, "east", 9).await.unwrap());
    assert!(!metadata.delete_region(&mine, "east", 9).await.unwrap());
    assert!(metadata.region(&other, "east").await.unwrap().is_some());
}

pub(crate) async fn a_deleted_region_cancels_what_waits_for_it(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let account = world.account().await;
    let region = region_row(metadata, &account, "east").await;
    crate::policies::tag(metadata, repository.id, "v1").await;
    let jobs = NewSyncJobs {
        region,
        ..crate::policies::new_jobs(repository.id, &["v1"])
    };
    metadata.create_sync_jobs(jobs).await.unwrap();
    let rule = crate::policies::new_rule(repository.id, region, "group");
    metadata.put_sync_rule(rule, 10).await.unwrap();
    let refused = metadata.delete_region(&account, "east", 8).await;
    assert_eq!(conflict(refused), Conflict::InUse);
    let waiting = |at: i64, status: &str| (status.to_owned(), at);
    let jobs = async || {
        let (jobs, _) = metadata
            .list_sync_jobs(repository.id, HistoryOrder::NewestFirst, 0, 10)
            .await
            .unwrap();
        jobs.into_iter()
            .map(|job| (job.status, job.updated_at))
            .collect::<Vec<_>>()
    };
    assert_eq!(jobs().await, [waiting(5, "waiting")], "nothing changed");
    assert!(
        metadata
            .delete_sync_rule(repository.id, region, "group")
            .await
            .unwrap()
    );
    assert!(metadata.delete_region(&account, "east", 8).await.unwrap());
    assert_eq!(jobs().await, [waiting(8, "cancel")]);
}

pub(crate) async fn an_organization_is_one_mirror_at_most(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let user = world.user(&account).await;
    let (first, second) = (world.organization(&user).await, world.organization(&user).await);
    let mirror = |name: &str, organization_id| Mirror {
        id: 0,
        account_id: account.clone(),
        name: name.to_owned(),
        organization_id,
        organization: String::new(),
        registry: "docker.io".to_owned(),
        url: "https://registry-1.docker.io".to_owned(),
        login_encrypted: None,
        enabled: true,
        rules: MirrorRules {
            keep: vec!["library/*:latest".to_owned(), "a/b:*".to_owned()],
            recheck_seconds: Some(30),
            ..MirrorRules::default()
        },
        created_at: 5,
        updated_at: 5,
    };
    metadata.create_mirror(mirror("hub", first), 10).await.unwrap();
    for (name, organization, limit, expected) in [
        ("hub", second, 10, Conflict::Taken),
        ("other", first, 10, Conflict::Taken),
        ("other", second, 1, Conflict::TooMany),
        ("other", -1, 10, Conflict::OrganizationGone),
    ] {
        let refused = metadata.create_mirror(mirror(name, organization), limit).await;
        assert_eq!(conflict(refused), expected, "{name} {organization} {limit}");
    }
    let found = metadata.mirror(&account, "hub").await.unwrap().unwrap();
    assert!(found.organization.starts_with("org"));
    assert_eq!(found.rules, mirror("hub", first).rules);
    let changed = Mirror {
        enabled: false,
        login_encrypted: Some(vec![0]),
        url: "https://other.example".to_owned(),
        registry: "other.example".to_owned(),
        rules: MirrorRules {
            public: true,
            bytes_max: Some(1 << 40),
            prefetch: vec!["library/alpine:3.*".to_owned()],
            certificate_authority: "PEM".to_owned(),
            ..MirrorRules::default()
        },
        updated_at: 6,
        ..found.clone()
    };
    metadata.update_mirror(changed.clone(), 5).await.unwrap();
    assert_eq!(metadata.list_mirrors(&account).await.unwrap(), [changed]);
    assert_eq!(
        conflict(metadata.update_mirror(found.clone(), 5).await),
        Conflict::Changed
    );
    assert_eq!(
        metadata.mirror(&world.account().await, "hub").await.unwrap(),
        None
    );
    // The mirror goes with its organisation.
    assert!(
        metadata
            .delete_organization(&found.organization, 9)
            .await
            .unwrap()
    );
    assert_eq!(metadata.list_mirrors(&account).await.unwrap(), []);
    metadata
        .create_mirror(mirror(&name("m"), second), 10)
        .await
        .unwrap();
    let left = metadata.list_mirrors(&account).await.unwrap().remove(0);
    assert!(metadata.delete_mirror(&account, &left.name).await.unwrap());
    assert!(!metadata.delete_mirror(&account, &left.name).await.unwrap());
}

pub(crate) async fn pulls_through_a_mirror_are_remembered(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    let repository = world.repository_in(organization, "app").await;
    let standing = async || {
        let (organization, image) = (&repository.organization, &repository.image);
        metadata
            .standing(organization, Some(image), None, 1)
            .await
            .unwrap()
    };
    assert!(standing().await.mirror.is_none());
    assert_eq!(metadata.mirror_of_organization(organization).await.unwrap(), None);
    let mirror = Mirror {
        id: 0,
        account_id: account.clone(),
        name: "hub".to_owned(),
        organization_id: organization,
        organization: String::new(),
        registry: "docker.io".to_owned(),
        url: "https://registry-1.docker.io".to_owned(),
        login_encrypted: None,
        enabled: false,
        rules: MirrorRules::default(),
        created_at: 5,
        updated_at: 5,
    };
    metadata.create_mirror(mirror, 10).await.unwrap();
    assert!(
        standing().await.mirror.is_some(),
        "at the next request, enabled or not"
    );
    let mirror = metadata
        .mirror_of_organization(organization)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(mirror.name, "hub");

    // A tag is compared again and again; one of a repository that is gone leaves nothing.
    let checked = metadata.mirrored_tag_checked_at(repository.id, "v1").await;
    assert_eq!(checked.unwrap(), None);
    for at in [7, 9] {
        metadata.note_mirrored_tag(repository.id, "v1", at).await.unwrap();
        assert_eq!(
            metadata
                .mirrored_tag_checked_at(repository.id, "v1")
                .await
                .unwrap(),
            Some(at)
        );
    }
    assert_eq!(
        metadata
            .mirrored_tag_checked_at(repository.id, "v2")
            .await
            .unwrap(),
        None
    );
    metadata.note_mirrored_tag(-1, "v1", 9).await.unwrap();

    figures_add_up(metadata, (organization, mirror.id)).await;
    rounds_are_noted(metadata, mirror.id).await;
    // Figures go with the mirror, and a new one begins with none.
    assert!(metadata.delete_mirror(&account, "hub").await.unwrap());
    assert!(standing().await.mirror.is_none());
    let none = MirrorFigures::default();
    assert_eq!(metadata.mirror_figures(mirror.id).await.unwrap(), none);
}

async fn rounds_are_noted(metadata: &Metadata, mirror: i64) {
    let round = async || metadata.mirror_round(mirror).await.unwrap();
    assert_eq!(round().await, MirrorRound::default());
    metadata.want_mirror_round(mirror, 3).await.unwrap();
    assert_eq!(round().await.wanted_at, Some(3));
    metadata.begin_mirror_round(mirror, 4).await.unwrap();
    let begun = round().await;
    assert_eq!(
        (begun.wanted_at, begun.begun_at, begun.ended_at),
        (None, Some(4), None)
    );
    // Asked for while it goes on: another one is to follow.
    metadata.want_mirror_round(mirror, 5).await.unwrap();
    let did = RoundDid {
        images: 7,
        failed: 2,
        failures: vec!["one: why".to_owned(), "other: why".to_owned()],
    };
    metadata.end_mirror_round(mirror, did.clone(), 6).await.unwrap();
    let ended = MirrorRound {
        wanted_at: Some(5),
        begun_at: Some(4),
        ended_at: Some(6),
        did,
    };
    assert_eq!(round().await, ended);
    // What the last one did that ended is told while the next one goes on.
    metadata.begin_mirror_round(mirror, 8).await.unwrap();
    let next = MirrorRound {
        wanted_at: None,
        begun_at: Some(8),
        ..ended
    };
    assert_eq!(round().await, next);
    for nothing in [
        metadata.want_mirror_round(-1, 9).await,
        metadata.begin_mirror_round(-1, 9).await,
        metadata.end_mirror_round(-1, RoundDid::default(), 9).await,
    ] {
        nothing.unwrap();
    }
    assert_eq!(metadata.mirror_round(-1).await.unwrap(), MirrorRound::default());
}

async fn figures_add_up(metadata: &Metadata, (organization, mirror): (i64, i64)) {
    let figures = |n| MirrorFigures {
        hits: n,
        misses: 2 * n,
        bytes_served: 3 * n,
        bytes_fetched: 4 * n,
    };
    assert_eq!(metadata.mirror_figures(mirror).await.unwrap(), figures(0));
    for (added, sum) in [(1, 1), (1 << 40, (1 << 40) + 1)] {
        let added = vec![(organization, figures(added)), (-1, figures(5))];
        metadata.add_mirror_figures(added).await.unwrap();
        assert_eq!(metadata.mirror_figures(mirror).await.unwrap(), figures(sum));
    }
}
