//! That a database which an older version filled becomes what this version writes, on both databases.

use super::{STEPS, Step};
use crate::postgres_server as postgres;
use crate::{Metadata, TagColumn, TagOrder, TagStart, TagsPage};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

mod images;
mod people;
mod previous;

/// What the first version stored, as text that both databases run: `BYTES(text)` stands for a value of bytes.
const FIRST: &str = r#"
    INSERT INTO accounts VALUES ('account', 'account', 1);
    INSERT INTO users VALUES ('user', 'account', 'mary', NULL, 'both', 0, 1, 1);
    INSERT INTO organizations (id, name, account_id, creator_id, creator_name, created_at)
        VALUES (1, 'org', 'account', 'user', 'mary', 1);
    INSERT INTO repositories
        (id, organization_id, image, full_name, is_public, listed, category, description, creator_id, created_at, updated_at)
        VALUES (1, 1, 'app', 'org/app', 0, 1, '', '', 'user', 1, 1);
    INSERT INTO manifests VALUES
        (1, 'sha256:image', 'application/vnd.oci.image.manifest.v1+json', 9, NULL, NULL, '{}', 1,
            BYTES({"config":{"digest":"sha256:config","size":1862},"layers":[{"size":1292800},{"size":10240}],
            "annotations":{"zero":"\u0000","escaped":"\\u0000"}})),
        (1, 'sha256:bare', 'application/vnd.docker.distribution.manifest.v2+json', 9, NULL, NULL, '{}', 1,
            BYTES({"config":{"digest":"sha256:config","size":5},"layers":null})),
        (1, 'sha256:huge', 'application/vnd.oci.image.manifest.v1+json', 9, NULL, NULL, '{}', 1,
            BYTES({"config":{"digest":"sha256:config","size":9223372036854775807},"layers":[{"size":9223372036854775807}]})),
        (1, 'sha256:artifact', 'application/vnd.oci.artifact.manifest.v1+json', 9, NULL, NULL, '{}', 1,
            BYTES({"blobs":[{"size":7}]})),
        (1, 'sha256:index', 'application/vnd.oci.image.index.v1+json', 9, NULL, NULL, '{}', 1,
            BYTES({"manifests":[{"size":1}]})),
        (1, 'sha256:other', 'application/json', 9, NULL, NULL, '{}', 1, BYTES({"config":{"size":3}}));
    INSERT INTO manifest_references VALUES (1, 'sha256:index', 'sha256:image'), (1, 'sha256:index', 'sha256:bare'),
        (1, 'sha256:index', 'sha256:missing');
    INSERT INTO tags VALUES (1, 'a', 'sha256:image', 30), (1, 'b', 'sha256:bare', 40), (1, 'c', 'sha256:huge', 50),
        (1, 'd', 'sha256:artifact', 60), (1, 'e', 'sha256:index', 70), (1, 'f', 'sha256:other', 80);
    INSERT INTO tag_history (id, repository_id, tag, digest, at, user_id) VALUES (1, 1, 'a', 'sha256:bare', 10, 'user'),
        (2, 1, 'a', NULL, 15, NULL), (3, 1, 'a', 'sha256:bare', 20, 'user'), (4, 1, 'a', 'sha256:image', 30, 'user'),
        (5, 1, 'b', 'sha256:bare', 40, NULL), (6, 1, 'c', 'sha256:huge', 50, NULL), (7, 1, 'd', 'sha256:artifact', 60, NULL),
        (8, 1, 'e', 'sha256:index', 70, NULL), (9, 1, 'gone', 'sha256:index', 70, NULL), (10, 1, 'gone', NULL, 75, NULL);
"#;

/// A database as the first version left it, then opened by this one.
async fn upgraded(url: &str, dialect: fn(&Step) -> &'static str, bytes: [&str; 2]) -> Metadata {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let parts = FIRST.split("BYTES(");
    let rows: Vec<String> = parts
        .enumerate()
        .map(|(n, part)| match (n, part.split_once("})")) {
            (0, _) | (_, None) => part.to_owned(),
            (_, Some((document, rest))) => format!("{}{document}}}{}{rest}", bytes[0], bytes[1]),
        })
        .collect();
    let schema = "CREATE TABLE schema_steps (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL);\
                  INSERT INTO schema_steps VALUES (1, '0001_registry');";
    for text in [dialect(&STEPS[0]), schema, &rows.concat()] {
        let text = AssertSqlSafe(text.to_owned());
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    }
    if url.starts_with("postgres") {
        let next = "SELECT setval(pg_get_serial_sequence('tag_history', 'id'), 10)";
        sqlx::raw_sql(next).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    Metadata::open(url).await.unwrap()
}

async fn check(metadata: &Metadata) {
    let page = TagsPage {
        repository_id: 1,
        search: String::new(),
        order: TagOrder {
            column: TagColumn::Tag,
            descending: false,
        },
        start: TagStart::Offset(0),
        limit: 100,
    };
    let rows = metadata.tag_rows(page).await.unwrap();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let config = row.facts.config_digest.as_deref();
            (
                row.tag.as_str(),
                row.id,
                row.created_at,
                row.facts.is_index,
                config,
                row.facts.image_bytes,
            )
        })
        .collect();
    let config = Some("sha256:config");
    let expected = [
        ("a", 3, 20, false, config, 1_304_902),
        ("b", 5, 40, false, config, 5),
        ("c", 6, 50, false, config, 32 << 40),
        ("d", 7, 60, false, None, 7),
        ("e", 8, 70, true, None, 1_304_907),
        ("f", 11, 80, false, None, 0),
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn tags_of_the_first_version_are_listed_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/berth.db", folder.path().display());
    std::fs::File::create(folder.path().join("berth.db")).unwrap();
    let metadata = upgraded(&url, |step| step.sqlite, ["CAST('", "' AS BLOB)"]).await;
    check(&metadata).await;
    metadata.close().await;
}

#[tokio::test]
async fn tags_of_the_first_version_are_listed_on_postgres() {
    let server = postgres::Server::start();
    let url = server.create("upgraded");
    let metadata = upgraded(&url, |step| step.postgres, ["convert_to('", "', 'UTF8')"]).await;
    check(&metadata).await;
    metadata.close().await;
}
