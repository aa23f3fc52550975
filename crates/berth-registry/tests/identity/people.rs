//! Accounts, users, groups and keys: who may make and change them.

use berth_metadata::AccessType;
use berth_registry::{Caller, GroupRole, NewPerson, Switch};

use crate::harness::{Installation, PASSWORD, outcome};

fn person(name: &str) -> NewPerson {
    NewPerson {
        name: name.to_owned(),
        password: None,
        access: AccessType::Both,
        administrator: false,
        description: String::new(),
    }
}

#[tokio::test]
async fn accounts_are_the_operators_and_users_the_administrators() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    registry
        .create_account(&Caller::System, "elsewhere")
        .await
        .unwrap();
    let administrator = installation.administrator().await;
    let member = installation.member("mary").await;
    let (no, login) = (
        "denied: you do not have the permission",
        "authentication required",
    );
    for (number, (caller, accounts, own, other)) in [
        (&Caller::System, "ok", "ok", "ok"),
        (&administrator, no, "ok", no),
        (&member, no, no, no),
        (&Caller::Anonymous, login, login, login),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("new{number}");
        assert_eq!(
            outcome(&registry.create_account(caller, &name).await),
            accounts,
            "{number}"
        );
        assert_eq!(
            outcome(&registry.list_accounts(caller).await),
            accounts,
            "{number}"
        );
        for (account, expected) in [("berth", own), ("elsewhere", other)] {
            let results = [
                outcome(&registry.create_user(caller, account, person(&name)).await),
                outcome(&registry.list_users(caller, account).await),
                outcome(&registry.list_groups(caller, account).await),
                outcome(
                    &registry
                        .create_group(caller, account, &name, GroupRole::Members)
                        .await,
                ),
                outcome(&registry.list_organizations_of(caller, account).await),
            ];
            assert_eq!(results, [expected; 5], "{number} {account}");
        }
    }
}

#[tokio::test]
async fn a_key_of_another_account_is_like_one_that_is_not() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    registry
        .create_account(&Caller::System, "elsewhere")
        .await
        .unwrap();
    registry
        .create_user(&Caller::System, "elsewhere", person("sam"))
        .await
        .unwrap();
    let theirs = registry
        .create_access_key(&Caller::System, "elsewhere", "sam")
        .await
        .unwrap();
    let administrator = installation.administrator().await;
    for (caller, id, expected) in [
        (
            &administrator,
            theirs.access_key_id.as_str(),
            format!("access key {} does not exist", theirs.access_key_id),
        ),
        (
            &administrator,
            "AKMISSING",
            "access key AKMISSING does not exist".to_owned(),
        ),
        (
            &Caller::Anonymous,
            "AKMISSING",
            "authentication required".to_owned(),
        ),
        (
            &Caller::Anonymous,
            &theirs.access_key_id,
            "authentication required".to_owned(),
        ),
        (&administrator, &installation.key.access_key_id, "ok".to_owned()),
    ] {
        assert_eq!(
            outcome(&registry.switch_access_key(caller, id, Switch::Disabled).await),
            expected
        );
        assert_eq!(outcome(&registry.delete_access_key(caller, id).await), expected);
    }
}

#[tokio::test]
async fn names_are_unique_in_an_account_and_unknown_ones_are_said() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let system = &Caller::System;
    registry.create_account(system, "elsewhere").await.unwrap();
    registry
        .create_group(system, "berth", "team", GroupRole::Members)
        .await
        .unwrap();
    for (result, expected) in [
        (
            outcome(&registry.create_account(system, "berth").await),
            "account 'berth' already exists",
        ),
        (
            outcome(&registry.create_user(system, "berth", person("admin")).await),
            "user 'admin' of account 'berth' already exists",
        ),
        (
            outcome(&registry.create_user(system, "elsewhere", person("admin")).await),
            "ok",
        ),
        (
            outcome(&registry.create_user(system, "missing", person("admin")).await),
            "account 'missing' does not exist",
        ),
        (
            outcome(
                &registry
                    .create_group(system, "berth", "team", GroupRole::Members)
                    .await,
            ),
            "group 'team' of account 'berth' already exists",
        ),
        (
            outcome(&registry.add_member(system, "berth", "team", "nobody").await),
            "user 'nobody' of account 'berth' does not exist",
        ),
        (
            outcome(&registry.add_member(system, "berth", "other", "admin").await),
            "group 'other' of account 'berth' does not exist",
        ),
        (
            outcome(&registry.reset_password(system, "berth", "nobody", PASSWORD).await),
            "user 'nobody' of account 'berth' does not exist",
        ),
    ] {
        assert_eq!(result, expected);
    }
}

#[tokio::test]
async fn an_administrators_group_makes_administrators_from_the_next_request_on() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let system = &Caller::System;
    installation.person("mary", AccessType::Both).await;
    registry
        .create_group(system, "berth", "admins", GroupRole::Administrators)
        .await
        .unwrap();
    let is_administrator = || async {
        match installation.login("mary", PASSWORD).await {
            Ok(Caller::User(user)) => user.administrator,
            other => panic!("{other:?}"),
        }
    };
    assert!(!is_administrator().await);
    registry
        .add_member(system, "berth", "admins", "mary")
        .await
        .unwrap();
    assert!(is_administrator().await);
    registry
        .remove_member(system, "berth", "admins", "mary")
        .await
        .unwrap();
    assert!(!is_administrator().await);
}

#[tokio::test]
async fn a_user_has_so_many_keys_and_no_more() {
    let installation = Installation::start().await;
    for _ in 1..20 {
        installation
            .registry
            .create_access_key(&Caller::System, "berth", "admin")
            .await
            .unwrap();
    }
    let more = installation
        .registry
        .create_access_key(&Caller::System, "berth", "admin")
        .await;
    assert!(
        outcome(&more).contains("has 20 access keys"),
        "{}",
        outcome(&more)
    );
}
