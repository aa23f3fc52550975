-- 1,000,000 blobs in 100 images of the organization `full`, of which no manifest uses 100,000 any more; in the words of
-- both databases. Their digests are made of their numbers. Only those 100,000 have files (`loadgen reclaim-files`).
CREATE TABLE numbers AS
    WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 999999) SELECT n FROM c;
CREATE TABLE named AS
    SELECT n, substr(CAST(100 + n % 100 AS TEXT), 2) AS shard,
        substr(CAST(100 + n % 100 AS TEXT), 2) || substr(CAST(100000000 + n AS TEXT), 2)
        || '000000000000000000000000000000000000000000000000000000' AS hex FROM numbers;
INSERT INTO organizations (id, name, account_id, creator_id, creator_name, created_at)
    SELECT 1000, 'full', u.account_id, u.id, u.name, 1700000000000 FROM users u WHERE u.name = 'admin';
INSERT INTO repositories (id, organization_id, image, full_name, is_public, listed, category, description, creator_id,
        creator_name, created_at, updated_at)
    SELECT n + 1000, 1000, 'app' || n, 'full/app' || n, 0, 1, 'other', '', u.id, u.name, 1700000000000, 1700000000000
    FROM numbers, users u WHERE u.name = 'admin' AND n < 100;
INSERT INTO blobs (digest, key, size, created_at, verified_at)
    SELECT 'sha256:' || hex, 'sha256/' || shard || '/' || hex || '.f' || n, 4096, 1700000000000, 4000000000000 FROM named;
INSERT INTO blob_links (repository_id, digest, idle_since)
    SELECT n / 10000 + 1000, 'sha256:' || hex, CASE WHEN n % 10 = 7 THEN 1700000000000 END FROM named;
DROP TABLE named;
DROP TABLE numbers;
ANALYZE;
