//! That images of the first version are counted.

use super::super::STEPS;
use crate::{Metadata, postgres_server as postgres};
use sqlx::{AssertSqlSafe, Connection};

/// An image with two tags, a blob in use and one that is not; and an image without anything, made by nobody.
const ROWS: &str = "
    INSERT INTO accounts VALUES ('account', 'account', 1);
    INSERT INTO users SELECT 'user', 'account', 'mary', NULL, 'both', 0, 1, 1;
    INSERT INTO organizations (id, name, account_id, creator_id, creator_name, created_at)
        VALUES (1, 'team', 'account', 'user', 'mary', 1);
    INSERT INTO repositories
        (id, organization_id, image, full_name, is_public, listed, category, description, creator_id, created_at, updated_at)
        VALUES (1, 1, 'app', 'team/app', 1, 1, 'linux', 'words', 'user', 3, 4),
               (2, 1, 'empty', 'team/empty', 0, 1, '', '', '', 5, 6);
    INSERT INTO manifests SELECT 1, 'sha256:m', 'type', 1, NULL, NULL, '{}', 1, NO_BYTES;
    INSERT INTO tags VALUES (1, 'v1', 'sha256:m', 1), (1, 'v2', 'sha256:m', 1);
    INSERT INTO blobs VALUES ('sha256:a', 'a', 100, 1), ('sha256:b', 'b', 1000, 1);
    INSERT INTO blob_links VALUES (1, 'sha256:a', NULL), (1, 'sha256:b', 1), (2, 'sha256:b', 1);
    INSERT INTO manifest_references VALUES (1, 'sha256:m', 'sha256:a');
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
    let app = metadata.repository_details("team/app").await.unwrap().unwrap();
    assert_eq!(
        (app.tag_count, app.size_bytes, app.pull_count),
        (2, 100, 0),
        "{url}"
    );
    assert_eq!(
        (app.creator_id.as_str(), app.creator_name.as_str()),
        ("user", "mary")
    );
    let says = app.repository;
    assert_eq!((says.is_public, says.created_at, says.updated_at), (true, 3, 4));
    assert_eq!(
        (says.category.as_str(), says.description.as_str()),
        ("linux", "words")
    );
    let empty = metadata.repository_details("team/empty").await.unwrap().unwrap();
    assert_eq!(
        (empty.tag_count, empty.size_bytes, empty.creator_name.as_str()),
        (0, 0, "")
    );
    metadata.close().await;
}

#[tokio::test]
async fn images_of_the_first_version_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/berth.db", folder.path().display());
    check(&url, STEPS[0].sqlite, "x''").await;
    let server = postgres::Server::start();
    check(&server.create("first_step"), STEPS[0].postgres, "''").await;
}
