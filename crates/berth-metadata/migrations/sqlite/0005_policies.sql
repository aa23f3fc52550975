-- Places outside that an account's administrators registered. Passwords and tokens are sealed by the caller.
CREATE TABLE clusters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    cluster_id TEXT NOT NULL,
    name TEXT NOT NULL,
    server TEXT NOT NULL,
    certificate_authority TEXT NOT NULL, -- PEM, empty: what the machine trusts
    token_encrypted BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (account_id, cluster_id),
    UNIQUE (account_id, name)
) STRICT;

CREATE TABLE regions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    region_id TEXT NOT NULL,
    registry_url TEXT NOT NULL,
    login_encrypted BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (account_id, region_id)
) STRICT;

CREATE TABLE mirrors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    organization_id INTEGER NOT NULL UNIQUE REFERENCES organizations (id) ON DELETE CASCADE,
    registry TEXT NOT NULL, -- as image references name it: docker.io
    url TEXT NOT NULL,
    login_encrypted BLOB,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (account_id, name)
) STRICT;

-- What is set up for a repository, and what came of it.
CREATE TABLE triggers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    condition TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    mode TEXT NOT NULL,
    cluster INTEGER REFERENCES clusters (id), -- none: the trigger's mode has no cluster
    namespace TEXT NOT NULL,
    workload_kind TEXT NOT NULL,
    workload TEXT NOT NULL,
    container TEXT NOT NULL, -- empty: all of them
    creator_id TEXT NOT NULL,
    creator_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (repository_id, name)
) STRICT;
CREATE INDEX triggers_by_cluster ON triggers (cluster) WHERE cluster IS NOT NULL;

CREATE TABLE trigger_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger_id INTEGER NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    succeeded INTEGER NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX trigger_history_by_trigger ON trigger_history (trigger_id, id);

CREATE TABLE retentions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL UNIQUE REFERENCES repositories (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    exempt TEXT NOT NULL, -- JSON, the caller's
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Outlives the retention that deleted the tag.
CREATE TABLE retention_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    retention_id INTEGER NOT NULL,
    rule TEXT NOT NULL, -- JSON, the caller's
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX retention_log_by_repository ON retention_log (repository_id, id);

CREATE TABLE sync_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    region INTEGER NOT NULL REFERENCES regions (id),
    remote_organization TEXT NOT NULL,
    automatic INTEGER NOT NULL,
    overwrite INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (repository_id, region, remote_organization)
) STRICT;
CREATE INDEX sync_rules_by_region ON sync_rules (region);

CREATE TABLE sync_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    region INTEGER REFERENCES regions (id) ON DELETE SET NULL,
    region_id TEXT NOT NULL, -- outlives the region
    remote_organization TEXT NOT NULL,
    overwrite INTEGER NOT NULL,
    status TEXT NOT NULL,
    operator_id TEXT NOT NULL,
    operator_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sync_jobs_by_repository ON sync_jobs (repository_id, id);
CREATE INDEX sync_jobs_by_region ON sync_jobs (region) WHERE region IS NOT NULL;
-- A copy that waits already is not queued again.
CREATE UNIQUE INDEX sync_jobs_waiting ON sync_jobs (repository_id, tag, region, remote_organization)
    WHERE status = 'waiting';
