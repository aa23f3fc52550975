-- Damage and its repair. A damaged blob is absent for every request; its row, links and manifests stay.
ALTER TABLE blobs ADD COLUMN damaged_at INTEGER; -- since when its bytes are known to be missing or wrong
ALTER TABLE blobs ADD COLUMN verified_at INTEGER NOT NULL DEFAULT 0; -- when its bytes last had its digest
ALTER TABLE manifests ADD COLUMN damaged_at INTEGER; -- since when its bytes are known not to have its digest

-- Bytes that were found wrong, kept for a while to be looked at. The key of a blob that is still damaged is in here and
-- in its row.
CREATE TABLE quarantine (
    key TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL, -- bytes found, 0 when none were
    damage TEXT NOT NULL, -- missing, short, wrong, unreadable
    found_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_by_time ON quarantine (found_at, key);
CREATE INDEX quarantine_by_digest ON quarantine (digest);
