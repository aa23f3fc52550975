//! Uploads: a blob arrives in one request or in many, is hashed beside the write, and becomes readable
//! when its digest is right. The upload's row is the only truth about its offset.

mod active;
mod bounded;
mod finish;
mod fresh;
mod hashing;
mod kept;
mod receive;
mod room;
mod row;
mod segments;
mod turn;
mod whole;

use std::sync::Arc;

use berth_blob::{ByteStream, Upload};
use berth_metadata::{Standing, UploadRow};
use berth_oci::endpoint::StartUpload;
use berth_oci::{Algorithm, ContentRange, Digest, Hasher, RepositoryName};
use uuid::Uuid;

pub(crate) use active::ActiveUploads;
use active::Claim;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::counting::CountedBytes;
use crate::error::Error;
use room::Body;
use row::offset;
pub(crate) use row::stored;
use turn::Turn;
use whole::Gathered;

/// How an upload request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// A session began; its id is a UUID.
    Upload(String),
    /// The blob was mounted from another repository and is readable now.
    Mounted(Digest),
}

/// A request's piece of an upload.
pub struct Chunk {
    /// Where the client says the piece belongs; without it, at the end.
    pub range: Option<ContentRange>,
    /// The bytes announced, if they were.
    pub length: Option<u64>,
    /// The bytes.
    pub body: ByteStream,
}

impl Registry {
    /// Begins an upload, or mounts the blob when it is asked for and readable elsewhere.
    pub async fn start_upload(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        start: &StartUpload,
    ) -> Result<Started, Error> {
        let standing = self.require(caller, Action::Push, repository).await?;
        let repository_id = self.repository_for_push(caller, &standing, repository).await?;
        if let Some(digest) = &start.mount
            && self
                .mount(caller, repository_id, digest, start.from.as_ref())
                .await?
        {
            return Ok(Started::Mounted(digest.clone()));
        }
        let algorithm = start.algorithm.unwrap_or(Algorithm::Sha256);
        let row = self.create_upload(caller, repository_id, algorithm).await?;
        Ok(Started::Upload(row.id))
    }

    /// Stores a whole blob from one request (`POST ?digest=`).
    pub async fn push_blob(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
        chunk: Chunk,
    ) -> Result<(), Error> {
        let standing = self.require(caller, Action::Push, repository).await?;
        self.refuse_oversized(0, chunk.length)?;
        let repository_id = self.repository_for_push(caller, &standing, repository).await?;
        let row = self
            .create_upload(caller, repository_id, digest.algorithm())
            .await?;
        let upload = stored(&row);
        let body = self.counted(chunk.body, chunk.length, (repository_id, &standing));
        let claim = self.uploads.claim(&row.id).await;
        let stored = self.finish_with(claim, digest, (None, Some(body))).await;
        if stored.is_err() {
            // Nobody was told of this session, so nobody can go on with it. What cannot be removed now expires.
            if let Err(error) = self.discard_upload(&upload).await {
                tracing::warn!(
                    upload = upload.key,
                    error = &error as &dyn std::error::Error,
                    "upload not discarded"
                );
            }
        }
        stored
    }

    /// The bytes an upload has.
    pub async fn upload_offset(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        id: &str,
    ) -> Result<u64, Error> {
        Ok(offset(&self.upload_row(caller, repository, id).await?.0))
    }

    /// Adds a chunk and answers the bytes the upload has then. What arrived before a lost connection is kept.
    pub async fn append_upload(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        id: &str,
        chunk: Chunk,
    ) -> Result<u64, Error> {
        let (row, standing) = self.upload_row(caller, repository, id).await?;
        let body = self.counted(chunk.body, chunk.length, (row.repository_id, &standing));
        let claim = self.uploads.claim(id).await;
        let body = Body {
            bytes: claim.guard(body.bytes),
            ..body
        };
        let (range, registry) = (chunk.range, Arc::clone(self));
        let (before, now) = if let Some(held) = self.first_of(id, &standing).await {
            self.fits(&held.row(), (range, chunk.length))?;
            let appended = async move { registry.append_first((held, claim), body).await };
            (0, self.uploads.run(appended).await?)
        } else {
            let (turn, row) = self.fitting_turn(claim, (range, chunk.length)).await?;
            let before = offset(&row);
            let appended = async move { registry.append(turn, row, body).await };
            (before, self.uploads.run(appended).await?)
        };
        match range {
            // Only a body without a length can differ from its range here.
            Some(range) if now - before != range.len() => Err(Error::SizeInvalid(format!(
                "Content-Range announces {} bytes and {} came; the upload has {now} bytes now",
                range.len(),
                now - before
            ))),
            _ => Ok(now),
        }
    }

    /// Ends an upload: last bytes if any, digest compared, blob durable and readable.
    pub async fn finish_upload(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        id: &str,
        (digest, chunk): (&Digest, Chunk),
    ) -> Result<(), Error> {
        let (row, standing) = self.upload_row(caller, repository, id).await?;
        let claim = self.uploads.claim(id).await;
        let body = (chunk.length != Some(0))
            .then(|| self.counted(chunk.body, chunk.length, (row.repository_id, &standing)));
        self.finish_with(claim, digest, (chunk.range, body)).await
    }

