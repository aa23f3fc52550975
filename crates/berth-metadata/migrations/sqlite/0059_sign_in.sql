-- Where people of an account sign in besides: directories (LDAP) and OpenID providers.
CREATE TABLE sign_in_providers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    certificate_authority TEXT NOT NULL, -- PEM, empty: what the machine trusts
    terms TEXT NOT NULL, -- a JSON object: its kind, and how people are found and read there
    secret_encrypted BLOB, -- the password of the directory's login, or the client's secret
    enabled INTEGER NOT NULL,
    renew_ms INTEGER, -- how long a sign-in there counts; none: until the provider says otherwise
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (account_id, name)
) STRICT;

-- Groups there, and the groups here that their members are in.
CREATE TABLE sign_in_groups (
    provider_id INTEGER NOT NULL REFERENCES sign_in_providers (id) ON DELETE CASCADE,
    external_group TEXT NOT NULL,
    group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    PRIMARY KEY (provider_id, external_group, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_groups_by_group ON sign_in_groups (group_id);

-- Who a user is at a provider: never known by name or address there, which may be given to somebody else.
CREATE TABLE identities (
    provider_id INTEGER NOT NULL REFERENCES sign_in_providers (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    confirmed_at INTEGER NOT NULL, -- when the provider last vouched for them
    lapsed_at INTEGER, -- disabled since then because it did not any more
    PRIMARY KEY (provider_id, subject)
) STRICT, WITHOUT ROWID;
