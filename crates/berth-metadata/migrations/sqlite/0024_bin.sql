-- What was deleted and can be restored until it expires. Live tables hold live things only, with one exception: an
-- image in the bin keeps its rows, under a name that nobody can write and with listed = 2.
ALTER TABLE tag_history ADD COLUMN why TEXT; -- none: from before, a push or a deletion
ALTER TABLE repositories ADD COLUMN bin_bytes INTEGER NOT NULL DEFAULT 0; -- of the blobs that only its bin needs, each once

-- One act of deletion.
CREATE TABLE bin (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    kind TEXT NOT NULL, -- tag, manifest, image
    name TEXT NOT NULL, -- the tag, the manifest's digest, the image's name
    digest TEXT, -- what the tag named, the manifest; none for an image
    size_bytes INTEGER NOT NULL, -- as lists of tags show it; of an image, what is counted in its row
    at INTEGER NOT NULL,
    user_id TEXT,
    why TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    restored_at INTEGER -- kept until it expires, so that a request sent twice gets the same answer
) STRICT;
CREATE INDEX bin_by_organization ON bin (organization_id, id);
CREATE INDEX bin_by_repository ON bin (repository_id, name);
CREATE INDEX bin_by_end ON bin (expires_at, id);

-- The tags that an act took away.
CREATE TABLE bin_tags (
    entry_id INTEGER NOT NULL REFERENCES bin (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    tag_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (entry_id, tag)
) STRICT, WITHOUT ROWID;

-- The manifests that an entry brings back, live or in the bin. One in the bin stays while an entry or a manifest in the
-- bin names it.
CREATE TABLE bin_manifests (
    entry_id INTEGER NOT NULL REFERENCES bin (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (entry_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX bin_manifests_by_digest ON bin_manifests (repository_id, digest);

CREATE TABLE binned_manifests (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    annotations TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    is_index INTEGER NOT NULL,
    config_digest TEXT,
    image_bytes INTEGER NOT NULL,
    pulls INTEGER NOT NULL,
    pulled_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (repository_id, digest)
) STRICT;

CREATE TABLE binned_references (
    repository_id INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    digest TEXT NOT NULL,
    blob TEXT REFERENCES blobs (digest), -- the digest, where the repository linked that blob: it keeps the blob
    PRIMARY KEY (repository_id, manifest, digest),
    FOREIGN KEY (repository_id, manifest) REFERENCES binned_manifests (repository_id, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX binned_references_by_digest ON binned_references (repository_id, digest, manifest);
CREATE INDEX binned_references_by_blob ON binned_references (blob, repository_id) WHERE blob IS NOT NULL;
