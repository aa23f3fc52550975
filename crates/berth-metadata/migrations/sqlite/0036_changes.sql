-- What changed, for whoever looks at a page that shows it: kept for minutes, and noted only while somebody listens. By the
-- database itself, so that no change is forgotten, in whatever way it was made.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), -- by the clock of this database
    kind TEXT NOT NULL,
    action TEXT NOT NULL, -- what happened, or the state that a run came to
    organization_id INTEGER, -- where, which says who may see it
    repository_id INTEGER,
    place TEXT, -- the name of the organisation or repository at that time
    name TEXT, -- the tag, or what of the place changed
    digest TEXT,
    subject INTEGER, -- the run's id
    account_id TEXT, -- whom it is for, where there is no place
    user_id TEXT
) STRICT;

-- Until when changes are noted, and how often that began.
CREATE TABLE change_gate (
    id INTEGER NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    open_until INTEGER NOT NULL -- by the clock of this database
) STRICT, WITHOUT ROWID;

CREATE TRIGGER note_organizations_inserted AFTER INSERT ON organizations
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place)
    SELECT 'organization', 'created', NEW.id, NEW.name;
END;
CREATE TRIGGER note_organizations_deleted AFTER DELETE ON organizations
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, place, account_id)
    SELECT 'organization', 'deleted', OLD.name, OLD.account_id;
END;
CREATE TRIGGER note_organizations_updated AFTER UPDATE OF rules_version ON organizations
WHEN OLD.rules_version IS NOT NEW.rules_version
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place, name)
    SELECT 'settings', 'changed', NEW.id, NEW.name, 'immutability';
END;
CREATE TRIGGER note_repositories_inserted AFTER INSERT ON repositories
WHEN NEW.listed = 1
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place)
    SELECT 'image', 'created', NEW.organization_id, NEW.id, NEW.full_name;
END;
CREATE TRIGGER note_repositories_updated AFTER UPDATE OF listed ON repositories
WHEN OLD.listed IS NOT NEW.listed
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place)
    SELECT 'image', CASE WHEN NEW.listed = 2 THEN 'deleted' WHEN OLD.listed = 2 THEN 'restored' ELSE 'created' END,
        NEW.organization_id, NEW.id, CASE WHEN NEW.listed = 2 THEN OLD.full_name ELSE NEW.full_name END;
END;
CREATE TRIGGER note_repositories_updated_is_public AFTER UPDATE OF is_public, category, description ON repositories
WHEN (OLD.is_public IS NOT NEW.is_public OR OLD.category IS NOT NEW.category OR OLD.description IS NOT NEW.description)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place)
    SELECT 'image', 'changed', NEW.organization_id, NEW.id, NEW.full_name;
END;
-- For those who saw it because it was public, and only for that.
CREATE TRIGGER note_repositories_updated_is_public_back AFTER UPDATE OF is_public ON repositories
WHEN OLD.is_public = 1 AND NEW.is_public = 0
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action)
    SELECT 'rights', 'changed';
END;
CREATE TRIGGER note_repositories_deleted AFTER DELETE ON repositories
WHEN OLD.listed = 1
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place)
    SELECT 'image', 'deleted', OLD.organization_id, OLD.full_name;
END;
CREATE TRIGGER note_tag_history_inserted AFTER INSERT ON tag_history
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'tag', CASE WHEN NEW.digest IS NULL THEN 'deleted'
        WHEN NEW.why = 'bin_restore' THEN 'restored' ELSE 'moved' END, r.organization_id, r.id, r.full_name, NEW.tag,
        NEW.digest, NULL
    FROM repositories r WHERE r.id = NEW.repository_id AND r.listed <> 2;
END;
CREATE TRIGGER note_manifests_inserted AFTER INSERT ON manifests
WHEN NEW.subject IS NOT NULL
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'accessory', 'attached', r.organization_id, r.id, r.full_name, NULL, NEW.subject, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_manifests_deleted AFTER DELETE ON manifests
WHEN OLD.subject IS NOT NULL
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'accessory', 'deleted', r.organization_id, r.id, r.full_name, NULL, OLD.subject, NULL
    FROM repositories r WHERE r.id = OLD.repository_id AND r.listed <> 2;
END;
CREATE TRIGGER note_bin_inserted AFTER INSERT ON bin
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'bin', 'changed', r.organization_id, r.id, r.full_name, NEW.kind, NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_bin_deleted AFTER DELETE ON bin
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'bin', 'changed', r.organization_id, r.id, r.full_name, OLD.kind, NULL, NULL
    FROM repositories r WHERE r.id = OLD.repository_id;
