-- What failed is looked for by those who have it, and what runs.
CREATE INDEX trigger_history_failed ON trigger_history (ended_at) WHERE status = 'failed';
CREATE INDEX sync_jobs_failed ON sync_jobs (ended_at) WHERE status IN ('failed', 'timeout');
CREATE INDEX retention_runs_failed ON retention_runs (ended_at) WHERE failed IS NOT NULL;
CREATE INDEX retention_runs_open ON retention_runs (repository_id) WHERE ended_at IS NULL;
CREATE INDEX shares_by_end ON shares (expires_at) WHERE expires_at IS NOT NULL;
