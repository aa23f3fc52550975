//! What changes is noted while somebody listens, by whatever makes it; and where listeners stand to it is what requests find.

use crate::world::{World, manifest, name, new_repository, tagged};
use berth_metadata::{Change, GrantTarget, Permission, Repository};

const HOUR_MS: i64 = 3_600_000;

async fn push(world: &World, repository: &Repository, tag: &str) {
    let put = tagged(manifest(repository.id, tag, &[]), &[tag]);
    world.metadata.put_manifest(put).await.unwrap();
}

/// What was noted, in short.
async fn noted(world: &World) -> Vec<String> {
    let changes = world.metadata.changes_after(0, 1000).await.unwrap();
    let short = |change: &Change| match &change.name {
        Some(name) => format!("{} {} {name}", change.kind, change.action),
        None => format!("{} {}", change.kind, change.action),
    };
    changes.iter().map(short).collect()
}

pub(crate) async fn changes_are_noted_while_somebody_listens(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    push(&world, &repository, "before").await;
    assert_eq!(noted(&world).await, [""; 0], "nobody listens");
    let first = metadata.note_changes(HOUR_MS).await.unwrap();
    assert!(first.begun);
    let again = world.again().await.metadata.note_changes(HOUR_MS).await.unwrap();
    assert_eq!((again.generation, again.begun), (first.generation, false));
    push(&world, &repository, "v1").await;
    assert_eq!(noted(&world).await, ["tag moved v1"]);
    // Nobody listens from now on.
    metadata.note_changes(0).await.unwrap();
    push(&world, &repository, "after").await;
    assert_eq!(noted(&world).await.len(), 1);
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let next = metadata.note_changes(HOUR_MS).await.unwrap();
    assert!(next.begun && next.generation > first.generation);
    assert_eq!(metadata.forget_changes(HOUR_MS).await.unwrap(), 0);
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(metadata.forget_changes(1).await.unwrap(), 1);
    assert_eq!(noted(&world).await, [""; 0]);
}

pub(crate) async fn whatever_changes_is_noted_by_name(world: World) {
    let metadata = &world.metadata;
    metadata.note_changes(HOUR_MS).await.unwrap();
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    let image = name("image");
    let repository = world.repository_in(organization, &image).await;
    push(&world, &repository, "v1").await;
    let on = GrantTarget::Organization(organization);
    let other = world.user(&account).await;
    metadata
        .add_grants(on, &[(other.id.clone(), Permission::Read)])
        .await
        .unwrap();
    metadata
        .update_grants(on, &[(other.id.clone(), Permission::Write)])
        .await
        .unwrap();
    metadata
        .remove_grants(on, std::slice::from_ref(&other.id))
        .await
        .unwrap();
    let guests = world.account().await;
    world.share(repository.id, &guests, None).await.unwrap();
    let found = noted(&world).await;
    let expected = [
        "people changed user",
        "organization created",
        "rights changed",
        "image created",
        "tag moved v1",
        "people changed user",
        // Each for the place, and for the user.
        "rights changed",
        "share changed",
        // For the account.
        "rights changed",
    ];
    let mut distinct = found.clone();
    distinct.dedup();
    assert_eq!(distinct, expected, "{found:?}");
    let changes = metadata.changes_after(0, 1000).await.unwrap();
    let tag = changes.iter().find(|change| change.kind == "tag").unwrap();
    assert_eq!(tag.place, Some(new_repository(organization, &image).full_name));
    assert_eq!(
        (tag.organization_id, tag.repository_id),
        (Some(organization), Some(repository.id))
    );
    let ids = [tag.id, 999_999];
    assert_eq!(
        metadata.changes_among(&ids).await.unwrap(),
        std::slice::from_ref(tag)
    );
    assert_eq!(
        metadata.newest_change().await.unwrap(),
        changes.last().unwrap().id
    );
}

pub(crate) async fn an_audience_stands_where_requests_find_it(world: World) {
    let metadata = &world.metadata;
    metadata.note_changes(HOUR_MS).await.unwrap();
    let account = world.account().await;
    let owner = world.user(&account).await;
    let elsewhere = world.account().await;
    let (member, helper) = (world.user(&account).await, world.user(&account).await);
    let (guest, stranger) = (
        world.user(&elsewhere).await,
        world.user(&world.account().await).await,
    );
    let organization = world.organization(&owner).await;
    let (image, late) = (name("image"), name("image"));
    let repository = world.repository_in(organization, &image).await;
    let of_organization = repository.organization.clone();
    let shared_late = world.repository_in(organization, &late).await;
    let on = GrantTarget::Organization(organization);
    metadata
        .add_grants(on, &[(member.id.clone(), Permission::Write)])
        .await
        .unwrap();
    let on = GrantTarget::Repository(repository.id);
    metadata
        .add_grants(on, &[(helper.id.clone(), Permission::Read)])
        .await
        .unwrap();
    world.share(repository.id, &elsewhere, None).await.unwrap();
    world.share(shared_late.id, &elsewhere, Some(50)).await.unwrap();
    let everybody = [&owner, &member, &helper, &guest, &stranger];
    let users: Vec<_> = everybody
        .iter()
        .map(|user| (user.id.clone(), user.account_id.clone()))
        .collect();
    let changes = metadata.changes_after(0, 1000).await.unwrap();
    for now in [10, 100] {
        let audience = metadata.audience(&changes, &users, now).await.unwrap();
        for user in everybody {
            let viewer = (user.id.as_str(), user.account_id.as_str());
            assert!(audience.knows(&user.id));
            for (id, image) in [(repository.id, &image), (shared_late.id, &late)] {
                let found = audience.at_repository(id, viewer);
                let expected = metadata.standing(&of_organization, Some(image), Some(viewer), now);
                assert_eq!(found, expected.await.unwrap(), "{} {now}", user.name);
            }
            let found = audience.at_organization(organization, &user.id);
            let expected = metadata.standing(&of_organization, None, Some(viewer), now);
            assert_eq!(found, expected.await.unwrap(), "{}", user.name);
        }
        assert!(!audience.knows("somebody"));
    }
}
