-- 10,000 images in 100 organizations of the account of the first start, with 100 tags each on 10 manifests; in the words
-- of both databases but for BYTES_BEGIN and BYTES_END, between which a text becomes bytes.
CREATE TABLE numbers AS
    WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 9999) SELECT n FROM c;
CREATE TABLE tens AS SELECT n FROM numbers WHERE n < 10;
CREATE TABLE hundred AS SELECT n FROM numbers WHERE n < 100;
CREATE TABLE zeros AS SELECT '000000000000000000000000000000000000000000000000000000000' AS z;
INSERT INTO organizations (id, name, account_id, creator_id, creator_name, created_at)
    SELECT n + 1000, 'team' || n, u.account_id, u.id, u.name, 1700000000000 FROM hundred, users u WHERE u.name = 'admin';
INSERT INTO repositories (id, organization_id, image, full_name, is_public, listed, category, description, creator_id,
        creator_name, created_at, updated_at, tag_count, size_bytes, pull_count)
    SELECT n + 1, (n + 1) % 100 + 1000, 'app' || (n + 1), 'team' || ((n + 1) % 100) || '/app' || (n + 1),
        CASE WHEN n % 10 = 0 THEN 1 ELSE 0 END, 1, 'other', 'An application of some team, number ' || n, u.id, u.name,
        1700000000000 + n, 1700000000000 + (n * 7919) % 10000 * 1000, 100, 52000000, n % 50
    FROM numbers, users u WHERE u.name = 'admin';
INSERT INTO blobs (digest, key, size, created_at)
    SELECT 'sha256:' || (1000000 + r.n * 10 + m.n) || z, 'key' || (r.n * 10 + m.n), 5200000, 1700000000000
    FROM numbers r, tens m, zeros;
INSERT INTO blob_links (repository_id, digest, idle_since)
    SELECT r.n + 1, 'sha256:' || (1000000 + r.n * 10 + m.n) || z, NULL FROM numbers r, tens m, zeros;
INSERT INTO manifests (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes)
    SELECT r.n + 1, 'sha256:' || (2000000 + r.n * 10 + m.n) || z, 'application/vnd.oci.image.manifest.v1+json', 430, NULL, NULL,
        '{}', 1700000000000, BYTES_BEGIN '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":'
        || '{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:' || (1000000 + r.n * 10 + m.n) || z
        || '","size":2000},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:'
        || (1000000 + r.n * 10 + m.n) || z || '","size":5200000}]}' BYTES_END
    FROM numbers r, tens m, zeros;
INSERT INTO manifest_references (repository_id, manifest, digest)
    SELECT r.n + 1, 'sha256:' || (2000000 + r.n * 10 + m.n) || z, 'sha256:' || (1000000 + r.n * 10 + m.n) || z
    FROM numbers r, tens m, zeros;
INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes)
    SELECT r.n + 1, 'sha256:' || (2000000 + r.n * 10 + m.n) || z, 0, 'sha256:' || (1000000 + r.n * 10 + m.n) || z, 5202000
    FROM numbers r, tens m, zeros;
INSERT INTO tag_history (id, repository_id, tag, digest, at, user_id)
    SELECT r.n * 100 + t.n + 1, r.n + 1, 'v' || t.n, 'sha256:' || (2000000 + r.n * 10 + t.n % 10) || z,
        1700000000000 + (t.n * 37) % 100 * 1000, NULL
    FROM numbers r, hundred t, zeros;
INSERT INTO tags (repository_id, tag, digest, updated_at, id, created_at)
    SELECT r.n + 1, 'v' || t.n, 'sha256:' || (2000000 + r.n * 10 + t.n % 10) || z, 1700000000000 + (t.n * 37) % 100 * 1000,
        r.n * 100 + t.n + 1, 1700000000000
    FROM numbers r, hundred t, zeros;
DROP TABLE numbers;
DROP TABLE tens;
DROP TABLE hundred;
DROP TABLE zeros;
ANALYZE;
