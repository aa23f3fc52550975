-- What is found out about a region, and what is known to be there.
ALTER TABLE regions ADD COLUMN certificate_authority TEXT COLLATE "C" NOT NULL DEFAULT ''; -- PEM, empty: what the machine trusts
ALTER TABLE regions ADD COLUMN checked_at BIGINT; -- none: nobody looked yet
ALTER TABLE regions ADD COLUMN finding TEXT COLLATE "C" NOT NULL DEFAULT ''; -- a sentence
ALTER TABLE regions ADD COLUMN usable BIGINT NOT NULL DEFAULT 0;
ALTER TABLE regions ADD COLUMN registry_id TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the id that another Berth tells

-- Where a blob was put in a region, so that it is mounted from there the next time.
CREATE TABLE region_blobs (
    region BIGINT NOT NULL REFERENCES regions (id) ON DELETE CASCADE,
    digest TEXT COLLATE "C" NOT NULL,
    remote_repository TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (region, digest)
);
CREATE INDEX region_blobs_by_time ON region_blobs (at);

-- Uploads in a region that were begun and not ended, so that they go on where they broke off.
CREATE TABLE region_uploads (
    region BIGINT NOT NULL REFERENCES regions (id) ON DELETE CASCADE,
    remote_repository TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    session TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (region, remote_repository, digest)
);
CREATE INDEX region_uploads_by_time ON region_uploads (at);

-- How a copy goes.
ALTER TABLE sync_jobs ADD COLUMN pushed_at BIGINT; -- the oldest push that the destination waits for; none: it was asked for
ALTER TABLE sync_jobs ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0; -- attempts that the destination did not want
ALTER TABLE sync_jobs ADD COLUMN next_attempt_at BIGINT;
ALTER TABLE sync_jobs ADD COLUMN started_at BIGINT;
ALTER TABLE sync_jobs ADD COLUMN ended_at BIGINT;
ALTER TABLE sync_jobs ADD COLUMN detail TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sync_jobs ADD COLUMN blobs_total BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN blobs_done BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_total BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_done BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_sent BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_mounted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_jobs ADD COLUMN bytes_existing BIGINT NOT NULL DEFAULT 0;
-- One tag goes to one destination once at a time, so that none goes back.
CREATE UNIQUE INDEX sync_jobs_running ON sync_jobs (repository_id, tag, region, remote_organization)
    WHERE status = 'running';
CREATE INDEX sync_jobs_open ON sync_jobs (region, status) WHERE status IN ('waiting', 'running');
CREATE INDEX sync_jobs_ended ON sync_jobs (region, status, ended_at);
