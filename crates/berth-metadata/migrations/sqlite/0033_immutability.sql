-- Which tags neither move nor go: of an image, or of an organization's images.
CREATE TABLE immutability_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    repository_id INTEGER REFERENCES repositories (id) ON DELETE CASCADE, -- none: all images of the organization
    images TEXT, -- of an organization's rule: the names of images, none for all
    kind TEXT NOT NULL, -- how pattern is read, the caller's
    pattern TEXT NOT NULL,
    except_pattern TEXT,
    creator_id TEXT NOT NULL,
    creator_name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX immutability_rules_by_organization ON immutability_rules (organization_id, repository_id);
CREATE INDEX immutability_rules_by_repository ON immutability_rules (repository_id) WHERE repository_id IS NOT NULL;

-- Counts the changes of the rules in an organization; 0: it never had one.
ALTER TABLE organizations ADD COLUMN rules_version INTEGER NOT NULL DEFAULT 0;
