-- What people, groups and keys are for, in somebody's words.
ALTER TABLE users ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE user_groups ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE access_keys ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What was made with a password ends when the password changes.
ALTER TABLE temporary_logins ADD COLUMN password_fingerprint TEXT COLLATE "C";

-- Access keys that end by themselves.
CREATE TABLE temporary_keys (
    access_key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_encrypted BYTEA NOT NULL,
    token_hash BYTEA NOT NULL,
    made_with TEXT COLLATE "C" REFERENCES access_keys (access_key_id) ON DELETE CASCADE,
    password_fingerprint TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX temporary_keys_by_user ON temporary_keys (user_id);
CREATE INDEX temporary_keys_by_key ON temporary_keys (made_with);
CREATE INDEX temporary_keys_by_end ON temporary_keys (expires_at);

-- Who is signed in to the console.
CREATE TABLE sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password_fingerprint TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- The roles of a group, each at a place; user_groups.administrator says whether there is any.
CREATE TABLE group_roles (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    role TEXT COLLATE "C" NOT NULL,
    place TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (group_id, role, place)
);
INSERT INTO group_roles (group_id, role, place) SELECT id, 'te_admin', 'domain' FROM user_groups WHERE administrator = 1;
