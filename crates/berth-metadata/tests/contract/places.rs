//! Organisations, rights, repositories and what is seen of them.

use crate::world::{World, conflict, digest, id, manifest, name, new_organization, new_repository, tagged};
use berth_metadata::{
    Conflict, Grant, NewOrganization, OrganizationsPage, Permission, Repository, RepositoryFacts, Standing,
    User, Viewer,
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
    let grants = metadata.organization_grants(made.id).await.unwrap();
    let expected = Grant {
        user_id: one.id,
        user_name: one.name,
        permission: Permission::Manage,
    };
    assert_eq!(grants, [expected], "the creator manages it");
    assert!(metadata.delete_organization("group").await.unwrap());
    assert!(!metadata.delete_organization("group").await.unwrap());
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
            .all(|result| conflict(result) == Conflict::OrganizationQuota)
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
        .add_organization_grants(ids[0], &[(user.id.clone(), Permission::Read)])
        .await
        .unwrap();
    let repository = world.repository_in(ids[1], "image").await;
    metadata
        .add_repository_grants(repository.id, &[(user.id.clone(), Permission::Write)])
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
        conflict(metadata.create_repository(new).await),
        Conflict::RepositoryExists
    );
    let nowhere = metadata.ensure_repository(new_repository(-1, "image")).await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
    assert_eq!(
        conflict(metadata.delete_organization("full").await),
        Conflict::OrganizationNotEmpty
    );
    assert!(metadata.delete_repository(made.id, 9).await.unwrap());
    assert!(metadata.delete_organization("full").await.unwrap());
    assert_eq!(metadata.organization("full").await.unwrap(), None);
}

pub(crate) async fn grants_change_all_or_none(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let organization = world.organization(&owner).await;
    let repository = world.repository_in(organization, "image").await.id;
    let (one, two) = (
        world.user(&owner.account_id).await,
        world.user(&owner.account_id).await,
    );
    let pair = |user: &User, permission| (user.id.clone(), permission);
    let (read, write) = (Permission::Read, Permission::Write);
    let exists = Conflict::GrantExists {
        user_id: one.id.clone(),
    };
    let missing = Conflict::GrantMissing {
        user_id: two.id.clone(),
    };

    metadata
        .add_repository_grants(repository, &[pair(&one, read)])
        .await
        .unwrap();
    let added = metadata
        .add_repository_grants(repository, &[pair(&two, read), pair(&one, write)])
        .await;
    assert_eq!(conflict(added), exists);
    let changed = metadata
        .update_repository_grants(repository, &[pair(&one, write), pair(&two, read)])
        .await;
    assert_eq!(conflict(changed), missing);
    let removed = metadata
        .remove_repository_grants(repository, &[one.id.clone(), two.id.clone()])
        .await;
    assert_eq!(conflict(removed), missing);
    let expected = Grant {
        user_id: one.id.clone(),
        user_name: one.name.clone(),
        permission: read,
    };
    assert_eq!(
        metadata.repository_grants(repository).await.unwrap(),
        [expected.clone()]
    );
    metadata
        .update_repository_grants(repository, &[pair(&one, write)])
        .await
        .unwrap();
    assert_eq!(
        metadata.repository_grants(repository).await.unwrap()[0].permission,
        write
    );
    metadata
        .remove_repository_grants(repository, std::slice::from_ref(&one.id))
        .await
        .unwrap();
    assert_eq!(metadata.repository_grants(repository).await.unwrap(), []);

    let nobody = metadata
        .add_organization_grants(organization, &[(id(), read)])
        .await;
    assert_eq!(conflict(nobody), Conflict::UserGone);
    metadata
        .add_organization_grants(organization, &[pair(&one, read), pair(&two, write)])
        .await
        .unwrap();
    metadata
        .update_organization_grants(organization, &[pair(&two, read)])
        .await
        .unwrap();
    metadata
        .remove_organization_grants(organization, &[owner.id.clone(), two.id.clone()])
        .await
        .unwrap();
    assert_eq!(
        metadata.organization_grants(organization).await.unwrap(),
        [expected]
    );
}

