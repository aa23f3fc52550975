//! Opening, closing, upgrading.

use crate::world::{World, digest, id, manifest, tagged};
use berth_metadata::{Error, Metadata};
use futures_util::future::join_all;
use sqlx::{AnyConnection, Connection};

async fn run(url: &str, text: &'static str) {
    let mut connection = AnyConnection::connect(url).await.unwrap();
    sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub(crate) async fn rows_are_there_after_reopening(world: World) {
    let repository = world.repository().await;
    world.push(repository.id, &digest("a"), "key", 5).await;
    let put = tagged(manifest(repository.id, "m", &[&digest("a")]), &["v1"]);
    world.metadata.put_manifest(put).await.unwrap();
    let before = world.metadata.manifest_by_tag(repository.id, "v1").await.unwrap();
    world.metadata.close().await;
    let again = world.again().await;
    assert!(before.is_some());
    assert_eq!(
        again.metadata.manifest_by_tag(repository.id, "v1").await.unwrap(),
        before
    );
    assert_eq!(
        again
            .metadata
            .linked_blob(repository.id, &digest("a"))
            .await
            .unwrap()
            .unwrap()
            .key,
        "key"
    );
    again.metadata.close().await;
}

pub(crate) async fn a_newer_schema_is_refused(world: World) {
    world.metadata.close().await;
    run(
        &world.url,
        "INSERT INTO schema_steps (version, name) VALUES (1000, 'from_the_future')",
    )
    .await;
    match Metadata::open(&world.url).await {
        Err(error @ Error::SchemaTooNew { found: 1000, .. }) => {
            assert!(error.to_string().contains("start the newer version"), "{error}");
        }
        other => panic!("opened a database of a newer version: {other:?}"),
    }
}

pub(crate) async fn many_open_a_new_database_at_once(world: World) {
    let url = if let Some(folder) = world.url.strip_suffix("berth.db") {
        format!("{folder}fresh.db")
    } else {
        run(&world.url, "CREATE DATABASE fresh").await;
        let (server, _) = world.url.rsplit_once('/').expect("a server and a database");
        format!("{server}/fresh")
    };
    let opened = join_all((0..8).map(|_| Metadata::open(&url))).await;
    for (n, metadata) in opened.into_iter().enumerate() {
        let metadata = metadata.unwrap();
        metadata
            .create_account(&id(), &format!("account{n}"), 1)
            .await
            .unwrap();
        assert_eq!(
            metadata.count_accounts().await.unwrap(),
            i64::try_from(n).unwrap() + 1
        );
        metadata.close().await;
    }
}

pub(crate) async fn a_closed_store_says_so(world: World) {
    world.metadata.close().await;
    world.metadata.close().await;
    let read = world.metadata.count_accounts().await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    let write = world.metadata.create_account(&id(), "late", 1).await;
    assert!(matches!(write, Err(Error::Unavailable(_))), "{write:?}");
}

pub(crate) async fn readiness_writes(world: World) {
    world.metadata.check().await.unwrap();
    world.metadata.check().await.unwrap();
    world.metadata.close().await;
    let refused = world.metadata.check().await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}
