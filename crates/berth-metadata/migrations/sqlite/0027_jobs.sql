-- Tags that came to name something else, in repositories where somebody waits for that. Each row is written by the
-- transaction that moved the tag, and deleted by the one that queues what follows.
CREATE TABLE tag_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    previous TEXT, -- what the tag named before; none: it is new
    why TEXT NOT NULL,
    user_id TEXT,
    origin TEXT NOT NULL, -- the registries that it came through, by commas; empty: it was pushed here
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX tag_events_by_repository ON tag_events (repository_id);

-- Work that is done beside requests, open work only: what it is about, and how it went, the subject's own table says.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject INTEGER NOT NULL,
    lane TEXT NOT NULL, -- the place outside that it needs; what waits for one place does not hold up another
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    wanted INTEGER NOT NULL DEFAULT 1, -- how often it was asked for
    holder TEXT,
    held_until INTEGER, -- by the clock of this database
    UNIQUE (kind, subject)
) STRICT;
CREATE INDEX jobs_by_lane ON jobs (kind, lane, due_at, id);
CREATE INDEX jobs_held ON jobs (holder) WHERE holder IS NOT NULL;

CREATE TABLE job_lanes (
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    claimed_at INTEGER NOT NULL DEFAULT 0, -- whose turn was last
    failures INTEGER NOT NULL DEFAULT 0, -- in a row
    paused_until INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '', -- why it is paused
    PRIMARY KEY (kind, lane)
) STRICT, WITHOUT ROWID;

-- A run of a trigger, from the event that made it to its end.
ALTER TABLE trigger_history ADD COLUMN event INTEGER; -- none: somebody asked for it
ALTER TABLE trigger_history ADD COLUMN digest TEXT;
ALTER TABLE trigger_history ADD COLUMN previous TEXT;
ALTER TABLE trigger_history ADD COLUMN why TEXT;
ALTER TABLE trigger_history ADD COLUMN user_id TEXT;
ALTER TABLE trigger_history ADD COLUMN status TEXT NOT NULL DEFAULT 'failed';
CREATE UNIQUE INDEX trigger_history_by_event ON trigger_history (trigger_id, event) WHERE event IS NOT NULL;

ALTER TABLE sync_jobs ADD COLUMN digest TEXT; -- what the tag named when the copy was queued
ALTER TABLE sync_jobs ADD COLUMN origin TEXT NOT NULL DEFAULT '';
