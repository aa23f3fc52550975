-- Which images get an index for lazy starts with every push: those of an organization, or one.
CREATE TABLE lazy_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    repository_id INTEGER REFERENCES repositories (id) ON DELETE CASCADE, -- none: all of the organization
    tags TEXT NOT NULL, -- a pattern; empty: all
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX lazy_rules_of_image ON lazy_rules (repository_id) WHERE repository_id IS NOT NULL;
CREATE UNIQUE INDEX lazy_rules_of_organization ON lazy_rules (organization_id) WHERE repository_id IS NULL;
CREATE INDEX lazy_rules_by_organization ON lazy_rules (organization_id);

-- Indexes that were asked for, and what came of it.
CREATE TABLE lazy_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest TEXT NOT NULL, -- of the manifest or index
    tag TEXT, -- under which it was asked for
    user_id TEXT, -- who wanted it
    by_rule INTEGER NOT NULL, -- 1: a push, 0: asked for
    status TEXT NOT NULL, -- waiting, running, done, failed
    images TEXT NOT NULL, -- what was made for each platform: the caller's JSON
    detail TEXT NOT NULL, -- why it failed
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX lazy_runs_waiting ON lazy_runs (repository_id, digest) WHERE status = 'waiting';
CREATE INDEX lazy_runs_by_image ON lazy_runs (repository_id, id);
