-- What a share says of itself. A share counts until expires_at, the end of the day of its deadline.
ALTER TABLE shares ADD COLUMN deadline_at INTEGER;
ALTER TABLE shares ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE shares ADD COLUMN creator_id TEXT NOT NULL DEFAULT '';
ALTER TABLE shares ADD COLUMN creator_name TEXT NOT NULL DEFAULT '';
ALTER TABLE shares ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
UPDATE shares SET updated_at = created_at, deadline_at = expires_at - 86400000;

-- What an account may have at most; none: as the settings say.
CREATE TABLE account_quotas (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    organizations_per_user INTEGER,
    repositories INTEGER,
    tags_per_repository INTEGER
) STRICT, WITHOUT ROWID;

-- Accounts whose triggers may act on clusters.
CREATE TABLE agencies (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    creator_id TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
