-- What a mirror's administrators want of it.
ALTER TABLE mirrors ADD COLUMN public BIGINT NOT NULL DEFAULT 0; -- everybody may pull from it
ALTER TABLE mirrors ADD COLUMN recheck_seconds BIGINT; -- none: as the settings say
ALTER TABLE mirrors ADD COLUMN bytes_max BIGINT; -- none: no bound
ALTER TABLE mirrors ADD COLUMN keep TEXT COLLATE "C" NOT NULL DEFAULT ''; -- images that stay, a pattern in each line
ALTER TABLE mirrors ADD COLUMN prefetch TEXT COLLATE "C" NOT NULL DEFAULT ''; -- images fetched ahead, likewise
ALTER TABLE mirrors ADD COLUMN certificate_authority TEXT COLLATE "C" NOT NULL DEFAULT ''; -- PEM, empty: what the machine trusts
