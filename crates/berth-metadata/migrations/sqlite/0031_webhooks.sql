-- Triggers that tell an address what was pushed. Secrets are sealed by the caller, for the uid.
CREATE TABLE webhooks (
    trigger_id INTEGER PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    uid TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    secret_encrypted BLOB NOT NULL,
    former_encrypted BLOB, -- what signs too until then
    former_until INTEGER
) STRICT;

-- What a run of such a trigger sends, from its first attempt on.
CREATE TABLE webhook_deliveries (
    run_id INTEGER PRIMARY KEY REFERENCES trigger_history (id) ON DELETE CASCADE,
    uid TEXT NOT NULL UNIQUE, -- the receiver's means to know what it has already
    body TEXT NOT NULL,
    status TEXT NOT NULL, -- waiting, delivered or dead
    attempts INTEGER NOT NULL DEFAULT 0,
    forgiven INTEGER NOT NULL DEFAULT 0, -- attempts before it was last asked for again
    response_status INTEGER,
    error TEXT NOT NULL DEFAULT '',
    took_ms INTEGER,
    attempted_at INTEGER,
    due_at INTEGER -- the next attempt
) STRICT;
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (run_id) WHERE status = 'dead';
