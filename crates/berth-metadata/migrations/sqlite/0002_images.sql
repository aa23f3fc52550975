-- What lists of images show, kept beside each image by the transactions that change it.
ALTER TABLE repositories ADD COLUMN tag_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0; -- of the blobs that its manifests use, each once
ALTER TABLE repositories ADD COLUMN pull_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN creator_name TEXT NOT NULL DEFAULT '';
-- The description goes to the end: what sorts a list by another column then reads no overflow page.
ALTER TABLE repositories RENAME COLUMN description TO description_before;
ALTER TABLE repositories ADD COLUMN description TEXT NOT NULL DEFAULT '';
UPDATE repositories SET
    description = description_before,
    creator_name = COALESCE((SELECT u.name FROM users u WHERE u.id = repositories.creator_id), ''),
    tag_count = (SELECT COUNT(*) FROM tags t WHERE t.repository_id = repositories.id),
    size_bytes = COALESCE((SELECT SUM(b.size) FROM blob_links l JOIN blobs b ON b.digest = l.digest
        WHERE l.repository_id = repositories.id AND l.idle_since IS NULL), 0);
ALTER TABLE repositories DROP COLUMN description_before;
-- The images of an organisation with all that lists filter on; no push changes any of it.
CREATE INDEX repositories_by_organization
    ON repositories (organization_id, listed, full_name, image, is_public, category);
