//! IAM tokens: who gets one, for what, and what ends it.

use std::net::{IpAddr, Ipv4Addr};

use berth_metadata::AccessType;
use berth_registry::{
    AccountRef, Caller, Error, IamProof, IamToken, Registry, Switch, TokenCaller, TokenScope, WantedScope,
};

use crate::harness::{Installation, PASSWORD, outcome, who};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn password<'a>(account: &'a str, user: &'a str, password: &'a str) -> IamProof<'a> {
    IamProof::Password {
        account: AccountRef::Name(account),
        user,
        password,
    }
}

fn key(installation: &Installation) -> IamProof<'_> {
    IamProof::AccessKey {
        access: &installation.key.access_key_id,
        secret: &installation.key.secret_key,
    }
}

async fn token(registry: &Registry, proof: IamProof<'_>) -> Result<IamToken, Error> {
    registry
        .create_iam_token(proof, WantedScope::OwnDomain, SOURCE)
        .await
}

#[tokio::test]
async fn a_token_is_for_who_proves_to_be_a_user_with_programmatic_access() {
    let installation = Installation::start().await;
    installation.person("console", AccessType::Console).await;
    installation.person("robot", AccessType::Programmatic).await;
    for (proof, expected) in [
        (password("berth", "admin", PASSWORD), "ok"),
        (password("berth", "robot", PASSWORD), "ok"),
        (key(&installation), "ok"),
        (password("berth", "admin", "wrong password"), "not recognised"),
        (password("berth", "nobody", PASSWORD), "not recognised"),
        (password("other", "admin", PASSWORD), "not recognised"),
        (
            password("berth", "console", PASSWORD),
            "denied: Authenticate Error",
        ),
        (
            IamProof::AccessKey {
                access: "AKEXAMPLE0001",
                secret: "SKexampleSecret0002",
            },
            "not recognised",
        ),
        (
            IamProof::AccessKey {
                access: "AKEXAMPLE0002",
                secret: "SKexampleSecret0001",
            },
            "not recognised",
        ),
    ] {
        assert_eq!(outcome(&token(&installation.registry, proof).await), expected);
    }
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_for_how_long() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let made = token(registry, password("berth", "admin", PASSWORD))
        .await
        .unwrap();
    assert_eq!(made.expires_at - made.issued_at, 24 * 3600 * 1000);
    let caller = registry.authenticate_iam_token(&made.token).await.unwrap();
    assert_eq!(who(&caller), "berth/admin by Password");
    let by_key = token(registry, key(&installation)).await.unwrap();
    let caller = registry.authenticate_iam_token(&by_key.token).await.unwrap();
    assert_eq!(who(&caller), "berth/admin by AccessKey(\"AKEXAMPLE0001\")");
    let Caller::User(user) = caller else {
        panic!("a token has a user")
    };
    assert!(user.administrator && user.scopes.is_none());
}

#[tokio::test]
async fn a_token_is_for_the_users_own_account_or_project() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let admin = password("berth", "admin", PASSWORD);
    let own = token(registry, admin).await.unwrap().user.account_id;
    let project = registry.project(&own);
    assert_eq!((project.name.as_str(), project.id.len()), ("local", 32));
    let (domain, in_project) = (Some(TokenScope::Domain), Some(TokenScope::Project));
    for (wanted, expected) in [
        (WantedScope::OwnDomain, domain),
        (WantedScope::DomainId(&own), domain),
        (WantedScope::DomainName("berth"), domain),
        (WantedScope::ProjectId(&project.id), in_project),
        (WantedScope::ProjectName("local"), in_project),
        (WantedScope::DomainId(&project.id), None),
        (WantedScope::DomainName("other"), None),
        (WantedScope::ProjectId(&own), None),
        (WantedScope::ProjectName("elsewhere"), None),
    ] {
        let made = registry.create_iam_token(admin, wanted, SOURCE).await;
        match (made, expected) {
            (Ok(made), Some(scope)) => assert_eq!(made.scope, scope, "{wanted:?}"),
            (Err(Error::Unknown(_)), None) => {}
            (made, _) => panic!("{wanted:?} gave {made:?}"),
        }
    }
}

