//! What the IAM calls need: changes of people, roles of groups, temporary keys, sessions.

use crate::world::{World, conflict, id, name, new_user};
use berth_metadata::{
    AccessKey, AccessType, Conflict, Group, GroupRole, GroupUpdate, Metadata, NewUser, PeopleChange, Session,
    TemporaryKey, UserUpdate,
};

fn role(role: &str, place: &str) -> GroupRole {
    GroupRole {
        role: role.to_owned(),
        place: place.to_owned(),
    }
}

async fn group(metadata: &Metadata, account: &str, administrator: bool) -> Group {
    let group = Group {
        id: id(),
        account_id: account.to_owned(),
        name: name("group"),
        administrator,
        description: String::new(),
        created_at: 1,
    };
    metadata.create_group(group.clone()).await.unwrap();
    group
}

async fn administrator(metadata: &Metadata, account: &str) -> String {
    let user = NewUser {
        administrator: true,
        ..new_user(account, &name("admin"))
    };
    metadata.create_user(user).await.unwrap().id
}

fn disable(user_id: &str) -> PeopleChange {
    PeopleChange::UpdateUser(UserUpdate {
        user_id: user_id.to_owned(),
        enabled: Some(false),
        ..UserUpdate::default()
    })
}

pub(crate) async fn the_last_administrator_stays(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let admins = group(metadata, &account, true).await;
    let user = world.user(&account).await.id;
    metadata.add_group_member(&admins.id, &user).await.unwrap();
    let takes_away = || {
        [
            disable(&user),
            PeopleChange::DeleteUser(user.clone()),
            PeopleChange::DeleteGroup(admins.id.clone()),
            PeopleChange::RemoveMember {
                group_id: admins.id.clone(),
                user_id: user.clone(),
            },
            PeopleChange::RemoveRole {
                group_id: admins.id.clone(),
                role: role("te_admin", "domain"),
            },
        ]
    };
    for change in takes_away() {
        let refused = metadata.change_people(&account, change).await;
        assert_eq!(conflict(refused), Conflict::LastAdministrator);
    }
    assert!(metadata.user_by_id(&user).await.unwrap().unwrap().administrator);
    let second = administrator(metadata, &account).await;
    for change in takes_away().into_iter().rev().take(3) {
        metadata.change_people(&account, change).await.unwrap();
    }
    let refused = metadata.change_people(&account, disable(&second)).await;
    assert_eq!(conflict(refused), Conflict::LastAdministrator);
    assert!(metadata.change_people(&account, disable(&user)).await.unwrap());
    // An account that never had one is not held to it.
    let (empty, member) = (world.account().await, world.account().await);
    let lonely = world.user(&member).await.id;
    assert!(metadata.change_people(&member, disable(&lonely)).await.unwrap());
    assert!(!metadata.change_people(&empty, disable(&lonely)).await.unwrap());
}

pub(crate) async fn two_administrators_do_not_take_each_other_away(world: World) {
    let metadata = &world.metadata;
    for _ in 0..5 {
        let account = world.account().await;
        let (one, two) = (
            administrator(metadata, &account).await,
            administrator(metadata, &account).await,
        );
        let (first, second) = tokio::join!(
            metadata.change_people(&account, PeopleChange::DeleteUser(one)),
            metadata.change_people(&account, PeopleChange::DeleteUser(two)),
        );
        let (done, refused): (Vec<_>, Vec<_>) = [first, second].into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, 1));
        for refused in refused {
            assert_eq!(conflict(refused), Conflict::LastAdministrator);
        }
    }
}

