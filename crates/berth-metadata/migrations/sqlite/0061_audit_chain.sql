-- The audit trail as chains: each event's MAC covers the one before it. An account has three books, so that a flood in
-- one pushes nothing out of another. What was written before has no number and is in no chain.
ALTER TABLE audit_events ADD COLUMN book TEXT; -- changes, pushes, refusals
ALTER TABLE audit_events ADD COLUMN number INTEGER;
ALTER TABLE audit_events ADD COLUMN mac BLOB;
CREATE INDEX audit_events_by_number ON audit_events (account_id, book, number);
CREATE TABLE audit_heads (
    account_id TEXT NOT NULL,
    book TEXT NOT NULL,
    number INTEGER NOT NULL, -- of the newest event
    mac BLOB NOT NULL,
    dropped INTEGER NOT NULL, -- number of the newest event that went with age or for room
    dropped_mac BLOB NOT NULL,
    dropped_for_room INTEGER NOT NULL, -- how many went for room
    altered INTEGER, -- number of the first event that was written after somebody else had changed this row
    seal BLOB NOT NULL, -- over all of the above
    forwarded INTEGER NOT NULL DEFAULT 0, -- number of the newest event that was forwarded
    PRIMARY KEY (account_id, book)
) STRICT;
