//! What was counted: by day, for the repository, its organisation and its account.

use crate::world::{World, digest, erase, manifest, new_user, tagged, unkept};
use berth_metadata::{Counted, Counts, DayCounts, GrantTarget, Permission, PulledManifest, RepositoryCounts};

const DAY: i64 = 20_000;

fn counts(pulls: i64, pushes: i64, bytes_out: i64, bytes_in: i64) -> Counts {
    Counts {
        pulls,
        pushes,
        bytes_out,
        bytes_in,
    }
}

fn day(day: i64, counts: Counts, stored_bytes: Option<i64>) -> DayCounts {
    DayCounts {
        day,
        counts,
        stored_bytes,
    }
}

/// A repository with the ids of what it belongs to.
struct Place {
    account_id: String,
    user_id: String,
    organization_id: i64,
    organization: String,
    repository_id: i64,
}

impl Place {
    async fn new(world: &World) -> Self {
        let account_id = world.account().await;
        let user = world.user(&account_id).await;
        let organization_id = world.organization(&user).await;
        let repository = world.repository_in(organization_id, "image").await;
        Self {
            account_id,
            user_id: user.id,
            organization_id,
            organization: repository.organization,
            repository_id: repository.id,
        }
    }

    fn counted(&self, counts: Counts) -> RepositoryCounts {
        RepositoryCounts {
            repository_id: self.repository_id,
            organization_id: self.organization_id,
            account_id: self.account_id.clone(),
            counts,
            pulled: Vec::new(),
        }
    }

    fn all(&self) -> [Counted; 4] {
        [
            Counted::Repository(self.repository_id),
            Counted::Organization(self.organization_id),
            Counted::Member {
                account_id: self.account_id.clone(),
                user_id: self.user_id.clone(),
            },
            Counted::Account(self.account_id.clone()),
        ]
    }
}

pub(crate) async fn counts_add_up_by_day(world: World) {
    let place = Place::new(&world).await;
    let other = world.repository_in(place.organization_id, "other").await;
    let beside = RepositoryCounts {
        repository_id: other.id,
        ..place.counted(counts(5, 0, 50, 0))
    };
    for (on, counted) in [
        (DAY, vec![place.counted(counts(1, 2, 30, 4)), beside]),
        (DAY, vec![place.counted(counts(10, 0, 0, 0))]),
        (DAY + 1, vec![place.counted(counts(0, 1, 0, 7))]),
        (DAY + 2, Vec::new()),
    ] {
        world.metadata.add_counts(on, counted).await.unwrap();
    }
    let second = day(DAY + 1, counts(0, 1, 0, 7), None);
    for counted in place.all() {
        let first = match counted {
            Counted::Repository(_) => counts(11, 2, 30, 4),
            _ => counts(16, 2, 80, 4),
        };
        let found = world.metadata.days(&counted, DAY).await.unwrap();
        assert_eq!(found, [day(DAY, first, None), second], "{counted:?}");
        let found = world.metadata.days(&counted, DAY + 1).await.unwrap();
        assert_eq!(found, [second], "{counted:?}");
    }
}

pub(crate) async fn counts_of_two_replicas_add_up(world: World) {
    let place = Place::new(&world).await;
    let again = world.again().await;
    let mut running = Vec::new();
    for n in 0..20 {
        let metadata = if n % 2 == 0 {
            &world.metadata
        } else {
            &again.metadata
        }
        .clone();
        let counted = vec![place.counted(counts(1, 1, 10, 20))];
        running.push(tokio::spawn(
            async move { metadata.add_counts(DAY, counted).await },
        ));
    }
    for flush in running {
        flush.await.unwrap().unwrap();
    }
    for counted in place.all() {
        let found = world.metadata.days(&counted, DAY).await.unwrap();
        assert_eq!(found, [day(DAY, counts(20, 20, 200, 400), None)], "{counted:?}");
    }
    again.metadata.close().await;
}

pub(crate) async fn what_is_deleted_counts_for_its_account(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    metadata
        .add_counts(DAY, vec![place.counted(counts(1, 1, 1, 1))])
        .await
        .unwrap();
    assert!(erase(metadata, place.repository_id, 1).await);
    assert!(
        metadata
            .delete_organization(&place.organization, 1)
            .await
            .unwrap()
    );
    // What was in memory when they went.
    metadata
        .add_counts(DAY, vec![place.counted(counts(2, 2, 2, 2))])
        .await
        .unwrap();
    for counted in place.all() {
        let found = metadata.days(&counted, 0).await.unwrap();
        let expected = match counted {
            Counted::Account(_) => vec![day(DAY, counts(3, 3, 3, 3), None)],
            _ => Vec::new(),
        };
        assert_eq!(found, expected, "{counted:?}");
    }
}

