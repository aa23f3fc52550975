//! Room for an upload in the quotas of bytes that it is under: reserved before the bytes come when their number is known,
//! else as they come. Where no quota is set nothing of this happens.

use std::io;

use berth_blob::ByteStream;
use berth_metadata::{Conflict, Metadata, UploadRow};
use berth_oci::Digest;
use futures_util::{StreamExt as _, stream};

use super::row::{as_i64, offset, stored};
use crate::Registry;
use crate::error::Error;

/// Bytes that may have come beyond what is reserved: a small part of the upload, and never more than a request holds.
const AHEAD_MIN: u64 = 1 << 20;
const AHEAD_MAX: u64 = 64 << 20;
const AHEAD_PART: u64 = 8;

/// A request's bytes.
pub(super) struct Body {
    pub(super) bytes: ByteStream,
    /// How many, when that was announced.
    pub(super) length: Option<u64>,
}

/// Marks the error of a body for which there is no room.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NoRoom(Error);

/// The refusal in the error of a body, if that is why it ended.
pub(super) fn refusal(error: io::Error) -> Result<Error, io::Error> {
    error.downcast::<NoRoom>().map(|NoRoom(error)| error)
}

impl Registry {
    /// The bytes of a request, with room for them. An upload for which there is none is gone. What the repository links
    /// already (`digest`, when it is known) needs no more.
    pub(super) async fn with_room(
        &self,
        row: &UploadRow,
        body: Body,
        digest: Option<&Digest>,
    ) -> Result<ByteStream, Error> {
        if !row.under_quota {
            return Ok(body.bytes);
        }
        if let Some(digest) = digest
            && self
                .metadata
                .is_linked(row.repository_id, digest.as_str())
                .await?
        {
            return Ok(body.bytes);
        }
        let Some(length) = body.length else {
            return Ok(metered(&self.metadata, row, body.bytes));
        };
        let wanted = offset(row).saturating_add(length);
        match reserve(&self.metadata, (&row.id, row.repository_id), wanted).await {
            Err(error @ Error::BytesQuota(_)) => {
                self.discard_upload(&stored(row)).await?;
                Err(error)
            }
            reserved => reserved.map(|()| body.bytes),
        }
    }

    /// Gives back what an upload has reserved for bytes that did not come.
    pub(super) async fn give_room_back(&self, row: &UploadRow) -> Result<(), Error> {
        if !row.under_quota {
            return Ok(());
        }
        reserve(&self.metadata, (&row.id, row.repository_id), offset(row)).await
    }
}

/// Reserves so many bytes for an upload in place of what it had.
async fn reserve(metadata: &Metadata, (id, repository_id): (&str, i64), bytes: u64) -> Result<(), Error> {
    match metadata.reserve_upload(id, repository_id, as_i64(bytes)).await {
        Ok(None) => Ok(()),
        Ok(Some(full)) => Err(Error::BytesQuota(full)),
        Err(berth_metadata::Error::Conflict(Conflict::UploadGone)) => Err(Error::UploadUnknown),
        Err(error) => Err(error.into()),
    }
}

struct Metered {
    metadata: Metadata,
    id: String,
    repository_id: i64,
    body: ByteStream,
    reserved: u64,
    /// Bytes of the whole upload.
    came: u64,
    ended: bool,
}

/// The bytes of a body of unknown length, with an error as soon as there is no room for them. What came last is reserved
/// before the body ends.
fn metered(metadata: &Metadata, row: &UploadRow, body: ByteStream) -> ByteStream {
    let metered = Metered {
        metadata: metadata.clone(),
        id: row.id.clone(),
        repository_id: row.repository_id,
        body,
        reserved: u64::try_from(row.reserved).unwrap_or(0),
        came: offset(row),
        ended: false,
    };
    Box::pin(stream::unfold(metered, Metered::step))
}

impl Metered {
    async fn step(mut self) -> Option<(io::Result<bytes::Bytes>, Self)> {
        if self.ended {
            return None;
        }
        let item = self.body.next().await;
        let ahead = match &item {
            Some(Ok(chunk)) => {
                self.came += chunk.len() as u64;
                (self.came / AHEAD_PART).clamp(AHEAD_MIN, AHEAD_MAX)
            }
            None => 0,
            Some(Err(_)) => {
                self.ended = true;
                return item.map(|item| (item, self));
            }
        };
        if self.came > self.reserved.saturating_add(ahead) {
            let place = (self.id.as_str(), self.repository_id);
            if let Err(error) = reserve(&self.metadata, place, self.came).await {
                self.ended = true;
                return Some((Err(io::Error::other(NoRoom(error))), self));
            }
            self.reserved = self.came;
        }
        item.map(|item| (item, self))
    }
}
