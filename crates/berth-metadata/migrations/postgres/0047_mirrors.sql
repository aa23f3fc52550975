-- When a tag of a mirrored image was last seen to name there what it names here, milliseconds since the epoch.
CREATE TABLE mirrored_tags (
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT COLLATE "C" NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, tag)
);

-- What came of the requests to a mirror, in all.
CREATE TABLE mirror_figures (
    mirror_id BIGINT PRIMARY KEY REFERENCES mirrors (id) ON DELETE CASCADE,
    hits BIGINT NOT NULL,
    misses BIGINT NOT NULL,
    bytes_served BIGINT NOT NULL,
    bytes_fetched BIGINT NOT NULL
);