    /// Ends an upload with these last bytes: in one step when they are few and all, else at this request's turn.
    async fn finish_with(
        self: &Arc<Self>,
        claim: Claim,
        digest: &Digest,
        (range, body): (Option<ContentRange>, Option<Body>),
    ) -> Result<(), Error> {
        let length = body.as_ref().map_or(Some(0), |body| body.length);
        let mut body = body.map(|body| Body {
            bytes: claim.guard(body.bytes),
            ..body
        });
        if let Some(held) = self.uploads.fresh.hold(claim.upload_id()).await {
            self.fits(&held.row(), (range, length))?;
            body = match whole::gather((held.kept(), body), digest).await {
                Gathered::Whole(parts) => {
                    return self.finish_whole((held, claim), digest.clone(), parts).await;
                }
                Gathered::Not(body) => body,
            };
        }
        let (turn, row) = self.fitting_turn(claim, (range, length)).await?;
        self.finish(row, digest.clone(), (body, turn)).await
    }

    /// Forgets an upload and its bytes.
    pub async fn cancel_upload(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        id: &str,
    ) -> Result<(), Error> {
        self.upload_row(caller, repository, id).await?;
        let claim = self.uploads.claim(id).await;
        if self.uploads.fresh.has(id) {
            return self.discard_upload(&Upload::new(id)).await;
        }
        let (_turn, row) = self.turn_with(claim).await?;
        self.discard_upload(&stored(&row)).await
    }

    /// Row first, then bytes, as always when something is removed.
    pub(crate) async fn discard_upload(&self, upload: &Upload) -> Result<(), Error> {
        if let Some(held) = self.uploads.fresh.hold(&upload.key).await {
            held.forget();
        }
        self.metadata.delete_upload(&upload.key).await?;
        self.blobs.abort(upload).await?;
        Ok(())
    }

    async fn create_upload(
        self: &Arc<Self>,
        caller: &Caller,
        repository_id: i64,
        algorithm: Algorithm,
    ) -> Result<UploadRow, Error> {
        let now = now_ms();
        let mut row = UploadRow {
            id: Uuid::new_v4().to_string(),
            repository_id,
            user_id: caller.user_id().map(str::to_owned),
            algorithm: algorithm.as_str().to_owned(),
            offset: 0,
            hash_state: Hasher::new(algorithm).state(),
            backend: String::new(),
            created_at: now,
            updated_at: now,
            reserved: 0,
            under_quota: false,
        };
        if !self.keep_fresh(&row) {
            row.under_quota = self.metadata.create_upload(row.clone()).await?;
        }
        Ok(row)
    }

    /// The caller's own upload in this repository; anybody else's does not exist for them.
    async fn upload_row(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        id: &str,
    ) -> Result<(UploadRow, Standing), Error> {
        let standing = self.require(caller, Action::Push, repository).await?;
        let Some(place) = standing.repository else {
            return Err(Error::UploadUnknown);
        };
        let fresh = self.uploads.fresh.find(id);
        let found = match fresh.filter(|row| row.repository_id == place.id) {
            None => self.metadata.upload(place.id, id).await?,
            fresh => fresh,
        };
        match found {
            Some(row) if row.user_id.as_deref() == caller.user_id() => Ok((row, standing)),
            _ => Err(Error::UploadUnknown),
        }
    }

    /// Waits for the turn of a request that has its turn in this process, and checks that its bytes fit where the upload
    /// stands.
    async fn fitting_turn(
        self: &Arc<Self>,
        claim: Claim,
        announced: (Option<ContentRange>, Option<u64>),
    ) -> Result<(Turn, UploadRow), Error> {
        let (turn, row) = self.turn_with(claim).await?;
        if let Err(refusal) = self.fits(&row, announced) {
            self.release(&turn).await;
            return Err(refusal);
        }
        Ok((turn, row))
    }

    /// Whether a chunk fits where the upload stands.
    fn fits(
        &self,
        row: &UploadRow,
        (range, length): (Option<ContentRange>, Option<u64>),
    ) -> Result<(), Error> {
        let offset = offset(row);
        if let Some(range) = range {
            if range.start != offset {
                return Err(Error::RangeInvalid { offset });
            }
            let announced = range.end - range.start + 1;
            if let Some(length) = length.filter(|length| *length != announced) {
                return Err(Error::SizeInvalid(format!(
                    "Content-Range announces {announced} bytes and Content-Length {length}; they must agree"
                )));
            }
        }
        self.refuse_oversized(offset, length)
    }

    /// The bytes of a body, counted as they come.
    fn counted(
        &self,
        body: ByteStream,
        length: Option<u64>,
        (repository_id, standing): (i64, &Standing),
    ) -> Body {
        let bytes = match &standing.organization {
            Some(organization) => {
                let counter = self.counting.of(repository_id, organization);
                Box::pin(CountedBytes::new(body, counter))
            }
            None => body,
        };
        Body { bytes, length }
    }

    fn refuse_oversized(&self, offset: u64, length: Option<u64>) -> Result<(), Error> {
        let max = self.limits.blob_bytes_max;
        if offset.saturating_add(length.unwrap_or(0)) > max {
            return Err(Error::TooLarge {
                what: "the blob",
                max,
            });
        }
        Ok(())
    }
}
