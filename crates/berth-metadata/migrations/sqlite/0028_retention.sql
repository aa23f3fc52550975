-- Rules by which an organisation's images lose tags, those that have no retention of their own.
CREATE TABLE retention_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    images TEXT NOT NULL, -- which of them, a pattern of the caller's; empty: all
    tags TEXT NOT NULL, -- which tags it is for, a pattern of the caller's; empty: all
    exempt TEXT NOT NULL, -- JSON, the caller's
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX retention_rules_by_organization ON retention_rules (organization_id, id);

-- Times that a repository's tags were judged, those that wait for it, too.
CREATE TABLE retention_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    why TEXT NOT NULL, -- set, asked, regular
    user_id TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER, -- none: it waits
    ended_at INTEGER,
    tags INTEGER NOT NULL DEFAULT 0, -- that were judged
    deleted INTEGER NOT NULL DEFAULT 0,
    freed_bytes INTEGER NOT NULL DEFAULT 0, -- of blobs that only deleted tags needed
    kept TEXT NOT NULL DEFAULT '{}', -- JSON, the caller's
    failed TEXT -- why it did not come to its end
) STRICT;
CREATE INDEX retention_runs_by_repository ON retention_runs (repository_id, id);
CREATE UNIQUE INDEX retention_runs_waiting ON retention_runs (repository_id) WHERE started_at IS NULL;
CREATE INDEX retention_runs_by_time ON retention_runs (created_at, id);

ALTER TABLE retention_log ADD COLUMN run_id INTEGER; -- none: from before runs were kept
ALTER TABLE retention_log ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE retention_log ADD COLUMN pushed_at INTEGER NOT NULL DEFAULT 0; -- when the tag was pushed last
CREATE INDEX retention_log_by_time ON retention_log (at, id);
