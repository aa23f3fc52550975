-- How a cluster is signed in to, where it is looked at, and what came of it.
ALTER TABLE clusters ADD COLUMN credential_kind TEXT NOT NULL DEFAULT 'token'; -- what token_encrypted holds
ALTER TABLE clusters ADD COLUMN namespaces TEXT NOT NULL DEFAULT ''; -- by commas; empty: the whole cluster
ALTER TABLE clusters ADD COLUMN version TEXT NOT NULL DEFAULT ''; -- of its server, at the last check that reached it
ALTER TABLE clusters ADD COLUMN checked_at INTEGER;
ALTER TABLE clusters ADD COLUMN problem TEXT NOT NULL DEFAULT ''; -- what the last check found; empty: nothing
ALTER TABLE clusters ADD COLUMN looked_at INTEGER; -- when what runs there was last known whole
ALTER TABLE clusters ADD COLUMN look_problem TEXT NOT NULL DEFAULT ''; -- why it is not known since

-- Images of this registry that run in a cluster, as it was when that was last looked at.
CREATE TABLE running_images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster INTEGER NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT NOT NULL, -- empty: it is named by digest alone
    digest TEXT NOT NULL, -- empty: it does not run, or nobody says what does
    namespace TEXT NOT NULL,
    kind TEXT NOT NULL,
    workload TEXT NOT NULL,
    container TEXT NOT NULL
) STRICT;
CREATE INDEX running_images_by_cluster ON running_images (cluster);
CREATE INDEX running_images_by_repository ON running_images (repository_id);
