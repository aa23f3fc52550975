-- When a tag of a mirrored image was last seen to name there what it names here, milliseconds since the epoch.
CREATE TABLE mirrored_tags (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    checked_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, tag)
) STRICT, WITHOUT ROWID;

-- What came of the requests to a mirror, in all.
CREATE TABLE mirror_figures (
    mirror_id INTEGER PRIMARY KEY REFERENCES mirrors (id) ON DELETE CASCADE,
    hits INTEGER NOT NULL,
    misses INTEGER NOT NULL,
    bytes_served INTEGER NOT NULL,
    bytes_fetched INTEGER NOT NULL
) STRICT;
