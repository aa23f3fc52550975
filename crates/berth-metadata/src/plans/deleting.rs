//! That deleting a manifest costs what it references, whatever else its repository holds: by the rows that PostgreSQL says
//! it read.

use crate::by::{By, Deletion, TagChange, Untagged};
use crate::facts::ManifestFacts;
use crate::{
    FinishUpload, Metadata, MissingReferences, NewOrganization, NewRepository, PutManifest, postgres_server,
};
use sqlx::{Connection, Row};
use std::time::Duration;

/// Tables that a repository fills.
const READ: &str = "SELECT CAST(COALESCE(SUM(seq_tup_read + idx_tup_fetch), 0) AS BIGINT) FROM pg_stat_user_tables \
     WHERE relname IN ('manifests', 'manifest_references', 'manifest_facts', 'blobs', 'blob_links', 'tags', 'tag_history')";

/// Connections besides the one that asks; each tells what it read before it is gone from here.
const OTHERS: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
     AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

async fn number(url: &str, question: &'static str) -> i64 {
    let mut connection = sqlx::AnyConnection::connect(url).await.unwrap();
    let row = sqlx::query(question).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    row.get(0)
}

/// Rows that were read until all connections that did so have told.
async fn rows_read(url: &str) -> i64 {
    while number(url, OTHERS).await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    number(url, READ).await
}

fn digest(word: &str) -> String {
    format!("sha256:{word:0>64}")
}

/// A repository with so many images over two layers of their own each.
async fn fill(metadata: &Metadata, organization_id: i64, (image, images): (&str, u32)) -> i64 {
    let new = NewRepository {
        organization_id,
        image: image.to_owned(),
        full_name: format!("team/{image}"),
        creator_id: "user".to_owned(),
        now: 1,
    };
    let repository_id = metadata.ensure_repository(new).await.unwrap().id;
    for n in 0..images {
        let blobs: Vec<_> = ["c", "d"].map(|kind| digest(&format!("{image}{kind}{n}"))).into();
        for blob in &blobs {
            let finish = FinishUpload {
                upload_id: None,
                repository_id,
                digest: blob.clone(),
                size: 1,
                key: blob.clone(),
                now: 1,
            };
            metadata.finish_upload(finish).await.unwrap();
        }
        let put = PutManifest {
            guard: crate::Guard::Off,
            repository_id,
            digest: digest(&format!("{image}{n}")),
            media_type: String::new(),
            bytes: Vec::new(),
            blobs,
            foreign_layers: Vec::new(),
            manifests: Vec::new(),
            subject: None,
            artifact_type: None,
            annotations_json: "{}".to_owned(),
            facts: ManifestFacts::default(),
            tags: vec![format!("v{n}")],
            expected: None,
            missing: MissingReferences::Refuse,
            origin: String::new(),
            user_id: None,
            now: 1,
        };
        metadata.put_manifest(put).await.unwrap();
    }
    repository_id
}

#[tokio::test]
async fn deleting_a_manifest_reads_what_it_references() {
    let server = postgres_server::Server::start();
    let url = server.create("deleting");
    let metadata = Metadata::open(&url).await.unwrap();
    super::run(
        &url,
        "INSERT INTO accounts VALUES ('account', 'account', 1); \
         INSERT INTO users (id, account_id, name, password_hash, access, administrator, enabled, created_at) \
             SELECT 'user', 'account', 'user', NULL, 'both', 0, 1, 1"
            .to_owned(),
    )
    .await;
    let new = NewOrganization {
        name: "team".to_owned(),
        creator_id: "user".to_owned(),
        limit: None,
        now: 1,
    };
    let organization = metadata.create_organization(new).await.unwrap().id;
    let small = fill(&metadata, organization, ("a", 3)).await;
    let large = fill(&metadata, organization, ("b", 500)).await;
    metadata.close().await;
    super::run(&url, "ANALYZE".to_owned()).await;
    let mut read = Vec::new();
    for (repository, image) in [(small, "a"), (large, "b")] {
        let before = rows_read(&url).await;
        let metadata = Metadata::open(&url).await.unwrap();
        let by = By {
            user_id: None,
            now: 2,
        };
        let first = digest(&format!("{image}1"));
        let deletion = Deletion {
            guard: crate::Guard::Off,
            by,
            why: TagChange::Delete,
            untagged: Untagged::Goes,
            kept_ms: 1000,
        };
        let deleted = metadata.delete_manifest(repository, &first, deletion);
        assert!(deleted.await.unwrap());
        metadata.close().await;
        read.push(rows_read(&url).await - before);
    }
    // A manifest, its facts, its tag, two references, two links and two sizes, each looked up a few times.
    for (read, images) in read.into_iter().zip([3, 500]) {
        assert!(
            (1..=50).contains(&read),
            "{read} rows of an image with {images} manifests"
        );
    }
}
