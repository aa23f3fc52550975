//! Shares, quotas and agencies.

use crate::world::{
    World, conflict, digest, id, manifest, name, new_organization, new_repository, new_share, new_user,
    tagged, unkept,
};
use berth_metadata::{Conflict, Error, NewOrganization, NewShare, Quotas, RepositoryEdit, Share, ShareTerms};
use futures_util::future::join_all;

pub(crate) async fn a_share_says_what_it_was_given(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    for account in ["b-account", "a-account", "c-account"] {
        metadata.create_account(&id(), account, 1).await.unwrap();
    }
    let share = async |account: &str, terms: ShareTerms, now| {
        let account = metadata.account_by_name(account).await.unwrap().unwrap();
        let new = NewShare {
            terms,
            creator_id: "creator".to_owned(),
            creator_name: "maria".to_owned(),
            now,
            ..new_share(repository, &account.id, None)
        };
        metadata.create_share(new).await.unwrap();
    };
    let until = ShareTerms {
        deadline_at: Some(50),
        expires_at: Some(100),
        description: "for the others".to_owned(),
    };
    share("b-account", until.clone(), 7).await;
    share("a-account", ShareTerms::default(), 8).await;
    let shown = |account: &str, terms, created_at, updated_at| Share {
        account_name: account.to_owned(),
        terms,
        creator_id: "creator".to_owned(),
        creator_name: "maria".to_owned(),
        created_at,
        updated_at,
    };
    let forever = shown("a-account", ShareTerms::default(), 8, 8);
    let listed = metadata.shares(repository).await.unwrap();
    assert_eq!(listed, [forever.clone(), shown("b-account", until.clone(), 7, 7)]);
    let update = |account, terms: &ShareTerms| metadata.update_share(repository, account, terms.clone(), 9);
    assert!(update("a-account", &until).await.unwrap());
    assert!(!update("c-account", &until).await.unwrap());
    assert!(!update("none", &until).await.unwrap());
    let found = metadata.share(repository, "a-account").await.unwrap();
    assert_eq!(found, Some(shown("a-account", until, 8, 9)));
    assert_eq!(metadata.share(repository, "c-account").await.unwrap(), None);
    assert!(metadata.delete_share(repository, "a-account").await.unwrap());
    assert!(!metadata.delete_share(repository, "a-account").await.unwrap());
    assert_eq!(metadata.shares(repository).await.unwrap().len(), 1);
}

pub(crate) async fn shares_are_of_private_repositories_with_accounts_that_exist(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let guest = world.account().await;
    let nobody = world.share(repository, &id(), None).await;
    assert_eq!(conflict(nobody), Conflict::AccountGone);
    let nowhere = world.share(-1, &guest, None).await;
    assert_eq!(conflict(nowhere), Conflict::RepositoryGone);
    metadata.set_repository_public(repository, true, 2).await.unwrap();
    let public = world.share(repository, &guest, None).await;
    assert_eq!(conflict(public), Conflict::RepositoryPublic);
    assert_eq!(metadata.shares(repository).await.unwrap(), []);
    metadata
        .set_repository_public(repository, false, 3)
        .await
        .unwrap();
    world.share(repository, &guest, None).await.unwrap();
    let again = world.share(repository, &guest, Some(5)).await;
    assert_eq!(conflict(again), Conflict::ShareExists);
    let listed = metadata.shares(repository).await.unwrap();
    assert_eq!(listed[0].terms, ShareTerms::default(), "the first one stays");
}

pub(crate) async fn no_more_shares_than_allowed_at_once(world: World) {
    let repository = world.repository().await.id;
    let accounts = join_all((0..8).map(|_| world.account())).await;
    let tries = join_all(accounts.iter().map(|account| {
        let limit = 3;
        let new = NewShare {
            limit,
            ..new_share(repository, account, None)
        };
        world.metadata.create_share(new)
    }))
    .await;
    assert_eq!(made_else(tries, &Conflict::ShareQuota), 3);
}

/// How many were made, the others having been refused for that reason.
#[track_caller]
fn made_else<T: std::fmt::Debug>(tries: Vec<Result<T, Error>>, reason: &Conflict) -> usize {
    let (made, refused): (Vec<_>, Vec<_>) = tries.into_iter().partition(Result::is_ok);
    for result in refused {
        assert_eq!(conflict(result), *reason);
    }
    made.len()
}

pub(crate) async fn an_agency_is_made_once(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    assert!(!metadata.has_agency(&account).await.unwrap());
    metadata.create_agency(&account, "creator", 1).await.unwrap();
    assert!(metadata.has_agency(&account).await.unwrap());
    assert!(!metadata.has_agency(&world.account().await).await.unwrap());
    let again = metadata.create_agency(&account, "creator", 2).await;
    assert_eq!(conflict(again), Conflict::AgencyExists);
    let nobody = metadata.create_agency(&id(), "creator", 2).await;
    assert_eq!(conflict(nobody), Conflict::AccountGone);
}

