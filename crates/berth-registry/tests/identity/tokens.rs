//! Registry tokens: what they carry, who may verify them, and what ends them.

use std::time::Duration;

use berth_metadata::AccessType;
use berth_oci::{OrganizationName, Scope};
use berth_registry::{Caller, Switch, TokenCaller, WantedLogin};

use crate::harness::{Installation, PASSWORD, open, outcome, settings, who};

/// The scopes of a fresh token for `caller` who asks for `asked`, as one text.
async fn granted(installation: &Installation, caller: &Caller, asked: &str) -> String {
    let scopes = Scope::parse_list(asked).unwrap();
    let token = installation
        .registry
        .issue_token(caller, &scopes)
        .await
        .unwrap()
        .token;
    match installation.registry.verify_token(&token).await.unwrap() {
        TokenCaller::Valid(Caller::User(user)) => {
            let scopes = user.scopes.as_ref().unwrap();
            let texts: Vec<String> = scopes.iter().map(ToString::to_string).collect();
            texts.join(" ")
        }
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_carries_only_what_was_asked_and_may_be_given() {
    let installation = Installation::start().await;
    let administrator = installation.administrator().await;
    let member = installation.member("mary").await;
    let group: OrganizationName = "group".parse().unwrap();
    installation
        .registry
        .create_organization(&administrator, &group)
        .await
        .unwrap();
    let all = "repository:group/app:pull,push,delete";
    for (caller, asked, expected) in [
        (&administrator, "", ""),
        (
            &administrator,
            "repository:group/app:pull",
            "repository:group/app:pull",
        ),
        (&administrator, "repository:group/app:*", all),
        (
            &administrator,
            "repository:group/app:pull,push repository:group/b:pull registry:catalog:*",
            "repository:group/app:pull,push repository:group/b:pull registry:catalog:*",
        ),
        (&member, "registry:catalog:*", "registry:catalog:*"),
    ] {
        assert_eq!(granted(&installation, caller, asked).await, expected, "{asked}");
    }
}

#[tokio::test]
async fn a_request_that_gives_nothing_says_why() {
    let installation = Installation::start().await;
    let administrator = installation.administrator().await;
    let member = installation.member("mary").await;
    let group: OrganizationName = "group".parse().unwrap();
    let registry = &installation.registry;
    registry
        .create_organization(&administrator, &group)
        .await
        .unwrap();
    let unknown = "denied: Image organization does not exist, you should create it first";
    let denied = "denied: you do not have the permission";
    for (caller, asked, expected) in [
        (&administrator, "repository:missing/app:pull,push", unknown),
        (&administrator, "repository:missing/app:pull", denied),
        (&member, "repository:group/app:pull,push,delete", denied),
        (&member, "repository:group/app:delete", denied),
        (&member, "repository:group/app:pull registry:catalog:*", "ok"),
        (&Caller::Anonymous, "repository:group/app:pull", "ok"),
    ] {
        let scopes = Scope::parse_list(asked).unwrap();
        let result = registry.issue_token(caller, &scopes).await;
        assert_eq!(outcome(&result), expected, "{asked}");
    }
}

#[tokio::test]
async fn an_anonymous_token_stays_anonymous() {
    let installation = Installation::start().await;
    let found = granted(&installation, &Caller::Anonymous, "repository:group/app:pull").await;
    assert_eq!(found, "Valid(Anonymous)");
}

#[tokio::test]
async fn a_request_for_too_many_scopes_is_refused() {
    let installation = Installation::start().await;
    let scopes = vec![Scope::parse("repository:group/app:pull").unwrap(); 51];
    let result = installation
        .registry
        .issue_token(&Caller::Anonymous, &scopes)
        .await;
    assert_eq!(outcome(&result), "a token request names at most 50 scopes");
}

#[tokio::test]
async fn another_replica_and_a_later_start_verify_the_same_token() {
    let installation = Installation::start().await;
    let caller = installation.administrator().await;
    let token = installation
        .registry
        .issue_token(&caller, &[])
        .await
        .unwrap()
        .token;
    let folder = installation.folder.path();
    let replica = open(folder, &settings(folder)).await.unwrap();
    let Ok(TokenCaller::Valid(found)) = replica.verify_token(&token).await else {
        panic!("the replica does not accept the token");
    };
    assert_eq!(who(&found), "berth/admin by AccessKey(\"AKEXAMPLE0001\")");
    let stranger = Installation::start().await;
    assert_eq!(
        outcome(&stranger.registry.verify_token(&token).await),
        "not recognised"
    );
    assert_eq!(outcome(&replica.verify_token("no token").await), "not recognised");
}

#[tokio::test]
async fn a_token_ends_with_the_credential_that_asked_for_it() {
    type Ending = fn(&Installation) -> futures_util::future::BoxFuture<'_, ()>;
    let endings: [(&str, Ending, [&str; 3]); 4] = [
        (
            "new password",
            |installation| {
                Box::pin(async {
                    let registry = &installation.registry;
                    let done = registry.reset_password(&Caller::System, "berth", "erin", "another horse");
                    done.await.unwrap();
                })
            },
            ["not recognised", "ok", "ok"],
        ),
        (
            "deleted key",
            |installation| {
                Box::pin(async {
                    let registry = &installation.registry;
                    let keys = registry.list_access_keys(&Caller::System, "berth", "erin").await;
                    let id = keys.unwrap()[0].access_key_id.clone();
                    registry.delete_access_key(&Caller::System, &id).await.unwrap();
                })
            },
            ["ok", "not recognised", "not recognised"],
        ),
        (
            "disabled user",
            |installation| {
                Box::pin(async {
                    let registry = &installation.registry;
                    let done = registry.switch_user(&Caller::System, "berth", "erin", Switch::Disabled);
                    done.await.unwrap();
                })
            },
            ["disabled"; 3],
        ),
        (
            "deleted user",
            |installation| {
                Box::pin(async {
                    let registry = &installation.registry;
                    registry
                        .delete_user(&Caller::System, "berth", "erin")
                        .await
                        .unwrap();
                })
            },
            ["not recognised"; 3],
        ),
    ];
    for (name, ending, expected) in endings {
        let installation = Installation::start().await;
        let tokens = tokens_of_erin(&installation).await;
        ending(&installation).await;
        for (token, expected) in tokens.iter().zip(expected) {
            let result = outcome(&installation.registry.verify_token(token).await);
            assert!(
                result.contains(expected),
                "{name}: {result} instead of {expected}"
            );
        }
    }
}

/// Tokens made by password, access key and temporary login, each of which works.
async fn tokens_of_erin(installation: &Installation) -> Vec<String> {
    let registry = &installation.registry;
    installation.person("erin", AccessType::Both).await;
    let pair = registry
        .create_access_key(&Caller::System, "berth", "erin")
        .await
        .unwrap();
    let name = format!("local@{}", pair.access_key_id);
    let by_key = installation.login(&name, &pair.login_key()).await.unwrap();
    let made = registry
        .create_secret(&by_key, &WantedLogin::default())
        .await
        .unwrap();
    let callers = [
        installation.login("erin", PASSWORD).await.unwrap(),
        by_key,
        installation.login(&made.user, &made.key).await.unwrap(),
    ];
    let mut tokens = Vec::new();
    for caller in &callers {
        let token = registry.issue_token(caller, &[]).await.unwrap().token;
        assert_eq!(outcome(&registry.verify_token(&token).await), "ok");
        tokens.push(token);
    }
    tokens
}

#[tokio::test]
async fn an_ended_token_is_told_apart_so_that_an_upload_can_go_on() {
    let installation = Installation::start().await;
    let caller = installation.administrator().await;
    let folder = installation.folder.path();
    let mut short = settings(folder);
    short.token_ttl = Duration::ZERO;
    let replica = open(folder, &short).await.unwrap();
    let token = replica.issue_token(&caller, &[]).await.unwrap().token;
    let Ok(TokenCaller::Expired(found)) = installation.registry.verify_token(&token).await else {
        panic!("a token of no duration has ended");
    };
    assert_eq!(who(&found), "berth/admin by AccessKey(\"AKEXAMPLE0001\")");
    let id = &installation.key.access_key_id;
    replica.delete_access_key(&Caller::System, id).await.unwrap();
    assert_eq!(outcome(&replica.verify_token(&token).await), "not recognised");
}

#[tokio::test]
async fn what_is_made_while_a_password_is_reset_ends_with_the_old_one() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    // Recognised by the old password; the administrator is faster than what the caller asks for next.
    let caller = installation.member("mary").await;
    let reset = registry.reset_password(&Caller::System, "berth", "mary", "another horse");
    reset.await.unwrap();
    let token = registry.issue_token(&caller, &[]).await.unwrap().token;
    let verified = registry.verify_token(&token).await;
    assert_eq!(outcome(&verified), "not recognised", "{verified:?}");
    let wanted = WantedLogin {
        project: None,
        duration_seconds: None,
    };
    let login = registry.create_secret(&caller, &wanted).await.unwrap();
    let used = installation.login(&login.user, &login.key).await;
    assert!(
        matches!(used, Err(berth_registry::Error::BadCredentials { .. })),
        "{used:?}"
    );
}
