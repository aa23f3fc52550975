//! Blobs of a repository: found, read in part or whole, mounted, unlinked. One stored copy serves all
//! repositories, and only a repository that links it makes it readable.

mod elsewhere;
mod stream;

use std::ops::Range;
use std::sync::Arc;

use berth_metadata::{Damage, LinkedBlob, UnlinkOutcome, Viewer};
use berth_oci::{Digest, RangeOutcome, RangeRequest, RepositoryName, Resource, Scope, ScopeAction};

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::damage::Reading;
use crate::error::Error;
use crate::repository::{Place, viewer};

pub use stream::BlobStream;

/// A blob opened for reading.
pub struct OpenedBlob {
    /// Bytes of the whole blob.
    pub size: u64,
    /// Which of them the stream has.
    pub extent: Extent,
    /// The bytes; what is taken of them counts as sent.
    pub stream: BlobStream,
}

/// Which bytes of a blob are read.
pub enum Extent {
    /// All.
    Whole,
    /// From the first of these to the one before the last.
    Part(Range<u64>),
    /// Several parts, one after the other; no item of the stream has bytes of two of them.
    Parts(Vec<Range<u64>>),
}

impl Extent {
    /// What a request means for so many bytes; none when there are no such.
    pub(crate) fn of(range: RangeRequest<'_>, size: u64) -> Option<Self> {
        match range.resolve(size) {
            RangeOutcome::Whole => Some(Self::Whole),
            RangeOutcome::Part { start, end_inclusive } => Some(Self::Part(start..end_inclusive + 1)),
            RangeOutcome::Parts(parts) => Some(Self::Parts(parts)),
            RangeOutcome::Unsatisfiable => None,
        }
    }
}

/// How a request for a blob's bytes is answered.
pub enum BlobRead {
    /// The whole blob or a part of it.
    Opened(OpenedBlob),
    /// The bytes are to be had from the store itself, at this address.
    Elsewhere(String),
    /// The range asked for does not exist in a blob of this many bytes.
    Unsatisfiable(u64),
}

