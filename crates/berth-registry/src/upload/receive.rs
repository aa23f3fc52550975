//! The bytes of an upload on their way in: bounded, hashed beside the write, and noted in the row as far as they came.

use berth_blob::{ByteStream, Upload};
use berth_metadata::{SaveUpload, UploadRow};
use berth_oci::Hasher;

use super::active::Turn;
use super::bounded::{bounded, is_oversized};
use super::room::{Body, refusal};
use super::row::{as_i64, offset, resume, stored};
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

impl Registry {
    /// Receives one chunk and answers how far the upload came.
    pub(super) async fn append(&self, turn: Turn, row: UploadRow, body: Body) -> Result<u64, Error> {
        let hasher = resume(&row)?;
        let bytes = self.with_room(&row, body, None).await?;
        let (upload, hasher, outcome) = self.receive(&row, hasher, turn.guard(bytes)).await?;
        self.save(&row, &upload, &hasher).await?;
        outcome.map(|()| upload.offset)
    }

    /// Notes how far an upload came.
    pub(super) async fn save(&self, row: &UploadRow, upload: &Upload, hasher: &Hasher) -> Result<(), Error> {
        if upload.offset <= offset(row) {
            return self.give_room_back(row).await;
        }
        let save = SaveUpload {
            id: row.id.clone(),
            expected_offset: row.offset,
            offset: as_i64(upload.offset),
            hash_state: hasher.state(),
            backend: upload.backend.clone(),
            now: now_ms(),
        };
        self.metadata
            .save_upload(save)
            .await
            .map_err(|error| match error {
                berth_metadata::Error::Conflict(_) => Error::UploadUnknown,
                error => error.into(),
            })
    }

    /// Writes and hashes a body. The outcome inside says whether the body came whole; what came is kept.
    pub(super) async fn receive(
        &self,
        row: &UploadRow,
        hasher: Hasher,
        body: ByteStream,
    ) -> Result<(Upload, Hasher, Result<(), Error>), Error> {
        let mut upload = stored(row);
        let body = bounded(
            body,
            self.limits.blob_bytes_max - upload.offset.min(self.limits.blob_bytes_max),
        );
        let (body, ended) = self.uploads.hashing.beside(hasher, body);
        let outcome = match self.blobs.append(&mut upload, body).await {
            Ok(()) => Ok(()),
            Err(berth_blob::Error::Body(source)) if is_oversized(&source) => {
                self.discard_upload(&upload).await?;
                return Err(Error::TooLarge {
                    what: "the blob",
                    max: self.limits.blob_bytes_max,
                });
            }
            Err(berth_blob::Error::Body(source)) => match refusal(source) {
                Ok(error) => {
                    self.discard_upload(&upload).await?;
                    return Err(error);
                }
                Err(source) => Err(Error::BodyInterrupted(source)),
            },
            Err(berth_blob::Error::NotFound) => {
                self.discard_upload(&upload).await?;
                return Err(Error::UploadUnknown);
            }
            Err(error) => return Err(error.into()),
        };
        let hasher = ended
            .await
            .map_err(|gone| Error::internal("hashing an upload", gone))?;
        Ok((upload, hasher, outcome))
    }
}