END;
CREATE TRIGGER note_organization_grants_inserted AFTER INSERT ON organization_grants
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place, name)
    SELECT 'rights', 'changed', o.id, o.name, NULL
    FROM organizations o WHERE o.id = NEW.organization_id;
    INSERT INTO changes (kind, action, user_id)
    SELECT 'rights', 'changed', NEW.user_id;
END;
CREATE TRIGGER note_organization_grants_deleted AFTER DELETE ON organization_grants
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place, name)
    SELECT 'rights', 'changed', o.id, o.name, NULL
    FROM organizations o WHERE o.id = OLD.organization_id;
    INSERT INTO changes (kind, action, user_id)
    SELECT 'rights', 'changed', OLD.user_id;
END;
CREATE TRIGGER note_organization_grants_updated AFTER UPDATE OF permission ON organization_grants
WHEN OLD.permission IS NOT NEW.permission
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place, name)
    SELECT 'rights', 'changed', o.id, o.name, NULL
    FROM organizations o WHERE o.id = NEW.organization_id;
    INSERT INTO changes (kind, action, user_id)
    SELECT 'rights', 'changed', NEW.user_id;
END;
CREATE TRIGGER note_repository_grants_inserted AFTER INSERT ON repository_grants
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'rights', 'changed', r.organization_id, r.id, r.full_name, NULL, NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
    INSERT INTO changes (kind, action, user_id)
    SELECT 'rights', 'changed', NEW.user_id;
END;
CREATE TRIGGER note_repository_grants_deleted AFTER DELETE ON repository_grants
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'rights', 'changed', r.organization_id, r.id, r.full_name, NULL, NULL, NULL
    FROM repositories r WHERE r.id = OLD.repository_id;
    INSERT INTO changes (kind, action, user_id)
    SELECT 'rights', 'changed', OLD.user_id;
END;
CREATE TRIGGER note_repository_grants_updated AFTER UPDATE OF permission ON repository_grants
WHEN OLD.permission IS NOT NEW.permission
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'rights', 'changed', r.organization_id, r.id, r.full_name, NULL, NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
    INSERT INTO changes (kind, action, user_id)
    SELECT 'rights', 'changed', NEW.user_id;
END;
CREATE TRIGGER note_shares_inserted AFTER INSERT ON shares
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'share', 'changed', r.organization_id, r.id, r.full_name, NULL, NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
    INSERT INTO changes (kind, action, account_id)
    SELECT 'rights', 'changed', NEW.account_id;
END;
CREATE TRIGGER note_shares_deleted AFTER DELETE ON shares
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'share', 'changed', r.organization_id, r.id, r.full_name, NULL, NULL, NULL
    FROM repositories r WHERE r.id = OLD.repository_id;
    INSERT INTO changes (kind, action, account_id)
    SELECT 'rights', 'changed', OLD.account_id;
END;
CREATE TRIGGER note_shares_updated AFTER UPDATE OF expires_at, description ON shares
WHEN (OLD.expires_at IS NOT NEW.expires_at OR OLD.description IS NOT NEW.description)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'share', 'changed', r.organization_id, r.id, r.full_name, NULL, NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
    INSERT INTO changes (kind, action, account_id)
    SELECT 'rights', 'changed', NEW.account_id;
END;
CREATE TRIGGER note_triggers_inserted AFTER INSERT ON triggers
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'triggers', NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_triggers_deleted AFTER DELETE ON triggers
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'triggers', NULL, NULL
    FROM repositories r WHERE r.id = OLD.repository_id;
END;
CREATE TRIGGER note_triggers_updated AFTER UPDATE OF name, condition, enabled, mode, cluster, namespace, workload_kind,
    workload, container, update_by, undo_on_failure, rollout_seconds ON triggers
WHEN (OLD.name IS NOT NEW.name OR OLD.condition IS NOT NEW.condition OR OLD.enabled IS NOT NEW.enabled
    OR OLD.mode IS NOT NEW.mode OR OLD.cluster IS NOT NEW.cluster OR OLD.namespace IS NOT NEW.namespace
    OR OLD.workload_kind IS NOT NEW.workload_kind OR OLD.workload IS NOT NEW.workload
    OR OLD.container IS NOT NEW.container OR OLD.update_by IS NOT NEW.update_by
    OR OLD.undo_on_failure IS NOT NEW.undo_on_failure OR OLD.rollout_seconds IS NOT NEW.rollout_seconds)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'triggers', NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_sync_rules_inserted AFTER INSERT ON sync_rules
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'sync', NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_sync_rules_deleted AFTER DELETE ON sync_rules
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'sync', NULL, NULL
    FROM repositories r WHERE r.id = OLD.repository_id;
