-- What is found out about a region, and what is known to be there.
ALTER TABLE regions ADD COLUMN certificate_authority TEXT NOT NULL DEFAULT ''; -- PEM, empty: what the machine trusts
ALTER TABLE regions ADD COLUMN checked_at INTEGER; -- none: nobody looked yet
ALTER TABLE regions ADD COLUMN finding TEXT NOT NULL DEFAULT ''; -- a sentence
ALTER TABLE regions ADD COLUMN usable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE regions ADD COLUMN registry_id TEXT NOT NULL DEFAULT ''; -- the id that another Berth tells

-- Where a blob was put in a region, so that it is mounted from there the next time.
CREATE TABLE region_blobs (
    region INTEGER NOT NULL REFERENCES regions (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    remote_repository TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (region, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX region_blobs_by_time ON region_blobs (at);

-- Uploads in a region that were begun and not ended, so that they go on where they broke off.
CREATE TABLE region_uploads (
    region INTEGER NOT NULL REFERENCES regions (id) ON DELETE CASCADE,
    remote_repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    session TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (region, remote_repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX region_uploads_by_time ON region_uploads (at);

-- How a copy goes.
ALTER TABLE sync_jobs ADD COLUMN pushed_at INTEGER; -- the oldest push that the destination waits for; none: it was asked for
ALTER TABLE sync_jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0; -- attempts that the destination did not want
ALTER TABLE sync_jobs ADD COLUMN next_attempt_at INTEGER;
ALTER TABLE sync_jobs ADD COLUMN started_at INTEGER;
ALTER TABLE sync_jobs ADD COLUMN ended_at INTEGER;
ALTER TABLE sync_jobs ADD COLUMN detail TEXT NOT NULL DEFAULT '';
ALTER TABLE sync_jobs ADD COLUMN blobs_total INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN blobs_done INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_total INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_done INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_sent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_mounted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_existing INTEGER NOT NULL DEFAULT 0;
-- One tag goes to one destination once at a time, so that none goes back.
CREATE UNIQUE INDEX sync_jobs_running ON sync_jobs (repository_id, tag, region, remote_organization)
    WHERE status = 'running';
CREATE INDEX sync_jobs_open ON sync_jobs (region, status) WHERE status IN ('waiting', 'running');
CREATE INDEX sync_jobs_ended ON sync_jobs (region, status, ended_at);
