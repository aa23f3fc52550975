-- When an image was pulled last, beside how often.
ALTER TABLE repositories ADD COLUMN pulled_at INTEGER;
UPDATE repositories SET pulled_at =
    (SELECT MAX(p.pulled_at) FROM manifest_pulls p WHERE p.repository_id = repositories.id) WHERE pull_count > 0;
-- What platforms a manifest has images for, as os/architecture[/variant] by commas; none until somebody looked.
ALTER TABLE manifest_facts ADD COLUMN platforms TEXT;
