-- Servers of this registry that others reach, each until its time is over by the clock of the database.
CREATE TABLE replicas (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    expires_at INTEGER NOT NULL -- milliseconds since the epoch
) STRICT;

-- Node agents, as any replica met them last.
CREATE TABLE nodes (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id TEXT NOT NULL, -- what the agent calls itself
    user_name TEXT NOT NULL, -- whose login it has
    address TEXT NOT NULL,
    labels TEXT NOT NULL, -- a JSON object
    seeds INTEGER NOT NULL, -- blobs that it has whole
    peers_bytes INTEGER NOT NULL, -- that it got from other nodes, in all
    registry_bytes INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) STRICT;
CREATE INDEX nodes_by_time ON nodes (seen_at);

-- What agents said of the bytes they got while they fetched, in all.
CREATE TABLE swarm_totals (
    id INTEGER PRIMARY KEY,
    joins INTEGER NOT NULL,
    peers_bytes INTEGER NOT NULL,
    registry_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO swarm_totals VALUES (1, 0, 0, 0);

-- Images that nodes shall have.
CREATE TABLE preheats (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT, -- that was asked for
    digest TEXT NOT NULL,
    labels TEXT NOT NULL, -- a JSON object: nodes that have all of these
    creator_id TEXT,
    creator_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    cancelled_at INTEGER
) STRICT;
CREATE INDEX preheats_by_repository ON preheats (repository_id, id);

-- How each node stands to each of them: waiting, sent, complete, failed.
CREATE TABLE preheat_nodes (
    preheat_id INTEGER NOT NULL REFERENCES preheats (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    node TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (preheat_id, node)
) STRICT;
CREATE INDEX preheat_nodes_open ON preheat_nodes (account_id, node) WHERE state IN ('waiting', 'sent');