pub(crate) async fn users_and_groups_are_changed_in_part(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let mut user = world.user(&account).await;
    let other = world.user(&account).await;
    let update = |change: UserUpdate| {
        let change = UserUpdate {
            user_id: user.id.clone(),
            ..change
        };
        metadata.change_people(&account, PeopleChange::UpdateUser(change))
    };
    let renamed = update(UserUpdate {
        name: Some("renamed".to_owned()),
        ..UserUpdate::default()
    });
    assert!(renamed.await.unwrap());
    let rest = update(UserUpdate {
        password_hash: Some("$argon2id$y".to_owned()),
        access: Some(AccessType::Console),
        enabled: Some(false),
        description: Some("left".to_owned()),
        ..UserUpdate::default()
    });
    assert!(rest.await.unwrap());
    let taken = update(UserUpdate {
        name: Some(other.name),
        ..UserUpdate::default()
    });
    assert_eq!(conflict(taken.await), Conflict::UserExists);
    (user.name, user.password_hash) = ("renamed".to_owned(), Some("$argon2id$y".to_owned()));
    (user.access, user.enabled, user.description) = (AccessType::Console, false, "left".to_owned());
    assert_eq!(metadata.user_by_id(&user.id).await.unwrap().as_ref(), Some(&user));

    let mut members = group(metadata, &account, false).await;
    let taken = group(metadata, &account, false).await.name;
    let update = |name: Option<&str>, description: Option<&str>| {
        let change = GroupUpdate {
            group_id: members.id.clone(),
            name: name.map(str::to_owned),
            description: description.map(str::to_owned),
        };
        metadata.change_people(&account, PeopleChange::UpdateGroup(change))
    };
    assert!(update(Some("crew"), None).await.unwrap());
    assert!(update(None, Some("everybody")).await.unwrap());
    assert_eq!(conflict(update(Some(&taken), None).await), Conflict::GroupExists);
    (members.name, members.description) = ("crew".to_owned(), "everybody".to_owned());
    assert_eq!(
        metadata.group_by_id(&members.id).await.unwrap(),
        Some(members.clone())
    );
    metadata.add_group_member(&members.id, &user.id).await.unwrap();
    assert_eq!(
        metadata.list_groups_of_user(&user.id).await.unwrap(),
        [members.clone()]
    );
    let elsewhere = world.account().await;
    let away = PeopleChange::DeleteGroup(members.id.clone());
    assert!(!metadata.change_people(&elsewhere, away.clone()).await.unwrap());
    assert!(metadata.change_people(&account, away).await.unwrap());
    assert_eq!(metadata.list_groups_of_user(&user.id).await.unwrap(), []);
}

pub(crate) async fn a_group_administers_while_it_has_a_role(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let made = group(metadata, &account, true).await;
    assert_eq!(
        metadata.group_roles(&made.id).await.unwrap(),
        [role("te_admin", "domain")]
    );
    let crew = group(metadata, &account, false).await;
    let administers = async || {
        metadata
            .group_by_id(&crew.id)
            .await
            .unwrap()
            .unwrap()
            .administrator
    };
    let (domain, project) = (role("te_admin", "domain"), role("swr_adm", "project"));
    assert!(metadata.add_group_role(&crew.id, domain.clone()).await.unwrap());
    assert!(!metadata.add_group_role(&crew.id, domain.clone()).await.unwrap());
    assert!(metadata.add_group_role(&crew.id, project.clone()).await.unwrap());
    assert_eq!(
        metadata.group_roles(&crew.id).await.unwrap(),
        [domain.clone(), project.clone()]
    );
    for (taken, still) in [(domain, true), (project, false)] {
        assert!(administers().await);
        let taken = PeopleChange::RemoveRole {
            group_id: crew.id.clone(),
            role: taken,
        };
        assert!(metadata.change_people(&account, taken.clone()).await.unwrap());
        assert!(!metadata.change_people(&account, taken).await.unwrap());
        assert_eq!(administers().await, still);
    }
    let gone = metadata.add_group_role(&id(), role("te_admin", "domain")).await;
    assert_eq!(conflict(gone), Conflict::GroupGone);
}

fn key(user_id: &str) -> AccessKey {
    AccessKey {
        access_key_id: name("AK"),
        user_id: user_id.to_owned(),
        secret_encrypted: vec![7],
        enabled: true,
        description: String::new(),
        created_at: 5,
        last_used_at: None,
        expires_at: None,
    }
}