END;
CREATE TRIGGER note_sync_rules_updated AFTER UPDATE OF automatic, overwrite ON sync_rules
WHEN (OLD.automatic IS NOT NEW.automatic OR OLD.overwrite IS NOT NEW.overwrite)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'sync', NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_retentions_inserted AFTER INSERT ON retentions
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'retention', NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_retentions_deleted AFTER DELETE ON retentions
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'retention', NULL, NULL
    FROM repositories r WHERE r.id = OLD.repository_id;
END;
CREATE TRIGGER note_retentions_updated AFTER UPDATE OF kind, amount, exempt, updated_at ON retentions
WHEN (OLD.kind IS NOT NEW.kind OR OLD.amount IS NOT NEW.amount OR OLD.exempt IS NOT NEW.exempt
    OR OLD.updated_at IS NOT NEW.updated_at)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'settings', 'changed', r.organization_id, r.id, r.full_name, 'retention', NULL, NULL
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_retention_rules_inserted AFTER INSERT ON retention_rules
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place, name)
    SELECT 'settings', 'changed', o.id, o.name, 'retention'
    FROM organizations o WHERE o.id = NEW.organization_id;
END;
CREATE TRIGGER note_retention_rules_deleted AFTER DELETE ON retention_rules
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place, name)
    SELECT 'settings', 'changed', o.id, o.name, 'retention'
    FROM organizations o WHERE o.id = OLD.organization_id;
END;
CREATE TRIGGER note_retention_rules_updated AFTER UPDATE OF kind, amount, images, tags, exempt, enabled ON retention_rules
WHEN (OLD.kind IS NOT NEW.kind OR OLD.amount IS NOT NEW.amount OR OLD.images IS NOT NEW.images
    OR OLD.tags IS NOT NEW.tags OR OLD.exempt IS NOT NEW.exempt OR OLD.enabled IS NOT NEW.enabled)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, place, name)
    SELECT 'settings', 'changed', o.id, o.name, 'retention'
    FROM organizations o WHERE o.id = NEW.organization_id;
END;
CREATE TRIGGER note_trigger_history_inserted AFTER INSERT ON trigger_history
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'trigger_run', NEW.status, r.organization_id, r.id, r.full_name, NEW.tag, NEW.digest, NEW.id
    FROM triggers t JOIN repositories r ON r.id = t.repository_id WHERE t.id = NEW.trigger_id;
END;
CREATE TRIGGER note_trigger_history_updated AFTER UPDATE OF status ON trigger_history
WHEN OLD.status IS NOT NEW.status
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'trigger_run', NEW.status, r.organization_id, r.id, r.full_name, NEW.tag, NEW.digest, NEW.id
    FROM triggers t JOIN repositories r ON r.id = t.repository_id WHERE t.id = NEW.trigger_id;
END;
CREATE TRIGGER note_webhook_deliveries_inserted AFTER INSERT ON webhook_deliveries
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'delivery', NEW.status, r.organization_id, r.id, r.full_name, NULL, NULL, NEW.run_id
    FROM trigger_history h JOIN triggers t ON t.id = h.trigger_id
        JOIN repositories r ON r.id = t.repository_id WHERE h.id = NEW.run_id;
END;
CREATE TRIGGER note_webhook_deliveries_updated AFTER UPDATE OF status, attempts ON webhook_deliveries
WHEN (OLD.status IS NOT NEW.status OR OLD.attempts IS NOT NEW.attempts)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'delivery', NEW.status, r.organization_id, r.id, r.full_name, NULL, NULL, NEW.run_id
    FROM trigger_history h JOIN triggers t ON t.id = h.trigger_id
        JOIN repositories r ON r.id = t.repository_id WHERE h.id = NEW.run_id;
