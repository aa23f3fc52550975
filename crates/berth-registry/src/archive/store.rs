//! What a plan says, done by the verbs of a push: blobs that the image does not have yet, then manifests, then the tags. So
//! rights, quotas, immutable tags and what follows from a push are those of a push.

use std::sync::Arc;

use berth_blob::ByteStream;
use berth_metadata::Expected;
use berth_oci::{Reference, RepositoryName, Tag};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::plan::{Planned, PlannedBlob, PlannedManifest};
use super::progress::Progress;
use super::spool::Unpacked;
use crate::Registry;
use crate::access::{Action, Caller};
use crate::error::Error;
use crate::manifest::PushedManifest;
use crate::upload::Chunk;

/// Pieces of a blob on their way from the archive into the store.
const PIECES_AHEAD: usize = 4;

/// What is stored of an image in one repository.
pub(super) struct Destination<'a> {
    pub(super) caller: &'a Caller,
    pub(super) repository: &'a RepositoryName,
}

impl Registry {
    /// Stores the blobs and manifests of an image, all but its tags.
    pub(super) async fn store_contents(
        self: &Arc<Self>,
        to: &Destination<'_>,
        planned: &Planned,
        (unpacked, progress): (&mut Unpacked, &mut Progress<'_>),
    ) -> Result<(), Error> {
        for blob in &planned.blobs {
            if self.has_blob(to, blob).await? {
                progress.stored(blob.file.size).await?;
            } else {
                self.store_blob(to, blob, (&mut *unpacked, &mut *progress))
                    .await?;
            }
        }
        let children = planned
            .manifests
            .split_last()
            .map_or(&[][..], |(_, children)| children);
        for manifest in children {
            self.store_manifest(to, manifest, None).await?;
        }
        Ok(())
    }

    /// Has a tag name an image whose contents are there; `before` is what it may name now.
    pub(super) async fn store_tag(
        &self,
        to: &Destination<'_>,
        planned: &Planned,
        tag: (&Tag, Option<Expected>),
    ) -> Result<(), Error> {
        match planned.manifests.last() {
            Some(manifest) => self.store_manifest(to, manifest, Some(tag)).await,
            None => Ok(()),
        }
    }

    async fn store_manifest(
        &self,
        to: &Destination<'_>,
        manifest: &PlannedManifest,
        tag: Option<(&Tag, Option<Expected>)>,
    ) -> Result<(), Error> {
        let body = Bytes::from(manifest.bytes.clone());
        let (tags, condition) = tag.map_or((vec![], None), |(tag, before)| (vec![tag.clone()], before));
        let pushed = PushedManifest {
            reference: &Reference::Digest(manifest.digest.clone()),
            tags: &tags,
            content_type: Some(&manifest.media_type),
            body: Box::pin(stream::iter([Ok(body)])),
            condition,
            origin: None,
        };
        self.put_manifest(to.caller, to.repository, pushed)
            .await
            .map(drop)
    }

    /// Whether the repository has a blob, or has it now from another one that the caller may read.
    async fn has_blob(self: &Arc<Self>, to: &Destination<'_>, blob: &PlannedBlob) -> Result<bool, Error> {
        match self.stat_blob(to.caller, to.repository, &blob.digest).await {
            Ok(_) => return Ok(true),
            Err(Error::BlobUnknown(_) | Error::RepositoryUnknown(_)) => {}
            Err(error) => return Err(error),
        }
        let standing = self.require(to.caller, Action::Push, to.repository).await?;
        let id = self
            .repository_for_push(to.caller, &standing, to.repository)
            .await?;
        self.mount(to.caller, id, &blob.digest, None).await
    }

    async fn store_blob(
        self: &Arc<Self>,
        to: &Destination<'_>,
        blob: &PlannedBlob,
        (unpacked, progress): (&mut Unpacked, &mut Progress<'_>),
    ) -> Result<(), Error> {
        unpacked.seek(blob.file.offset).await?;
        let (pieces, body) = mpsc::channel::<Bytes>(PIECES_AHEAD);
        let body = stream::unfold(body, |mut body| async move {
            body.recv().await.map(|bytes| (Ok(bytes), body))
        });
        let body: ByteStream = body.boxed();
        let chunk = Chunk {
            range: None,
            length: Some(blob.file.size),
            body,
        };
        let pump = async {
            let mut left = blob.file.size;
            while left > 0 {
                let Some(bytes) = unpacked.part(left).await? else {
                    return Err(super::contents::invalid("the archive is cut off"));
                };
                let count = bytes.len() as u64;
                left -= count;
                if pieces.send(bytes).await.is_err() {
                    // The other side says why.
                    break;
                }
                progress.stored(count).await?;
            }
            drop(pieces);
            Ok(())
        };
        let pushed = self.push_blob(to.caller, to.repository, &blob.digest, chunk);
        let (pumped, pushed) = tokio::join!(pump, pushed);
        pumped?;
        pushed
    }
}
