//! The first start, and starts with a master key that is not the right one.

use berth_registry::{AccessKeyPair, FirstStart};

use crate::harness::{Installation, PASSWORD, given, metadata, open, outcome, settings};

#[tokio::test]
async fn given_credentials_are_not_handed_back() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path(), &settings(folder.path())).await.unwrap();
    let made = registry.bootstrap(given()).await.unwrap().unwrap();
    assert_eq!((made.account.as_str(), made.user.as_str()), ("berth", "admin"));
    assert!(made.generated_password.is_none());
    assert!(made.generated_access_key.is_none());
}

#[tokio::test]
async fn generated_credentials_are_handed_back_once_and_work() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path(), &settings(folder.path())).await.unwrap();
    let nothing_given = FirstStart {
        password: None,
        access_key: None,
        ..given()
    };
    let made = registry.bootstrap(nothing_given.clone()).await.unwrap().unwrap();
    assert!(registry.bootstrap(nothing_given).await.unwrap().is_none());
    let key = made.generated_access_key.unwrap();
    let installation = Installation {
        folder,
        registry,
        key,
    };
    let password = made.generated_password.unwrap();
    assert_eq!(outcome(&installation.login("admin", &password).await), "ok");
    installation.administrator().await;
}

#[tokio::test]
async fn of_many_first_starts_one_makes_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path(), &settings(folder.path())).await.unwrap();
    let starts = (0..8).map(|_| registry.bootstrap(given()));
    let made = futures_util::future::join_all(starts).await;
    let made = made.into_iter().filter(|made| made.as_ref().unwrap().is_some());
    assert_eq!(made.count(), 1);
}

#[tokio::test]
async fn bad_first_credentials_make_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path(), &settings(folder.path())).await.unwrap();
    let with = |change: &dyn Fn(&mut FirstStart)| {
        let mut first = given();
        change(&mut first);
        first
    };
    for (first, says) in [
        (with(&|first| first.account = "a/b".to_owned()), "account name"),
        (with(&|first| first.user = "a@b".to_owned()), "user name"),
        (
            with(&|first| first.password = Some("short".to_owned())),
            "password",
        ),
        (
            with(&|first| {
                first.access_key = Some(AccessKeyPair {
                    access_key_id: "a b".to_owned(),
                    secret_key: "SKexampleSecret0001".to_owned(),
                });
            }),
            "access key id",
        ),
    ] {
        let result = outcome(&registry.bootstrap(first).await);
        assert!(result.contains(says), "{result}");
    }
    assert_eq!(metadata(folder.path()).await.count_accounts().await.unwrap(), 0);
}

#[tokio::test]
async fn another_or_no_master_key_is_refused_with_what_to_do() {
    let installation = Installation::start().await;
    let folder = installation.folder.path();
    let path = settings(folder).master_key_file;
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let missing = outcome(&open(folder, &settings(folder)).await);
    assert!(
        missing.contains("is missing, but the database holds secrets"),
        "{missing}"
    );
    assert!(
        !path.exists(),
        "a new key beside an old database would hide the loss"
    );

    let other = Installation::start().await;
    std::fs::copy(settings(other.folder.path()).master_key_file, &path).unwrap();
    let wrong = outcome(&open(folder, &settings(folder)).await);
    assert!(
        wrong.contains("is not the one this database was made with"),
        "{wrong}"
    );

    std::fs::write(&path, kept).unwrap();
    assert_eq!(outcome(&open(folder, &settings(folder)).await), "ok");
    assert_eq!(outcome(&installation.login("admin", PASSWORD).await), "ok");
}

#[tokio::test]
async fn replicas_that_start_at_once_agree_on_key_and_signer() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    drop(open(folder.path(), &settings).await.unwrap());
    let starts = (0..4).map(|_| open(folder.path(), &settings));
    let replicas = futures_util::future::join_all(starts).await;
    let replicas: Vec<_> = replicas.into_iter().map(Result::unwrap).collect();
    let token = replicas[0]
        .issue_token(&berth_registry::Caller::Anonymous, &[])
        .await
        .unwrap()
        .token;
    for replica in &replicas {
        assert_eq!(outcome(&replica.verify_token(&token).await), "ok");
    }
}

#[tokio::test]
async fn no_secret_lies_in_the_database_as_it_is() {
    let installation = Installation::start().await;
    let mut found = String::new();
    for entry in std::fs::read_dir(installation.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("berth.db")
        {
            found.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    assert!(found.contains("AKEXAMPLE0001"), "the key is in the files read");
    for secret in [
        "SKexampleSecret0001",
        PASSWORD,
        &installation.key.login_key(),
        "PRIVATE KEY",
    ] {
        assert!(!found.contains(secret), "{secret}");
    }
}
