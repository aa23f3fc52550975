//! All rows out of one database and into another.

use crate::world::{World, conflict, digest, erase, id, manifest, name, tagged};
use berth_metadata::{Conflict, Error, Metadata, RestoreInto, SnapshotPart, SnapshotStream, SnapshotValue};
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::{AnyConnection, Connection, Row};
use std::collections::{BTreeMap, BTreeSet};

/// The rows of each table.
type Tables = BTreeMap<String, (Option<i64>, Vec<Vec<SnapshotValue>>)>;

pub(crate) async fn parts(metadata: &Metadata) -> Vec<SnapshotPart> {
    metadata.snapshot().try_collect().await.unwrap()
}

/// What a snapshot holds, however it is cut into parts.
pub(crate) fn tables(parts: &[SnapshotPart]) -> Tables {
    let mut tables = Tables::new();
    let mut filling = String::new();
    for part in parts {
        match part {
            SnapshotPart::Start { steps, .. } => assert!(!steps.is_empty()),
            SnapshotPart::Table { name, last_id, .. } => {
                filling.clone_from(name);
                tables.insert(name.clone(), (*last_id, Vec::new()));
            }
            SnapshotPart::Rows(rows) => tables.get_mut(&filling).unwrap().1.extend(rows.iter().cloned()),
        }
    }
    tables
}

pub(crate) fn streamed(parts: Vec<SnapshotPart>) -> SnapshotStream {
    stream::iter(parts).map(Ok).boxed()
}

pub(crate) fn into(database: &str) -> RestoreInto {
    RestoreInto {
        database: database.to_owned(),
        replace: false,
        instance_values: Vec::new(),
    }
}

#[track_caller]
pub(crate) fn is_equal(before: &Tables, after: &Tables) {
    assert!(before.keys().eq(after.keys()));
    for (table, rows) in before {
        assert_eq!(after[table], *rows, "{table}");
    }
}

/// Another, empty database beside the world's.
async fn beside(world: &World) -> String {
    if let Some(folder) = world.url.strip_suffix("berth.db") {
        return format!("{folder}{}.db", name("beside"));
    }
    let name = name("beside");
    let mut connection = AnyConnection::connect(&world.url).await.unwrap();
    let make = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(make).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let (server, _) = world.url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// A little of most things.
pub(crate) async fn fill(world: &World) {
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    for image in ["one", "two", "three"] {
        let repository = world.repository_in(organization, image).await;
        let blob = digest(&name("blob"));
        world.push(repository.id, &blob, &name("key"), 5).await;
        let mut put = tagged(
            manifest(repository.id, &name("manifest"), &[&blob]),
            &["v1", "latest"],
        );
        put.bytes = vec![0, 1, 2, 255, b'"', b'\n'];
        put.annotations_json = String::from("{\"ü\":\"\\u0000 \u{2028}\"}");
        world.metadata.put_manifest(put).await.unwrap();
        world
            .share(repository.id, &world.account().await, Some(1 << 50))
            .await
            .unwrap();
    }
    let gone = world.repository_in(organization, "gone").await;
    world.push(gone.id, &digest(&name("blob")), &name("key"), 5).await;
    erase(&world.metadata, gone.id, 6).await;
    // A restore does: what waits is in the snapshot, and later in the store.
    world.metadata.forget_records(7).await.unwrap();
}

pub(crate) async fn every_table_is_in_a_snapshot(world: World) {
    let of_this_database = if world.url.starts_with("sqlite") {
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
    } else {
        "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
    };
    let mut connection = AnyConnection::connect(&world.url).await.unwrap();
    let rows = sqlx::query(of_this_database)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut expected: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    for of_one_database in [
        "schema_steps",
        "schema_oldest",
        "commits",
        "changes",
        "change_gate",
        "layer_indexes",
    ] {
        expected.remove(of_one_database);
    }
    assert!(expected.len() > 30, "{expected:?}");
    let found = tables(&parts(&world.metadata).await);
    assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), expected);
}

