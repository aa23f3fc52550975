-- What a trigger does beyond naming an image, and which step of a run changes its workload at this moment.
ALTER TABLE triggers ADD COLUMN update_by TEXT COLLATE "C" NOT NULL DEFAULT 'digest';
ALTER TABLE triggers ADD COLUMN undo_on_failure BIGINT NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN rollout_seconds BIGINT NOT NULL DEFAULT 600;
ALTER TABLE triggers ADD COLUMN acting TEXT COLLATE "C";
ALTER TABLE triggers ADD COLUMN acting_until BIGINT; -- by the clock of this database

-- How far a run is.
ALTER TABLE trigger_history ADD COLUMN state TEXT COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE trigger_history ADD COLUMN failures BIGINT NOT NULL DEFAULT 0; -- tries that failed for now, in a row
ALTER TABLE trigger_history ADD COLUMN undoes BIGINT; -- the run whose images this one puts back
ALTER TABLE trigger_history ADD COLUMN started_at BIGINT;
ALTER TABLE trigger_history ADD COLUMN ended_at BIGINT;
CREATE INDEX trigger_history_open ON trigger_history (trigger_id, event) WHERE status IN ('waiting', 'running');
UPDATE trigger_history SET status = CASE succeeded WHEN 1 THEN 'success' ELSE 'failed' END, ended_at = at WHERE event IS NULL;
