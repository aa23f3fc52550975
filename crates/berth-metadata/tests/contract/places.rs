//! Organisations, rights, repositories and what is seen of them.

use crate::world::{
    World, conflict, digest, erase, id, manifest, name, new_organization, new_repository, tagged,
};
use berth_metadata::{
    Conflict, Grant, GrantTarget, NewOrganization, OrganizationFacts, OrganizationsPage, Permission,
    Repository, RepositoryEdit, RepositoryFacts, ShareTerms, Standing, User, Viewer,
};
use futures_util::future::join_all;

pub(crate) async fn organization_names_are_unique_across_accounts(world: World) {
    let metadata = &world.metadata;
    let (one, two) = (
        world.user(&world.account().await).await,
        world.user(&world.account().await).await,
    );
    let made = metadata
        .create_organization(new_organization("group", &one))
        .await
        .unwrap();
    assert_eq!(made.account_id, one.account_id);
    assert_eq!(
        (made.creator_name.as_str(), made.account_name.as_str()),
        (&*one.name, &*one.account_name)
    );
    assert_eq!(
        metadata.organization("group").await.unwrap().as_ref(),
        Some(&made)
    );
    let again = metadata
        .create_organization(new_organization("group", &two))
        .await;
    assert_eq!(conflict(again), Conflict::OrganizationExists);
    let nobody = NewOrganization {
        creator_id: id(),
        ..new_organization("other", &one)
    };
    assert_eq!(
        conflict(metadata.create_organization(nobody).await),
        Conflict::UserGone
    );
    let grants = metadata.grants(GrantTarget::Organization(made.id)).await.unwrap();
    let expected = Grant {
        user_id: one.id,
        user_name: one.name,
        permission: Permission::Manage,
    };
    assert_eq!(grants, [expected], "the creator manages it");
    assert!(metadata.delete_organization("group", 9).await.unwrap());
    assert!(!metadata.delete_organization("group", 9).await.unwrap());
    let next = metadata
        .create_organization(new_organization("group", &two))
        .await
        .unwrap();
    assert_ne!(next.id, made.id, "an id is never used again");
}

pub(crate) async fn the_quota_of_organizations_holds_under_concurrency(world: World) {
    let user = world.user(&world.account().await).await;
    let tries = join_all((0..16).map(|_| {
        let new = NewOrganization {
            limit: Some(5),
            ..new_organization(&name("org"), &user)
        };
        world.metadata.create_organization(new)
    }))
    .await;
    let (made, refused): (Vec<_>, Vec<_>) = tries.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 5);
    assert!(
        refused
            .into_iter()
            .all(|result| conflict(result) == Conflict::OrganizationQuota { limit: 5 })
    );
    let colleague = world.user(&user.account_id).await;
    let new = NewOrganization {
        limit: Some(5),
        ..new_organization(&name("org"), &colleague)
    };
    world
        .metadata
        .create_organization(new)
        .await
        .expect("the quota is each user's own");
}

