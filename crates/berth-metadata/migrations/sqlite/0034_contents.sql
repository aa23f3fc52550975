-- The lists of files of layers, made by reading them: nothing is lost with a row. They go with their blob.
CREATE TABLE layer_indexes (
    digest TEXT PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
    format INTEGER NOT NULL, -- how bytes are written, the caller's
    problem TEXT, -- why there is no list; then bytes are empty
    bytes BLOB NOT NULL,
    size INTEGER NOT NULL, -- of bytes
    made_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX layer_indexes_by_use ON layer_indexes (used_at, digest, size);
