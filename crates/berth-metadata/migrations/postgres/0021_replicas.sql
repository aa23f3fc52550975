-- What several processes over one database tell one another.

-- The transactions of a while, so that one whose commit got no answer is not done twice.
CREATE TABLE commits (
    id UUID NOT NULL PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX commits_by_time ON commits (at);

-- The request that receives bytes of an upload, until when it is believed to (milliseconds since the epoch by
-- the clock of the database), and the request that waits for it to make room.
ALTER TABLE uploads ADD COLUMN turn TEXT COLLATE "C";
ALTER TABLE uploads ADD COLUMN turn_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN turn_wanted TEXT COLLATE "C";

-- Failures to say who one is, for each source, login name and key.
CREATE TABLE login_failures (
    subject TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX login_failures_by_time ON login_failures (updated_at);

-- Signatures that changed something, so that they do so once.
CREATE TABLE seen_signatures (
    signature TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    first_at BIGINT NOT NULL
);
CREATE INDEX seen_signatures_by_time ON seen_signatures (first_at);