pub(crate) async fn a_pull_is_noted_at_its_manifest(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let (here, gone) = (digest("here"), digest("gone"));
    metadata
        .put_manifest(manifest(place.repository_id, "here", &[]))
        .await
        .unwrap();
    for (pulls, at) in [(2, 1000), (3, 900)] {
        let pulled = [&here, &gone].map(|digest| PulledManifest {
            digest: digest.clone(),
            pulls,
            at,
        });
        let counted = RepositoryCounts {
            pulled: pulled.to_vec(),
            ..place.counted(counts(pulls, 0, 0, 0))
        };
        metadata.add_counts(DAY, vec![counted]).await.unwrap();
    }
    let found = metadata.manifest_pulls(place.repository_id, &here).await.unwrap();
    let noted = PulledManifest {
        digest: here.clone(),
        pulls: 5,
        at: 1000,
    };
    assert_eq!(found, Some(noted));
    assert_eq!(
        metadata.manifest_pulls(place.repository_id, &gone).await.unwrap(),
        None
    );
    assert!(
        metadata
            .delete_manifest(place.repository_id, &here, unkept(1))
            .await
            .unwrap()
    );
    assert_eq!(
        metadata.manifest_pulls(place.repository_id, &here).await.unwrap(),
        None
    );
}

pub(crate) async fn stored_bytes_are_noted_by_day(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    let config = digest("config");
    world.push(place.repository_id, &config, "key", 1).await;
    let put = manifest(place.repository_id, "image", &[&config]);
    metadata.put_manifest(tagged(put, &["v1", "v2"])).await.unwrap();
    metadata
        .add_counts(DAY, vec![place.counted(counts(1, 0, 0, 0))])
        .await
        .unwrap();
    metadata.note_stored_bytes(DAY).await.unwrap();
    let usage = metadata
        .organization_usage(&place.account_id, None)
        .await
        .unwrap();
    assert_eq!(usage.len(), 1);
    let stored = usage[0].stored_bytes;
    assert!(stored > 0);
    assert_eq!(
        (usage[0].name.as_str(), usage[0].repositories, usage[0].tags),
        (place.organization.as_str(), 1, 2)
    );
    let own = metadata
        .organization_usage(&place.account_id, Some(&place.user_id))
        .await
        .unwrap();
    assert_eq!(own, usage);
    let stranger = metadata
        .create_user(new_user(&place.account_id, "stranger"))
        .await
        .unwrap();
    let others = metadata
        .organization_usage(&place.account_id, Some(&stranger.id))
        .await
        .unwrap();
    assert_eq!(others, []);
    metadata
        .add_grants(
            GrantTarget::Organization(place.organization_id),
            &[(stranger.id.clone(), Permission::Read)],
        )
        .await
        .unwrap();
    let others = metadata
        .organization_usage(&place.account_id, Some(&stranger.id))
        .await
        .unwrap();
    assert_eq!(others, usage);
    assert!(erase(metadata, place.repository_id, 2).await);
    metadata.note_stored_bytes(DAY + 1).await.unwrap();
    for counted in place.all().into_iter().skip(1) {
        let found = metadata.days(&counted, DAY).await.unwrap();
        let expected = [
            day(DAY, counts(1, 0, 0, 0), Some(stored)),
            day(DAY + 1, Counts::default(), Some(0)),
        ];
        assert_eq!(found, expected, "{counted:?}");
    }
}

pub(crate) async fn old_days_of_repositories_are_forgotten(world: World) {
    let place = Place::new(&world).await;
    let metadata = &world.metadata;
    for on in DAY..DAY + 5 {
        metadata
            .add_counts(on, vec![place.counted(counts(1, 0, 0, 0))])
            .await
            .unwrap();
    }
    assert_eq!(metadata.forget_repository_days(DAY + 3, 2).await.unwrap(), 2);
    assert_eq!(metadata.forget_repository_days(DAY + 3, 2).await.unwrap(), 1);
    assert_eq!(metadata.forget_repository_days(DAY + 3, 2).await.unwrap(), 0);
    for (counted, left) in place.all().into_iter().zip([2, 5, 5, 5]) {
        assert_eq!(
            metadata.days(&counted, 0).await.unwrap().len(),
            left,
            "{counted:?}"
        );
    }
}