pub(crate) async fn organizations_are_listed_by_permission(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let user = world.user(&owner.account_id).await;
    let mut ids = Vec::new();
    for name in ["a-granted", "b-image", "c-none"] {
        ids.push(
            metadata
                .create_organization(new_organization(name, &owner))
                .await
                .unwrap()
                .id,
        );
    }
    metadata
        .add_grants(
            GrantTarget::Organization(ids[0]),
            &[(user.id.clone(), Permission::Read)],
        )
        .await
        .unwrap();
    let repository = world.repository_in(ids[1], "image").await;
    metadata
        .add_grants(
            GrantTarget::Repository(repository.id),
            &[(user.id.clone(), Permission::Write)],
        )
        .await
        .unwrap();
    let stranger = world.user(&world.account().await).await;
    world.organization(&stranger).await;
    let page = |all, with_repository_grants| OrganizationsPage {
        account_id: user.account_id.clone(),
        user_id: user.id.clone(),
        all,
        with_repository_grants,
        last: None,
        limit: 10,
    };
    let read = Some(Permission::Read);
    let check = async |page: OrganizationsPage, expected: &[(&str, Option<Permission>)]| {
        let listed = metadata.list_organizations(page).await.unwrap();
        let listed: Vec<_> = listed
            .iter()
            .map(|l| (l.organization.name.as_str(), l.permission))
            .collect();
        assert_eq!(listed, expected);
    };
    check(page(false, false), &[("a-granted", read)]).await;
    check(page(false, true), &[("a-granted", read), ("b-image", None)]).await;
    check(
        page(true, false),
        &[("a-granted", read), ("b-image", None), ("c-none", None)],
    )
    .await;
    let within = async |name| metadata.has_grant_within(name, &user.id).await.unwrap();
    assert!(within("b-image").await);
    assert!(!within("a-granted").await, "a grant on the organisation itself");
    let second = OrganizationsPage {
        last: Some("a-granted".to_owned()),
        limit: 1,
        ..page(true, false)
    };
    check(second, &[("b-image", None)]).await;
}

pub(crate) async fn an_organization_with_images_is_not_deleted(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let organization = metadata
        .create_organization(new_organization("full", &user))
        .await
        .unwrap();
    let new = new_repository(organization.id, "image");
    let made = metadata.ensure_repository(new.clone()).await.unwrap();
    assert_eq!(metadata.ensure_repository(new.clone()).await.unwrap(), made);
    assert_eq!(
        conflict(
            metadata
                .create_repository(new_repository(-1, "image"), RepositoryEdit::default())
                .await
        ),
        Conflict::OrganizationGone
    );
    let listed = world.repository_in(organization.id, "listed").await;
    let nowhere = metadata.ensure_repository(new_repository(-1, "image")).await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
    assert_eq!(
        conflict(metadata.delete_organization("full", 9).await),
        Conflict::OrganizationNotEmpty
    );
    assert!(
        metadata
            .repository(&format!("o{}/image", organization.id))
            .await
            .unwrap()
            .is_some()
    );
    assert!(erase(metadata, listed.id, 9).await);
    // The other one is only what a push began.
    assert!(metadata.delete_organization("full", 9).await.unwrap());
    assert_eq!(metadata.organization("full").await.unwrap(), None);
}

pub(crate) async fn grants_on_a_repository_change_all_or_none(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let organization = world.organization(&owner).await;
    let repository = world.repository_in(organization, "image").await.id;
    let (one, two) = (
        world.user(&owner.account_id).await,
        world.user(&owner.account_id).await,
    );
    let read = |user: &User| (user.id.clone(), Permission::Read);
    let write = |user: &User| (user.id.clone(), Permission::Write);
    let exists = Conflict::GrantExists {
        user_id: one.id.clone(),
    };
    let missing = Conflict::GrantMissing {
        user_id: two.id.clone(),
    };
    let granted = async || {
        metadata
            .grants(GrantTarget::Repository(repository))
            .await
            .unwrap()
    };
    let grant = |permission| Grant {
        user_id: one.id.clone(),
        user_name: one.name.clone(),
        permission,
    };

    metadata
        .add_grants(GrantTarget::Repository(repository), &[read(&one)])
        .await
        .unwrap();
    let added = metadata
        .add_grants(GrantTarget::Repository(repository), &[read(&two), write(&one)])
        .await;
    assert_eq!(conflict(added), exists);
    let changed = metadata
        .update_grants(GrantTarget::Repository(repository), &[write(&one), read(&two)])
        .await;
    assert_eq!(conflict(changed), missing);
    let users = [one.id.clone(), two.id.clone()];
    assert_eq!(
        conflict(
            metadata
                .remove_grants(GrantTarget::Repository(repository), &users)
                .await
        ),
        missing
    );
    assert_eq!(granted().await, [grant(Permission::Read)]);
    metadata
        .update_grants(GrantTarget::Repository(repository), &[write(&one)])
        .await
        .unwrap();
    assert_eq!(granted().await, [grant(Permission::Write)]);
    metadata
        .remove_grants(GrantTarget::Repository(repository), &users[..1])
        .await
        .unwrap();
    assert_eq!(granted().await, []);
}