pub(crate) async fn a_standing_tells_what_a_decision_needs(world: World) {
    let metadata = &world.metadata;
    let owner = world.user(&world.account().await).await;
    let organization = metadata
        .create_organization(new_organization("org", &owner))
        .await
        .unwrap();
    let repository = world.repository_in(organization.id, "a/b").await;
    let (reader, writer) = (
        world.user(&owner.account_id).await,
        world.user(&owner.account_id).await,
    );
    let guest = world.user(&world.account().await).await;
    metadata
        .add_organization_grants(organization.id, &[(reader.id.clone(), Permission::Read)])
        .await
        .unwrap();
    metadata
        .add_repository_grants(repository.id, &[(writer.id.clone(), Permission::Write)])
        .await
        .unwrap();
    metadata
        .share_repository(repository.id, &guest.account_id, Some(100), 1)
        .await
        .unwrap();
    let whole = Standing {
        organization: Some(berth_metadata::OrganizationFacts {
            id: organization.id,
            account_id: owner.account_id.clone(),
        }),
        repository: Some(RepositoryFacts {
            id: repository.id,
            is_public: false,
        }),
        ..Standing::default()
    };
    let check = async |image: Option<&str>, viewer: Option<&User>, now: i64, expected: Standing| {
        let viewer = viewer.map(|user| (user.id.as_str(), user.account_id.as_str()));
        assert_eq!(
            metadata.standing("org", image, viewer, now).await.unwrap(),
            expected,
            "{image:?} {viewer:?}"
        );
    };
    let image = Some("a/b");
    check(image, None, 50, whole.clone()).await;
    let manage = Some(Permission::Manage);
    check(
        image,
        Some(&owner),
        50,
        Standing {
            organization_permission: manage,
            ..whole.clone()
        },
    )
    .await;
    let read = Some(Permission::Read);
    check(
        image,
        Some(&reader),
        50,
        Standing {
            organization_permission: read,
            ..whole.clone()
        },
    )
    .await;
    let write = Some(Permission::Write);
    check(
        image,
        Some(&writer),
        50,
        Standing {
            repository_permission: write,
            ..whole.clone()
        },
    )
    .await;
    check(
        image,
        Some(&guest),
        99,
        Standing {
            shared: true,
            ..whole.clone()
        },
    )
    .await;
    check(image, Some(&guest), 100, whole.clone()).await;
    let without = Standing {
        repository: None,
        ..whole.clone()
    };
    check(None, Some(&writer), 50, without.clone()).await;
    check(Some("a"), Some(&guest), 50, without.clone()).await;
    metadata
        .share_repository(repository.id, &guest.account_id, None, 1)
        .await
        .unwrap();
    metadata
        .set_repository_public(repository.id, true, 60)
        .await
        .unwrap();
    let public = Some(RepositoryFacts {
        id: repository.id,
        is_public: true,
    });
    check(
        image,
        Some(&guest),
        i64::MAX,
        Standing {
            shared: true,
            repository: public,
            ..whole.clone()
        },
    )
    .await;
    assert!(
        metadata
            .unshare_repository(repository.id, &guest.account_id)
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .unshare_repository(repository.id, &guest.account_id)
            .await
            .unwrap()
    );
    check(
        image,
        Some(&guest),
        50,
        Standing {
            repository: public,
            ..whole
        },
    )
    .await;
    assert_eq!(
        metadata.standing("none", image, None, 50).await.unwrap(),
        Standing::default()
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
        .add_repository_grants(elsewhere.id, &[(granted.id.clone(), Permission::Read)])
        .await
        .unwrap();
    let guest = world.user(&world.account().await).await;
    metadata
        .share_repository(private.id, &guest.account_id, Some(100), 1)
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
    assert!(metadata.delete_repository(one.id, 9).await.unwrap());
    assert!(!metadata.delete_repository(one.id, 9).await.unwrap());
    assert!(!metadata.upload_exists("unfinished").await.unwrap());
    assert_eq!(metadata.manifest_by_tag(one.id, "v1").await.unwrap(), None);
    let queued: Vec<_> = metadata
        .take_reclaim(10)
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
