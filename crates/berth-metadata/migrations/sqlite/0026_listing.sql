-- The newest of several copies of a blob is the one that was verified last.
DROP INDEX store_listing_by_digest;
ALTER TABLE store_listing ADD COLUMN modified_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX store_listing_by_digest ON store_listing (digest, modified_at, size, key);
