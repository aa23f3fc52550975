-- The SHA-256 of each chunk of blobs that nodes share, made by reading them: nothing is lost with a row. They go with
-- their blob.
CREATE TABLE chunk_tables (
    digest TEXT COLLATE "C" PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
    chunk_bytes BIGINT NOT NULL, -- of each chunk but the last
    hashes BYTEA NOT NULL -- 32 bytes for each, in order
);
