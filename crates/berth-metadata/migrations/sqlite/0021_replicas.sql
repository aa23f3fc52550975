-- What several processes over one database tell one another.

-- The request that receives bytes of an upload, until when it is believed to (milliseconds since the epoch by
-- the clock of the database), and the request that waits for it to make room.
ALTER TABLE uploads ADD COLUMN turn TEXT;
ALTER TABLE uploads ADD COLUMN turn_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN turn_wanted TEXT;

-- Failures to say who one is, for each source, login name and key.
CREATE TABLE login_failures (
    subject TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX login_failures_by_time ON login_failures (updated_at);

-- Signatures that changed something, so that they do so once.
CREATE TABLE seen_signatures (
    signature TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    first_at INTEGER NOT NULL
) STRICT;
CREATE INDEX seen_signatures_by_time ON seen_signatures (first_at);
