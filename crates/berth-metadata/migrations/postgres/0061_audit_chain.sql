-- The audit trail as chains: each event's MAC covers the one before it. An account has three books, so that a flood in
-- one pushes nothing out of another. What was written before has no number and is in no chain.
ALTER TABLE audit_events ADD COLUMN book TEXT COLLATE "C"; -- changes, pushes, refusals
ALTER TABLE audit_events ADD COLUMN number BIGINT;
ALTER TABLE audit_events ADD COLUMN mac BYTEA;
CREATE INDEX audit_events_by_number ON audit_events (account_id, book, number);
CREATE TABLE audit_heads (
    account_id TEXT COLLATE "C" NOT NULL,
    book TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL, -- of the newest event
    mac BYTEA NOT NULL,
    dropped BIGINT NOT NULL, -- number of the newest event that went with age or for room
    dropped_mac BYTEA NOT NULL,
    dropped_for_room BIGINT NOT NULL, -- how many went for room
    altered BIGINT, -- number of the first event that was written after somebody else had changed this row
    seal BYTEA NOT NULL, -- over all of the above
    forwarded BIGINT NOT NULL DEFAULT 0, -- number of the newest event that was forwarded
    PRIMARY KEY (account_id, book)
);
