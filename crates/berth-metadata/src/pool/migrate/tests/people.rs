//! That people of the first version keep what they had: administrators' groups their role, keys and logins their life.

use super::super::STEPS;
use crate::{GroupRole, Metadata, PeopleChange, postgres_server as postgres};
use sqlx::{AssertSqlSafe, Connection};

/// An administrators' group with a member, a group of people, a key, and a login made with it.
const ROWS: &str = "
    INSERT INTO accounts VALUES ('account', 'account', 1);
    INSERT INTO users SELECT 'user', 'account', 'mary', NULL, 'both', 0, 1, 1;
    INSERT INTO user_groups VALUES ('admins', 'account', 'admins', 1, 2), ('crew', 'account', 'crew', 0, 3);
    INSERT INTO group_members (user_id, group_id) VALUES ('user', 'admins'), ('user', 'crew');
    INSERT INTO access_keys VALUES ('AK', 'user', NO_BYTES, 1, 4, NULL, NULL);
    INSERT INTO temporary_logins VALUES ('TMP', 'user', NO_BYTES, 'AK', 'local', 5, 6);
    CREATE TABLE schema_steps (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL);
    INSERT INTO schema_steps VALUES (1, '0001_registry');";

async fn check(url: &str, first_step: &str, no_bytes: &str) {
    sqlx::any::install_default_drivers();
    let path = url.strip_prefix("sqlite://");
    let mut connection = sqlx::AnyConnection::connect(
        &path.map_or_else(|| url.to_owned(), |path| format!("sqlite://{path}?mode=rwc")),
    )
    .await
    .unwrap();
    let text = format!("{first_step}{}", ROWS.replace("NO_BYTES", no_bytes));
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let metadata = Metadata::open(url).await.unwrap();
    let role = GroupRole {
        role: "te_admin".to_owned(),
        place: "domain".to_owned(),
    };
    assert_eq!(
        metadata.group_roles("admins").await.unwrap(),
        std::slice::from_ref(&role),
        "{url}"
    );
    assert_eq!(metadata.group_roles("crew").await.unwrap(), []);
    let (key, user) = metadata.access_key("AK").await.unwrap().unwrap();
    assert!(user.administrator && key.enabled);
    assert_eq!((key.description.as_str(), user.description.as_str()), ("", ""));
    let (login, _, made_with_enabled) = metadata.temporary_login("TMP").await.unwrap().unwrap();
    assert!(made_with_enabled && login.password_fingerprint.is_none());
    let crew = GroupRole {
        role: "swr_adm".to_owned(),
        ..role.clone()
    };
    assert!(metadata.add_group_role("crew", crew).await.unwrap());
    let taken = PeopleChange::RemoveRole {
        group_id: "admins".to_owned(),
        role,
    };
    assert!(metadata.change_people("account", taken).await.unwrap());
    assert!(
        !metadata
            .group_by_id("admins")
            .await
            .unwrap()
            .unwrap()
            .administrator
    );
    metadata.close().await;
}

#[tokio::test]
async fn people_of_the_first_version_keep_what_they_had() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/berth.db", folder.path().display());
    check(&url, STEPS[0].sqlite, "x''").await;
    let server = postgres::Server::start();
    check(&server.create("people"), STEPS[0].postgres, "''").await;
}
