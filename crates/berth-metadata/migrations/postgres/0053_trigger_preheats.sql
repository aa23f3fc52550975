-- Nodes that shall have an image before a trigger sets it, and for how long they are waited for.
ALTER TABLE triggers ADD COLUMN preheat_labels TEXT COLLATE "C"; -- a JSON object: nodes that have all of these; none: nobody is waited for
ALTER TABLE triggers ADD COLUMN preheat_seconds BIGINT NOT NULL DEFAULT 0;

-- The trigger's run that waits for it.
ALTER TABLE preheats ADD COLUMN trigger_id BIGINT;
ALTER TABLE preheats ADD COLUMN run_id BIGINT;
CREATE UNIQUE INDEX preheats_of_run ON preheats (trigger_id, run_id) WHERE trigger_id IS NOT NULL;
