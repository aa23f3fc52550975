-- What was counted per day (days since the epoch, UTC). The rows of an account outlive what was counted in.
CREATE TABLE account_days (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    pulls INTEGER NOT NULL DEFAULT 0,
    pushes INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    stored_bytes INTEGER, -- none until it was looked at on that day
    PRIMARY KEY (account_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE organization_days (
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    pulls INTEGER NOT NULL DEFAULT 0,
    pushes INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    stored_bytes INTEGER,
    PRIMARY KEY (organization_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE repository_days (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    pulls INTEGER NOT NULL DEFAULT 0,
    pushes INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_days_by_day ON repository_days (day);

CREATE TABLE manifest_pulls (
    repository_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    pulls INTEGER NOT NULL,
    pulled_at INTEGER NOT NULL, -- the last time
    PRIMARY KEY (repository_id, digest),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