pub(crate) async fn a_restored_snapshot_is_equal(world: World) {
    fill(&world).await;
    let before = parts(&world.metadata).await;
    let database = beside(&world).await;
    let imported = Metadata::restore(&into(&database), streamed(before.clone()))
        .await
        .unwrap();
    let restored = Metadata::open(&database).await.unwrap();
    let (before, after) = (tables(&before), tables(&parts(&restored).await));
    for (table, (_, rows)) in &before {
        assert_eq!(imported.rows[table], rows.len() as u64, "{table}");
    }
    is_equal(&before, &after);
    restored.close().await;
}

pub(crate) async fn numbers_are_not_handed_out_again(world: World) {
    fill(&world).await;
    let account = world.account().await;
    let user = world.user(&account).await;
    let last = world.organization(&user).await;
    let of_it = name("org");
    let organization = crate::world::new_organization(&of_it, &user);
    let deleted = world.metadata.create_organization(organization).await.unwrap().id;
    world.metadata.delete_organization(&of_it, 1).await.unwrap();
    let database = beside(&world).await;
    let parts = parts(&world.metadata).await;
    Metadata::restore(&into(&database), streamed(parts))
        .await
        .unwrap();
    let metadata = Metadata::open(&database).await.unwrap();
    let restored = World {
        metadata,
        url: database,
    };
    let next = restored.organization(&user).await;
    assert!(next > deleted && deleted > last, "{next} {deleted} {last}");
    restored.metadata.close().await;
}

