-- 1,000,000 tags and manifests in 10,000 images of 100 organizations, with 10,000,000 blobs, 10 of each manifest's own; in the words of
-- both databases but for BYTES_BEGIN and BYTES_END, between which a text becomes bytes. No blob has bytes: verified_at keeps
-- the scrub from looking for them. Digests are made of numbers, so every index grows at its end.
CREATE TABLE numbers AS
    WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 9999) SELECT n FROM c;
CREATE TABLE hundred AS SELECT n FROM numbers WHERE n < 100;
CREATE TABLE ten AS SELECT n FROM numbers WHERE n < 10;
CREATE INDEX ten_n ON ten (n);
CREATE TABLE named AS
    SELECT r.n + 1 AS image, t.n AS tag, r.n * 100 + t.n AS n,
        'sha256:' || (20000000 + r.n * 100 + t.n) || '00000000000000000000000000000000000000000000000000000000' AS digest
    FROM numbers r CROSS JOIN hundred t ORDER BY r.n, t.n;
CREATE INDEX named_n ON named (n);
INSERT INTO organizations (id, name, account_id, creator_id, creator_name, created_at)
    SELECT n + 1000, 'team' || n, u.account_id, u.id, u.name, 1700000000000 FROM hundred, users u WHERE u.name = 'admin';
INSERT INTO repositories (id, organization_id, image, full_name, is_public, listed, category, description, creator_id,
        creator_name, created_at, updated_at, tag_count, size_bytes, pull_count)
    SELECT n + 1, (n + 1) % 100 + 1000, 'app' || (n + 1), 'team' || ((n + 1) % 100) || '/app' || (n + 1),
        CASE WHEN n % 10 = 0 THEN 1 ELSE 0 END, 1, 'other', 'An application of some team, number ' || n, u.id, u.name,
        1700000000000 + n, 1700000000000 + (n * 7919) % 10000 * 1000, 100, 5200000000, n % 50
    FROM numbers, users u WHERE u.name = 'admin';
INSERT INTO manifests (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes)
    SELECT image, digest, 'application/vnd.oci.image.manifest.v1+json', 320, NULL, NULL, '{}', 1700000000000,
        BYTES_BEGIN '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":'
        || '{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"' || digest || '","size":2000},"layers":[]}' BYTES_END
    FROM named;
INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes)
    SELECT image, digest, 0, NULL, 52000000 FROM named;
INSERT INTO tag_history (id, repository_id, tag, digest, at, user_id)
    SELECT n + 1, image, 'v' || tag, digest, 1700000000000 + (tag * 37) % 100 * 1000, NULL FROM named;
INSERT INTO tags (repository_id, tag, digest, updated_at, id, created_at)
    SELECT image, 'v' || tag, digest, 1700000000000 + (tag * 37) % 100 * 1000, n + 1, 1700000000000 FROM named;
INSERT INTO blobs (digest, key, size, created_at, verified_at)
    SELECT 'sha256:' || (10000000 + m.n * 10 + l.n) || '00000000000000000000000000000000000000000000000000000000',
        'big/' || (10000000 + m.n * 10 + l.n), 5200000, 1700000000000, 4000000000000
    FROM named m CROSS JOIN ten l ORDER BY m.n, l.n;
INSERT INTO blob_links (repository_id, digest, idle_since)
    SELECT m.image, 'sha256:' || (10000000 + m.n * 10 + l.n) || '00000000000000000000000000000000000000000000000000000000', NULL
    FROM named m CROSS JOIN ten l ORDER BY m.n, l.n;
INSERT INTO manifest_references (repository_id, manifest, digest)
    SELECT m.image, m.digest, 'sha256:' || (10000000 + m.n * 10 + l.n) || '00000000000000000000000000000000000000000000000000000000'
    FROM named m CROSS JOIN ten l ORDER BY m.n, l.n;
DROP TABLE named;
DROP TABLE ten;
DROP TABLE hundred;
DROP TABLE numbers;
-- What a server would have written long ago: the records of all this in the storage, and that its manifests are whole.
DELETE FROM record_outbox;
DELETE FROM instance_values WHERE name = 'manifests_verified_at';
INSERT INTO instance_values (name, value) VALUES ('manifests_verified_at', '4000000000000');
