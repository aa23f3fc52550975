//! That the statements which must stay fast use an index, on both databases, in the midst of many rows.

use crate::Metadata;
use crate::postgres_server as postgres;
use crate::{
    audit, blobs, byte_quotas, grants, immutability, manifests, preheats, quotas, reclaim, repositories,
    retentions, scrub, sync_jobs, tags, trigger_runs, uploads,
};
use sqlx::{AssertSqlSafe, Connection, Row};

mod deleting;
mod gathering;
mod ledger;

/// 10,000 tags of one repository and 100,000 repositories, as text that both databases run.
const ROWS: &str = "
    INSERT INTO accounts VALUES ('account', 'account', 1), ('other', 'other', 1);
    INSERT INTO users (id, account_id, name, password_hash, access, administrator, enabled, created_at)
        SELECT 'user', 'account', 'user', NULL, 'both', 0, 1, 1;
    INSERT INTO account_quotas VALUES ('other', NULL, NULL, 5);
    INSERT INTO organizations (id, name, account_id, creator_id, creator_name, created_at)
        SELECT n, 'org' || n, CASE WHEN n % 10 = 0 THEN 'account' ELSE 'other' END, 'user', 'user', 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100) SELECT n FROM c) AS c;
    INSERT INTO organization_grants SELECT 'user', 10, 7;
    INSERT INTO byte_quotas (organization_id, limit_bytes) SELECT id, 1 FROM organizations;
    INSERT INTO byte_quotas (account_id, limit_bytes) SELECT id, 1 FROM accounts;
    INSERT INTO repositories
        (id, organization_id, image, full_name, is_public, listed, category, description, creator_id, created_at, updated_at)
        SELECT n, n % 100 + 1, 'image' || n, 'org' || (n % 100 + 1) || '/image' || n,
            CASE WHEN n % 20 = 0 THEN 1 ELSE 0 END, 1, '', '', 'user', 1, 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    INSERT INTO manifests
        (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes) SELECT 7, 'sha256:' || n, 'type', 1, NULL, 'sha256:0', '{}', 1, NO_BYTES
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes) SELECT 7, 'sha256:' || n, 0, NULL, 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO tags SELECT 7, 'tag' || n, 'sha256:' || (n % 1000 + 1), n, n, n
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO tag_history (repository_id, tag, digest, at, user_id) SELECT 7, 'tag' || (5000 + n % 10), 'sha256:' || n, 1, 'user'
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO blobs (digest, key, size, created_at) SELECT 'sha256:' || n, 'key' || n, 1, 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO blob_links SELECT n % 1000 + 1, 'sha256:' || n, CASE WHEN n % 1000 = 0 THEN 1 ELSE NULL END
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO reclaim SELECT 'old' || n, 'sha256:x', 1, n
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO retention_log (repository_id, retention_id, rule, tag, digest, at)
        SELECT CASE WHEN n % 2 = 0 THEN 7 ELSE n END, 1, '{}', 'tag', 'sha256:1', 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c) AS c;
    INSERT INTO immutability_rules (organization_id, repository_id, kind, pattern, creator_id, creator_name, created_at)
        SELECT n % 100 + 1, CASE WHEN n < 300 THEN NULL ELSE n END, 'glob', 'v' || n, 'user', 'user', 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO triggers (id, repository_id, name, kind, condition, enabled, mode, cluster, namespace, workload_kind,
            workload, container, creator_id, creator_name, created_at)
        SELECT n, n, 'roll', 'all', '.*', 1, 'cci', NULL, 'a', 'deployments', 'web', '', 'user', 'user', 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT n FROM c) AS c;
    INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at) 
        SELECT CASE WHEN n % 2 = 0 THEN 7 ELSE n % 100 + 1 END, 'tag', 1, '', 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c) AS c;
    INSERT INTO sync_jobs (repository_id, tag, region, region_id, remote_organization, overwrite, status, operator_id,
            operator_name, created_at, updated_at)
        SELECT CASE WHEN n % 2 = 0 THEN 7 ELSE n END, 'tag', NULL, 'east', 'a', 0, 'success', 'user', 'user', 1, 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c) AS c;
    INSERT INTO preheats (id, repository_id, digest, labels, creator_name, created_at, expires_at)
        SELECT n, n, 'sha256:1', '{}', 'user', 1, 100
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT n FROM c) AS c;
    INSERT INTO preheat_nodes (preheat_id, account_id, node, state, detail, updated_at)
        SELECT n % 1000 + 1, 'account', 'node' || n, CASE WHEN n % 2000 = 0 THEN 'waiting' ELSE 'complete' END, '', 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c) AS c;
    INSERT INTO audit_events (at, account_id, user_name, credential, source, action, resource, status, code, request_id)
        SELECT n, CASE WHEN n % 10 = 0 THEN 'account' ELSE 'other' END, 'user' || (n % 100), '', '', 'action', 'org5/image4', 200, '', ''
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;
    INSERT INTO uploads
        (id, repository_id, user_id, algorithm, byte_offset, hash_state, backend, created_at, updated_at)
        SELECT 'upload' || n, 7, NULL, 'sha256', 0, NO_BYTES, '', 1, n
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c) AS c;";

