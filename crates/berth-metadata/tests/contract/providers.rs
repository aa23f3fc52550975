//! Sign-in providers, and who their people are here.

use crate::world::{World, conflict, id, name, new_user};
use berth_metadata::{Conflict, Group, MappedGroup, NewUser, Provider, TrustRule, Vouched};

fn provider(account: &str, name: &str) -> Provider {
    Provider {
        id: 0,
        account_id: account.to_owned(),
        name: name.to_owned(),
        url: "ldaps://directory".to_owned(),
        certificate_authority: String::new(),
        terms: "{}".to_owned(),
        secret_encrypted: Some(vec![0, 1]),
        enabled: true,
        renew_ms: Some(7),
        created_at: 1,
        updated_at: 1,
    }
}

fn mapped(external: &str, group: &Group) -> MappedGroup {
    MappedGroup {
        external: external.to_owned(),
        group_id: group.id.clone(),
        group: group.name.clone(),
    }
}

async fn group(world: &World, account: &str) -> Group {
    let group = Group {
        id: id(),
        account_id: account.to_owned(),
        name: name("group"),
        administrator: false,
        description: String::new(),
        created_at: 1,
    };
    world.metadata.create_group(group.clone()).await.unwrap();
    group
}

async fn made(world: &World, account: &str, groups: Vec<MappedGroup>) -> Provider {
    let wanted = provider(account, &name("corp"));
    let named = wanted.name.clone();
    world.metadata.create_provider(wanted, groups, 9).await.unwrap();
    world.metadata.provider(account, &named).await.unwrap().unwrap()
}

fn vouched(provider: &Provider, subject: &str, groups: &[&str], newcomer: Option<NewUser>) -> Vouched {
    Vouched {
        provider_id: provider.id,
        subject: subject.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        newcomer,
        now: 5,
    }
}

pub(crate) async fn providers_are_kept_for_an_account(world: World) {
    let metadata = &world.metadata;
    let (account, other) = (world.account().await, world.account().await);
    let (here, there) = (group(&world, &account).await, group(&world, &other).await);
    let first = made(&world, &account, vec![mapped("staff", &here)]).await;
    assert_eq!(
        Provider {
            id: first.id,
            ..provider(&account, &first.name)
        },
        first
    );
    assert_eq!(
        metadata.mapped_groups(first.id).await.unwrap(),
        [mapped("staff", &here)]
    );
    let again = metadata
        .create_provider(provider(&account, &first.name), Vec::new(), 9)
        .await;
    assert_eq!(conflict(again), Conflict::Taken);
    let one_more = metadata
        .create_provider(provider(&account, "more"), Vec::new(), 1)
        .await;
    assert_eq!(conflict(one_more), Conflict::TooMany);
    // Another account's group would be a way into it.
    let foreign = metadata
        .create_provider(provider(&account, "more"), vec![mapped("staff", &there)], 9)
        .await;
    assert_eq!(conflict(foreign), Conflict::GroupGone);
    assert_eq!(metadata.provider(&account, "more").await.unwrap(), None);
    assert_eq!(metadata.provider(&other, &first.name).await.unwrap(), None);
    let changed = Provider {
        url: "ldaps://other".to_owned(),
        secret_encrypted: None,
        enabled: false,
        renew_ms: None,
        updated_at: 2,
        ..first.clone()
    };
    metadata
        .update_provider(changed.clone(), Some(Vec::new()), 1)
        .await
        .unwrap();
    assert_eq!(
        metadata.list_providers(&account).await.unwrap(),
        std::slice::from_ref(&changed)
    );
    assert_eq!(metadata.mapped_groups(first.id).await.unwrap(), []);
    let late = metadata.update_provider(changed, None, 1).await;
    assert_eq!(conflict(late), Conflict::Changed);
    let enabled = metadata.enabled_providers().await.unwrap();
    assert!(enabled.iter().all(|provider| provider.id != first.id));
    assert!(metadata.delete_provider(&account, &first.name).await.unwrap());
    assert!(!metadata.delete_provider(&account, &first.name).await.unwrap());
}

