-- What a share says of itself. A share counts until expires_at, the end of the day of its deadline.
ALTER TABLE shares ADD COLUMN deadline_at BIGINT;
ALTER TABLE shares ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shares ADD COLUMN creator_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shares ADD COLUMN creator_name TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shares ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE shares SET updated_at = created_at, deadline_at = expires_at - 86400000;

-- What an account may have at most; none: as the settings say.
CREATE TABLE account_quotas (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    organizations_per_user BIGINT,
    repositories BIGINT,
    tags_per_repository BIGINT
);

-- Accounts whose triggers may act on clusters.
CREATE TABLE agencies (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    creator_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
