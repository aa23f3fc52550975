//! Sessions of the console: who may sign in, what a session proves, and what ends it.

use std::net::{IpAddr, Ipv4Addr};

use berth_metadata::AccessType;
use berth_registry::{Caller, Switch, WantedLogin};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::harness::{Installation, PASSWORD, outcome};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn people_with_console_access_sign_in() {
    let installation = Installation::start().await;
    installation.person("console", AccessType::Console).await;
    installation.person("robot", AccessType::Programmatic).await;
    for (account, user, password, expected) in [
        (Some("berth"), "admin", PASSWORD, "ok"),
        (None, "admin", PASSWORD, "ok"),
        (Some("berth"), "console", PASSWORD, "ok"),
        (Some("berth"), "robot", PASSWORD, "denied: Authenticate Error"),
        (Some("berth"), "admin", "wrong password", "not recognised"),
        (Some("other"), "admin", PASSWORD, "not recognised"),
        (Some("berth"), "nobody", PASSWORD, "not recognised"),
        (
            None,
            &format!("local@{}", installation.key.access_key_id),
            &installation.key.login_key(),
            "not recognised",
        ),
    ] {
        let session = installation
            .registry
            .sign_in(account, user, password, SOURCE)
            .await;
        assert_eq!(outcome(&session), expected, "{account:?} {user}");
    }
}

#[tokio::test]
async fn changes_need_the_proof_that_only_our_pages_know() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let session = registry.sign_in(None, "admin", PASSWORD, SOURCE).await.unwrap();
    for (proof, expected) in [
        (None, "ok"),
        (Some(session.open.forgery_proof.as_str()), "ok"),
        (Some(""), "denied: you do not have the permission"),
        (
            Some(session.secret.as_str()),
            "denied: you do not have the permission",
        ),
    ] {
        let caller = registry.authenticate_session(&session.secret, proof).await;
        assert_eq!(outcome(&caller), expected, "{proof:?}");
    }
    let forged = registry
        .authenticate_session(&session.open.forgery_proof, None)
        .await;
    assert_eq!(outcome(&forged), "not recognised");
}

#[tokio::test]
async fn a_session_ends_with_its_sign_out_its_password_and_its_user() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let operator = &Caller::System;
    for end in ["signed-out", "password", "disabled", "deleted", "access"] {
        installation.person(end, AccessType::Both).await;
        let session = registry.sign_in(None, end, PASSWORD, SOURCE).await.unwrap();
        let other = registry.sign_in(None, end, PASSWORD, SOURCE).await.unwrap();
        match end {
            "signed-out" => registry.sign_out(&session.caller).await,
            "password" => {
                registry
                    .reset_password(operator, "berth", end, "another password")
                    .await
            }
            "disabled" => {
                registry
                    .switch_user(operator, "berth", end, Switch::Disabled)
                    .await
            }
            "deleted" => registry.delete_user(operator, "berth", end).await,
            _ => {
                registry
                    .set_access(operator, "berth", end, AccessType::Programmatic)
                    .await
            }
        }
        .unwrap();
        let ended = registry.authenticate_session(&session.secret, None).await;
        assert!(ended.is_err(), "{end}");
        let others = registry.authenticate_session(&other.secret, None).await;
        assert_eq!(others.is_ok(), end == "signed-out", "{end}");
    }
}

#[tokio::test]
async fn a_docker_login_made_in_a_session_ends_with_the_password() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let session = registry.sign_in(None, "admin", PASSWORD, SOURCE).await.unwrap();
    let made = registry
        .create_secret(&session.caller, &WantedLogin::default())
        .await
        .unwrap();
    let bearer = registry
        .create_authorization_token(&session.caller)
        .await
        .unwrap();
    assert!(bearer.user.starts_with("bearertoken@"), "{}", bearer.user);
    for login in [&made, &bearer] {
        assert_eq!(outcome(&installation.login(&login.user, &login.key).await), "ok");
    }
    registry
        .reset_password(&Caller::System, "berth", "admin", "another password")
        .await
        .unwrap();
    for login in [made, bearer] {
        assert_eq!(
            outcome(&installation.login(&login.user, &login.key).await),
            "refused: the password that made this temporary login was changed"
        );
    }
}

#[tokio::test]
async fn guesses_of_a_password_are_held_back_as_for_any_login() {
    let installation = Installation::start().await;
    let guess = || {
        installation
            .registry
            .sign_in(Some("berth"), "admin", "wrong password", SOURCE)
    };
    for _ in 0..5 {
        assert_eq!(outcome(&guess().await), "not recognised");
    }
    // More at once than are let in one by one within ten seconds.
    let mut guesses: FuturesUnordered<_> = (0..60).map(|_| guess()).collect();
    let first = guesses.next().await.unwrap();
    assert_eq!(outcome(&first), "throttled");
}