pub(crate) async fn a_person_is_one_user_in_the_groups_that_theirs_are(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let (staff, admins, own) = (
        group(&world, &account).await,
        group(&world, &account).await,
        group(&world, &account).await,
    );
    let first = made(
        &world,
        &account,
        vec![
            mapped("staff", &staff),
            mapped("boss", &staff),
            mapped("boss", &admins),
        ],
    )
    .await;
    assert_eq!(
        metadata
            .admit_vouched(vouched(&first, "s1", &[], None))
            .await
            .unwrap(),
        None
    );
    let new = new_user(&account, &name("mary"));
    let user = metadata
        .admit_vouched(vouched(&first, "s1", &["boss", "unknown"], Some(new.clone())))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(user.name, new.name);
    let groups = async || -> Vec<String> {
        let groups = metadata.list_groups_of_user(&user.id).await.unwrap();
        groups.into_iter().map(|group| group.id).collect()
    };
    let sorted = |groups: &[&Group]| {
        let mut groups: Vec<&Group> = groups.to_vec();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(groups().await, sorted(&[&staff, &admins]));
    metadata.add_group_member(&own.id, &user.id).await.unwrap();
    // Another name is nothing: the subject is who it is.
    for (there, expected) in [
        (&["staff"][..], sorted(&[&staff, &own])),
        (&[][..], sorted(&[&own])),
        (&["boss"][..], sorted(&[&staff, &admins, &own])),
    ] {
        let other_name = Some(new_user(&account, &name("maria")));
        let same = metadata
            .admit_vouched(vouched(&first, "s1", there, other_name))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((&same.id, &same.name), (&user.id, &user.name));
        assert_eq!(groups().await, expected);
    }
}

pub(crate) async fn a_name_that_is_taken_makes_nobody(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let first = made(&world, &account, Vec::new()).await;
    let new = new_user(&account, &name("mary"));
    let user = metadata
        .admit_vouched(vouched(&first, "s1", &[], Some(new)))
        .await
        .unwrap()
        .unwrap();
    let taken = metadata
        .admit_vouched(vouched(&first, "s2", &[], Some(new_user(&account, &user.name))))
        .await;
    assert_eq!(conflict(taken), Conflict::UserExists);
    assert_eq!(
        metadata
            .admit_vouched(vouched(&first, "s2", &[], None))
            .await
            .unwrap(),
        None
    );
    // The same subject at another provider is somebody else.
    let second = made(&world, &account, Vec::new()).await;
    assert_eq!(
        metadata
            .admit_vouched(vouched(&second, "s1", &[], None))
            .await
            .unwrap(),
        None
    );
    let known = metadata.identity_of_user(&user.id).await.unwrap().unwrap();
    assert_eq!(
        (known.provider_id, known.subject.as_str(), known.confirmed_at),
        (first.id, "s1", 5)
    );
}

pub(crate) async fn who_is_not_vouched_for_is_kept_out_until_they_are(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let first = made(&world, &account, Vec::new()).await;
    let admit = async |newcomer| {
        let admitted = metadata.admit_vouched(vouched(&first, "s1", &[], newcomer)).await;
        admitted.unwrap().unwrap()
    };
    let user = admit(Some(new_user(&account, &name("mary")))).await;
    let standing = metadata.standing_identities(first.id, "", 9).await.unwrap();
    assert_eq!(standing.len(), 1);
    let late = berth_metadata::Identity {
        confirmed_at: 4,
        ..standing[0].clone()
    };
    assert!(
        !metadata.lapse(late, 6).await.unwrap(),
        "they signed in meanwhile"
    );
    assert!(metadata.lapse(standing[0].clone(), 6).await.unwrap());
    assert!(!metadata.lapse(standing[0].clone(), 6).await.unwrap());
    assert_eq!(metadata.standing_identities(first.id, "", 9).await.unwrap(), []);
    assert!(!metadata.user_by_id(&user.id).await.unwrap().unwrap().enabled);
    assert!(admit(None).await.enabled, "a sign-in undoes what its absence did");
    // An administrator's word is undone by no sign-in, also when it comes after.
    let standing = metadata.standing_identities(first.id, "", 9).await.unwrap();
    metadata.lapse(standing[0].clone(), 7).await.unwrap();
    metadata.set_user_enabled(&user.id, false).await.unwrap();
    assert!(!admit(None).await.enabled);
    metadata.delete_user(&user.id).await.unwrap();
    assert_eq!(
        metadata
            .admit_vouched(vouched(&first, "s1", &[], None))
            .await
            .unwrap(),
        None
    );
}

pub(crate) async fn trust_rules_name_users_of_their_account(world: World) {
    let metadata = &world.metadata;
    let (account, other) = (world.account().await, world.account().await);
    let (user, stranger) = (world.user(&account).await, world.user(&other).await);
    let rule = |name: &str, user: &berth_metadata::User| TrustRule {
        id: 0,
        account_id: account.clone(),
        name: name.to_owned(),
        issuer: "https://issuer".to_owned(),
        certificate_authority: String::new(),
        audience: "berth".to_owned(),
        claims: "{}".to_owned(),
        user_id: user.id.clone(),
        user_name: user.name.clone(),
        ttl_ms: 7,
        created_at: 1,
    };
    metadata.create_trust_rule(rule("ci", &user), 2).await.unwrap();
    let again = metadata.create_trust_rule(rule("ci", &user), 2).await;
    assert_eq!(conflict(again), Conflict::Taken);
    let foreign = metadata.create_trust_rule(rule("other", &stranger), 2).await;
    assert_eq!(conflict(foreign), Conflict::UserGone);
    let more = metadata.create_trust_rule(rule("other", &user), 1).await;
    assert_eq!(conflict(more), Conflict::TooMany);
    let found = metadata.trust_rule(&account, "ci").await.unwrap().unwrap();
    assert_eq!(
        TrustRule {
            id: found.id,
            ..rule("ci", &user)
        },
        found
    );
    assert_eq!(metadata.list_trust_rules(&account).await.unwrap(), [found]);
    assert_eq!(metadata.trust_rule(&other, "ci").await.unwrap(), None);
    assert!(!metadata.delete_trust_rule(&other, "ci").await.unwrap());
    assert!(metadata.delete_trust_rule(&account, "ci").await.unwrap());
    metadata.create_trust_rule(rule("ci", &user), 2).await.unwrap();
    metadata.delete_user(&user.id).await.unwrap();
    assert_eq!(metadata.list_trust_rules(&account).await.unwrap(), []);
}
