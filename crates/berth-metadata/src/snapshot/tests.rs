//! That a snapshot of an older schema becomes what this version writes.

use super::export::export_into;
use super::{RestoreInto, SnapshotPart};
use crate::Metadata;
use crate::pool::rebuilding::{Rebuilding, make_schema};
use crate::pool::{Dialect, Tx};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

const ROWS: &str = "INSERT INTO accounts VALUES ('account', 'account', 1);
    INSERT INTO users VALUES ('user', 'account', 'mary', NULL, 'both', 0, 1, 1);
    INSERT INTO organizations (id, name, account_id, creator_id, creator_name, created_at)
        VALUES (1, 'org', 'account', 'user', 'mary', 1);
    INSERT INTO repositories (id, organization_id, image, full_name, is_public, listed, category, description,
        creator_id, created_at, updated_at) VALUES (1, 1, 'app', 'org/app', 0, 1, '', '', 'user', 1, 1);
    INSERT INTO manifests VALUES (1, 'sha256:image', 'application/vnd.oci.image.manifest.v1+json', 9, NULL, NULL, '{}',
        1, CAST('{\"config\":{\"digest\":\"sha256:config\",\"size\":7}}' AS BLOB));
    INSERT INTO tags VALUES (1, 'a', 'sha256:image', 30);";

/// The parts of a snapshot that the first version would have made.
async fn of_the_first_version(url: &str) -> Vec<SnapshotPart> {
    let mut database = Rebuilding::connect(url).await.unwrap();
    let mut tx = database.begin().await.unwrap();
    let steps = ["0001_registry".to_owned()];
    assert!(
        make_schema(&mut Tx::from(&mut *tx), Dialect::Sqlite, &steps)
            .await
            .unwrap()
    );
    sqlx::raw_sql(ROWS).execute(&mut *tx).await.unwrap();
    let (sender, mut parts) = mpsc::channel(1000);
    export_into(&mut Tx::from(&mut *tx), Dialect::Sqlite, sender)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    database.close().await;
    let mut found = Vec::new();
    while let Some(part) = parts.recv().await {
        found.push(part.unwrap());
    }
    found
}

#[tokio::test]
async fn a_snapshot_of_an_older_schema_is_brought_forward() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
    let parts = of_the_first_version(&url("old")).await;
    let into = RestoreInto {
        database: url("new"),
        replace: false,
        instance_values: Vec::new(),
    };
    Metadata::restore(&into, stream::iter(parts).map(Ok).boxed())
        .await
        .unwrap();
    let restored = Metadata::open(&url("new")).await.unwrap();
    let facts = restored
        .manifest_facts(1, &["sha256:image".to_owned()])
        .await
        .unwrap();
    assert_eq!(facts[0].1.image_bytes, 7, "a step after the first one noted it");
    assert_eq!(restored.repository("org/app").await.unwrap().unwrap().id, 1);
    restored.close().await;
}
