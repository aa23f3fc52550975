-- How many bytes an organisation or an account may hold, and how many it holds: counted by the transactions that change it,
-- and only where a quota is set.
CREATE TABLE byte_quotas (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER UNIQUE REFERENCES organizations (id) ON DELETE CASCADE, -- none: it is an account's
    account_id TEXT UNIQUE REFERENCES accounts (id) ON DELETE CASCADE, -- none: it is an organisation's
    limit_bytes INTEGER NOT NULL,
    used_bytes INTEGER NOT NULL DEFAULT 0,
    reserved_bytes INTEGER NOT NULL DEFAULT 0, -- by uploads
    recounts INTEGER NOT NULL DEFAULT 0, -- 0: what was there before the quota is not in yet, and nothing is refused
    recounted_at INTEGER
) STRICT;

-- What an upload holds of the quotas it is under.
ALTER TABLE uploads ADD COLUMN reserved_bytes INTEGER NOT NULL DEFAULT 0;
