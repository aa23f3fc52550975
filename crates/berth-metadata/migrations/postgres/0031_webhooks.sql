-- Triggers that tell an address what was pushed. Secrets are sealed by the caller, for the uid.
CREATE TABLE webhooks (
    trigger_id BIGINT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    uid TEXT COLLATE "C" NOT NULL UNIQUE,
    url TEXT COLLATE "C" NOT NULL,
    secret_encrypted BYTEA NOT NULL,
    former_encrypted BYTEA, -- what signs too until then
    former_until BIGINT
);

-- What a run of such a trigger sends, from its first attempt on.
CREATE TABLE webhook_deliveries (
    run_id BIGINT PRIMARY KEY REFERENCES trigger_history (id) ON DELETE CASCADE,
    uid TEXT COLLATE "C" NOT NULL UNIQUE, -- the receiver's means to know what it has already
    body TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL, -- waiting, delivered or dead
    attempts BIGINT NOT NULL DEFAULT 0,
    forgiven BIGINT NOT NULL DEFAULT 0, -- attempts before it was last asked for again
    response_status BIGINT,
    error TEXT COLLATE "C" NOT NULL DEFAULT '',
    took_ms BIGINT,
    attempted_at BIGINT,
    due_at BIGINT -- the next attempt
);
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (run_id) WHERE status = 'dead';