impl Registry {
    /// The size in bytes of a blob that the repository links. Whoever hears of one that no manifest uses yet may be
    /// about to push that manifest, so the blob is young again.
    pub async fn stat_blob(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<u64, Error> {
        let standing = self.require(caller, Action::Pull, repository).await?;
        if standing.mirror.is_some() {
            return Box::pin(self.mirrored_blob_size(standing, repository, digest)).await;
        }
        let place = Place::of(standing, repository)?;
        let linked = self.linked_in(&place, digest).await?;
        let now = now_ms();
        let stale = now.saturating_sub(self.limits.upload_ttl_ms() / 2);
        if linked.idle_since.is_some_and(|idle| idle < stale)
            && !self
                .metadata
                .refresh_link(place.repository_id, digest.as_str(), now)
                .await?
        {
            return Err(Error::BlobUnknown(digest.clone()));
        }
        Ok(size(&linked))
    }

    /// Opens a blob, or the parts of it that `range` asks for; it may be on its way here through a mirror.
    pub async fn open_blob(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
        range: RangeRequest<'_>,
    ) -> Result<BlobRead, Error> {
        let standing = self.require(caller, Action::Pull, repository).await?;
        if standing.mirror.is_some() {
            return Box::pin(self.mirrored_blob(standing, repository, (digest, range))).await;
        }
        let place = Place::of(standing, repository)?;
        self.open_linked(&place, digest, range).await
    }

    /// Opens a blob that a repository links, or a part of it.
    pub(crate) async fn open_linked(
        &self,
        place: &Place,
        digest: &Digest,
        range: RangeRequest<'_>,
    ) -> Result<BlobRead, Error> {
        let mut read = None;
        loop {
            let linked = self.linked_in(place, digest).await?;
            let size = size(&linked);
            let Some(extent) = Extent::of(range, size) else {
                return Ok(BlobRead::Unsatisfiable(size));
            };
            let stale = now_ms().saturating_sub(self.limits.upkeep.scrub_interval_ms());
            let is_due = matches!(extent, Extent::Whole) && linked.verified_at < stale;
            let turn = is_due.then(|| self.damage.turn(digest)).flatten();
            let opening = match &extent {
                Extent::Whole if turn.is_some() => self.blobs.open_stored(&linked.key, 0..size),
                Extent::Whole => self.blobs.open(&linked.key, 0..size),
                Extent::Part(part) => self.blobs.open(&linked.key, part.clone()),
                Extent::Parts(parts) => self.blobs.open_parts(&linked.key, parts.clone()),
            };
            match opening.await {
                // Pushed again or unlinked since the look, and reclaimed: then the row says so.
                Err(berth_blob::Error::NotFound) if read.as_ref() != Some(&linked.key) => {
                    read = Some(linked.key);
                    berth_metadata::look_again();
                }
                Err(berth_blob::Error::NotFound) => {
                    let read = reading(digest, &linked);
                    self.damage.found(&read, Damage::Missing).await?;
                    return Err(Error::BlobUnknown(digest.clone()));
                }
                Err(error) => return Err(error.into()),
                Ok(stream) => {
                    let stream = self.damage.watch(reading(digest, &linked), stream, turn);
                    let stream = BlobStream::new(stream, self.counter(place));
                    return Ok(BlobRead::Opened(OpenedBlob { size, extent, stream }));
                }
            }
        }
    }

    /// Unlinks a blob that no manifest of the repository uses; its bytes go when no repository links it.
    pub async fn delete_blob(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), Error> {
        let standing = self.require(caller, Action::Delete, repository).await?;
        let place = standing
            .repository
            .ok_or_else(|| Error::RepositoryUnknown(repository.to_string()))?;
        match self
            .metadata
            .unlink_blob(place.id, digest.as_str(), now_ms())
            .await?
        {
            UnlinkOutcome::Unlinked => Ok(()),
            UnlinkOutcome::Missing => Err(Error::BlobUnknown(digest.clone())),
            UnlinkOutcome::InUse { manifest } => Err(Error::BlobInUse {
                digest: digest.clone(),
                manifest,
            }),
        }
    }

    /// Links a blob that the caller can read elsewhere; says whether it could.
    pub(crate) async fn mount(
        &self,
        caller: &Caller,
        repository_id: i64,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<bool, Error> {
        let source = match (from, pulled_by_token(caller)) {
            (Some(from), _) => self.source(caller, from).await?,
            (None, None) => self.readable_source(digest, viewer(caller)).await?,
            // A token opens what it names and what is public, here as for a pull.
            (None, Some(named)) => {
                for from in &named {
                    if let Some(source) = self.source(caller, from).await?
                        && self.mount_from(source, repository_id, digest).await?
                    {
                        return Ok(true);
                    }
                }
                self.readable_source(digest, Viewer::Anonymous).await?
            }
        };
        match source {
            Some(source) => self.mount_from(source, repository_id, digest).await,
            None => Ok(false),
        }
    }

    /// The repository to mount from, when the caller may read it.
    async fn source(&self, caller: &Caller, from: &RepositoryName) -> Result<Option<i64>, Error> {
        match self.require(caller, Action::Pull, from).await {
            Ok(standing) => Ok(standing.repository.map(|place| place.id)),
            // Whoever may not read the source learns nothing: the answer is a fresh upload, as for a missing blob.
            Err(Error::Denied(_) | Error::Unauthenticated | Error::RepositoryUnknown(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Any repository that has the blob and that the viewer may read.
    async fn readable_source(&self, digest: &Digest, viewer: Viewer<'_>) -> Result<Option<i64>, Error> {
        let found = self
            .metadata
            .find_readable_blob(digest.as_str(), viewer, now_ms());
        Ok(found.await?)
    }

    async fn mount_from(&self, source: i64, repository_id: i64, digest: &Digest) -> Result<bool, Error> {
        let mounted = self
            .metadata
            .mount_blob(source, repository_id, digest.as_str(), now_ms());
        Ok(mounted.await?)
    }

    pub(crate) async fn linked(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(Place, LinkedBlob), Error> {
        let place = self.readable_place(caller, repository).await?;
        let linked = self.linked_in(&place, digest).await?;
        Ok((place, linked))
    }

    pub(crate) async fn linked_in(&self, place: &Place, digest: &Digest) -> Result<LinkedBlob, Error> {
        let linked = self
            .metadata
            .linked_blob(place.repository_id, digest.as_str())
            .await?;
        linked.ok_or_else(|| Error::BlobUnknown(digest.clone()))
    }
}

/// The repositories that the caller's token lets them pull from, `None` for callers whom no token limits.
fn pulled_by_token(caller: &Caller) -> Option<Vec<RepositoryName>> {
    let Caller::User(user) = caller else { return None };
    let pulled = |scope: &Scope| match &scope.resource {
        Resource::Repository(name) if scope.actions.contains(&ScopeAction::Pull) => Some(name.clone()),
        Resource::Repository(_) | Resource::Catalog => None,
    };
    let scopes = user.scopes.as_ref()?;
    Some(scopes.iter().filter_map(pulled).collect())
}

fn reading(digest: &Digest, linked: &LinkedBlob) -> Reading {
    Reading {
        digest: digest.clone(),
        key: linked.key.clone(),
    }
}

/// The bytes of a blob.
pub(crate) fn size(linked: &LinkedBlob) -> u64 {
    u64::try_from(linked.size).unwrap_or(0)
}