/// The hot and the paged statements with values out of the middle, and how many rows one answers at most.
const STATEMENTS: &[(&str, &[&str], usize)] = &[
    (
        grants::STANDING,
        &["'org5'", "'image4'", "'user'", "'account'"],
        1,
    ),
    (manifests::BY_TAG, &["7", "'tag5000'"], 1),
    (manifests::BY_DIGEST, &["7", "'sha256:5'"], 1),
    (manifests::DESCRIPTOR_BY_TAG, &["7", "'tag5000'"], 1),
    (manifests::DESCRIPTOR_BY_DIGEST, &["7", "'sha256:5'"], 1),
    (
        manifests::REFERRERS,
        &["7", "'sha256:0'", "'sha256:5'", "NULL", "100"],
        100,
    ),
    (
        manifests::REFERRER_SIZES,
        &["7", "'sha256:0'", "'sha256:5'", "NULL", "100"],
        100,
    ),
    (blobs::LINKED, &["8", "'sha256:7'"], 1),
    (
        blobs::READABLE,
        &["'user'", "'account'", "0", "1", "'sha256:19'"],
        1,
    ),
    (blobs::KEYS, &["'key5000'", "100"], 100),
    (preheats::AWAITED, &["5", "100"], 10),
    (scrub::DUE, &["5", "0", "''", "10"], 10),
    (scrub::MANIFESTS, &["7", "'sha256:5'", "10"], 10),
    (blobs::IDLE, &["2", "100"], 10),
    (tags::LIST, &["7", "'tag5000'", "100"], 1),
    (tags::list::BY_TIME, &["7", "''", "10", "50"], 10),
    (tags::list::BY_TIME_DESCENDING, &["7", "'g50'", "10", "0"], 10),
    (tags::list::BY_TAG, &["7", "''", "10", "50"], 10),
    (tags::list::BY_TAG_DESCENDING, &["7", "''", "10", "50"], 10),
    (
        tags::list::AFTER_TIME,
        &["7", "''", "10", "5000", "'tag5000'"],
        10,
    ),
    (
        tags::list::AFTER_TIME_DESCENDING,
        &["7", "''", "10", "5000", "'tag5000'"],
        10,
    ),
    (tags::list::AFTER_TAG, &["7", "''", "10", "'tag5000'"], 10),
    (
        tags::list::AFTER_TAG_DESCENDING,
        &["7", "''", "10", "'tag5000'"],
        10,
    ),
    (tags::list::ONE, &["7", "'tag5000'"], 1),
    (tags::moves::HISTORY, &["7", "'tag5000'", "5000", "10"], 10),
    (repositories::LIST_PUBLIC, &["'org5/'", "100"], 1),
    (
        repositories::LIST_READABLE,
        &["'user'", "'account'", "1", "1", "'org5/'", "100"],
        1,
    ),
    (byte_quotas::OF_REPOSITORY, &["10"], 2),
    (quotas::TAG_LIMIT, &["10"], 1),
    (repositories::FIND, &["'org5/image4'"], 1),
    (repositories::details::DETAILS, &["'org5/image4'"], 1),
    (
        audit::LIST,
        &[
            "'account'",
            "5000",
            "9",
            "0",
            "NULL",
            "NULL",
            "NULL",
            "NULL",
            "100",
        ],
        100,
    ),
    (
        audit::LIST_OF_USER,
        &[
            "'account'",
            "5000",
            "9",
            "0",
            "'user50'",
            "NULL",
            "NULL",
            "NULL",
            "10",
        ],
        10,
    ),
    (uploads::FIND, &["7", "'upload5'"], 1),
    (uploads::EXPIRED, &["5000", "100"], 100),
    (reclaim::TAKE, &["5000", "100"], 100),
    (retentions::LOG, &["7", "100", "5000"], 100),
    (immutability::OF_ORGANIZATION, &["5"], 3),
    (immutability::OF_REPOSITORY, &["5", "504"], 4),
    (trigger_runs::HISTORY, &["7", "9000", "100"], 100),
    (trigger_runs::TASK, &["5000"], 1),
    (retentions::TAGS, &["7", "'tag5'", "100"], 100),
    (retentions::LISTED, &["7", "'sha256:5'", "'sha256:6'"], 0),
    (retentions::STEP, &["7", "'sha256:5'", "100"], 1),
    (retentions::SUBJECTS, &["7", "'sha256:'", "100"], 100),
    (
        retentions::SUBJECTS_OF,
        &["7", "'sha256:0'", "'sha256:5'", "100"],
        100,
    ),
    (sync_jobs::NEWEST_FIRST, &["7", "100", "5000"], 100),
    (sync_jobs::OLDEST_FIRST, &["7", "100", "5000"], 100),
];