pub(crate) async fn quotas_are_kept_and_counted(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let colleague = world.user(&user.account_id).await;
    let account = &user.account_id;
    assert_eq!(metadata.quotas(account).await.unwrap(), Quotas::default());
    let quotas = Quotas {
        organizations_per_user: Some(2),
        repositories: None,
        tags_per_repository: Some(0),
        bytes: Some(70),
    };
    metadata.set_quotas(account, quotas, 5).await.unwrap();
    assert_eq!(metadata.quotas(account).await.unwrap(), quotas);
    metadata.set_quotas(account, Quotas::default(), 5).await.unwrap();
    assert_eq!(metadata.quotas(account).await.unwrap(), Quotas::default());
    let nobody = metadata.set_quotas(&id(), quotas, 5).await;
    assert_eq!(conflict(nobody), Conflict::AccountGone);

    let (one, two) = (
        world.organization(&user).await,
        world.organization(&colleague).await,
    );
    world.organization(&user).await;
    world.repository_in(one, "a").await;
    world.repository_in(two, "b").await;
    let begun = new_repository(two, "begun");
    metadata.ensure_repository(begun).await.unwrap();
    world.repository().await;
    let created = metadata.count_organizations_created(&user.id).await.unwrap();
    assert_eq!(created, 2);
    assert_eq!(metadata.count_repositories_of(account).await.unwrap(), 3);
}

pub(crate) async fn the_quota_of_an_account_goes_before_the_settings(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let create = || {
        metadata.create_organization(NewOrganization {
            limit: Some(1),
            ..new_organization(&name("org"), &user)
        })
    };
    create().await.unwrap();
    assert_eq!(conflict(create().await), Conflict::OrganizationQuota { limit: 1 });
    let set = async |organizations_per_user| {
        let quotas = Quotas {
            organizations_per_user,
            ..Quotas::default()
        };
        metadata.set_quotas(&user.account_id, quotas, 5).await.unwrap();
    };
    set(Some(2)).await;
    create().await.unwrap();
    assert_eq!(conflict(create().await), Conflict::OrganizationQuota { limit: 2 });
    set(Some(0)).await;
    assert_eq!(conflict(create().await), Conflict::OrganizationQuota { limit: 0 });
    set(None).await;
    assert_eq!(conflict(create().await), Conflict::OrganizationQuota { limit: 1 });
}

pub(crate) async fn the_quota_of_repositories_holds_under_concurrency(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let colleague = metadata
        .create_user(new_user(&user.account_id, "colleague"))
        .await;
    let organizations = [
        world.organization(&user).await,
        world.organization(&colleague.unwrap()).await,
    ];
    let quotas = Quotas {
        repositories: Some(5),
        ..Quotas::default()
    };
    metadata.set_quotas(&user.account_id, quotas, 5).await.unwrap();
    let create = |n: usize| async move {
        let new = new_repository(organizations[n % 2], &format!("image{n}"));
        if n.is_multiple_of(3) {
            metadata.create_repository(new, RepositoryEdit::default()).await
        } else {
            metadata.ensure_repository(new).await
        }
    };
    let tries = join_all((0..16).map(create)).await;
    let full = Conflict::RepositoryQuota { limit: 5 };
    assert_eq!(made_else(tries, &full), 5);
    assert_eq!(metadata.count_repositories_of(&user.account_id).await.unwrap(), 5);
    world.repository().await;
}

pub(crate) async fn the_quota_of_tags_holds(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let organization = world.organization(&user).await;
    let repository = world.repository_in(organization, "image").await.id;
    let quotas = Quotas {
        tags_per_repository: Some(3),
        ..Quotas::default()
    };
    metadata.set_quotas(&user.account_id, quotas, 5).await.unwrap();
    let put = |word: &'static str, tags: &[&str]| {
        metadata.put_manifest(tagged(manifest(repository, word, &[]), tags))
    };
    let full = Conflict::TagQuota { limit: 3 };
    put("one", &["v1"]).await.unwrap();
    assert_eq!(conflict(put("two", &["v2", "v3", "v4"]).await), full);
    let two = metadata.manifest_by_digest(repository, &digest("two")).await;
    assert_eq!(two.unwrap(), None, "nothing of it is kept");
    put("two", &["v1"]).await.unwrap();
    let names = ["v2", "v3", "v4", "v5"].map(|tag| [tag]);
    let tries = join_all(names.iter().map(|tag| put("three", tag))).await;
    assert_eq!(made_else(tries, &full), 2);
    put("four", &[]).await.expect("a push by digest makes no tag");
    assert_eq!(metadata.count_tags(repository).await.unwrap(), 3);
    metadata
        .delete_tag(repository, "v1", None, unkept(9))
        .await
        .unwrap();
    put("four", &["v9"]).await.unwrap();
}
