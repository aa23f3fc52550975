//! Organisations and the rights on them: who may do what, and what others are told.

use base64::Engine as _;
use berth_metadata::{AccessType, NewRepository, Permission};
use berth_oci::{OrganizationName, RepositoryName, Scope};
use berth_registry::{Caller, GrantPlace, ListedFor, Registry, TokenCaller, Visibility, WantedGrant, now_ms};

use crate::harness::{Installation, metadata, outcome};

fn name(text: &str) -> OrganizationName {
    text.parse().unwrap()
}

fn place(name: &OrganizationName) -> GrantPlace {
    GrantPlace::Organization(name.clone())
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
                .add_grants(&owner, &place(&group), &wanted)
                .await
                .unwrap();
        } else {
            registry
                .update_grants(&owner, &place(&group), &wanted)
                .await
                .unwrap();
        }
        let token = registry.issue_token(&member, &scopes).await.unwrap().token;
        assert_eq!(granted(registry, &token).await, [expected]);
        assert_eq!(
            listed(&installation, &member).await,
            format!("group:{}", permission.bits())
        );
    }
    registry
        .remove_grants(&owner, &place(&group), &[id])
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
        .add_grants(&owner, &place(&group), &[grant(&id, Permission::Write)])
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
        let result = registry.add_grants(caller, &place(&group), &wanted).await;
        assert_eq!(outcome(&result), expected);
    }
    let none = registry
        .update_grants(&owner, &place(&group), &[grant(&stranger, Permission::Read)])
        .await;
    assert_eq!(
        outcome(&none),
        format!("a permission of user {stranger} on organization 'group' does not exist")
    );
    let removed = registry.remove_grants(&writer, &place(&group), &[otto]).await;
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
        description: String::new(),
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
        .add_grants(&owner, &place(&group), &grants)
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

/// Makes the repository `group/app` as a push would, without an image in it.
async fn make_repository(installation: &Installation, owner: &Caller) -> RepositoryName {
    installation
        .registry
        .create_organization(owner, &name("group"))
        .await
        .unwrap();
    let rows = metadata(installation.folder.path()).await;
    let new = NewRepository {
        organization_id: rows.organization("group").await.unwrap().unwrap().id,
        image: "app".to_owned(),
        full_name: "group/app".to_owned(),
        creator_id: owner.user_id().unwrap().to_owned(),
        now: now_ms(),
    };
    rows.ensure_repository(new).await.unwrap();
    "group/app".parse().unwrap()
}

#[tokio::test]
async fn a_right_on_one_image_reaches_no_other() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let owner = installation.administrator().await;
    let image = make_repository(&installation, &owner).await;
    let place = GrantPlace::Repository(image.clone());
    let member = installation.member("mary").await;
    let otto = installation.person("otto", AccessType::Both).await;
    let wanted = [grant(member.user_id().unwrap(), Permission::Manage)];
    registry.add_grants(&owner, &place, &wanted).await.unwrap();
    let asked = "repository:group/app:pull,push,delete repository:group/other:pull,push,delete";
    let token = registry
        .issue_token(&member, &Scope::parse_list(asked).unwrap())
        .await
        .unwrap()
        .token;
    assert_eq!(
        granted(registry, &token).await,
        ["repository:group/app:pull,push,delete"]
    );
    let on_image = registry
        .add_grants(&member, &place, &[grant(&otto, Permission::Read)])
        .await;
    assert_eq!(
        outcome(&on_image),
        "ok",
        "who manages an image grants rights on it"
    );
    let on_organization = GrantPlace::Organization(name("group"));
    let refused = registry
        .add_grants(&member, &on_organization, &[grant(&otto, Permission::Read)])
        .await;
    assert_eq!(outcome(&refused), "denied: you do not have the permission");
    let seen = registry.organization(&member, &name("group")).await.unwrap();
    assert_eq!(
        seen.permission,
        Permission::Read,
        "who has a right on an image sees where it is"
    );
    let refused = registry.organization_grants(&member, &name("group")).await;
    assert_eq!(outcome(&refused), "denied: you do not have the permission");
    let oneself = [grant(member.user_id().unwrap(), Permission::Manage)];
    let refused = registry.update_grants(&member, &place, &oneself).await;
    assert_eq!(
        outcome(&refused),
        "rights on an image are granted to others, not to oneself"
    );
    assert_eq!(registry.list_grants(&owner, &place).await.unwrap().len(), 2);
    let missing = GrantPlace::Repository("group/missing".parse().unwrap());
    let refused = registry
        .add_grants(&owner, &missing, &[grant(&otto, Permission::Read)])
        .await;
    assert!(outcome(&refused).starts_with("repository group/missing does not exist"));
}

#[tokio::test]
async fn writers_publish_and_withdraw_an_image() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let owner = installation.administrator().await;
    let image = make_repository(&installation, &owner).await;
    let place = GrantPlace::Repository(image.clone());
    let reader = installation.member("rita").await;
    let writer = installation.member("walter").await;
    let wanted = [
        grant(reader.user_id().unwrap(), Permission::Read),
        grant(writer.user_id().unwrap(), Permission::Write),
    ];
    registry.add_grants(&owner, &place, &wanted).await.unwrap();
    let scopes = Scope::parse_list("repository:group/app:pull").unwrap();
    for (caller, visibility, expected, anonymous) in [
        (
            &reader,
            Visibility::Public,
            "denied: you do not have the permission",
            false,
        ),
        (&writer, Visibility::Public, "ok", true),
        (&writer, Visibility::Private, "ok", false),
    ] {
        assert_eq!(
            outcome(&registry.set_visibility(caller, &image, visibility).await),
            expected
        );
        let token = registry
            .issue_token(&Caller::Anonymous, &scopes)
            .await
            .unwrap()
            .token;
        let payload = token.split('.').nth(1).unwrap();
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload)
            .unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let granted = !claims["access"].as_array().unwrap().is_empty();
        assert_eq!(granted, anonymous, "{visibility:?}");
    }
}

/// The scopes that a token was given.
async fn granted(registry: &Registry, token: &str) -> Vec<String> {
    let Ok(TokenCaller::Valid(Caller::User(found))) = registry.verify_token(token).await else {
        panic!("the token is good");
    };
    let scopes = found.scopes.as_ref().unwrap();
    scopes.iter().map(ToString::to_string).collect()
}
