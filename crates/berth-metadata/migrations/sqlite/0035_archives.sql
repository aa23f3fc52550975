-- Archives of images that somebody uploads with a browser. Their bytes lie in the store as documents, in chunks of one size,
-- until what is in them is stored.
CREATE TABLE archives (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    actor TEXT NOT NULL, -- where the uploader came from and with what: the caller's JSON
    file_name TEXT NOT NULL,
    size INTEGER NOT NULL,
    chunk_size INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    wanted TEXT NOT NULL, -- what it is to become: the caller's JSON
    byte_offset INTEGER NOT NULL,
    state TEXT NOT NULL, -- receiving, processing, asking, done, failed, cancelled
    found TEXT NOT NULL, -- what is in it, and what was done: the caller's JSON
    has_bytes INTEGER NOT NULL, -- 1: chunks of it may lie in the store
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX archives_by_user ON archives (user_id, number);
CREATE INDEX archives_by_organization ON archives (organization_id);
CREATE INDEX archives_by_time ON archives (updated_at);
