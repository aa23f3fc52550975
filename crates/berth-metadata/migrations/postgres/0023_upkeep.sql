-- Damage and its repair. A damaged blob is absent for every request; its row, links and manifests stay.
ALTER TABLE blobs ADD COLUMN damaged_at BIGINT; -- since when its bytes are known to be missing or wrong
ALTER TABLE blobs ADD COLUMN verified_at BIGINT NOT NULL DEFAULT 0; -- when its bytes last had its digest
CREATE INDEX blobs_by_verification ON blobs (verified_at, digest);
CREATE INDEX blobs_damaged ON blobs (digest) WHERE damaged_at IS NOT NULL;
ALTER TABLE manifests ADD COLUMN damaged_at BIGINT; -- since when its bytes are known not to have its digest
CREATE INDEX manifests_damaged ON manifests (repository_id, digest) WHERE damaged_at IS NOT NULL;

-- Bytes that were found wrong, kept for a while to be looked at. The key of a blob that is still damaged is in here and
-- in its row.
CREATE TABLE quarantine (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL, -- bytes found, 0 when none were
    damage TEXT COLLATE "C" NOT NULL, -- missing, short, wrong, unreadable
    found_at BIGINT NOT NULL
);
CREATE INDEX quarantine_by_time ON quarantine (found_at, key);
CREATE INDEX quarantine_by_digest ON quarantine (digest);