pub(crate) async fn grants_on_an_organization_change_all_or_none(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let organization = world.organization(&owner).await;
    let (one, two) = (
        world.user(&owner.account_id).await,
        world.user(&owner.account_id).await,
    );
    let read = |user_id: &str| (user_id.to_owned(), Permission::Read);
    let nobody = metadata
        .add_grants(
            GrantTarget::Organization(organization),
            &[read(&one.id), read(&id())],
        )
        .await;
    assert_eq!(conflict(nobody), Conflict::UserGone);
    let twice = metadata
        .add_grants(
            GrantTarget::Organization(organization),
            &[read(&one.id), read(&owner.id)],
        )
        .await;
    assert_eq!(
        conflict(twice),
        Conflict::GrantExists {
            user_id: owner.id.clone()
        }
    );
    let write = (two.id.clone(), Permission::Write);
    metadata
        .add_grants(GrantTarget::Organization(organization), &[read(&one.id), write])
        .await
        .unwrap();
    metadata
        .update_grants(GrantTarget::Organization(organization), &[read(&two.id)])
        .await
        .unwrap();
    let removed = [owner.id, two.id];
    metadata
        .remove_grants(GrantTarget::Organization(organization), &removed)
        .await
        .unwrap();
    let left = Grant {
        user_id: one.id,
        user_name: one.name,
        permission: Permission::Read,
    };
    assert_eq!(
        metadata
            .grants(GrantTarget::Organization(organization))
            .await
            .unwrap(),
        [left]
    );
    let again = metadata
        .remove_grants(GrantTarget::Organization(organization), &removed[1..])
        .await;
    assert_eq!(
        conflict(again),
        Conflict::GrantMissing {
            user_id: removed[1].clone()
        }
    );
}

/// Image `a/b` of organisation `org`, and its owner.
struct Scene {
    world: World,
    owner: User,
    organization: i64,
    repository: i64,
}

impl Scene {
    async fn new(world: World) -> Scene {
        let owner = world.user(&world.account().await).await;
        let organization = world
            .metadata
            .create_organization(new_organization("org", &owner))
            .await;
        let organization = organization.unwrap().id;
        let repository = world.repository_in(organization, "a/b").await.id;
        Scene {
            world,
            owner,
            organization,
            repository,
        }
    }

    /// Where a viewer stands to the image at a time.
    async fn standing(&self, viewer: &User, now: i64) -> Standing {
        let viewer = Some((viewer.id.as_str(), viewer.account_id.as_str()));
        self.world
            .metadata
            .standing("org", Some("a/b"), viewer, now)
            .await
            .unwrap()
    }

    /// The standing of somebody who has no rights.
    fn stranger(&self) -> Standing {
        let account_id = self.owner.account_id.clone();
        Standing {
            organization: Some(OrganizationFacts {
                id: self.organization,
                account_id,
            }),
            repository: Some(RepositoryFacts {
                id: self.repository,
                is_public: false,
            }),
            ..Standing::default()
        }
    }
}