pub(crate) async fn access_keys_are_described_and_switched(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let mut key = key(&user.id);
    metadata.create_access_key(key.clone(), 20).await.unwrap();
    for (enabled, description) in [
        (Some(false), None),
        (None, Some("build server")),
        (Some(true), Some("")),
        (None, None),
    ] {
        let changed = metadata
            .update_access_key(&key.access_key_id, enabled, description)
            .await;
        assert!(changed.unwrap());
        key.enabled = enabled.unwrap_or(key.enabled);
        key.description = description.map_or(key.description, str::to_owned);
        let (found, _) = metadata.access_key(&key.access_key_id).await.unwrap().unwrap();
        assert_eq!(found, key);
    }
    assert!(
        !metadata
            .update_access_key("missing", Some(true), None)
            .await
            .unwrap()
    );
}

pub(crate) async fn temporary_keys_end_with_what_made_them(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let made_with = key(&user.id);
    metadata.create_access_key(made_with.clone(), 20).await.unwrap();
    let temporary = |made_with: Option<&str>, expires_at| TemporaryKey {
        access_key_id: name("TMP"),
        user_id: user.id.clone(),
        secret_encrypted: vec![1, 2],
        token_hash: vec![3; 32],
        made_with: made_with.map(str::to_owned),
        password_fingerprint: made_with.is_none().then(|| "0123".to_owned()),
        created_at: 5,
        expires_at,
    };
    let rooted = temporary(Some(&made_with.access_key_id), 50);
    let free = temporary(None, 60);
    for key in [&rooted, &free] {
        metadata.create_temporary_key(key.clone()).await.unwrap();
        assert_eq!(
            conflict(metadata.create_temporary_key(key.clone()).await),
            Conflict::AccessKeyExists
        );
    }
    let found = metadata.temporary_key(&rooted.access_key_id).await.unwrap();
    assert_eq!(found, Some((rooted.clone(), user.clone(), true)));
    metadata
        .set_access_key_enabled(&made_with.access_key_id, false)
        .await
        .unwrap();
    let found = metadata.temporary_key(&rooted.access_key_id).await.unwrap();
    assert_eq!(found, Some((rooted.clone(), user.clone(), false)));
    metadata
        .delete_access_key(&made_with.access_key_id)
        .await
        .unwrap();
    assert_eq!(metadata.temporary_key(&rooted.access_key_id).await.unwrap(), None);
    assert_eq!(
        conflict(metadata.create_temporary_key(rooted).await),
        Conflict::AccessKeyGone
    );
    assert_eq!(metadata.delete_expired_temporary_keys(60, 10).await.unwrap(), 0);
    assert_eq!(metadata.delete_expired_temporary_keys(61, 10).await.unwrap(), 1);
    assert_eq!(metadata.temporary_key(&free.access_key_id).await.unwrap(), None);
}

pub(crate) async fn sessions_end_with_their_user(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let session = |expires_at| Session {
        id: name("session"),
        user_id: user.id.clone(),
        password_fingerprint: "0123".to_owned(),
        created_at: 5,
        expires_at,
    };
    let (ended, signed_out, kept) = (session(50), session(60), session(60));
    for session in [&ended, &signed_out, &kept] {
        metadata.create_session(session.clone()).await.unwrap();
        let found = metadata.session(&session.id).await.unwrap();
        assert_eq!(found, Some((session.clone(), user.clone())));
    }
    assert_eq!(metadata.delete_expired_sessions(60, 10).await.unwrap(), 1);
    assert_eq!(metadata.session(&ended.id).await.unwrap(), None);
    assert!(metadata.delete_session(&signed_out.id).await.unwrap());
    assert!(!metadata.delete_session(&signed_out.id).await.unwrap());
    metadata.delete_user(&user.id).await.unwrap();
    assert_eq!(metadata.session(&kept.id).await.unwrap(), None);
    assert_eq!(conflict(metadata.create_session(kept).await), Conflict::UserGone);
}
