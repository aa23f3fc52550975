-- Whether a run has changed its workload: one that only waits for nodes does not end such a run.
ALTER TABLE trigger_history ADD COLUMN acted BIGINT NOT NULL DEFAULT 0;
