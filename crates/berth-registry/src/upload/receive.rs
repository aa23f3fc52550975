//! The bytes of an upload on their way in: bounded, hashed beside the write, and noted in the row as far as they came.

use berth_blob::{ByteStream, Upload};
use berth_metadata::{Conflict, SaveUpload, UploadRow};
use berth_oci::Hasher;
use futures_util::future::{self, BoxFuture};

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

/// What came of a piece of a body.
struct Segment {
    upload: Upload,
    hasher: Hasher,
    durable: Option<BoxFuture<'static, Result<(), berth_blob::Error>>>,
    outcome: Result<(), Error>,
}

impl Segment {
    /// Until its sync has ended, which takes its bytes away when it fails and must not take those of who comes next.
    async fn settled(self) {
        if let Some(durable) = self.durable
            && let Err(error) = durable.await
        {
            tracing::debug!(%error, "what came of an upload behind a failure is not durable either");
        }
    }

    /// The end of a body, once it is durable.
    async fn ended(self, row: UploadRow) -> Result<Received, Error> {
        if let Some(durable) = self.durable {
            durable.await?;
        }
        Ok(Received {
            row,
            upload: self.upload,
            hasher: self.hasher,
            outcome: self.outcome,
        })
    }
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

    /// Writes and hashes a body, and with a turn notes on the way how far it came: beside what comes next, as soon as it is
    /// durable.
    pub(super) async fn receive(
        &self,
        mut row: UploadRow,
        mut hasher: Hasher,
        (body, turn): (ByteStream, Option<&Turn>),
    ) -> Result<Received, Error> {
        let max = self.limits.blob_bytes_max;
        let segments = Segments::of(bounded(body, max - offset(&row).min(max)));
        let mut upload = stored(&row);
        let mut unsaved = None;
        loop {
            let beside = async {
                match unsaved.take() {
                    None => Ok(None),
                    Some(segment) => {
                        let noted = self.note(&row, segment, turn).await;
                        // What comes now goes nowhere.
                        if let (Err(_), Some(turn)) = (&noted, turn) {
                            turn.interrupt();
                        }
                        noted.map(Some)
                    }
                }
            };
            let segment = self.receive_segment(upload, hasher, segments.next());
            let (segment, saved) = future::join(segment, beside).await;
            let segment = match (segment, saved) {
                // Nothing is left of the upload, and nothing was wrong with it before.
                (Err(refusal @ (Error::TooLarge { .. } | Error::BytesQuota(_))), _) => return Err(refusal),
                // What became of the piece behind it follows from that.
                (segment, Err(lost)) => {
                    if let Ok(segment) = segment {
                        segment.settled().await;
                    }
                    return Err(lost);
                }
                (segment, Ok(saved)) => {
                    row = saved.unwrap_or(row);
                    segment?
                }
            };
            if segment.outcome.is_err() || segments.have_ended() {
                return segment.ended(row).await;
            }
            (upload, hasher) = (segment.upload.clone(), segment.hasher.clone());
            if segment.durable.is_some() {
                unsaved = Some(segment);
            } else {
                row = self.note(&row, segment, turn).await?;
            }
        }
    }

    /// Saves how far an upload came once that is durable; the row as it is then.
    async fn note(&self, row: &UploadRow, segment: Segment, turn: Option<&Turn>) -> Result<UploadRow, Error> {
        let Segment {
            upload,
            hasher,
            durable,
            ..
        } = segment;
        if let Some(durable) = durable {
            durable.await?;
        }
        if let Some(turn) = turn {
            self.save(row, (&upload, &hasher), (turn, true)).await?;
        }
        let mut row = row.clone();
        (row.offset, row.backend) = (as_i64(upload.offset), upload.backend);
        Ok(row)
    }

    async fn receive_segment(
        &self,
        mut upload: Upload,
        hasher: Hasher,
        body: ByteStream,
    ) -> Result<Segment, Error> {
        let (body, ended) = self.uploads.hashing.beside(hasher, body);
        let written = match self.blobs.write(&mut upload, body).await {
            Err(berth_blob::Error::NotFound) => {
                self.discard_upload(&upload).await?;
                return Err(Error::UploadUnknown);
            }
            written => written?,
        };
        let outcome = match written.broken {
            None => Ok(()),
            Some(source) if is_oversized(&source) => {
                self.discard_upload(&upload).await?;
                return Err(Error::TooLarge {
                    what: "the blob",
                    max: self.limits.blob_bytes_max,
                });
            }
            Some(source) => match refusal(source) {
                Ok(error) => {
                    self.discard_upload(&upload).await?;
                    return Err(error);
                }
                Err(source) => Err(Error::BodyInterrupted(source)),
            },
        };
        let hasher = ended
            .await
            .map_err(|gone| Error::internal("hashing an upload", gone))?;
        Ok(Segment {
            upload,
            hasher,
            durable: written.durable,
            outcome,
        })
    }
}
