-- What happened to images and is not yet written into the store, from where it could be told again without this database.
-- Noted by the database itself: whatever changes an image, in whatever way, is in here by the same transaction.
CREATE TABLE record_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL,
    place TEXT NOT NULL, -- the name of the organisation or repository at that time
    repository_id INTEGER,
    digest TEXT,
    tag TEXT, -- of a renamed repository its new name
    at INTEGER,
    user_id TEXT
) STRICT;

CREATE TRIGGER record_organization AFTER INSERT ON organizations BEGIN
    INSERT INTO record_outbox (what, place, at) VALUES ('organization', NEW.name, NEW.created_at);
END;
CREATE TRIGGER record_organization_deleted AFTER DELETE ON organizations BEGIN
    INSERT INTO record_outbox (what, place) VALUES ('organization-deleted', OLD.name);
END;
CREATE TRIGGER record_repository AFTER INSERT ON repositories BEGIN
    INSERT INTO record_outbox (what, place, repository_id, at)
    VALUES ('repository', NEW.full_name, NEW.id, NEW.updated_at);
END;
CREATE TRIGGER record_repository_edited AFTER UPDATE OF is_public, category, description ON repositories
WHEN OLD.is_public <> NEW.is_public OR OLD.category <> NEW.category OR OLD.description <> NEW.description BEGIN
    INSERT INTO record_outbox (what, place, repository_id, at)
    VALUES ('repository', NEW.full_name, NEW.id, NEW.updated_at);
END;
CREATE TRIGGER record_repository_renamed AFTER UPDATE OF full_name ON repositories
WHEN OLD.full_name <> NEW.full_name BEGIN
    INSERT INTO record_outbox (what, place, repository_id, tag, at)
    VALUES ('repository-renamed', OLD.full_name, NEW.id, NEW.full_name, NEW.updated_at);
END;
CREATE TRIGGER record_repository_deleted AFTER DELETE ON repositories BEGIN
    INSERT INTO record_outbox (what, place) VALUES ('repository-deleted', OLD.full_name);
END;
CREATE TRIGGER record_manifest AFTER INSERT ON manifests BEGIN
    INSERT INTO record_outbox (what, place, repository_id, digest, at)
    SELECT 'manifest', full_name, id, NEW.digest, NEW.created_at FROM repositories WHERE id = NEW.repository_id;
END;
CREATE TRIGGER record_manifest_retyped AFTER UPDATE OF media_type ON manifests WHEN OLD.media_type <> NEW.media_type BEGIN
    INSERT INTO record_outbox (what, place, repository_id, digest, at)
    SELECT 'manifest', full_name, id, NEW.digest, NEW.created_at FROM repositories WHERE id = NEW.repository_id;
END;
CREATE TRIGGER record_manifest_deleted AFTER DELETE ON manifests BEGIN
    INSERT INTO record_outbox (what, place, repository_id, digest)
    SELECT 'manifest-deleted', full_name, id, OLD.digest FROM repositories WHERE id = OLD.repository_id;
END;
CREATE TRIGGER record_tag AFTER INSERT ON tag_history BEGIN
    INSERT INTO record_outbox (what, place, repository_id, digest, tag, at, user_id)
    SELECT 'tag', full_name, id, NEW.digest, NEW.tag, NEW.at, NEW.user_id FROM repositories WHERE id = NEW.repository_id;
END;

-- What a store holds, for the time of a restore.
CREATE TABLE store_listing (
    key TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX store_listing_by_digest ON store_listing (digest, size, key);