#[tokio::test]
async fn neither_kind_of_token_stands_for_the_other() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let iam = token(registry, key(&installation)).await.unwrap().token;
    let registry_token = registry
        .issue_token(&installation.administrator().await, &[])
        .await
        .unwrap()
        .token;
    for _ in 0..2 {
        assert_eq!(outcome(&registry.authenticate_iam_token(&iam).await), "ok");
        assert_eq!(
            outcome(&registry.authenticate_iam_token(&registry_token).await),
            "not recognised"
        );
        assert!(matches!(
            registry.verify_token(&registry_token).await,
            Ok(TokenCaller::Valid(_))
        ));
        assert_eq!(outcome(&registry.verify_token(&iam).await), "not recognised");
    }
}

#[tokio::test]
async fn a_token_ends_with_the_credential_behind_it() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let operator = &Caller::System;
    for end in [
        "password",
        "disabled",
        "deleted",
        "access",
        "key deleted",
        "key disabled",
    ] {
        let name = end.replace(' ', "-");
        installation.person(&name, AccessType::Both).await;
        let pair = registry
            .create_access_key(operator, "berth", &name)
            .await
            .unwrap();
        let by_key = IamProof::AccessKey {
            access: &pair.access_key_id,
            secret: &pair.secret_key,
        };
        let by_password = token(registry, password("berth", &name, PASSWORD))
            .await
            .unwrap()
            .token;
        let by_key = token(registry, by_key).await.unwrap().token;
        let id = &pair.access_key_id;
        match end {
            "password" => {
                registry
                    .reset_password(operator, "berth", &name, "another password")
                    .await
            }
            "disabled" => {
                registry
                    .switch_user(operator, "berth", &name, Switch::Disabled)
                    .await
            }
            "deleted" => registry.delete_user(operator, "berth", &name).await,
            "access" => {
                registry
                    .set_access(operator, "berth", &name, AccessType::Console)
                    .await
            }
            "key deleted" => registry.delete_access_key(operator, id).await,
            _ => registry.switch_access_key(operator, id, Switch::Disabled).await,
        }
        .unwrap();
        let stands = async |token: &str| registry.authenticate_iam_token(token).await.is_ok();
        let expected = match end {
            "password" => (false, true),
            "key deleted" | "key disabled" => (true, false),
            _ => (false, false),
        };
        assert_eq!(
            (stands(&by_password).await, stands(&by_key).await),
            expected,
            "{end}"
        );
    }
}

#[tokio::test]
async fn a_token_is_shown_to_its_holder_and_the_administrators_of_the_account() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let administrator = installation.administrator().await;
    let mary = installation.member("mary").await;
    let erin = installation.member("erin").await;
    let hers = token(registry, password("berth", "mary", PASSWORD))
        .await
        .unwrap()
        .token;
    for (caller, sees) in [(&administrator, true), (&mary, true), (&erin, false)] {
        let shown = registry.inspect_iam_token(caller, &hers).await;
        assert_eq!(shown.is_ok(), sees, "{shown:?}");
    }
    let none = registry.inspect_iam_token(&administrator, "a.b.c").await;
    assert!(matches!(none, Err(Error::Unknown(_))), "{none:?}");
}

#[tokio::test]
async fn guesses_of_a_secret_lock_its_key() {
    let installation = Installation::start().await;
    let wrong = IamProof::AccessKey {
        access: &installation.key.access_key_id,
        secret: "SKexampleSecret0002",
    };
    for _ in 0..5 {
        assert_eq!(
            outcome(&token(&installation.registry, wrong).await),
            "not recognised"
        );
    }
    let right = token(&installation.registry, key(&installation)).await;
    assert_eq!(outcome(&right), "throttled");
}
