//! Accounts, users, groups, keys, secrets, the first start.

use crate::world::{World, conflict, id, name, new_organization, new_user};
use berth_metadata::{
    AccessKey, AccessType, Account, Conflict, FirstAccount, GrantTarget, Group, SigningKeyRow, TemporaryLogin,
};
use futures_util::future::join_all;

fn key(user_id: &str) -> AccessKey {
    AccessKey {
        access_key_id: name("AK"),
        user_id: user_id.to_owned(),
        secret_encrypted: vec![0, 255, 7],
        enabled: true,
        description: "build server".to_owned(),
        created_at: 5,
        last_used_at: None,
        expires_at: Some(99),
    }
}

fn login(user_id: &str, made_with: Option<&str>) -> TemporaryLogin {
    TemporaryLogin {
        id: name("TMP"),
        user_id: user_id.to_owned(),
        secret_hash: vec![1; 32],
        made_with: made_with.map(str::to_owned),
        password_fingerprint: Some("0123".to_owned()),
        project: "local".to_owned(),
        created_at: 5,
        expires_at: 50,
    }
}

pub(crate) async fn account_names_are_unique_and_listed_by_name(world: World) {
    let metadata = &world.metadata;
    let berth = metadata.create_account(&id(), "berth", 7).await.unwrap();
    metadata.create_account(&id(), "acme", 7).await.unwrap();
    assert_eq!(
        conflict(metadata.create_account(&id(), "berth", 7).await),
        Conflict::AccountExists
    );
    assert_eq!(
        conflict(metadata.create_account(&berth.id, "other", 7).await),
        Conflict::AccountExists
    );
    assert_eq!(
        metadata.account_by_name("berth").await.unwrap().as_ref(),
        Some(&berth)
    );
    assert_eq!(
        metadata.account_by_id(&berth.id).await.unwrap().as_ref(),
        Some(&berth)
    );
    assert_eq!(metadata.account_by_name("Berth").await.unwrap(), None);
    assert_eq!(metadata.count_accounts().await.unwrap(), 2);
    let names: Vec<_> = metadata
        .list_accounts(None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|a| a.name)
        .collect();
    assert_eq!(names, ["acme", "berth"]);
    assert_eq!(metadata.list_accounts(Some("acme"), 10).await.unwrap(), [berth]);
}

pub(crate) async fn user_names_are_unique_in_their_account(world: World) {
    let metadata = &world.metadata;
    let (one, two) = (world.account().await, world.account().await);
    let user = metadata.create_user(new_user(&one, "admin")).await.unwrap();
    metadata.create_user(new_user(&two, "admin")).await.unwrap();
    assert_eq!(
        conflict(metadata.create_user(new_user(&one, "admin")).await),
        Conflict::UserExists
    );
    assert_eq!(
        conflict(metadata.create_user(new_user(&id(), "admin")).await),
        Conflict::AccountGone
    );
    assert_eq!(metadata.user_by_id(&user.id).await.unwrap().as_ref(), Some(&user));
    assert_eq!(
        metadata
            .user_by_name(&user.account_name, "admin")
            .await
            .unwrap()
            .as_ref(),
        Some(&user)
    );
    assert_eq!(metadata.user_by_name("nobody", "admin").await.unwrap(), None);
    metadata.create_user(new_user(&one, "bob")).await.unwrap();
    let names: Vec<_> = metadata
        .list_users(&one, None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|u| u.name)
        .collect();
    assert_eq!(names, ["admin", "bob"]);
    assert_eq!(metadata.list_users(&one, Some("bob"), 10).await.unwrap(), []);
}

pub(crate) async fn user_settings_are_kept(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let mut user = world.user(&account).await;
    assert!(user.enabled && !user.administrator);
    assert!(
        metadata
            .set_password_hash(&user.id, Some("$argon2id$x"))
            .await
            .unwrap()
    );
    assert!(metadata.set_user_enabled(&user.id, false).await.unwrap());
    assert!(metadata.set_user_administrator(&user.id, true).await.unwrap());
    (user.password_hash, user.enabled) = (Some("$argon2id$x".to_owned()), false);
    (user.administrator, user.own_administrator) = (true, true);
    for access in [AccessType::Console, AccessType::Programmatic, AccessType::Both] {
        assert!(metadata.set_user_access(&user.id, access).await.unwrap());
        user.access = access;
        assert_eq!(metadata.user_by_id(&user.id).await.unwrap().as_ref(), Some(&user));
    }
    // Only who knows what it is now replaces it, and of two at once one.
    for (old, expected) in [
        ("$argon2id$old", false),
        ("$argon2id$x", true),
        ("$argon2id$x", false),
    ] {
        let replaced = metadata.replace_password_hash(&user.id, old, "$argon2id$y").await;
        assert_eq!(replaced.unwrap(), expected, "{old}");
    }
    assert!(metadata.set_password_hash(&user.id, None).await.unwrap());
    assert_eq!(
        metadata
            .user_by_id(&user.id)
            .await
            .unwrap()
            .unwrap()
            .password_hash,
        None
    );
    assert!(!metadata.set_password_hash("nobody", None).await.unwrap());
    assert!(!metadata.set_user_enabled("nobody", true).await.unwrap());
}