END;
CREATE TRIGGER note_sync_jobs_inserted AFTER INSERT ON sync_jobs
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'copy', NEW.status, r.organization_id, r.id, r.full_name, NEW.tag, NEW.digest, NEW.id
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_sync_jobs_updated AFTER UPDATE OF status, attempts ON sync_jobs
WHEN (OLD.status IS NOT NEW.status OR OLD.attempts IS NOT NEW.attempts)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'copy', NEW.status, r.organization_id, r.id, r.full_name, NEW.tag, NEW.digest, NEW.id
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_retention_runs_inserted AFTER INSERT ON retention_runs
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'retention_run', CASE WHEN NEW.started_at IS NULL THEN 'waiting' ELSE 'running' END, r.organization_id, r.id,
        r.full_name, NULL, NULL, NEW.id
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_retention_runs_updated AFTER UPDATE OF started_at, ended_at ON retention_runs
WHEN (OLD.started_at IS NOT NEW.started_at OR OLD.ended_at IS NOT NEW.ended_at)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, repository_id, place, name, digest, subject)
    SELECT 'retention_run', CASE WHEN NEW.failed IS NOT NULL THEN 'failed' WHEN NEW.ended_at IS NOT NULL THEN 'done'
        WHEN NEW.started_at IS NOT NULL THEN 'running' ELSE 'waiting' END, r.organization_id, r.id, r.full_name, NULL,
        NULL, NEW.id
    FROM repositories r WHERE r.id = NEW.repository_id;
END;
CREATE TRIGGER note_maintenance_runs_inserted AFTER INSERT ON maintenance_runs
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, subject)
    SELECT 'maintenance_run', NEW.state, NEW.kind, NEW.id;
END;
CREATE TRIGGER note_maintenance_runs_updated AFTER UPDATE OF state ON maintenance_runs
WHEN OLD.state IS NOT NEW.state
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, subject)
    SELECT 'maintenance_run', NEW.state, NEW.kind, NEW.id;
END;
CREATE TRIGGER note_blobs_updated AFTER UPDATE OF damaged_at ON blobs
WHEN OLD.damaged_at IS NOT NEW.damaged_at
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action)
    SELECT 'damage', CASE WHEN NEW.damaged_at IS NULL THEN 'healed' ELSE 'found' END;
END;
CREATE TRIGGER note_users_inserted AFTER INSERT ON users
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'user', NEW.account_id, NEW.id;
END;
CREATE TRIGGER note_users_deleted AFTER DELETE ON users
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'user', OLD.account_id, OLD.id;
END;
CREATE TRIGGER note_users_updated AFTER UPDATE OF name, password_hash, access, administrator, enabled, description ON users
WHEN (OLD.name IS NOT NEW.name OR OLD.password_hash IS NOT NEW.password_hash OR OLD.access IS NOT NEW.access
    OR OLD.administrator IS NOT NEW.administrator OR OLD.enabled IS NOT NEW.enabled
    OR OLD.description IS NOT NEW.description)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'user', NEW.account_id, NEW.id;
END;
CREATE TRIGGER note_user_groups_inserted AFTER INSERT ON user_groups
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'people', 'changed', 'group', NEW.account_id;
END;
CREATE TRIGGER note_user_groups_deleted AFTER DELETE ON user_groups
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'people', 'changed', 'group', OLD.account_id;
END;
CREATE TRIGGER note_user_groups_updated AFTER UPDATE OF name, administrator, description ON user_groups
WHEN (OLD.name IS NOT NEW.name OR OLD.administrator IS NOT NEW.administrator OR OLD.description IS NOT NEW.description)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'people', 'changed', 'group', NEW.account_id;
END;
CREATE TRIGGER note_group_members_inserted AFTER INSERT ON group_members
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'membership', u.account_id, u.id
    FROM users u WHERE u.id = NEW.user_id;
END;
CREATE TRIGGER note_group_members_deleted AFTER DELETE ON group_members
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'membership', u.account_id, u.id
    FROM users u WHERE u.id = OLD.user_id;
END;
CREATE TRIGGER note_access_keys_inserted AFTER INSERT ON access_keys
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'key', u.account_id, u.id
    FROM users u WHERE u.id = NEW.user_id;
END;
CREATE TRIGGER note_access_keys_deleted AFTER DELETE ON access_keys
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'key', u.account_id, u.id
    FROM users u WHERE u.id = OLD.user_id;
END;
CREATE TRIGGER note_access_keys_updated AFTER UPDATE OF enabled, description ON access_keys
WHEN (OLD.enabled IS NOT NEW.enabled OR OLD.description IS NOT NEW.description)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'key', u.account_id, u.id
    FROM users u WHERE u.id = NEW.user_id;
END;
CREATE TRIGGER note_temporary_logins_inserted AFTER INSERT ON temporary_logins
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'login', u.account_id, u.id
    FROM users u WHERE u.id = NEW.user_id;
