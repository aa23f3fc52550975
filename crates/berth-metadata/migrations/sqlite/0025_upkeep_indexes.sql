-- Apart from the columns they are on: a step that changes a table shuts readers out until its end, and these take
-- long where there is much.
CREATE INDEX blobs_by_verification ON blobs (verified_at, digest);
CREATE INDEX blobs_damaged ON blobs (digest) WHERE damaged_at IS NOT NULL;
CREATE INDEX manifests_damaged ON manifests (repository_id, digest) WHERE damaged_at IS NOT NULL;