/// Tables whose rows a statement looks up and never reads one after the other.
const LARGE: [(&str, &str); 4] = [
    ("repositories", "r"),
    ("tags", "t"),
    ("repository_grants", "rg"),
    ("shares", "s"),
];

/// The statement with its values in place of the markers.
fn with_values(statement: &str, values: &[&str]) -> String {
    let numbered = values.iter().enumerate().rev();
    numbered.fold(statement.to_owned(), |text, (n, value)| {
        text.replace(&format!("${}", n + 1), value)
    })
}

/// Fills the database, where `no_bytes` is an empty value of bytes, and looks that each statement finds what it should.
async fn fill(metadata: &Metadata, url: &str, no_bytes: &str) {
    run(url, ROWS.replace("NO_BYTES", no_bytes)).await;
    for (statement, values, rows) in STATEMENTS {
        let text = with_values(statement, values);
        let found = sqlx::raw_sql(AssertSqlSafe(text.clone()))
            .fetch_all(metadata.pool.reads())
            .await
            .unwrap();
        assert_eq!(found.len(), *rows, "{text}");
    }
}

async fn run(url: &str, text: String) {
    let mut connection = sqlx::AnyConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

async fn explain(
    metadata: &Metadata,
    prefix: &str,
    statement: &str,
    values: &[&str],
    column: usize,
) -> String {
    let text = AssertSqlSafe(format!("{prefix} {}", with_values(statement, values)));
    let rows = sqlx::raw_sql(text)
        .fetch_all(metadata.pool.reads())
        .await
        .unwrap();
    rows.iter()
        .map(|row| row.get::<String, _>(column))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn sqlite_searches_and_never_sorts() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/berth.db", folder.path().display());
    let metadata = Metadata::open(&url).await.unwrap();
    fill(&metadata, &url, "x''").await;
    for analyzed in [false, true] {
        if analyzed {
            run(&url, "ANALYZE".to_owned()).await;
        }
        for (statement, values, _) in STATEMENTS {
            let plan = explain(&metadata, "EXPLAIN QUERY PLAN", statement, values, 3).await;
            // The queue is read from its beginning: its index in the order asked for, ended by the limit.
            let scans = plan
                .lines()
                .filter(|line| line.contains("SCAN") && !line.contains("reclaim_by_time"))
                // All that is open, which is what is asked for.
                .filter(|line| !line.contains("preheat_nodes_open"))
                // What a limit has cut already is read whole.
                .filter(|line| !line.contains("SCAN page"));
            assert_eq!(scans.count(), 0, "{statement}\n{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
        }
        for statement in gathering::searches() {
            let plan = explain(&metadata, "EXPLAIN QUERY PLAN", &statement, &[], 3).await;
            assert!(
                !plan.contains("SCAN c") && !plan.contains("SCAN l"),
                "{statement}\n{plan}"
            );
            assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
        }
        for statement in ledger::statements() {
            let plan = explain(&metadata, "EXPLAIN QUERY PLAN", &statement, &[], 3).await;
            assert_eq!(ledger::scans(&plan), [""; 0], "{statement}\n{plan}");
        }
        for statement in gathering::statements() {
            let plan = explain(&metadata, "EXPLAIN QUERY PLAN", &statement, &[], 3).await;
            let scans = plan.lines().filter(|line| {
                let name = line.split_once("SCAN ").map(|(_, rest)| rest.split(' ').next());
                LARGE.iter().any(|(_, short)| name == Some(Some(*short)))
            });
            assert_eq!(scans.count(), 0, "{statement}\n{plan}");
        }
    }
    metadata.close().await;
}

#[tokio::test]
async fn postgres_searches_and_never_sorts() {
    let server = postgres::Server::start();
    let url = server.create("plans");
    let metadata = Metadata::open(&url).await.unwrap();
    fill(&metadata, &url, "''").await;
    // A server does so by itself after a while.
    run(&url, "ANALYZE".to_owned()).await;
    for (statement, values, _) in STATEMENTS {
        let plan = explain(&metadata, "EXPLAIN", statement, values, 0).await;
        // A table of a few rows is read whole, whatever its indexes.
        let large = [
            "repositories",
            "tags",
            "tag_history",
            "manifest_facts",
            "manifests",
            "blobs",
            "blob_links",
            "uploads",
            "reclaim",
            "retention_log",
            "immutability_rules",
            "trigger_history",
            "sync_jobs",
            "preheat_nodes",
        ];
        let scans = plan.lines().filter(|line| {
            line.split_once("Seq Scan on ")
                .is_some_and(|(_, table)| large.iter().any(|name| table.starts_with(name)))
        });
        assert_eq!(scans.count(), 0, "{statement}\n{plan}");
        // To sort the one row that a key finds costs nothing.
        let sorts = |line: &str| line.contains("Sort  (") && !line.contains(" rows=1 ");
        assert!(!plan.lines().any(sorts), "{statement}\n{plan}");
    }
    for statement in gathering::searches() {
        let plan = explain(&metadata, "EXPLAIN", &statement, &[], 0).await;
        for scan in ["Seq Scan on tags", "Seq Scan on manifests", "Seq Scan on blob"] {
            assert!(!plan.contains(scan), "{statement}\n{plan}");
        }
    }
    for statement in ledger::statements() {
        let plan = explain(&metadata, "EXPLAIN", &statement, &[], 0).await;
        assert_eq!(ledger::sequential_scans(&plan), [""; 0], "{statement}\n{plan}");
    }
    for statement in gathering::statements() {
        let plan = explain(&metadata, "EXPLAIN", &statement, &[], 0).await;
        let scans = plan.lines().filter(|line| {
            line.split_once("Seq Scan on ")
                .is_some_and(|(_, table)| table.starts_with("repositories"))
        });
        assert_eq!(scans.count(), 0, "{statement}\n{plan}");
    }
    metadata.close().await;
}
