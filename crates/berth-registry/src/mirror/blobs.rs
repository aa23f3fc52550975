//! Blobs through a mirror: what is here is read here, what is on its way is followed, and a part that is far from what has
//! come yet is asked for by itself.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use berth_blob::{ByteStream, Spool};
use berth_metadata::{OrganizationFacts, Standing};
use berth_oci::{Digest, RangeRequest, RepositoryName};
use futures_util::{StreamExt as _, stream};

use super::failed::Failed;
use super::fetch::{Fetch, Known};
use super::flights::WAITING_MAX;
use super::upstream::{Asked, Upstream};
use crate::Registry;
use crate::blob::{BlobRead, BlobStream, Extent, OpenedBlob, size};
use crate::error::Error;
use crate::repository::Place;

/// What somebody asked for.
#[derive(Clone, Debug)]
struct Wanted {
    organization: OrganizationFacts,
    name: RepositoryName,
    digest: Digest,
}

impl Wanted {
    fn key(&self) -> String {
        format!("{} {}", self.name, self.digest)
    }

    fn of(standing: &Standing, name: &RepositoryName, digest: &Digest) -> Result<Self, Error> {
        let organization = standing.organization.clone();
        Ok(Self {
            organization: organization.ok_or_else(|| Error::RepositoryUnknown(name.to_string()))?,
            name: name.clone(),
            digest: digest.clone(),
        })
    }

    fn unknown(&self) -> Error {
        Error::BlobUnknown(self.digest.clone())
    }

    fn place(&self, repository_id: i64) -> Place {
        Place {
            repository_id,
            organization: self.organization.clone(),
        }
    }
}

/// Ends a fetch that has not ended when its task does, and lets others begin anew.
struct Ending {
    registry: Arc<Registry>,
    fetch: Arc<Fetch>,
    key: String,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.fetch.fail(Error::Unavailable.into());
        let mut going = self
            .registry
            .mirrors
            .blobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        going.remove(&self.key);
    }
}

