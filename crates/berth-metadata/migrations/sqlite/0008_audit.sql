-- Who did what, and who was refused. Rows outlive their user and what they tell of; they go with age.
CREATE TABLE audit_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    account_id TEXT, -- none when nobody knows whose login was tried
    user_id TEXT,
    user_name TEXT NOT NULL,
    credential TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    status INTEGER NOT NULL,
    code TEXT NOT NULL,
    request_id TEXT NOT NULL
) STRICT;
CREATE INDEX audit_events_by_account ON audit_events (account_id, at, id);
CREATE INDEX audit_events_by_user ON audit_events (account_id, user_name, at, id);
CREATE INDEX audit_events_by_time ON audit_events (at);