pub(crate) async fn sessions_and_uploads_do_not_come_back(world: World) {
    fill(&world).await;
    let repository = world.repository().await;
    let upload = crate::world::new_upload(&id(), repository.id, 5);
    world.metadata.create_upload(upload.clone()).await.unwrap();
    let database = beside(&world).await;
    let mut into = into(&database);
    into.instance_values = vec![("restored_at".to_owned(), "77".to_owned())];
    Metadata::restore(&into, streamed(parts(&world.metadata).await))
        .await
        .unwrap();
    let restored = Metadata::open(&database).await.unwrap();
    assert!(
        restored
            .upload(repository.id, &upload.id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        restored.instance_value("restored_at").await.unwrap().unwrap(),
        "77"
    );
    restored.close().await;
}

pub(crate) async fn quotas_are_counted_anew(world: World) {
    let repository = world.repository().await;
    let organization = repository.organization_id;
    let metadata = &world.metadata;
    metadata
        .set_organization_byte_quota(organization, Some(5), 1)
        .await
        .unwrap();
    let database = beside(&world).await;
    Metadata::restore(&into(&database), streamed(parts(metadata).await))
        .await
        .unwrap();
    let restored = World {
        metadata: Metadata::open(&database).await.unwrap(),
        url: database,
    };
    // More than there is room for: nothing that happened is refused afterwards.
    let put = manifest(repository.id, "more than five", &[]);
    restored.metadata.put_manifest(put).await.unwrap();
    restored.metadata.recount_byte_quotas(9).await.unwrap();
    let quota = restored
        .metadata
        .organization_byte_quota(organization)
        .await
        .unwrap();
    assert_eq!(quota.unwrap().used, 14);
    restored.metadata.close().await;
}

pub(crate) async fn a_database_with_a_registry_is_kept(world: World) {
    fill(&world).await;
    let accounts = world.metadata.count_accounts().await.unwrap();
    let snapshot = parts(&world.metadata).await;
    world.account().await;
    let refused = Metadata::restore(&into(&world.url), streamed(snapshot.clone())).await;
    assert_eq!(conflict(refused), Conflict::NotEmpty);
    assert_eq!(world.metadata.count_accounts().await.unwrap(), accounts + 1);
    let replacing = RestoreInto {
        replace: true,
        ..into(&world.url)
    };
    assert!(
        world
            .metadata
            .take_lease("upkeep", "server", 60_000)
            .await
            .unwrap()
    );
    let beside_a_server = Metadata::restore(&replacing, streamed(snapshot.clone())).await;
    assert_eq!(conflict(beside_a_server), Conflict::AtWork);
    assert!(world.metadata.any_lease_is_held().await.unwrap());
    world.metadata.release_leases("server").await.unwrap();
    assert!(!world.metadata.any_lease_is_held().await.unwrap());
    Metadata::restore(&replacing, streamed(snapshot)).await.unwrap();
    let again = world.again().await;
    assert_eq!(again.metadata.count_accounts().await.unwrap(), accounts);
    again.metadata.close().await;
}

pub(crate) async fn a_broken_snapshot_changes_nothing(world: World) {
    fill(&world).await;
    let snapshot = parts(&world.metadata).await;
    let before = tables(&snapshot);
    let check = async |parts: SnapshotStream, why: &str| {
        let replacing = RestoreInto {
            replace: true,
            ..into(&world.url)
        };
        let refused = Metadata::restore(&replacing, parts).await;
        assert!(matches!(refused, Err(Error::Snapshot(_))), "{why}: {refused:?}");
        let again = world.again().await;
        assert_eq!(tables(&parts_of(&again).await), before, "{why}");
        again.metadata.close().await;
    };
    let mut future = snapshot.clone();
    if let SnapshotPart::Start { steps, .. } = &mut future[0] {
        steps.push("9999_future".to_owned());
    }
    let mut without_a_column = snapshot.clone();
    for part in &mut without_a_column {
        if let SnapshotPart::Table { name, columns, .. } = part
            && name == "users"
        {
            columns.pop();
        }
    }
    let cut = snapshot[..snapshot.len() - 1].to_vec();
    let cut: Vec<_> = cut.into_iter().filter(|part| !is_table(part, "tags")).collect();
    let broken_off = stream::iter(snapshot.clone()).map(Ok);
    let broken_off = broken_off.chain(stream::once(async { Err(Error::Snapshot("cut".to_owned())) }));
    check(streamed(future), "of a newer version").await;
    check(streamed(without_a_column), "without a column").await;
    check(streamed(cut), "without a table").await;
    check(streamed(snapshot[1..].to_vec()), "without a start").await;
    check(broken_off.boxed(), "cut at its end").await;
}

async fn parts_of(world: &World) -> Vec<SnapshotPart> {
    parts(&world.metadata).await
}

fn is_table(part: &SnapshotPart, wanted: &str) -> bool {
    matches!(part, SnapshotPart::Table { name, .. } if name == wanted)
}

pub(crate) async fn a_snapshot_under_writes_is_of_one_moment(world: World) {
    let repository = world.repository().await;
    let writer = async |w: usize| {
        for n in 0..40 {
            let blob = digest(&format!("blob-{w}-{n}"));
            world.push(repository.id, &blob, &format!("key-{w}-{n}"), 5).await;
            let put = manifest(repository.id, &format!("manifest-{w}-{n}"), &[&blob]);
            world
                .metadata
                .put_manifest(tagged(put, &[&format!("t-{w}-{n}")]))
                .await
                .unwrap();
        }
    };
    let snapshots = async {
        let mut taken = Vec::new();
        for _ in 0..5 {
            taken.push(parts(&world.metadata).await);
        }
        taken
    };
    let (_, taken) = tokio::join!(join_all((0..4).map(writer)), snapshots);
    for parts in taken {
        let database = beside(&world).await;
        Metadata::restore(&into(&database), streamed(parts))
            .await
            .unwrap();
        let mut connection = AnyConnection::connect(&database).await.unwrap();
        for (what, wrong) in [
            (
                "references without links",
                "SELECT COUNT(*) FROM manifest_references m WHERE NOT EXISTS (SELECT 1 FROM blob_links l \
                 WHERE l.repository_id = m.repository_id AND l.digest = m.digest)",
            ),
            (
                "wrong counts of tags",
                "SELECT COUNT(*) FROM repositories r WHERE tag_count <> \
                 (SELECT COUNT(*) FROM tags t WHERE t.repository_id = r.id)",
            ),
            (
                "wrong sums of bytes",
                "SELECT COUNT(*) FROM repositories r WHERE size_bytes <> \
                 (SELECT CAST(COALESCE(SUM(b.size), 0) AS BIGINT) FROM blob_links l JOIN blobs b ON b.digest = l.digest \
                 WHERE l.repository_id = r.id AND l.idle_since IS NULL)",
            ),
            (
                "moves of tags and tags",
                "SELECT ABS((SELECT COUNT(*) FROM tags) - (SELECT COUNT(*) FROM tag_history))",
            ),
        ] {
            let count: i64 = sqlx::query(wrong)
                .fetch_one(&mut connection)
                .await
                .unwrap()
                .get(0);
            assert_eq!(count, 0, "{what}");
        }
        connection.close().await.unwrap();
    }
}
