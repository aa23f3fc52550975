//! Organisations and the rights on them: who may do what, and what others are told.

use berth_metadata::{AccessType, Permission};
use berth_oci::{OrganizationName, Scope};
use berth_registry::{Caller, ListedFor, TokenCaller, WantedGrant};

use crate::harness::{Installation, outcome};

fn name(text: &str) -> OrganizationName {
    text.parse().unwrap()
}

fn grant(user_id: &str, permission: Permission) -> WantedGrant {
    WantedGrant {
        user_id: user_id.to_owned(),
        permission,
    }
}

/// The caller's organisations as `name:permission`.
async fn listed(installation: &Installation, caller: &Caller) -> String {
    let found = installation
        .registry
        .list_organizations(caller, ListedFor::Visible)
        .await
        .unwrap();
    let found = found
        .iter()
        .map(|view| format!("{}:{}", view.organization.name, view.permission.bits()));
    found.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_creator_manages_and_others_of_the_account_see_nothing() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let (creator, other) = (
        installation.member("mary").await,
        installation.member("otto").await,
    );
    let administrator = installation.administrator().await;
    registry
        .create_organization(&creator, &name("group"))
        .await
        .unwrap();
    for (caller, list, show) in [
        (&creator, "group:7", "ok"),
        (&administrator, "group:7", "ok"),
        (&other, "", "organization 'group' does not exist"),
    ] {
        assert_eq!(listed(&installation, caller).await, list);
        assert_eq!(
            outcome(&registry.organization(caller, &name("group")).await),
            show
        );
    }
    let anonymous = registry.organization(&Caller::Anonymous, &name("group")).await;
    assert_eq!(outcome(&anonymous), "authentication required");
}

#[tokio::test]
async fn a_name_is_taken_whoever_has_it_and_the_quota_counts_per_user() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let (mary, otto) = (
        installation.member("mary").await,
        installation.member("otto").await,
    );
    for number in 1..=5 {
        registry
            .create_organization(&mary, &name(&format!("o{number}")))
            .await
            .unwrap();
    }
    let sixth = registry.create_organization(&mary, &name("o6")).await;
    assert!(
        outcome(&sixth).starts_with("you have created 5 organizations"),
        "{}",
        outcome(&sixth)
    );
    let taken = registry.create_organization(&otto, &name("o1")).await;
    assert_eq!(outcome(&taken), "organization 'o1' already exists");
    assert_eq!(
        outcome(&registry.create_organization(&otto, &name("o6")).await),
        "ok"
    );
    let operator = registry
        .create_organization_for(&Caller::System, &name("o7"), "berth", "mary")
        .await;
    assert_eq!(outcome(&operator), "ok", "the operator is not bound by the quota");
}

#[tokio::test]
async fn rights_follow_grants_at_once() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let owner = installation.administrator().await;
    let group = name("group");
    registry.create_organization(&owner, &group).await.unwrap();
    let member = installation.member("mary").await;
    let id = member.user_id().unwrap().to_owned();
    let scopes = Scope::parse_list("repository:group/app:pull,push,delete").unwrap();
    for (permission, expected) in [
        (Permission::Read, "repository:group/app:pull"),
        (Permission::Write, "repository:group/app:pull,push"),
        (Permission::Manage, "repository:group/app:pull,push,delete"),
    ] {
        let wanted = [grant(&id, permission)];
        if permission == Permission::Read {
            registry
                .add_organization_grants(&owner, &group, &wanted)
                .await
                .unwrap();
        } else {
            registry
                .update_organization_grants(&owner, &group, &wanted)
                .await
                .unwrap();
        }
        let token = registry.issue_token(&member, &scopes).await.unwrap().token;
        let Ok(TokenCaller::Valid(Caller::User(found))) = registry.verify_token(&token).await else {
            panic!("the token is good");
        };
        let granted: Vec<String> = found.scopes.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(granted, [expected]);
        assert_eq!(
            listed(&installation, &member).await,
            format!("group:{}", permission.bits())
        );
    }
    registry
        .remove_organization_grants(&owner, &group, &[id])
        .await
        .unwrap();
    assert_eq!(listed(&installation, &member).await, "");
}

#[tokio::test]
async fn only_who_manages_grants_and_only_to_users_of_the_account() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let owner = installation.administrator().await;
    let group = name("group");
    registry.create_organization(&owner, &group).await.unwrap();
    let writer = installation.member("mary").await;
    let id = writer.user_id().unwrap().to_owned();
    let otto = installation.person("otto", AccessType::Both).await;
    registry
        .add_organization_grants(&owner, &group, &[grant(&id, Permission::Write)])
        .await
        .unwrap();
    let stranger = strangers_id(&installation).await;
    let no = "denied: you do not have the permission";
    let twice = [grant(&otto, Permission::Read), grant(&otto, Permission::Write)];
    let too_many: Vec<_> = (0..101)
        .map(|n| grant(&n.to_string(), Permission::Read))
        .collect();
    for (caller, wanted, expected) in [
        (&writer, vec![grant(&otto, Permission::Read)], no.to_owned()),
        (
            &owner,
            vec![grant(&stranger, Permission::Read)],
            format!("user {stranger} does not exist"),
        ),
        (
            &owner,
            vec![grant("u1", Permission::Read)],
            "user u1 does not exist".to_owned(),
        ),
        (
            &owner,
            vec![grant(&id, Permission::Read)],
            format!("a permission of user {id} on organization 'group' already exists"),
        ),
        (
            &owner,
            twice.to_vec(),
            "a user is named twice in one request".to_owned(),
        ),
        (&owner, vec![], "a request names 1 to 100 users".to_owned()),
        (&owner, too_many, "a request names 1 to 100 users".to_owned()),
        (&owner, vec![grant(&otto, Permission::Read)], "ok".to_owned()),
    ] {
        let result = registry.add_organization_grants(caller, &group, &wanted).await;
        assert_eq!(outcome(&result), expected);
    }
    let none = registry
        .update_organization_grants(&owner, &group, &[grant(&stranger, Permission::Read)])
        .await;
    assert_eq!(
        outcome(&none),
        format!("a permission of user {stranger} on organization 'group' does not exist")
    );
    let removed = registry
        .remove_organization_grants(&writer, &group, &[otto])
        .await;
    assert_eq!(outcome(&removed), no);
}

/// The id of a user of another account.
async fn strangers_id(installation: &Installation) -> String {
    let registry = &installation.registry;
    registry
        .create_account(&Caller::System, "elsewhere")
        .await
        .unwrap();
    let person = berth_registry::NewPerson {
        name: "sam".to_owned(),
        password: None,
        access: AccessType::Both,
        administrator: true,
    };
    registry
        .create_user(&Caller::System, "elsewhere", person)
        .await
        .unwrap()
        .id
}

#[tokio::test]
async fn deleting_needs_the_right_to_manage() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let owner = installation.administrator().await;
    let member = installation.member("mary").await;
    let group = name("group");
    registry.create_organization(&owner, &group).await.unwrap();
    let grants = [grant(member.user_id().unwrap(), Permission::Write)];
    registry
        .add_organization_grants(&owner, &group, &grants)
        .await
        .unwrap();
    let gone = "organization 'group' does not exist";
    for (caller, expected) in [
        (&member, "denied: you do not have the permission"),
        (&owner, "ok"),
        (&owner, gone),
        (&Caller::System, gone),
    ] {
        assert_eq!(
            outcome(&registry.delete_organization(caller, &group).await),
            expected
        );
    }
}
