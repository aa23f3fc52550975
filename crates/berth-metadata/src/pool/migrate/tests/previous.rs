//! That the program before this one can go on serving the schema of this one: what it writes is still taken, and what it
//! deletes can still be deleted. Replaced with the statements of each version when the next one is begun.

use crate::Metadata;
use crate::postgres_server as postgres;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

/// What the version with the schema up to `0018_audit_order` writes, with values; `NO_BYTES` stands for an empty value of
/// bytes.
const STATEMENTS: &str = "
    INSERT INTO instance_values (name, value) VALUES ('readiness', '1') ON CONFLICT (name) DO UPDATE SET value = '0';
    INSERT INTO accounts (id, name, created_at) VALUES ('acc', 'acc', 1), ('acc2', 'acc2', 1);
    INSERT INTO users (id, account_id, name, password_hash, access, administrator, enabled, created_at, description)
        VALUES ('user', 'acc', 'mary', NULL, 'both', 0, 1, 1, '');
    INSERT INTO user_groups (id, account_id, name, administrator, created_at, description) VALUES ('g', 'acc', 'g', 0, 1, '');
    INSERT INTO group_members (group_id, user_id) VALUES ('g', 'user') ON CONFLICT DO NOTHING;
    INSERT INTO group_roles (group_id, role, place) VALUES ('g', 'r', 'p') ON CONFLICT DO NOTHING;
    INSERT INTO access_keys (access_key_id, user_id, secret_encrypted, enabled, created_at, last_used_at, expires_at, description)
        VALUES ('AK', 'user', NO_BYTES, 1, 1, NULL, NULL, '');
    INSERT INTO temporary_logins (id, user_id, secret_hash, made_with, project, created_at, expires_at, password_fingerprint)
        VALUES ('t', 'user', NO_BYTES, 'AK', 'p', 1, 2, NULL);
    INSERT INTO temporary_keys (access_key_id, user_id, secret_encrypted, token_hash, made_with, password_fingerprint, created_at,
        expires_at) VALUES ('TK', 'user', NO_BYTES, NO_BYTES, 'AK', NULL, 1, 2);
    INSERT INTO sessions (id, user_id, password_fingerprint, created_at, expires_at) VALUES ('s', 'user', 'f', 1, 2);
    INSERT INTO signing_keys (id, private_encrypted, created_at) VALUES ('k', NO_BYTES, 1);
    INSERT INTO account_quotas (account_id, organizations_per_user, repositories, tags_per_repository) VALUES ('acc', 1, 2, 3);
    INSERT INTO organizations (name, account_id, creator_id, creator_name, created_at) VALUES ('org', 'acc', 'user', 'mary', 1);
    INSERT INTO organization_grants (organization_id, user_id, permission) VALUES (ORG, 'user', 7);
    INSERT INTO repositories (organization_id, image, full_name, is_public, listed, category, description, creator_id,
        creator_name, created_at, updated_at) VALUES (ORG, 'app', 'org/app', 0, 0, '', '', 'user', 'mary', 1, 1);
    INSERT INTO repository_grants (repository_id, user_id, permission) VALUES (APP, 'user', 7);
    INSERT INTO shares (repository_id, account_id, deadline_at, expires_at, description, creator_id, creator_name, created_at,
        updated_at) VALUES (APP, 'acc2', NULL, NULL, '', 'user', 'mary', 1, 1);
    INSERT INTO uploads (id, repository_id, user_id, algorithm, byte_offset, hash_state, backend, created_at, updated_at)
        VALUES ('up', APP, 'user', 'sha256', 0, NO_BYTES, '', 1, 1);
    UPDATE uploads SET byte_offset = 9, hash_state = NO_BYTES, backend = 'x', updated_at = 2 WHERE id = 'up' AND byte_offset = 0;
    DELETE FROM uploads WHERE id = 'up' AND repository_id = APP;
    INSERT INTO blobs (digest, key, size, created_at) VALUES ('sha256:b', 'key', 9, 1)
        ON CONFLICT (digest) DO UPDATE SET size = blobs.size;
    INSERT INTO reclaim (key, digest, size, queued_at) VALUES ('key2', 'sha256:b', 9, 1) ON CONFLICT (key) DO NOTHING;
    INSERT INTO blob_links (repository_id, digest, idle_since) VALUES (APP, 'sha256:b', 1)
        ON CONFLICT (repository_id, digest) DO NOTHING;
    INSERT INTO manifests (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes)
        VALUES (APP, 'sha256:m', 'type', 1, NULL, NULL, '{}', 1, NO_BYTES) ON CONFLICT (repository_id, digest) DO NOTHING;
    INSERT INTO manifest_references (repository_id, manifest, digest) VALUES (APP, 'sha256:m', 'sha256:b') ON CONFLICT DO NOTHING;
    UPDATE blob_links SET idle_since = NULL WHERE repository_id = APP AND digest IN ('sha256:b') AND idle_since IS NOT NULL;
    INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes) VALUES (APP, 'sha256:m', 0, NULL, 9)
        ON CONFLICT (repository_id, digest) DO UPDATE SET image_bytes = excluded.image_bytes;
    INSERT INTO tag_history (repository_id, tag, digest, at, user_id) VALUES (APP, 'v1', 'sha256:m', 1, 'user');
    INSERT INTO tags (repository_id, tag, digest, updated_at, id, created_at) VALUES (APP, 'v1', 'sha256:m', 1, 1, 1)
        ON CONFLICT (repository_id, tag) DO UPDATE SET digest = excluded.digest, updated_at = excluded.updated_at;
    UPDATE repositories SET updated_at = 2, listed = 1, tag_count = tag_count + 1, size_bytes = size_bytes + 9 WHERE id = APP;
    INSERT INTO manifest_pulls (repository_id, digest, pulls, pulled_at) VALUES (APP, 'sha256:m', 1, 1);
    INSERT INTO organization_days (organization_id, day, stored_bytes) VALUES (ORG, 1, 9);
    INSERT INTO account_days (account_id, day, stored_bytes) VALUES ('acc', 1, 9);
    INSERT INTO retentions (repository_id, kind, amount, exempt, created_at, updated_at) VALUES (APP, 'tag_rule', 1, '[]', 1, 1);
    INSERT INTO retention_log (repository_id, retention_id, rule, tag, digest, at) VALUES (APP, 1, '{}', 'v', 'sha256:m', 1);
    INSERT INTO triggers (repository_id, name, kind, condition, enabled, mode, cluster, namespace, workload_kind, workload,
        container, creator_id, creator_name, created_at)
        VALUES (APP, 'roll', 'all', '.*', 1, 'cci', NULL, 'a', 'deployments', 'web', '', 'user', 'mary', 1);
    INSERT INTO agencies (account_id, creator_id, created_at) VALUES ('acc', 'user', 1);
    INSERT INTO clusters (account_id, cluster_id, name, server, certificate_authority, token_encrypted, created_at, updated_at)
        VALUES ('acc', 'c', 'c', 's', '', NO_BYTES, 1, 1);
    INSERT INTO regions (account_id, region_id, registry_url, login_encrypted, created_at, updated_at)
        VALUES ('acc', 'r', 'u', NO_BYTES, 1, 1);
    INSERT INTO mirrors (account_id, name, organization_id, registry, url, login_encrypted, enabled, created_at, updated_at)
        VALUES ('acc', 'm', ORG, 'r', 'u', NO_BYTES, 1, 1, 1);
    INSERT INTO audit_events (at, account_id, user_id, user_name, credential, source, action, resource, status, code, request_id)
        VALUES (1, 'acc', 'user', 'mary', 'key', 's', 'a', 'r', 200, '', 'q');
    DELETE FROM tags WHERE repository_id = APP AND digest = 'sha256:m';
    DELETE FROM manifest_references WHERE repository_id = APP AND manifest = 'sha256:m';
    DELETE FROM manifests WHERE repository_id = APP AND digest = 'sha256:m';
    DELETE FROM blob_links WHERE repository_id = APP AND digest = 'sha256:b';
    DELETE FROM blobs WHERE digest = 'sha256:b';
    DELETE FROM reclaim WHERE key = 'key2';
    DELETE FROM repositories WHERE id = APP;
    DELETE FROM mirrors WHERE account_id = 'acc';
    DELETE FROM organizations WHERE name = 'org';
    DELETE FROM users WHERE id = 'user' AND account_id = 'acc'
";

async fn check(url: &str, no_bytes: &str) {
    let metadata = Metadata::open(url).await.unwrap();
    metadata.close().await;
    let mut connection = AnyConnection::connect(url).await.unwrap();
    for statement in STATEMENTS.split(';') {
        let text = statement
            .replace("NO_BYTES", no_bytes)
            .replace("ORG", "(SELECT o.id FROM organizations o WHERE o.name = 'org')")
            .replace(
                "APP",
                "(SELECT p.id FROM repositories p WHERE p.full_name = 'org/app')",
            );
        let done = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await;
        if let Err(error) = done {
            panic!("{error}: {statement}");
        }
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn the_version_before_writes_on_this_schema_on_sqlite() {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/berth.db", folder.path().display());
    check(&url, "x''").await;
}

#[tokio::test]
async fn the_version_before_writes_on_this_schema_on_postgres() {
    sqlx::any::install_default_drivers();
    let server = postgres::Server::start();
    check(&server.create("previous"), "''").await;
}
