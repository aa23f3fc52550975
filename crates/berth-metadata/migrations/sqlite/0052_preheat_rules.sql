-- Which images go to nodes with every push: those of an organization, or one.
CREATE TABLE preheat_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    repository_id INTEGER REFERENCES repositories (id) ON DELETE CASCADE, -- none: all of the organization
    enabled INTEGER NOT NULL,
    tags TEXT NOT NULL, -- a pattern; empty: all
    labels TEXT NOT NULL, -- a JSON object: nodes that have all of these
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX preheat_rules_of_image ON preheat_rules (repository_id) WHERE repository_id IS NOT NULL;
CREATE UNIQUE INDEX preheat_rules_of_organization ON preheat_rules (organization_id) WHERE repository_id IS NULL;
CREATE INDEX preheat_rules_by_organization ON preheat_rules (organization_id);

-- The rule that wanted it and the event that set it off, none when somebody asked; and what took its place.
ALTER TABLE preheats ADD COLUMN rule_id INTEGER;
ALTER TABLE preheats ADD COLUMN event INTEGER;
ALTER TABLE preheats ADD COLUMN superseded_by INTEGER;
CREATE INDEX preheats_by_rule ON preheats (rule_id, repository_id, tag) WHERE rule_id IS NOT NULL;
