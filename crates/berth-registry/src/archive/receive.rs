//! The chunks of an archive as they come: each whole and durable before its row, then looked into.

use std::io;

use berth_blob::ByteStream;
use berth_metadata::{Archive, ArchiveChunk as NewChunk, ArchiveState, ArchiveStep};
use berth_oci::OrganizationName;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::found::{ArchiveFailure, ArchiveView, ArchiveWanted, Found};
use super::spool::Spool;
use super::{job_of, read, written};
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;
use crate::jobs::JobKind;

/// A piece of an archive.
pub struct ArchiveChunk {
    /// Where it begins.
    pub offset: u64,
    /// The bytes announced, if they were.
    pub length: Option<u64>,
    /// The bytes: a chunk's, or what is left of the archive.
    pub body: ByteStream,
}

impl Registry {
    /// Takes the next chunk of an archive; `RangeInvalid` tells where it stands when that is elsewhere. A chunk comes whole or
    /// not at all. With the last one the work on the archive begins.
    pub async fn add_archive_chunk(
        &self,
        caller: &Caller,
        (organization, id): (&OrganizationName, &str),
        chunk: ArchiveChunk,
    ) -> Result<ArchiveView, Error> {
        let archive = self.own_archive(caller, organization, id).await?;
        let stands = unsigned(archive.offset);
        if let Some(failure) = read::<Found>(&archive.found)?.failure {
            return Err(Error::ArchiveInvalid(failure.sentence));
        }
        if chunk.offset != stands || archive.state != ArchiveState::Receiving {
            return Err(Error::RangeInvalid { offset: stands });
        }
        let length = unsigned(archive.chunk_size).min(unsigned(archive.size) - stands);
        match chunk.length {
            Some(announced) if announced > length => {
                return Err(Error::TooLarge {
                    what: "the chunk",
                    max: length,
                });
            }
            Some(announced) if announced < length => return Err(wrong_length(length)),
            _ => {}
        }
        let spool = Spool::of(&self.blobs, &archive);
        spool.write(stands, exactly(chunk.body, length)).await?;
        let to = stands + length;
        let looked = self.look_into(caller, organization, (&archive, to)).await;
        let found = match looked {
            Ok(found) => found,
            Err(error) => return Err(self.refused_archive(&archive, error).await?),
        };
        let is_last = to == unsigned(archive.size);
        let noted = NewChunk {
            number: archive.number,
            from: archive.offset,
            to: i64::try_from(to).unwrap_or(i64::MAX),
            found: found.map(|found| written(&found)).transpose()?,
            job: is_last.then(|| job_of(&archive)),
            now: now_ms(),
        };
        if !self.metadata.add_archive_chunk(noted).await? {
            return Err(self.overtaken(&archive).await?);
        }
        if is_last {
            self.inspections.forget(archive.number);
            self.jobs.queued(JobKind::Archive);
        }
        self.archive(caller, organization, id).await
    }

    /// Looks into what came. Answers what is known then, when that is more.
    async fn look_into(
        &self,
        caller: &Caller,
        organization: &OrganizationName,
        (archive, to): (&Archive, u64),
    ) -> Result<Option<Found>, Error> {
        let max = self.limits.archives.unpacked_bytes_max;
        let Some(mut inspection) = self.inspections.take(&self.blobs, archive, max) else {
            return Ok(None);
        };
        let seen = inspection.read(to).await?;
        self.inspections.put_back(archive.number, inspection);
        let Some(names) = seen else { return Ok(None) };
        let wanted: ArchiveWanted = read(&archive.wanted)?;
        let images = self.announced(caller, organization, (&names, &wanted)).await?;
        let found: Found = read(&archive.found)?;
        Ok(Some(Found { images, ..found }))
    }

    /// Ends an archive that is wrong; any other error may be gone the next time.
    async fn refused_archive(&self, archive: &Archive, error: Error) -> Result<Error, Error> {
        let Some(failure) = ArchiveFailure::of(&error).filter(|_| !matches!(error, Error::UploadUnknown))
        else {
            return Ok(error);
        };
        let found = Found {
            failure: Some(failure),
            ..read(&archive.found)?
        };
        let step = ArchiveStep {
            number: archive.number,
            from: ArchiveState::Receiving,
            to: ArchiveState::Failed,
            wanted: None,
            found: Some(written(&found)?),
            job: None,
            now: now_ms(),
        };
        if self.metadata.step_archive(step).await? {
            self.remove_chunks(archive).await?;
        }
        Ok(error)
    }

    /// What is answered when another request was faster, or the archive was cancelled while the chunk came.
    async fn overtaken(&self, archive: &Archive) -> Result<Error, Error> {
        self.inspections.forget(archive.number);
        match self.metadata.archive_by_number(archive.number).await? {
            Some(now) if now.state != ArchiveState::Cancelled => Ok(Error::RangeInvalid {
                offset: unsigned(now.offset),
            }),
            _ => {
                self.remove_chunks(archive).await?;
                Ok(Error::UploadUnknown)
            }
        }
    }
}

/// A number of a row; the database has none without a sign.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn wrong_length(length: u64) -> Error {
    Error::SizeInvalid(format!(
        "the chunk that begins here has {length} bytes, neither more nor fewer"
    ))
}

/// A body that ends with an error when it has more or fewer bytes.
fn exactly(body: ByteStream, length: u64) -> ByteStream {
    let state = (Some(body), length);
    stream::unfold(state, move |(body, left)| async move {
        let mut body = body?;
        match body.next().await {
            Some(Ok(bytes)) if bytes.len() as u64 <= left => {
                let left = left - bytes.len() as u64;
                Some((Ok(bytes), (Some(body), left)))
            }
            None if left == 0 => None,
            Some(Err(error)) => Some((Err(error), (None, left))),
            Some(Ok(_)) | None => {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the chunk has another length");
                Some((Err::<Bytes, _>(error), (None, left)))
            }
        }
    })
    .boxed()
}
