//! The bytes of an upload on their way in: bounded, hashed beside the write, and noted in the row as far as they came.

use berth_blob::{ByteStream, Upload};
use berth_metadata::{Conflict, SaveUpload, UploadRow};
use berth_oci::Hasher;

use super::bounded::{bounded, is_oversized};
use super::room::{Body, refusal};
use super::row::{as_i64, offset, resume, stored};
use super::segments::Segments;
use super::turn::Turn;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// What came of a body.
pub(super) struct Received {
    /// The row as it was saved last; what came since is in `upload` alone.
    pub(super) row: UploadRow,
    pub(super) upload: Upload,
    pub(super) hasher: Hasher,
    /// Whether the body came whole; what came is kept.
    pub(super) outcome: Result<(), Error>,
}

impl Registry {
    /// Receives one chunk and answers how far the upload came.
    pub(super) async fn append(&self, turn: Turn, row: UploadRow, body: Body) -> Result<u64, Error> {
        let appended = async {
            let hasher = resume(&row)?;
            let body = self.with_room(&row, body, None).await?;
            let Received {
                row,
                upload,
                hasher,
                outcome,
            } = self.receive(row, hasher, (body, Some(&turn))).await?;
            self.save(&row, (&upload, &hasher), (&turn, false)).await?;
            outcome.map(|()| upload.offset)
        };
        let appended = appended.await;
        if appended.is_err() {
            self.release(&turn).await;
        }
        appended
    }

    /// Notes how far an upload came, and whether the turn goes on.
    pub(super) async fn save(
        &self,
        row: &UploadRow,
        (upload, hasher): (&Upload, &Hasher),
        (turn, goes_on): (&Turn, bool),
    ) -> Result<(), Error> {
        if upload.offset <= offset(row) {
            if goes_on {
                return Ok(());
            }
            self.release(turn).await;
            return self.give_room_back(row).await;
        }
        let save = SaveUpload {
            id: row.id.clone(),
            expected_offset: row.offset,
            offset: as_i64(upload.offset),
            hash_state: hasher.state(),
            backend: upload.backend.clone(),
            turn: turn.name.clone(),
            goes_on,
            now: now_ms(),
        };
        self.metadata
            .save_upload(save)
            .await
            .map_err(|error| match error {
                // Another request took over: this one was taken for gone.
                berth_metadata::Error::Conflict(Conflict::UploadMoved { offset }) => Error::RangeInvalid {
                    offset: u64::try_from(offset).unwrap_or(0),
                },
                berth_metadata::Error::Conflict(_) => Error::UploadUnknown,
                error => error.into(),
            })
    }

    /// Writes and hashes a body, and with a turn notes on the way how far it came.
    pub(super) async fn receive(
        &self,
        mut row: UploadRow,
        mut hasher: Hasher,
        (body, turn): (ByteStream, Option<&Turn>),
    ) -> Result<Received, Error> {
        let max = self.limits.blob_bytes_max;
        let segments = Segments::of(bounded(body, max - offset(&row).min(max)));
        loop {
            let (upload, so_far, outcome) = self.receive_segment(&row, hasher, segments.next()).await?;
            if outcome.is_err() || segments.have_ended() {
                return Ok(Received {
                    row,
                    upload,
                    hasher: so_far,
                    outcome,
                });
            }
            if let Some(turn) = turn {
                self.save(&row, (&upload, &so_far), (turn, true)).await?;
            }
            (row.offset, row.backend) = (as_i64(upload.offset), upload.backend);
            hasher = so_far;
        }
    }

    async fn receive_segment(
        &self,
        row: &UploadRow,
        hasher: Hasher,
        body: ByteStream,
    ) -> Result<(Upload, Hasher, Result<(), Error>), Error> {
        let mut upload = stored(row);
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