pub(crate) async fn a_standing_tells_the_permissions(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let reader = scene.world.user(&scene.owner.account_id).await;
    let writer = scene.world.user(&scene.owner.account_id).await;
    let read = (reader.id.clone(), Permission::Read);
    metadata
        .add_grants(GrantTarget::Organization(scene.organization), &[read])
        .await
        .unwrap();
    let write = (writer.id.clone(), Permission::Write);
    metadata
        .add_grants(GrantTarget::Repository(scene.repository), &[write])
        .await
        .unwrap();
    let on_organization = |permission| Standing {
        organization_permission: Some(permission),
        ..scene.stranger()
    };
    let on_image = |permission| Standing {
        repository_permission: Some(permission),
        ..scene.stranger()
    };
    assert_eq!(
        scene.standing(&scene.owner, 50).await,
        on_organization(Permission::Manage)
    );
    assert_eq!(
        scene.standing(&reader, 50).await,
        on_organization(Permission::Read)
    );
    assert_eq!(scene.standing(&writer, 50).await, on_image(Permission::Write));
    let anonymous = metadata.standing("org", Some("a/b"), None, 50).await.unwrap();
    assert_eq!(anonymous, scene.stranger());
}

pub(crate) async fn a_standing_tells_a_valid_share(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let guest = scene.world.user(&scene.world.account().await).await;
    let shared = Standing {
        shared: true,
        ..scene.stranger()
    };
    let terms = |expires_at| ShareTerms {
        expires_at,
        ..ShareTerms::default()
    };
    let account = metadata.account_by_id(&guest.account_id).await.unwrap().unwrap();
    assert_eq!(scene.standing(&guest, 50).await, scene.stranger());
    scene
        .world
        .share(scene.repository, &guest.account_id, Some(100))
        .await
        .unwrap();
    assert_eq!(scene.standing(&guest, 99).await, shared);
    assert_eq!(scene.standing(&guest, 100).await, scene.stranger());
    let update = metadata.update_share(scene.repository, &account.name, terms(None), 2);
    assert!(update.await.unwrap());
    assert_eq!(scene.standing(&guest, i64::MAX).await, shared);
    assert!(
        metadata
            .delete_share(scene.repository, &account.name)
            .await
            .unwrap()
    );
    assert_eq!(scene.standing(&guest, 50).await, scene.stranger());
}

pub(crate) async fn a_standing_tells_what_exists(world: World) {
    let scene = Scene::new(world).await;
    let metadata = &scene.world.metadata;
    let standing =
        async |organization, image| metadata.standing(organization, image, None, 50).await.unwrap();
    let no_image = Standing {
        repository: None,
        ..scene.stranger()
    };
    assert_eq!(standing("org", None).await, no_image);
    assert_eq!(standing("org", Some("a")).await, no_image);
    assert_eq!(standing("none", Some("a/b")).await, Standing::default());
    assert!(
        metadata
            .set_repository_public(scene.repository, true, 60)
            .await
            .unwrap()
    );
    let public = Some(RepositoryFacts {
        id: scene.repository,
        is_public: true,
    });
    assert_eq!(
        standing("org", Some("a/b")).await,
        Standing {
            repository: public,
            ..scene.stranger()
        }
    );
}

pub(crate) async fn lists_show_what_the_viewer_may_read(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let organization = world.organization(&owner).await;
    let other = world.organization(&world.user(&owner.account_id).await).await;
    let public = world.repository_in(organization, "public").await;
    let private = world.repository_in(organization, "private").await;
    let elsewhere = world.repository_in(other, "elsewhere").await;
    metadata.set_repository_public(public.id, true, 1).await.unwrap();
    let granted = world.user(&owner.account_id).await;
    metadata
        .add_grants(
            GrantTarget::Repository(elsewhere.id),
            &[(granted.id.clone(), Permission::Read)],
        )
        .await
        .unwrap();
    let guest = world.user(&world.account().await).await;
    world
        .share(private.id, &guest.account_id, Some(100))
        .await
        .unwrap();
    let full = |repository: &Repository| format!("o{}/{}", repository.organization_id, repository.image);
    let (public, private, elsewhere) = (full(&public), full(&private), full(&elsewhere));
    let check = async |viewer: Option<(&User, bool)>, now: i64, expected: &[&String]| {
        let viewer = match viewer {
            None => Viewer::Anonymous,
            Some((user, administrator)) => Viewer::User {
                user_id: &user.id,
                account_id: &user.account_id,
                administrator,
            },
        };
        let mut listed = metadata
            .list_repositories_visible(viewer, None, 10, now)
            .await
            .unwrap();
        assert!(listed.is_sorted());
        listed.sort();
        let mut expected: Vec<String> = expected.iter().copied().cloned().collect();
        expected.sort();
        assert_eq!(listed, expected);
    };
    check(None, 50, &[&public]).await;
    check(Some((&owner, false)), 50, &[&public, &private]).await;
    check(Some((&granted, false)), 50, &[&public, &elsewhere]).await;
    check(Some((&granted, true)), 50, &[&public, &private, &elsewhere]).await;
    check(Some((&guest, true)), 50, &[&public, &private]).await;
    check(Some((&guest, true)), 100, &[&public]).await;
}