impl Registry {
    /// The size of a blob of a mirror's repository that the caller may read, which need not be there yet.
    pub(crate) async fn mirrored_blob_size(
        self: &Arc<Self>,
        standing: Standing,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<u64, Error> {
        let wanted = Wanted::of(&standing, name, digest)?;
        if let Ok(place) = Place::of(standing, name) {
            match self.linked_in(&place, digest).await {
                Err(Error::BlobUnknown(_)) => {}
                linked => return Ok(size(&linked?)),
            }
        }
        let going = self.going(&wanted);
        if let Some(fetch) = going {
            let known = fetch
                .known()
                .await
                .map_err(|failed| failed.told(wanted.unknown()))?;
            return Ok(known.size);
        }
        let asked = self.size_there(&wanted).await;
        asked.map_err(|failed| failed.told(wanted.unknown()))
    }

    /// A blob of a mirror's repository that the caller may read, or a part of it.
    pub(crate) async fn mirrored_blob(
        self: &Arc<Self>,
        standing: Standing,
        name: &RepositoryName,
        (digest, range): (&Digest, RangeRequest<'_>),
    ) -> Result<BlobRead, Error> {
        let wanted = Wanted::of(&standing, name, digest)?;
        let tally = self.mirrors.figures.of(wanted.organization.id);
        if let Ok(place) = Place::of(standing, name) {
            match self.open_linked(&place, digest, range).await {
                Err(Error::BlobUnknown(_)) => {}
                Ok(BlobRead::Opened(blob)) => {
                    tally.hit(taken(&blob));
                    return Ok(BlobRead::Opened(blob));
                }
                other => return other,
            }
        }
        let told = |failed: Failed| failed.told(wanted.unknown());
        if let Some(failed) = self.mirrors.absent.get(&wanted.key()) {
            return Err(told(failed));
        }
        let (fetch, is_first) = self.fetching(&wanted)?;
        let read = match fetch.known().await {
            Ok(known) => self.read_coming(&wanted, (&fetch, known), range).await,
            // What there is no room for here can be passed on all the same.
            Err(failed) if failed.is_full() => self.read_there(&wanted, range).await,
            Err(failed) => Err(failed),
        };
        let read = read.map_err(told)?;
        match &read {
            _ if is_first && !fetch.was_here() => tally.missed(),
            BlobRead::Opened(blob) => tally.hit(taken(blob)),
            _ => {}
        }
        Ok(read)
    }

    async fn read_coming(
        self: &Arc<Self>,
        wanted: &Wanted,
        (fetch, known): (&Arc<Fetch>, Known),
        range: RangeRequest<'_>,
    ) -> Result<BlobRead, Failed> {
        let size = known.size;
        let Some(extent) = Extent::of(range, size) else {
            return Ok(BlobRead::Unsatisfiable(size));
        };
        let follow = |part| self.follow_fetch(fetch, &wanted.digest, part);
        let bytes = match &extent {
            Extent::Whole => follow(0..size),
            Extent::Part(far) if !fetch.is_near(far.start) => {
                let bytes = self.part_there(wanted, far.clone()).await;
                bytes.unwrap_or_else(|| follow(far.clone()))
            }
            Extent::Part(part) => follow(part.clone()),
            // One request to the other side for each would be a burden there.
            Extent::Parts(parts) => {
                let parts: Vec<_> = parts.iter().cloned().map(follow).collect();
                Box::pin(stream::iter(parts).flatten())
            }
        };
        Ok(self.passing(wanted, known, (extent, bytes)))
    }

    fn passing(&self, wanted: &Wanted, known: Known, (extent, bytes): (Extent, ByteStream)) -> BlobRead {
        let counter = self.counter(&wanted.place(known.repository_id));
        BlobRead::Opened(OpenedBlob {
            size: known.size,
            extent,
            stream: BlobStream::passing(bytes, counter),
        })
    }

    /// A part of a blob from the other side itself; none when that does not send it, for which it need not say why.
    async fn part_there(&self, wanted: &Wanted, part: Range<u64>) -> Option<ByteStream> {
        let upstream = self.upstream(wanted.organization.id).await.ok()?;
        upstream.admits(Asked::Blob).ok()?;
        let there = upstream.repository(&wanted.name).ok()?;
        let bytes = there.blob_part(&wanted.digest, part).await.ok()??;
        let tally = self.mirrors.figures.of(wanted.organization.id);
        Some(Box::pin(bytes.map(move |bytes| {
            let bytes = bytes.map_err(std::io::Error::other)?;
            tally.fetched(bytes.len() as u64);
            Ok(bytes)
        })))
    }

    /// A blob from the other side itself, past this machine's disk; the last bytes wait until all are known to be right.
    async fn read_there(&self, wanted: &Wanted, range: RangeRequest<'_>) -> Result<BlobRead, Failed> {
        let upstream = self.upstream(wanted.organization.id).await?;
        upstream.admits(Asked::Blob)?;
        let there = upstream.repository(&wanted.name)?;
        let blob = there.blob(&wanted.digest, 0).await;
        let blob = blob.map_err(|error| upstream.failed(Asked::Blob, &error))?;
        let size = blob
            .size()
            .ok_or_else(|| upstream.unusable("a blob without its size"))?;
        let repository_id = self.mirrored_repository(&wanted.name).await?;
        let known = Known { size, repository_id };
        match Extent::of(range, size) {
            None => return Ok(BlobRead::Unsatisfiable(size)),
            Some(Extent::Part(part)) => {
                let bytes = self.part_there(wanted, part.clone()).await;
                let bytes = bytes.ok_or_else(|| upstream.unusable("no part of a blob"))?;
                return Ok(self.passing(wanted, known, (Extent::Part(part), bytes)));
            }
            // Of several parts all may be answered (RFC 9110 section 14.2).
            Some(Extent::Whole | Extent::Parts(_)) => {}
        }
        let tally = self.mirrors.figures.of(wanted.organization.id);
        let bytes = stream::try_unfold((blob, None), async |(mut blob, mut held)| {
            while let Some(bytes) = blob.next().await {
                let bytes = bytes.map_err(std::io::Error::other)?;
                if let Some(before) = held.replace(bytes) {
                    return Ok(Some((before, (blob, held))));
                }
            }
            Ok(held.take().map(|last| (last, (blob, None))))
        });
        let bytes = bytes.inspect(move |bytes: &std::io::Result<bytes::Bytes>| {
            if let Ok(bytes) = bytes {
                tally.fetched(bytes.len() as u64);
            }
        });
        Ok(self.passing(wanted, known, (Extent::Whole, Box::pin(bytes))))
    }

    async fn size_there(&self, wanted: &Wanted) -> Result<u64, Failed> {
        if let Some(failed) = self.mirrors.absent.get(&wanted.key()) {
            return Err(failed);
        }
        let upstream = self.upstream(wanted.organization.id).await?;
        upstream.admits(Asked::Blob)?;
        let found = upstream.repository(&wanted.name)?.blob_size(&wanted.digest).await;
        let found = found.map_err(|error| upstream.failed(Asked::Blob, &error));
        if let Err(failed) = &found
            && failed.is_lasting()
        {
            self.mirrors.absent.insert(wanted.key(), failed.clone());
        }
        found?.ok_or_else(|| upstream.unusable("a blob without its size"))
    }

    fn going(&self, wanted: &Wanted) -> Option<Arc<Fetch>> {
        let going = self.mirrors.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        going.get(&wanted.key()).map(Arc::clone)
    }

    /// The fetch of a blob that is under way, or one that begins now, and whether it is that.
    fn fetching(self: &Arc<Self>, wanted: &Wanted) -> Result<(Arc<Fetch>, bool), Error> {
        let key = wanted.key();
        let mut going = self.mirrors.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetch) = going.get(&key) {
            return Ok((Arc::clone(fetch), false));
        }
        if going.len() >= WAITING_MAX {
            return Err(Error::Unavailable);
        }
        let fetch = Arc::new(Fetch::default());
        going.insert(key.clone(), Arc::clone(&fetch));
        let ending = Ending {
            registry: Arc::clone(self),
            fetch: Arc::clone(&fetch),
            key,
        };
        let (wanted, closing) = (wanted.clone(), self.mirrors.tasks.closing.clone());
        self.mirrors.tasks.tracker.spawn(async move {
            let (registry, fetch) = (&ending.registry, &ending.fetch);
            let fetched = tokio::select! {
                fetched = registry.fetch_blob(&wanted, fetch) => fetched,
                () = closing.cancelled() => Err(Error::Unavailable.into()),
            };
            if let Err(failed) = fetched {
                if failed.is_lasting() {
                    registry.mirrors.absent.insert(wanted.key(), failed.clone());
                }
                tracing::debug!(image = %wanted.name, digest = %wanted.digest, ?failed, "a blob did not come through a mirror");
                fetch.fail(failed);
            }
        });
        Ok((fetch, true))
    }

    async fn fetch_blob(self: &Arc<Self>, wanted: &Wanted, fetch: &Arc<Fetch>) -> Result<(), Failed> {
        let upstream = self.upstream(wanted.organization.id).await?;
        upstream.admits(Asked::Blob)?;
        let _slot = Arc::clone(&self.mirrors.slots)
            .acquire_owned()
            .await
            .map_err(|closed| Error::internal("waiting to fetch a blob", closed))?;
        let repository = self.metadata.repository(wanted.name.as_ref()).await;
        if let Some(repository) = repository.map_err(Error::from)? {
            // It came between somebody's look and now.
            let linked = self
                .metadata
                .linked_blob(repository.id, wanted.digest.as_str())
                .await;
            if let Some(linked) = linked.map_err(Error::from)? {
                fetch.is_here(Known {
                    size: size(&linked),
                    repository_id: repository.id,
                });
                return Ok(());
            }
        }
        if let Some(known) = self
            .linked_beside(&wanted.name, &wanted.digest, &upstream)
            .await?
        {
            fetch.is_here(known);
            return Ok(());
        }
        let spool = Spool::create(&self.limits.mirrors.spool).await.map_err(|error| {
            let folder = self.limits.mirrors.spool.display();
            tracing::error!(%folder, error = &error as &dyn std::error::Error, "blobs cannot pass through the spool");
            Failed::from(Error::NoSpace)
        })?;
        let blob = upstream.repository(&wanted.name)?.blob(&wanted.digest, 0).await;
        let blob = blob.map_err(|error| upstream.failed(Asked::Blob, &error))?;
        let max = self.limits.blob_bytes_max;
        let told = blob.size();
        if told.is_some_and(|size| size > max) {
            let what = "the blob";
            return Err(Error::TooLarge { what, max }.into());
        }
        let repository_id = self.mirrored_repository(&wanted.name).await?;
        let room = self.mirrors.room(told.unwrap_or(max)).await?;
        fetch.opened(spool, room);
        let storing = told.map(|size| self.storing(wanted, fetch, size));
        let size = self
            .receive_blob(wanted, fetch, (blob, repository_id), &upstream)
            .await?;
        let storing = storing.unwrap_or_else(|| self.storing(wanted, fetch, size));
        match storing.await {
            Ok(Ok(())) => fetch.stored(),
            // Those who follow get all of it; whoever comes later fetches it again.
            Ok(Err(error)) => tracing::warn!(
                image = %wanted.name,
                digest = %wanted.digest,
                error = &error as &dyn std::error::Error,
                "a mirrored blob is passed on and not stored"
            ),
            Err(gone) => return Err(Error::internal("storing a mirrored blob", gone).into()),
        }
        Ok(())
    }

    async fn receive_blob(
        &self,
        wanted: &Wanted,
        fetch: &Fetch,
        (blob, repository_id): (berth_remote::Blob, i64),
        upstream: &Upstream,
    ) -> Result<u64, Failed> {
        let tally = self.mirrors.figures.of(wanted.organization.id);
        let received = fetch.receive(blob, repository_id, (upstream, &tally)).await;
        if let Err(failed) = &received {
            fetch.fail(failed.clone());
        }
        received
    }

    fn storing(
        self: &Arc<Self>,
        wanted: &Wanted,
        fetch: &Arc<Fetch>,
        size: u64,
    ) -> tokio::task::JoinHandle<Result<(), Error>> {
        let (registry, fetch, wanted) = (Arc::clone(self), Arc::clone(fetch), wanted.clone());
        self.mirrors.tasks.tracker.spawn(async move {
            let stored = (&wanted.digest, size);
            registry.store_fetched(&fetch, &wanted.name, stored).await
        })
    }
}

/// Bytes of an answer.
fn taken(blob: &OpenedBlob) -> u64 {
    match &blob.extent {
        Extent::Whole => blob.size,
        Extent::Part(part) => part.end - part.start,
        Extent::Parts(parts) => parts.iter().map(|part| part.end - part.start).sum(),
    }
}
