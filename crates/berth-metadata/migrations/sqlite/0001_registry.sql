-- People and what they sign in with.
CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    password_hash TEXT,
    access TEXT NOT NULL,
    administrator INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (account_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_groups (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    administrator INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (account_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE group_members (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_by_group ON group_members (group_id, user_id);

CREATE TABLE access_keys (
    access_key_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_encrypted BLOB NOT NULL,
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX access_keys_by_user ON access_keys (user_id, access_key_id);

CREATE TABLE temporary_logins (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash BLOB NOT NULL,
    made_with TEXT REFERENCES access_keys (access_key_id) ON DELETE CASCADE,
    project TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX temporary_logins_by_user ON temporary_logins (user_id);
CREATE INDEX temporary_logins_by_key ON temporary_logins (made_with);
CREATE INDEX temporary_logins_by_end ON temporary_logins (expires_at);

-- Organisations, repositories and rights on them.
CREATE TABLE organizations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    creator_id TEXT NOT NULL,
    creator_name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX organizations_by_account ON organizations (account_id, name);
CREATE INDEX organizations_by_creator ON organizations (creator_id);

CREATE TABLE organization_grants (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    permission INTEGER NOT NULL,
    PRIMARY KEY (user_id, organization_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX organization_grants_by_organization ON organization_grants (organization_id, user_id);

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    image TEXT NOT NULL,
    full_name TEXT NOT NULL UNIQUE,
    is_public INTEGER NOT NULL,
    listed INTEGER NOT NULL, -- 0 until its first manifest, when a push made it
    category TEXT NOT NULL,
    description TEXT NOT NULL,
    creator_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (organization_id, image)
) STRICT;
CREATE INDEX repositories_by_visibility ON repositories (is_public, listed, full_name);
CREATE INDEX repositories_unlisted ON repositories (created_at) WHERE listed = 0;
-- Holds every column that a listing filters on, so that a page never visits the table.
CREATE INDEX repositories_listed ON repositories (full_name, listed, is_public, organization_id, id);

CREATE TABLE repository_grants (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    permission INTEGER NOT NULL,
    PRIMARY KEY (user_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_grants_by_repository ON repository_grants (repository_id, user_id);

CREATE TABLE shares (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_by_repository ON shares (repository_id);

-- Content.
CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blob_links (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest TEXT NOT NULL REFERENCES blobs (digest),
    idle_since INTEGER, -- since when no manifest of the repository references it
    PRIMARY KEY (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_links_by_digest ON blob_links (digest, repository_id);
CREATE INDEX blob_links_idle ON blob_links (idle_since) WHERE idle_since IS NOT NULL;

-- Bytes that no blob names any more and that are still in the blob store.
CREATE TABLE reclaim (
    key TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    queued_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reclaim_by_time ON reclaim (queued_at, key);

CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    user_id TEXT,
    algorithm TEXT NOT NULL,
    byte_offset INTEGER NOT NULL,
    hash_state BLOB NOT NULL,
    backend TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_repository ON uploads (repository_id);
CREATE INDEX uploads_by_time ON uploads (updated_at);

-- The bytes come last: a look at the other columns then reads no overflow page.
CREATE TABLE manifests (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    annotations TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (repository_id, digest)
) STRICT;
CREATE INDEX manifests_by_subject ON manifests (repository_id, subject, digest) WHERE subject IS NOT NULL;

CREATE TABLE manifest_references (
    repository_id INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository_id, manifest, digest),
    FOREIGN KEY (repository_id, manifest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_references_by_digest ON manifest_references (repository_id, digest, manifest);

CREATE TABLE tags (
    repository_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, tag),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_digest ON tags (repository_id, digest);

CREATE TABLE tag_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    digest TEXT, -- none: the tag was deleted
    at INTEGER NOT NULL,
    user_id TEXT
) STRICT;
CREATE INDEX tag_history_by_tag ON tag_history (repository_id, tag, id);

-- The instance itself.
CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    private_encrypted BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE instance_values (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
