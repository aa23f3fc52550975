-- Who does what only one process may do at a time, until when by the clock of this database.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Long work of the registry itself: wanted, under way, and how it ended.
CREATE TABLE maintenance_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    state TEXT NOT NULL, -- waiting, running, done, failed, interrupted
    options TEXT NOT NULL,
    wanted_by TEXT, -- the user's name; none: the schedule
    holder TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    progress TEXT NOT NULL,
    report TEXT NOT NULL
);
CREATE INDEX maintenance_runs_by_kind ON maintenance_runs (kind, id);
-- One of a kind at a time.
CREATE UNIQUE INDEX maintenance_runs_open ON maintenance_runs (kind) WHERE ended_at IS NULL;
