-- Who is shut out for a while because of too many refused requests: an account, or an address of those who do not log in.
CREATE TABLE shut_outs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, -- account, address
    subject TEXT NOT NULL, -- the account's id, or the address
    reason TEXT NOT NULL, -- which rate was not kept, in words
    began_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    lifted_at INTEGER, -- none: nobody lifted it
    lifted_by TEXT
) STRICT;
CREATE INDEX shut_outs_by_subject ON shut_outs (kind, subject, ends_at);
CREATE INDEX shut_outs_by_end ON shut_outs (ends_at);
