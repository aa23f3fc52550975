-- What was counted per day (days since the epoch, UTC). The rows of an account outlive what was counted in.
CREATE TABLE account_days (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    pulls BIGINT NOT NULL DEFAULT 0,
    pushes BIGINT NOT NULL DEFAULT 0,
    bytes_out BIGINT NOT NULL DEFAULT 0,
    bytes_in BIGINT NOT NULL DEFAULT 0,
    stored_bytes BIGINT, -- none until it was looked at on that day
    PRIMARY KEY (account_id, day)
);

CREATE TABLE organization_days (
    organization_id BIGINT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    pulls BIGINT NOT NULL DEFAULT 0,
    pushes BIGINT NOT NULL DEFAULT 0,
    bytes_out BIGINT NOT NULL DEFAULT 0,
    bytes_in BIGINT NOT NULL DEFAULT 0,
    stored_bytes BIGINT,
    PRIMARY KEY (organization_id, day)
);

CREATE TABLE repository_days (
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    pulls BIGINT NOT NULL DEFAULT 0,
    pushes BIGINT NOT NULL DEFAULT 0,
    bytes_out BIGINT NOT NULL DEFAULT 0,
    bytes_in BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (repository_id, day)
);
CREATE INDEX repository_days_by_day ON repository_days (day);

CREATE TABLE manifest_pulls (
    repository_id BIGINT NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    pulls BIGINT NOT NULL,
    pulled_at BIGINT NOT NULL, -- the last time
    PRIMARY KEY (repository_id, digest),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
);