pub(crate) async fn names_are_paged_in_byte_order(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let organization = world.organization(&owner).await;
    let images = ["a", "a-b", "a.b", "a/b", "a_b", "ab", "z9"];
    let mut expected: Vec<String> = images
        .iter()
        .map(|image| format!("o{organization}/{image}"))
        .collect();
    for image in images {
        world.repository_in(organization, image).await;
    }
    expected.sort();
    let viewer = Viewer::User {
        user_id: &owner.id,
        account_id: &owner.account_id,
        administrator: false,
    };
    let mut listed: Vec<String> = Vec::new();
    loop {
        let last = listed.last().cloned();
        let page = metadata
            .list_repositories_visible(viewer, last.as_deref(), 2, 1)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, expected);

    let repository = metadata.repository(&expected[0]).await.unwrap().unwrap().id;
    let mut tags = [
        "latest", "Latest", "_x", "1", "10", "2", "v1.0", "v1-0", "v1_0", "Z", "a",
    ];
    for tag in tags {
        let put = tagged(manifest(repository, "m", &[]), &[tag]);
        metadata.put_manifest(put).await.unwrap();
    }
    tags.sort_unstable();
    assert_eq!(metadata.list_tags(repository, None, 100).await.unwrap(), tags);
    assert_eq!(
        metadata.list_tags(repository, Some("Latest"), 3).await.unwrap(),
        ["Z", "_x", "a"]
    );
    assert_eq!(
        metadata.list_tags(repository, Some("0"), 1).await.unwrap(),
        ["1"],
        "after a tag that is not there"
    );
    assert_eq!(
        metadata.list_tags(repository, None, 0).await.unwrap(),
        Vec::<String>::new()
    );
}

pub(crate) async fn a_deleted_repository_leaves_its_blobs_to_reclaim(world: World) {
    let metadata = &world.metadata;
    let (one, two) = (world.repository().await, world.repository().await);
    let (own, shared) = (digest("own"), digest("shared"));
    world.push(one.id, &own, "key-own", 5).await;
    world.push(one.id, &shared, "key-shared", 5).await;
    assert!(metadata.mount_blob(one.id, two.id, &shared, 5).await.unwrap());
    let put = tagged(manifest(one.id, "m", &[&own, &shared]), &["v1"]);
    metadata.put_manifest(put).await.unwrap();
    metadata
        .create_upload(crate::world::new_upload("unfinished", one.id, 5))
        .await
        .unwrap();
    assert!(erase(metadata, one.id, 9).await);
    assert!(!erase(metadata, one.id, 9).await);
    assert!(!metadata.upload_exists("unfinished").await.unwrap());
    assert_eq!(metadata.manifest_by_tag(one.id, "v1").await.unwrap(), None);
    let queued: Vec<_> = metadata
        .take_reclaim(i64::MAX, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.key)
        .collect();
    assert_eq!(queued, ["key-own"]);
    assert_eq!(
        metadata.linked_blob(two.id, &shared).await.unwrap().unwrap().key,
        "key-shared"
    );
}
