-- Programs that an issuer vouches for with its tokens, and whom they are here.
CREATE TABLE trust_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    certificate_authority TEXT NOT NULL, -- PEM, empty: what the machine trusts
    audience TEXT NOT NULL, -- for which a token must be made
    claims TEXT NOT NULL, -- a JSON object: what its claims must be like
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ttl_ms INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (account_id, name)
) STRICT;
CREATE INDEX trust_rules_by_user ON trust_rules (user_id);
