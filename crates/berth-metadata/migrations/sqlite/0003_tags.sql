-- What lists of tags show of a manifest, kept apart from its bytes.
CREATE TABLE manifest_facts (
    repository_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    is_index INTEGER NOT NULL,
    config_digest TEXT,
    image_bytes INTEGER NOT NULL, -- configuration and layers; of an index the sum of its images that are here
    PRIMARY KEY (repository_id, digest),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Sizes are what a pusher wrote, so their sum is made as a float and bounded as new ones are (32 TiB).
INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes)
SELECT repository_id, digest, 0, json_extract(document, '$.config.digest'),
    CAST(MIN(35184372088832.0,
        COALESCE(json_extract(document, '$.config.size'), 0)
        + (SELECT total(json_extract(layer.value, '$.size')) FROM json_each(document, '$.layers') layer)
        + (SELECT total(json_extract(blob.value, '$.size')) FROM json_each(document, '$.blobs') blob)) AS INTEGER)
FROM (
    SELECT repository_id, digest, CAST(bytes AS TEXT) AS document FROM manifests
    WHERE media_type IN ('application/vnd.oci.image.manifest.v1+json',
        'application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.oci.artifact.manifest.v1+json')
) AS images
WHERE json_valid(document);

INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes)
SELECT m.repository_id, m.digest, 1, NULL, COALESCE((
    SELECT SUM(f.image_bytes) FROM manifest_references r
    JOIN manifest_facts f ON f.repository_id = r.repository_id AND f.digest = r.digest
    WHERE r.repository_id = m.repository_id AND r.manifest = m.digest AND f.is_index = 0), 0)
FROM manifests m
WHERE m.media_type IN ('application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json');

INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes)
SELECT m.repository_id, m.digest, 0, NULL, 0 FROM manifests m
WHERE NOT EXISTS (SELECT 1 FROM manifest_facts f WHERE f.repository_id = m.repository_id AND f.digest = m.digest);

-- A tag's id is that of the entry of its history that made it, which is never used again.
ALTER TABLE tags ADD COLUMN id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
INSERT INTO tag_history (repository_id, tag, digest, at, user_id)
SELECT t.repository_id, t.tag, t.digest, t.updated_at, NULL FROM tags t WHERE NOT EXISTS (
    SELECT 1 FROM tag_history h
    WHERE h.repository_id = t.repository_id AND h.tag = t.tag AND h.digest IS NOT NULL AND h.id > COALESCE((
        SELECT MAX(d.id) FROM tag_history d
        WHERE d.repository_id = t.repository_id AND d.tag = t.tag AND d.digest IS NULL), 0));
UPDATE tags SET id = (
    SELECT MIN(h.id) FROM tag_history h
    WHERE h.repository_id = tags.repository_id AND h.tag = tags.tag AND h.id > COALESCE((
        SELECT MAX(d.id) FROM tag_history d
        WHERE d.repository_id = tags.repository_id AND d.tag = tags.tag AND d.digest IS NULL), 0));
UPDATE tags SET created_at = (SELECT h.at FROM tag_history h WHERE h.id = tags.id);
CREATE INDEX tags_by_time ON tags (repository_id, updated_at, tag);
