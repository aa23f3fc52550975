//! Manifests through a mirror. What a digest names is asked for once; what a tag names is compared now and then, and answered
//! as it was last seen when the other side does not answer.

use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{ManifestRow, MirrorFacts, MissingReferences, OrganizationFacts, PutManifest, Standing};
use berth_oci::{Manifest, Reference, RepositoryName};
use berth_remote::RemoteManifest;

use super::failed::{Failed, is_full};
use super::upstream::{Asked, Upstream};
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;
use crate::manifest::{FoundManifest, StaleManifest, distinct, facts};
use crate::repository::Place;

/// How long somebody waits for a comparison when there is something to answer without it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A manifest that came, or that the other side said is still the one.
#[derive(Clone, Debug)]
pub(super) struct Brought {
    row: Arc<ManifestRow>,
    repository_id: i64,
    /// Whether its bytes came over.
    is_new: bool,
}

/// What somebody asked for.
#[derive(Clone, Debug)]
struct Wanted {
    organization: OrganizationFacts,
    name: RepositoryName,
    reference: Reference,
    /// For how long a tag is taken to name what it named.
    recheck_ms: i64,
}

impl Wanted {
    fn key(&self) -> String {
        format!("{} {}", self.name, self.reference)
    }
}

impl Registry {
    /// A manifest of a mirror's repository that the caller may read, which need not be there yet.
    pub(crate) async fn mirrored_manifest(
        self: &Arc<Self>,
        standing: Standing,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<FoundManifest, Error> {
        let Some(organization) = standing.organization else {
            return Err(Error::RepositoryUnknown(name.to_string()));
        };
        let repository_id = standing.repository.map(|repository| repository.id);
        let wanted = Wanted {
            organization,
            name: name.clone(),
            reference: reference.clone(),
            recheck_ms: self.recheck_ms(standing.mirror),
        };
        let here = match repository_id {
            Some(id) => self.manifest_here(id, reference).await?.map(|row| (id, row)),
            None => None,
        };
        let (repository_id, row, stale) = if let Some((id, row)) = here {
            let (row, stale) = self.current(&wanted, (id, row)).await?;
            (id, row, stale)
        } else {
            let brought = self.bring(&wanted).await;
            let brought = brought.map_err(|failed| failed.told(unknown(reference)))?;
            (brought.repository_id, brought.row, None)
        };
        let place = Place {
            repository_id,
            organization: wanted.organization,
        };
        Ok(FoundManifest::new(row, place, &self.counting).staled(stale))
    }

    /// For how long a mirror takes what it was told for what is.
    pub(super) fn recheck_ms(&self, mirror: Option<MirrorFacts>) -> i64 {
        match mirror.and_then(|mirror| mirror.recheck_seconds) {
            Some(seconds) => seconds.saturating_mul(1000),
            None => self.limits.mirrors.recheck_ms(),
        }
    }

    /// What a reference names that is here: a digest names it for ever, a tag is compared when it is time.
    async fn current(
        self: &Arc<Self>,
        wanted: &Wanted,
        (repository_id, row): (i64, Arc<ManifestRow>),
    ) -> Result<(Arc<ManifestRow>, Option<StaleManifest>), Error> {
        let tally = self.mirrors.figures.of(wanted.organization.id);
        let hit = |row: Arc<ManifestRow>, stale| {
            tally.hit(row.bytes.len() as u64);
            Ok((row, stale))
        };
        let Reference::Tag(tag) = &wanted.reference else {
            return hit(row, None);
        };
        // What a clock noted that was ahead of this one is not current for longer.
        let is_current = |at: i64| (0..wanted.recheck_ms).contains(&now_ms().saturating_sub(at));
        let known = self.mirrors.compared.get(&compared(repository_id, tag.as_str()));
        if known.is_some_and(is_current) {
            return hit(row, None);
        }
        let seen_at = self
            .metadata
            .mirrored_tag_checked_at(repository_id, tag.as_str())
            .await?;
        let age = seen_at.map_or(0, |at| now_ms().saturating_sub(at));
        if seen_at.is_some_and(is_current) {
            return hit(row, None);
        }
        let may_be_stale = age <= self.limits.mirrors.stale_max_ms();
        let asked = self.bring(wanted);
        let brought = if may_be_stale {
            // The comparison goes on without them, and whoever comes later finds its outcome.
            let Ok(brought) = tokio::time::timeout(PATIENCE, asked).await else {
                let reason = "the mirrored registry has not answered yet".to_owned();
                return hit(row, Some(StaleManifest { seen_at, reason }));
            };
            brought
        } else {
            asked.await
        };
        match brought {
            Ok(brought) if brought.is_new => Ok((brought.row, None)),
            Ok(brought) => hit(brought.row, None),
            Err(failed) if failed.is_switched_off() => hit(row, None),
            Err(failed) if may_be_stale && failed.is_passing() => {
                let reason = failed.told(unknown(&wanted.reference)).to_string();
                tracing::warn!(image = %wanted.name, reference = %wanted.reference, reason, "a stale tag is served");
                hit(row, Some(StaleManifest { seen_at, reason }))
            }
            Err(failed) => Err(failed.told(unknown(&wanted.reference))),
        }
    }

    /// Asks the other side, once for all who want the same at the same time.
    async fn bring(self: &Arc<Self>, wanted: &Wanted) -> Result<Brought, Failed> {
        let key = wanted.key();
        if let Some(failed) = self.mirrors.absent.get(&key) {
            return Err(failed);
        }
        let (registry, wanted) = (Arc::clone(self), wanted.clone());
        let tally = self.mirrors.figures.of(wanted.organization.id);
        let work = || async move {
            let brought = registry.ask(&wanted).await;
            if let Err(failed) = &brought
                && failed.is_lasting()
            {
                registry.mirrors.absent.insert(wanted.key(), failed.clone());
            }
            brought
        };
        let (brought, is_first) = self.mirrors.manifests.join(key, &self.mirrors.tasks, work).await;
        if let Ok(brought) = &brought
            && brought.is_new
        {
            if is_first {
                tally.missed();
            } else {
                tally.hit(brought.row.bytes.len() as u64);
            }
        }
        brought
    }

    /// The manifest as the other side has it, stored here.
    async fn ask(self: &Arc<Self>, wanted: &Wanted) -> Result<Brought, Failed> {
        let turn = self.mirrors.questions.acquire().await;
        let _turn = turn.map_err(|closed| Error::internal("waiting to ask for a manifest", closed))?;
        let repository = self.metadata.repository(wanted.name.as_ref()).await;
        let repository_id = repository.map_err(Error::from)?.map(|repository| repository.id);
        let here = match repository_id {
            Some(id) => self
                .manifest_here(id, &wanted.reference)
                .await?
                .map(|row| (id, row)),
            None => None,
        };
        let upstream = self.upstream(wanted.organization.id).await?;
        let (tag, (id, row)) = match (&wanted.reference, here) {
            (_, None) => return self.fetch_manifest(wanted, &wanted.reference, &upstream).await,
            // It came since the asker looked.
            (Reference::Digest(_), Some((repository_id, row))) => {
                return Ok(Brought {
                    row,
                    repository_id,
                    is_new: false,
                });
            }
            (Reference::Tag(tag), Some(here)) => (tag, here),
        };
        upstream.admits(Asked::Manifest)?;
        let head = upstream
            .repository(&wanted.name)?
            .head_manifest(&wanted.reference)
            .await;
        let head = head.map_err(|error| upstream.failed(Asked::Manifest, &error))?;
        let there = head.ok_or_else(|| upstream.unknown())?.digest;
        if there.as_str() == row.digest {
            self.note_compared(id, tag.as_str()).await?;
            return Ok(Brought {
                row,
                repository_id: id,
                is_new: false,
            });
        }
        let reference = Reference::Digest(there);
        match self.manifest_here(id, &reference).await? {
            Some(known) => {
                let Reference::Digest(digest) = reference else {
                    return Err(upstream.unusable("a digest that is none"));
                };
                let manifest = Came {
                    digest,
                    media_type: known.media_type.clone(),
                    bytes: known.bytes.clone(),
                };
                let brought = self.keep(wanted, manifest, &upstream).await?;
                Ok(Brought {
                    is_new: false,
                    ..brought
                })
            }
            None => self.fetch_manifest(wanted, &reference, &upstream).await,
        }
    }

    async fn fetch_manifest(
        self: &Arc<Self>,
        wanted: &Wanted,
        reference: &Reference,
        upstream: &Upstream,
    ) -> Result<Brought, Failed> {
        upstream.admits(Asked::Manifest)?;
        let came = upstream.repository(&wanted.name)?.manifest(reference).await;
        let came = came.map_err(|error| upstream.failed(Asked::Manifest, &error))?;
        let tally = self.mirrors.figures.of(wanted.organization.id);
        tally.fetched(came.bytes.len() as u64);
        self.keep(wanted, came.into(), upstream).await
    }

    /// Stores a manifest under the reference that was asked for; one that there is no room for is only passed on. What it
    /// references comes when it is asked for (decision 16).
    async fn keep(
        self: &Arc<Self>,
        wanted: &Wanted,
        came: Came,
        upstream: &Upstream,
    ) -> Result<Brought, Failed> {
        let manifest = Manifest::parse(&came.bytes, Some(&came.media_type))
            .map_err(|error| upstream.unusable(&error.to_string()))?;
        let (name, organization) = (&wanted.name, wanted.name.organization().as_str());
        let image = Some(name.image().as_str());
        let standing = self.standing(&Caller::System, organization, image).await?;
        let repository_id = self.repository_for_push(&Caller::System, &standing, name).await?;
        let rules = self.rules(&standing, repository_id, name).await?;
        let row = Arc::new(row(&manifest, &came));
        let tag = match &wanted.reference {
            Reference::Tag(tag) => Some(tag.to_string()),
            Reference::Digest(_) => None,
        };
        let put = PutManifest {
            tags: tag.iter().cloned().collect(),
            guard: rules.guard(),
            ..put(&manifest, &row, repository_id)?
        };
        let brought = Brought {
            row,
            repository_id,
            is_new: true,
        };
        match self
            .metadata
            .put_manifest(put)
            .await
            .map_err(|error| rules.refused(error))
        {
            Ok(_) => {}
            Err(Error::TagImmutable(_)) => {
                // A rule keeps the tag where it is, which is what is answered until the rule ends.
                let here = self.manifest_here(repository_id, &wanted.reference).await?;
                self.note_compared(repository_id, tag.as_deref().unwrap_or_default())
                    .await?;
                let row = here.ok_or(Error::Unavailable)?;
                return Ok(Brought { row, ..brought });
            }
            Err(error) if is_full(&error) => {
                tracing::warn!(image = %name, %error, "a mirrored manifest is passed on and not stored");
                return Ok(brought);
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(tag) = tag {
            self.note_platforms(repository_id, &came.digest, &manifest).await;
            self.jobs.tag_moved();
            self.note_compared(repository_id, &tag).await?;
        }
        Ok(brought)
    }

    async fn manifest_here(
        &self,
        repository_id: i64,
        reference: &Reference,
    ) -> Result<Option<Arc<ManifestRow>>, Error> {
        Ok(match reference {
            Reference::Tag(tag) => self.metadata.manifest_by_tag(repository_id, tag.as_str()).await?,
            Reference::Digest(digest) => {
                self.metadata
                    .manifest_by_digest(repository_id, digest.as_str())
                    .await?
            }
        })
    }

    async fn note_compared(&self, repository_id: i64, tag: &str) -> Result<(), Error> {
        self.metadata
            .note_mirrored_tag(repository_id, tag, now_ms())
            .await?;
        self.mirrors
            .compared
            .insert(compared(repository_id, tag), now_ms());
        Ok(())
    }
}

/// A manifest as it came.
struct Came {
    digest: berth_oci::Digest,
    media_type: String,
    bytes: bytes::Bytes,
}

impl From<RemoteManifest> for Came {
    fn from(manifest: RemoteManifest) -> Self {
        Self {
            digest: manifest.digest,
            media_type: manifest.media_type,
            bytes: manifest.bytes,
        }
    }
}

fn row(manifest: &Manifest, came: &Came) -> ManifestRow {
    ManifestRow {
        digest: came.digest.to_string(),
        media_type: manifest.media_type.clone(),
        bytes: came.bytes.clone(),
        artifact_type: manifest.referrer_artifact_type().map(str::to_owned),
        subject: manifest
            .subject
            .as_ref()
            .map(|subject| subject.digest.to_string()),
        size: i64::try_from(came.bytes.len()).unwrap_or(i64::MAX),
    }
}

/// What is stored of a manifest, whether or not what it references is here.
fn put(manifest: &Manifest, row: &ManifestRow, repository_id: i64) -> Result<PutManifest, Error> {
    Ok(PutManifest {
        repository_id,
        digest: row.digest.clone(),
        media_type: row.media_type.clone(),
        bytes: row.bytes.to_vec(),
        blobs: distinct(manifest.blobs().map(|blob| blob.digest.to_string())),
        foreign_layers: distinct(manifest.foreign_layers().map(|layer| layer.digest.to_string())),
        manifests: distinct(manifest.manifests.iter().map(|child| child.digest.to_string())),
        subject: row.subject.clone(),
        artifact_type: row.artifact_type.clone(),
        annotations_json: serde_json::to_string(&manifest.annotations)
            .map_err(|source| Error::internal("storing annotations", source))?,
        facts: facts(manifest),
        tags: Vec::new(),
        expected: None,
        missing: MissingReferences::AcceptAll,
        origin: String::new(),
        guard: berth_metadata::Guard::Off,
        user_id: None,
        now: now_ms(),
    })
}

fn compared(repository_id: i64, tag: &str) -> String {
    format!("{repository_id} {tag}")
}

fn unknown(reference: &Reference) -> Error {
    Error::ManifestUnknown(reference.clone())
}
