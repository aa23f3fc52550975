-- The lists of files of layers, made by reading them: nothing is lost with a row. They go with their blob.
CREATE TABLE layer_indexes (
    digest TEXT COLLATE "C" PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
    format BIGINT NOT NULL, -- how bytes are written, the caller's
    problem TEXT COLLATE "C", -- why there is no list; then bytes are empty
    bytes BYTEA NOT NULL,
    size BIGINT NOT NULL, -- of bytes
    made_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL
);
CREATE INDEX layer_indexes_by_use ON layer_indexes (used_at, digest, size);
