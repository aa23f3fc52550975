-- What a mirror's administrators want of it.
ALTER TABLE mirrors ADD COLUMN public INTEGER NOT NULL DEFAULT 0; -- everybody may pull from it
ALTER TABLE mirrors ADD COLUMN recheck_seconds INTEGER; -- none: as the settings say
ALTER TABLE mirrors ADD COLUMN bytes_max INTEGER; -- none: no bound
ALTER TABLE mirrors ADD COLUMN keep TEXT NOT NULL DEFAULT ''; -- images that stay, a pattern in each line
ALTER TABLE mirrors ADD COLUMN prefetch TEXT NOT NULL DEFAULT ''; -- images fetched ahead, likewise
ALTER TABLE mirrors ADD COLUMN certificate_authority TEXT NOT NULL DEFAULT ''; -- PEM, empty: what the machine trusts