END;
CREATE TRIGGER note_temporary_logins_deleted AFTER DELETE ON temporary_logins
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id, user_id)
    SELECT 'people', 'changed', 'login', u.account_id, u.id
    FROM users u WHERE u.id = OLD.user_id;
END;
-- Nobody is told of this: streams look whose they are.
CREATE TRIGGER note_sessions_deleted AFTER DELETE ON sessions
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, user_id)
    SELECT 'session', 'ended', OLD.user_id;
END;
CREATE TRIGGER note_clusters_inserted AFTER INSERT ON clusters
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'cluster', NEW.account_id;
END;
CREATE TRIGGER note_clusters_deleted AFTER DELETE ON clusters
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'cluster', OLD.account_id;
END;
CREATE TRIGGER note_clusters_updated AFTER UPDATE OF name, server, namespaces, problem, look_problem,
    token_encrypted ON clusters
WHEN (OLD.name IS NOT NEW.name OR OLD.server IS NOT NEW.server OR OLD.namespaces IS NOT NEW.namespaces
    OR OLD.problem IS NOT NEW.problem OR OLD.look_problem IS NOT NEW.look_problem
    OR OLD.token_encrypted IS NOT NEW.token_encrypted)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'cluster', NEW.account_id;
END;
CREATE TRIGGER note_regions_inserted AFTER INSERT ON regions
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'region', NEW.account_id;
END;
CREATE TRIGGER note_regions_deleted AFTER DELETE ON regions
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'region', OLD.account_id;
END;
CREATE TRIGGER note_regions_updated AFTER UPDATE OF registry_url, usable, finding ON regions
WHEN (OLD.registry_url IS NOT NEW.registry_url OR OLD.usable IS NOT NEW.usable OR OLD.finding IS NOT NEW.finding)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'region', NEW.account_id;
END;
CREATE TRIGGER note_mirrors_inserted AFTER INSERT ON mirrors
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'mirror', NEW.account_id;
END;
CREATE TRIGGER note_mirrors_deleted AFTER DELETE ON mirrors
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'mirror', OLD.account_id;
END;
CREATE TRIGGER note_mirrors_updated AFTER UPDATE OF name, registry, url, enabled ON mirrors
WHEN (OLD.name IS NOT NEW.name OR OLD.registry IS NOT NEW.registry OR OLD.url IS NOT NEW.url
    OR OLD.enabled IS NOT NEW.enabled)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'mirror', NEW.account_id;
END;
CREATE TRIGGER note_agencies_inserted AFTER INSERT ON agencies
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'agency', NEW.account_id;
END;
CREATE TRIGGER note_agencies_deleted AFTER DELETE ON agencies
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, name, account_id)
    SELECT 'registration', 'changed', 'agency', OLD.account_id;
END;
CREATE TRIGGER note_account_quotas_inserted AFTER INSERT ON account_quotas
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, account_id)
    SELECT 'quota', 'changed', NEW.account_id;
END;
CREATE TRIGGER note_account_quotas_deleted AFTER DELETE ON account_quotas
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, account_id)
    SELECT 'quota', 'changed', OLD.account_id;
END;
CREATE TRIGGER note_account_quotas_updated AFTER UPDATE OF organizations_per_user, repositories,
    tags_per_repository ON account_quotas
WHEN (OLD.organizations_per_user IS NOT NEW.organizations_per_user OR OLD.repositories IS NOT NEW.repositories
    OR OLD.tags_per_repository IS NOT NEW.tags_per_repository)
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, account_id)
    SELECT 'quota', 'changed', NEW.account_id;
END;
CREATE TRIGGER note_byte_quotas_inserted AFTER INSERT ON byte_quotas
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, account_id)
    SELECT 'quota', 'changed', NEW.organization_id, NEW.account_id;
END;
CREATE TRIGGER note_byte_quotas_deleted AFTER DELETE ON byte_quotas
WHEN EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, account_id)
    SELECT 'quota', 'changed', OLD.organization_id, OLD.account_id;
END;
CREATE TRIGGER note_byte_quotas_updated AFTER UPDATE OF limit_bytes ON byte_quotas
WHEN OLD.limit_bytes IS NOT NEW.limit_bytes
    AND EXISTS (SELECT 1 FROM change_gate WHERE open_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)) BEGIN
    INSERT INTO changes (kind, action, organization_id, account_id)
    SELECT 'quota', 'changed', NEW.organization_id, NEW.account_id;
END;
