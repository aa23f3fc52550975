-- What people, groups and keys are for, in somebody's words.
ALTER TABLE users ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE user_groups ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE access_keys ADD COLUMN description TEXT NOT NULL DEFAULT '';

-- What was made with a password ends when the password changes.
ALTER TABLE temporary_logins ADD COLUMN password_fingerprint TEXT;

-- Access keys that end by themselves.
CREATE TABLE temporary_keys (
    access_key_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_encrypted BLOB NOT NULL,
    token_hash BLOB NOT NULL,
    made_with TEXT REFERENCES access_keys (access_key_id) ON DELETE CASCADE,
    password_fingerprint TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX temporary_keys_by_user ON temporary_keys (user_id);
CREATE INDEX temporary_keys_by_key ON temporary_keys (made_with);
CREATE INDEX temporary_keys_by_end ON temporary_keys (expires_at);

-- Who is signed in to the console.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    password_fingerprint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- The roles of a group, each at a place; user_groups.administrator says whether there is any.
CREATE TABLE group_roles (
    group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY (group_id, role, place)
) STRICT, WITHOUT ROWID;
INSERT INTO group_roles (group_id, role, place) SELECT id, 'te_admin', 'domain' FROM user_groups WHERE administrator = 1;
