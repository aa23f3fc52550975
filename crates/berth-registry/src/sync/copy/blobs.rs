//! The blobs of a copy: there already, mounted from another repository there, or sent, which goes on where it broke off.

use std::io;
use std::sync::Arc;

use berth_blob::BlobStore;
use berth_metadata::{Damage, LinkedBlob, RegionUpload};
use berth_oci::Digest;
use berth_remote::{BlobPush, ByteStream, Mount, UploadSession};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Copy, SENT_AT_ONCE};
use crate::clock::now_ms;
use crate::damage::{Reading, Watch};
use crate::sync::closure::Content;
use crate::sync::outcome::{Stop, of_copy};
use crate::sync::progress::{Fate, Progress};

impl Copy<'_> {
    /// Sends what is missing, some at once.
    pub(super) async fn send_blobs(&self, blobs: &[Content]) -> Result<(), Stop> {
        stream::iter(blobs.to_vec())
            .map(|content| async move { self.send_blob(&content).await })
            .buffer_unordered(SENT_AT_ONCE)
            .try_collect::<()>()
            .await
    }

    async fn send_blob(&self, content: &Content) -> Result<(), Stop> {
        let digest = &content.digest;
        let _turn = self.registry.sync_turns.take(self.work.region.id, digest).await;
        let fate = match self.there.has_blob(digest).await {
            Ok(true) => Fate::Existed,
            Ok(false) => self.bring(digest).await?,
            Err(error) => return Err(of_copy(&error, self.tried)),
        };
        if fate != Fate::Existed {
            let name = self.there.name();
            let region = self.work.region.id;
            self.registry
                .metadata
                .note_region_blob(region, digest.as_str(), name, now_ms())
                .await?;
        }
        self.progress.arrived(content, fate);
        Ok(())
    }

    /// Mounts a blob, or sends it.
    async fn bring(&self, digest: &Digest) -> Result<Fate, Stop> {
        let metadata = &self.registry.metadata;
        let linked = metadata
            .linked_blob(self.work.repository_id, digest.as_str())
            .await?;
        let Some(linked) = linked else {
            if metadata
                .is_damaged(self.work.repository_id, digest.as_str())
                .await?
            {
                return Err(Stop::damaged(&format!("the blob {digest}")));
            }
            return Err(Stop::failed(format!(
                "the blob {digest} is gone here: push the image again, then retry"
            )));
        };
        let upload = RegionUpload {
            region: self.work.region.id,
            remote_repository: self.there.name().to_owned(),
            digest: digest.to_string(),
        };
        let kept = metadata.region_upload(&upload).await?;
        let mut session = kept.and_then(|kept| serde_json::from_str(&kept).ok());
        if session.is_none() {
            match self.mounted(digest).await? {
                Some(Mount::Mounted) => return Ok(Fate::Mounted),
                Some(Mount::Upload(begun)) => session = Some(begun),
                None => {}
            }
        }
        self.push(digest, linked, session).await?;
        // First: what is still to be written down of it is not written any more, or taken back.
        self.progress.pushed(digest);
        metadata.keep_region_upload(&upload, None, now_ms()).await?;
        Ok(Fate::Sent)
    }

    /// What came of asking for the blob from the repository there that got it last.
    async fn mounted(&self, digest: &Digest) -> Result<Option<Mount>, Stop> {
        let known = self
            .registry
            .metadata
            .region_blob(self.work.region.id, digest.as_str())
            .await?;
        let Some(from) = known.filter(|from| from != self.there.name()) else {
            return Ok(None);
        };
        let mounted = self.there.mount(digest, &from).await;
        mounted.map(Some).map_err(|error| of_copy(&error, self.tried))
    }

    async fn push(
        &self,
        digest: &Digest,
        linked: LinkedBlob,
        session: Option<UploadSession>,
    ) -> Result<(), Stop> {
        let size = u64::try_from(linked.size).unwrap_or(0);
        let stored = Stored {
            blobs: Arc::clone(&self.registry.blobs),
            damage: self.registry.damage.clone(),
            reading: Reading {
                digest: digest.clone(),
                key: linked.key,
            },
            size,
            progress: self.progress.clone(),
        };
        let source = move |offset: u64| -> BoxFuture<'static, io::Result<ByteStream>> {
            Box::pin(stored.clone().open(offset))
        };
        let notice = |session: &UploadSession| self.progress.begun(digest, session);
        let push = BlobPush {
            digest,
            size,
            source: &source,
            session,
            notice: &notice,
        };
        match self.there.push_blob(&push).await {
            Ok(_) => Ok(()),
            Err(error) => Err(of_copy(&error, self.tried)),
        }
    }
}

/// A blob here that is read to be sent.
#[derive(Clone)]
struct Stored {
    blobs: Arc<dyn BlobStore>,
    damage: Watch,
    reading: Reading,
    size: u64,
    progress: Progress,
}

impl Stored {
    /// Its bytes from an offset on, watched for damage and counted as they leave.
    async fn open(self, offset: u64) -> io::Result<ByteStream> {
        let turn = (offset == 0)
            .then(|| self.damage.turn(&self.reading.digest))
            .flatten();
        let rest = offset..self.size;
        let opening = match turn {
            Some(_) => self.blobs.open_stored(&self.reading.key, rest),
            None => self.blobs.open(&self.reading.key, rest),
        };
        let bytes = match opening.await {
            Ok(bytes) => bytes,
            Err(berth_blob::Error::NotFound) => {
                let marked = self.damage.found(&self.reading, Damage::Missing).await;
                marked.map_err(|error| io::Error::other(error.to_string()))?;
                return Err(io::ErrorKind::NotFound.into());
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        let leaving = self.progress.leaving(&self.reading.digest, offset);
        let bytes = self.damage.watch(self.reading, bytes, turn);
        Ok(Box::pin(bytes.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                leaving.sent(chunk.len());
            }
        })))
    }
}