pub(crate) async fn a_group_makes_its_members_administrators(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let user = world.user(&account).await;
    let stranger = world.user(&world.account().await).await;
    let group = |name: &str, administrator| Group {
        id: id(),
        account_id: account.clone(),
        name: name.to_owned(),
        administrator,
        description: "people".to_owned(),
        created_at: 1,
    };
    let (admins, readers) = (group("admins", true), group("readers", false));
    metadata.create_group(admins.clone()).await.unwrap();
    metadata.create_group(readers.clone()).await.unwrap();
    assert_eq!(
        conflict(metadata.create_group(group("admins", false)).await),
        Conflict::GroupExists
    );
    let orphan = Group {
        account_id: id(),
        ..group("x", false)
    };
    assert_eq!(
        conflict(metadata.create_group(orphan).await),
        Conflict::AccountGone
    );
    let administrator = async || {
        let user = metadata.user_by_id(&user.id).await.unwrap().unwrap();
        (user.administrator, user.own_administrator)
    };
    assert!(metadata.add_group_member(&readers.id, &user.id).await.unwrap());
    assert_eq!(administrator().await, (false, false));
    assert!(metadata.add_group_member(&admins.id, &user.id).await.unwrap());
    assert!(!metadata.add_group_member(&admins.id, &user.id).await.unwrap());
    assert_eq!(administrator().await, (true, false));
    assert_eq!(
        metadata.list_group_members(&admins.id).await.unwrap()[0].id,
        user.id
    );
    assert_eq!(
        conflict(metadata.add_group_member(&admins.id, &stranger.id).await),
        Conflict::UserGone
    );
    assert!(metadata.remove_group_member(&admins.id, &user.id).await.unwrap());
    assert!(!metadata.remove_group_member(&admins.id, &user.id).await.unwrap());
    assert_eq!(administrator().await, (false, false));
    assert_eq!(
        metadata.list_groups(&account, None, 10).await.unwrap(),
        [admins.clone(), readers.clone()]
    );
    assert_eq!(
        metadata.group_by_name(&account, "readers").await.unwrap(),
        Some(readers)
    );
    metadata.add_group_member(&admins.id, &user.id).await.unwrap();
    assert!(metadata.delete_group(&admins.id).await.unwrap());
    assert_eq!(administrator().await, (false, false));
}

pub(crate) async fn a_deleted_user_takes_its_keys_and_grants_along(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let user = world.user(&account).await;
    let key = key(&user.id);
    metadata.create_access_key(key.clone(), 20).await.unwrap();
    let organization = metadata
        .create_organization(new_organization(&name("org"), &user))
        .await
        .unwrap();
    assert!(metadata.delete_user(&user.id).await.unwrap());
    assert!(!metadata.delete_user(&user.id).await.unwrap());
    assert_eq!(metadata.access_key(&key.access_key_id).await.unwrap(), None);
    assert_eq!(
        metadata
            .grants(GrantTarget::Organization(organization.id))
            .await
            .unwrap(),
        []
    );
    let kept = metadata.organization(&organization.name).await.unwrap().unwrap();
    assert_eq!(
        kept.creator_name, user.name,
        "the organisation stays and remembers its creator"
    );
}

pub(crate) async fn no_more_keys_than_allowed_at_once(world: World) {
    let user = world.user(&world.account().await).await;
    let keys: Vec<AccessKey> = (0..8)
        .map(|_| AccessKey {
            access_key_id: name("AK"),
            ..key(&user.id)
        })
        .collect();
    let made = keys
        .into_iter()
        .map(|key| world.metadata.create_access_key(key, 3));
    let (made, refused): (Vec<_>, Vec<_>) = futures_util::future::join_all(made)
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (3, 5));
    for result in refused {
        assert_eq!(conflict(result), Conflict::TooMany);
    }
}

pub(crate) async fn access_keys_come_with_their_user(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let mut key = key(&user.id);
    metadata.create_access_key(key.clone(), 20).await.unwrap();
    assert_eq!(
        conflict(metadata.create_access_key(key.clone(), 20).await),
        Conflict::AccessKeyExists
    );
    let orphan = AccessKey {
        access_key_id: name("AK"),
        user_id: id(),
        ..key.clone()
    };
    assert_eq!(
        conflict(metadata.create_access_key(orphan, 20).await),
        Conflict::UserGone
    );
    assert_eq!(
        metadata.access_key(&key.access_key_id).await.unwrap(),
        Some((key.clone(), user.clone()))
    );
    metadata.touch_access_key(&key.access_key_id, 70).await.unwrap();
    metadata.touch_access_key(&key.access_key_id, 60).await.unwrap();
    assert!(
        metadata
            .set_access_key_enabled(&key.access_key_id, false)
            .await
            .unwrap()
    );
    (key.last_used_at, key.enabled) = (Some(70), false);
    assert_eq!(metadata.list_access_keys(&user.id).await.unwrap(), [key.clone()]);
    assert!(metadata.delete_access_key(&key.access_key_id).await.unwrap());
    assert!(!metadata.delete_access_key(&key.access_key_id).await.unwrap());
    assert_eq!(metadata.access_key(&key.access_key_id).await.unwrap(), None);
}

