//! User names with passwords in every form, and every way they can be refused.

use berth_metadata::{AccessKey, AccessType, TemporaryLogin};
use berth_registry::{Caller, Switch, WantedLogin};
use sha2::{Digest, Sha256};

use crate::harness::{Installation, PASSWORD, metadata, outcome, who};

#[tokio::test]
async fn each_login_form_names_its_user() {
    let installation = Installation::start().await;
    let login_key = installation.key.login_key();
    let caller = installation.administrator().await;
    let wanted = WantedLogin::default();
    let temporary = installation
        .registry
        .create_secret(&caller, &wanted)
        .await
        .unwrap();
    let temporary_id = temporary.user.strip_prefix("local@").unwrap();
    for (user, password, expected) in [
        ("admin", PASSWORD, "berth/admin by Password".to_owned()),
        ("berth/admin", PASSWORD, "berth/admin by Password".to_owned()),
        (
            "local@AKEXAMPLE0001",
            &login_key,
            "berth/admin by AccessKey(\"AKEXAMPLE0001\")".to_owned(),
        ),
        (
            &temporary.user,
            &temporary.key,
            format!("berth/admin by TemporaryLogin(\"{temporary_id}\")"),
        ),
    ] {
        let caller = installation.login(user, password).await.unwrap();
        assert_eq!(who(&caller), expected, "{user}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_not_recognised_and_tells_nothing() {
    let installation = Installation::start().await;
    let login_key = installation.key.login_key();
    let temporary = installation
        .registry
        .create_secret(&installation.administrator().await, &WantedLogin::default())
        .await
        .unwrap();
    let elsewhere = temporary.user.replace("local@", "other@");
    let long = "x".repeat(5000);
    for (index, (user, password)) in [
        ("admin", "wrong horse"),
        ("admin", ""),
        ("", PASSWORD),
        ("Admin", PASSWORD),
        ("nobody", PASSWORD),
        ("berth/nobody", PASSWORD),
        ("other/admin", PASSWORD),
        ("berth/admin/x", PASSWORD),
        ("admin", login_key.as_str()),
        ("other@AKEXAMPLE0001", &login_key),
        ("@AKEXAMPLE0001", &login_key),
        ("AKEXAMPLE0001", &login_key),
        ("local@AKEXAMPLE0002", &login_key),
        ("local@akexample0001", &login_key),
        ("local@AKEXAMPLE0001", "SKexampleSecret0001"),
        ("local@AKEXAMPLE0001", &login_key.to_uppercase()),
        ("local@AKEXAMPLE0001", PASSWORD),
        ("local@AKEXAMPLE0001", ""),
        (&temporary.user, &login_key),
        (&elsewhere, &temporary.key),
        (&long, PASSWORD),
        ("admin", &long),
    ]
    .into_iter()
    .enumerate()
    {
        let source = u8::try_from(index).unwrap();
        let result = installation.login_from(source, user, password).await;
        assert_eq!(outcome(&result), "not recognised", "{user} {password}");
    }
}

#[tokio::test]
async fn without_programmatic_access_nothing_logs_in() {
    let installation = Installation::start().await;
    installation.person("carol", AccessType::Console).await;
    let pair = installation
        .registry
        .create_access_key(&Caller::System, "berth", "carol")
        .await
        .unwrap();
    let temporary = installation
        .registry
        .create_secret_for(&Caller::System, "berth", "carol", &WantedLogin::default())
        .await
        .unwrap();
    let name = format!("local@{}", pair.access_key_id);
    for (user, password) in [
        ("carol", PASSWORD),
        (&name, &pair.login_key()),
        (&temporary.user, &temporary.key),
    ] {
        let result = installation.login(user, password).await;
        assert_eq!(outcome(&result), "denied: Authenticate Error", "{user}");
        let wrong = installation.login(user, "wrong horse").await;
        assert_eq!(outcome(&wrong), "not recognised", "{user}");
    }
}

#[tokio::test]
async fn a_disabled_user_learns_why_only_with_the_right_secret() {
    let installation = Installation::start().await;
    installation.person("dave", AccessType::Both).await;
    let registry = &installation.registry;
    let pair = registry
        .create_access_key(&Caller::System, "berth", "dave")
        .await
        .unwrap();
    let name = format!("local@{}", pair.access_key_id);
    let key = pair.login_key();
    let why =
        "refused: user 'dave' of account 'berth' is disabled: an administrator of the account can enable it";
    for (switch, expected) in [
        (Switch::Disabled, why),
        (Switch::Enabled, "ok"),
        (Switch::Disabled, why),
    ] {
        registry
            .switch_user(&Caller::System, "berth", "dave", switch)
            .await
            .unwrap();
        for (user, password) in [("dave", PASSWORD), (name.as_str(), key.as_str())] {
            assert_eq!(
                outcome(&installation.login(user, password).await),
                expected,
                "{user}"
            );
            let wrong = installation.login(user, "wrong horse").await;
            assert_eq!(outcome(&wrong), "not recognised", "{user}");
        }
    }
    registry
        .delete_user(&Caller::System, "berth", "dave")
        .await
        .unwrap();
    assert_eq!(
        outcome(&installation.login("dave", PASSWORD).await),
        "not recognised"
    );
    assert_eq!(outcome(&installation.login(&name, &key).await), "not recognised");
}

#[tokio::test]
async fn a_key_that_is_disabled_expired_or_deleted_ends_its_logins() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let (key, id) = (&installation.key, installation.key.access_key_id.as_str());
    let temporary = registry
        .create_secret(&installation.administrator().await, &WantedLogin::default())
        .await
        .unwrap();
    let name = format!("local@{id}");
    let both = || async {
        let long_term = installation.login(&name, &key.login_key()).await;
        let temporary = installation.login(&temporary.user, &temporary.key).await;
        (outcome(&long_term), outcome(&temporary))
    };
    assert_eq!(both().await, ("ok".to_owned(), "ok".to_owned()));
    registry
        .switch_access_key(&Caller::System, id, Switch::Disabled)
        .await
        .unwrap();
    assert_eq!(
        both().await,
        (
            "refused: access key AKEXAMPLE0001 is disabled".to_owned(),
            "refused: the access key that made this temporary login was disabled or deleted".to_owned()
        )
    );
    registry
        .switch_access_key(&Caller::System, id, Switch::Enabled)
        .await
        .unwrap();
    assert_eq!(both().await, ("ok".to_owned(), "ok".to_owned()));
    registry.delete_access_key(&Caller::System, id).await.unwrap();
    assert_eq!(
        both().await,
        ("not recognised".to_owned(), "not recognised".to_owned())
    );
}

#[tokio::test]
async fn an_ended_login_says_when_it_ended() {
    let installation = Installation::start().await;
    let rows = metadata(installation.folder.path()).await;
    let admin = rows.user_by_name("berth", "admin").await.unwrap().unwrap();
    let secret = "ab".repeat(32);
    rows.create_temporary_login(TemporaryLogin {
        id: "OLD".to_owned(),
        user_id: admin.id.clone(),
        secret_hash: Sha256::digest(secret.as_bytes()).to_vec(),
        made_with: None,
        password_fingerprint: None,
        project: "local".to_owned(),
        created_at: 1_000,
        expires_at: 1_700_000_000_000,
    })
    .await
    .unwrap();
    let (key, _) = rows.access_key("AKEXAMPLE0001").await.unwrap().unwrap();
    rows.delete_access_key("AKEXAMPLE0001").await.unwrap();
    let expired = AccessKey {
        expires_at: Some(1_700_000_000_000),
        ..key
    };
    rows.create_access_key(expired, 20).await.unwrap();
    for (user, password, expected) in [
        (
            "local@OLD",
            secret.as_str(),
            "refused: this temporary login ended at 2023-11-14T22:13:20Z: generate a new login command",
        ),
        (
            "local@AKEXAMPLE0001",
            &installation.key.login_key(),
            "refused: access key AKEXAMPLE0001 expired at 2023-11-14T22:13:20Z",
        ),
    ] {
        assert_eq!(outcome(&installation.login(user, password).await), expected);
    }
}

#[tokio::test]
async fn a_temporary_login_lives_as_long_as_was_asked() {
    let installation = Installation::start().await;
    let caller = installation.administrator().await;
    for (project, duration_seconds, expected) in [
        (None, None, "ok"),
        (Some("local"), Some(900), "ok"),
        (Some("local"), Some(86_400), "ok"),
        (None, Some(899), "duration_seconds is 900 to 86400"),
        (None, Some(86_401), "duration_seconds is 900 to 86400"),
        (None, Some(-1), "duration_seconds is 900 to 86400"),
        (Some("other"), None, "the project of this registry is 'local'"),
    ] {
        let before = berth_registry::now_ms();
        let wanted = WantedLogin {
            project: project.map(str::to_owned),
            duration_seconds,
        };
        let made = installation.registry.create_secret(&caller, &wanted).await;
        assert_eq!(outcome(&made), expected, "{project:?} {duration_seconds:?}");
        if let Ok(made) = made {
            assert_eq!(made.key.len(), 64);
            let lives = made.expires_at - before;
            let asked = duration_seconds.unwrap_or(6 * 3600) * 1000;
            assert!((asked..asked + 60_000).contains(&lives), "{lives}");
        }
    }
}

#[tokio::test]
async fn a_temporary_login_cannot_make_another() {
    let installation = Installation::start().await;
    let registry = &installation.registry;
    let made = registry
        .create_secret(&installation.administrator().await, &WantedLogin::default())
        .await
        .unwrap();
    let caller = installation.login(&made.user, &made.key).await.unwrap();
    let again = registry.create_secret(&caller, &WantedLogin::default()).await;
    assert_eq!(outcome(&again), "authentication required");
    for caller in [Caller::Anonymous, Caller::System] {
        let made = registry.create_secret(&caller, &WantedLogin::default()).await;
        assert_eq!(outcome(&made), "authentication required");
    }
}

#[tokio::test]
async fn guessing_in_a_users_name_is_slowed_down_but_not_their_push() {
    let installation = Installation::start().await;
    assert_eq!(
        outcome(&installation.login_from(1, "admin", PASSWORD).await),
        "ok"
    );
    for _ in 0..5 {
        let wrong = installation.login_from(2, "admin", "wrong horse").await;
        assert_eq!(outcome(&wrong), "not recognised");
    }
    let guesses = (0..100).map(|_| installation.login_from(3, "admin", "wrong horse"));
    let first = async {
        // Whoever guesses many at once is sent away soon.
        let outcomes = futures_util::future::select_ok(guesses.map(|guess| {
            Box::pin(async move {
                match outcome(&guess.await).as_str() {
                    "throttled" => Ok(()),
                    other => Err(other.to_owned()),
                }
            })
        }));
        outcomes.await.map(|(found, _)| found)
    };
    assert_eq!(first.await, Ok(()));
    let working_push = installation.login_from(1, "admin", PASSWORD).await;
    assert_eq!(outcome(&working_push), "ok", "verified a moment ago from there");
}

#[tokio::test]
async fn a_success_forgets_the_failures_before() {
    let installation = Installation::start().await;
    for _ in 0..3 {
        for _ in 0..5 {
            let wrong = installation.login("admin", "wrong horse").await;
            assert_eq!(outcome(&wrong), "not recognised");
        }
        assert_eq!(outcome(&installation.login("admin", PASSWORD).await), "ok");
    }
}

#[tokio::test]
async fn a_source_that_only_fails_is_sent_away_and_no_other() {
    let installation = Installation::start().await;
    let guess = async |number: u32| {
        let name = format!("local@AK{number}");
        outcome(&installation.login_from(9, &name, "wrong").await)
    };
    for number in 0..51 {
        assert_eq!(guess(number).await, "not recognised");
    }
    let many = futures_util::future::join_all((100..200).map(guess)).await;
    assert!(many.iter().any(|outcome| outcome == "throttled"));
    assert_eq!(
        outcome(&installation.login_from(8, "admin", PASSWORD).await),
        "ok"
    );
}

#[tokio::test]
async fn the_use_of_a_key_is_noted() {
    let installation = Installation::start().await;
    let rows = metadata(installation.folder.path()).await;
    let last_used = async || {
        rows.access_key("AKEXAMPLE0001")
            .await
            .unwrap()
            .unwrap()
            .0
            .last_used_at
    };
    let wrong = installation.login("local@AKEXAMPLE0001", "wrong").await;
    assert_eq!(outcome(&wrong), "not recognised");
    assert_eq!(last_used().await, None);
    let before = berth_registry::now_ms();
    installation.administrator().await;
    let noted = last_used().await.unwrap();
    assert!((before..=berth_registry::now_ms()).contains(&noted));
    installation.administrator().await;
    assert_eq!(last_used().await, Some(noted), "to the hour");
}
