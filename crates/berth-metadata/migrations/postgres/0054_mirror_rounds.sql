-- Fetching ahead: whether somebody asked for a round, when the last one began and ended, and what the last that ended did.
CREATE TABLE mirror_rounds (
    mirror_id BIGINT PRIMARY KEY REFERENCES mirrors (id) ON DELETE CASCADE,
    wanted_at BIGINT, -- none: nobody asked since the last one began
    begun_at BIGINT,
    ended_at BIGINT, -- before begun_at: the last one goes on, or its process is gone
    images BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    failures TEXT NOT NULL DEFAULT '' -- why, a line for each of the first
);