/// A stranger's login name goes into a question as it came.
pub(crate) async fn nobody_has_a_name_with_a_zero_byte(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let name = format!("{}\0", user.name);
    assert_eq!(
        metadata.user_by_name(&user.account_name, &name).await.unwrap(),
        None
    );
    assert_eq!(metadata.user_by_id("\0").await.unwrap(), None);
    assert_eq!(metadata.access_key("AK\0").await.unwrap(), None);
    assert_eq!(metadata.temporary_login("AK\0").await.unwrap(), None);
}

pub(crate) async fn temporary_logins_end_with_the_key_they_were_made_with(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let key = key(&user.id);
    metadata.create_access_key(key.clone(), 20).await.unwrap();
    let made_with_key = login(&user.id, Some(&key.access_key_id));
    let plain = login(&user.id, None);
    metadata
        .create_temporary_login(made_with_key.clone())
        .await
        .unwrap();
    metadata.create_temporary_login(plain.clone()).await.unwrap();
    let orphan = login(&user.id, Some("gone"));
    assert_eq!(
        conflict(metadata.create_temporary_login(orphan).await),
        Conflict::AccessKeyGone
    );
    let found = metadata.temporary_login(&made_with_key.id).await.unwrap();
    assert_eq!(found, Some((made_with_key.clone(), user.clone(), true)));
    metadata
        .set_access_key_enabled(&key.access_key_id, false)
        .await
        .unwrap();
    let (_, _, made_with_enabled) = metadata
        .temporary_login(&made_with_key.id)
        .await
        .unwrap()
        .unwrap();
    assert!(!made_with_enabled);
    metadata.delete_access_key(&key.access_key_id).await.unwrap();
    assert_eq!(metadata.temporary_login(&made_with_key.id).await.unwrap(), None);
    assert_eq!(
        metadata.temporary_login(&plain.id).await.unwrap(),
        Some((plain.clone(), user.clone(), true))
    );
    assert_eq!(
        metadata
            .delete_expired_temporary_logins(plain.expires_at, 10)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        metadata
            .delete_expired_temporary_logins(plain.expires_at + 1, 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(metadata.temporary_login(&plain.id).await.unwrap(), None);
}

pub(crate) async fn the_registry_is_bootstrapped_once(world: World) {
    let start = || {
        let account = Account {
            id: id(),
            name: "berth".to_owned(),
            created_at: 3,
        };
        let user = new_user(&account.id, "admin");
        let key = key(&user.id);
        FirstAccount { account, user, key }
    };
    let tries = join_all((0..8).map(|_| world.metadata.create_first(start()))).await;
    let (won, lost): (Vec<_>, Vec<_>) = tries.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(
        lost.into_iter()
            .all(|result| conflict(result) == Conflict::AlreadyBootstrapped)
    );
    let user = won.into_iter().next().unwrap().unwrap();
    assert_eq!(
        world
            .metadata
            .user_by_name("berth", "admin")
            .await
            .unwrap()
            .as_ref(),
        Some(&user)
    );
    assert_eq!(world.metadata.list_access_keys(&user.id).await.unwrap().len(), 1);
    assert_eq!(
        world
            .metadata
            .instance_value("bootstrapped_at")
            .await
            .unwrap()
            .as_deref(),
        Some("3")
    );
}

pub(crate) async fn replicas_agree_on_signing_keys_and_instance_values(world: World) {
    let other = world.again().await;
    let keys = join_all((0..8_i64).map(|n| {
        let metadata = if n % 2 == 0 {
            &world.metadata
        } else {
            &other.metadata
        };
        metadata.insert_signing_key_if_none(SigningKeyRow {
            id: format!("key{n}"),
            private_encrypted: vec![1, 2],
            created_at: n,
        })
    }))
    .await;
    let standing = world.metadata.signing_keys().await.unwrap();
    assert_eq!(standing.len(), 1);
    assert!(keys.into_iter().all(|key| key.unwrap() == standing[0]));
    let first = world
        .metadata
        .set_instance_value_if_absent("check", "one")
        .await
        .unwrap();
    let second = world
        .metadata
        .set_instance_value_if_absent("check", "two")
        .await
        .unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("one", "one"));
    assert_eq!(world.metadata.instance_value("none").await.unwrap(), None);
    other.metadata.close().await;
}
