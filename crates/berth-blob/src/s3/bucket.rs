//! The bucket of a store, and single requests to it in the words of this crate.

use bytes::Bytes;
use http::StatusCode;
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use super::failure::{answers, says, translated, unavailable};
use super::layout::Layout;
use super::memory::Memory;
use super::patience::Patience;
use crate::Error;

/// Amazon takes no more parts than this.
const PARTS_MAX: u64 = 10_000;
/// The usual size of a part. Amazon takes none below 5 MiB but the last.
const PART_BYTES: u64 = 8 << 20;
/// How many parts have the usual size, however large the blob may become.
const USUAL_PARTS: u64 = 1000;

/// What all operations of a store share.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) client: AmazonS3,
    /// Signs addresses for clients, which may know the store under another name.
    pub(super) signer: AmazonS3,
    pub(super) layout: Layout,
    pub(super) memory: Memory,
    pub(super) patience: Patience,
    pub(super) parts: PartSizes,
}

/// How large each part of a blob is: the same at each attempt, so that what an interrupted one left is overwritten.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartSizes {
    usual: u64,
    later: u64,
}

impl PartSizes {
    /// Sizes with which a blob of `blob_bytes_max` has parts enough.
    pub(super) fn for_blobs_up_to(blob_bytes_max: u64) -> Self {
        let rest = blob_bytes_max.saturating_sub(USUAL_PARTS * PART_BYTES);
        let later = rest.div_ceil(PARTS_MAX - USUAL_PARTS).next_multiple_of(1 << 20);
        Self {
            usual: PART_BYTES,
            later: later.max(PART_BYTES),
        }
    }

    /// Bytes of the part with this index, from 0.
    pub(super) fn of(self, index: usize) -> u64 {
        if (index as u64) < USUAL_PARTS {
            self.usual
        } else {
            self.later
        }
    }

    pub(super) fn largest(self) -> u64 {
        self.later
    }
}

impl Bucket {
    pub(super) async fn put(&self, doing: &str, path: &Path, payload: PutPayload) -> Result<(), Error> {
        let put = self.client.put(path, payload).await;
        put.map(drop).map_err(|error| translated(doing, error))
    }

    /// Writes a small object unless there is one; false when there is.
    pub(super) async fn put_new(&self, doing: &str, path: &Path, text: &str) -> Result<bool, Error> {
        let payload = PutPayload::from(Bytes::copy_from_slice(text.as_bytes()));
        let options = PutOptions::from(PutMode::Create);
        match self.client.put_opts(path, payload, options).await {
            Ok(_) => Ok(true),
            Err(error) if answers(&error, StatusCode::PRECONDITION_FAILED) => Ok(false),
            Err(error) => Err(translated(doing, error)),
        }
    }

    /// The whole of a small object.
    pub(super) async fn read(&self, doing: &str, path: &Path) -> Result<Bytes, Error> {
        // A connection that is lost in the middle is no reason to give up; the object is small enough to begin anew.
        let mut attempt = 1;
        loop {
            let answer = self.client.get(path).await;
            let answer = answer.map_err(|error| translated(doing, error))?;
            match tokio::time::timeout(self.patience.stall, answer.bytes()).await {
                Ok(Ok(bytes)) => return Ok(bytes),
                Ok(Err(error)) if attempt == READ_ATTEMPTS => return Err(translated(doing, error)),
                Err(_) if attempt == READ_ATTEMPTS => {
                    let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
                    return Err(unavailable(doing, source));
                }
                _ => tokio::time::sleep(self.patience.pause(attempt)).await,
            }
            attempt += 1;
        }
    }

    pub(super) async fn get(
        &self,
        path: &Path,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<GetResult, object_store::Error> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        self.client.get_opts(path, options).await
    }

    pub(super) async fn size(&self, doing: &str, path: &Path) -> Result<u64, Error> {
        match self.client.head(path).await {
            Ok(found) => Ok(found.size),
            // An answer to HEAD has no body that could carry S3's code; elsewhere a bare 404 may be a proxy's.
            Err(error) if answers(&error, StatusCode::NOT_FOUND) && says(&error, &[""]) => {
                Err(Error::NotFound)
            }
            Err(error) => Err(translated(doing, error)),
        }
    }

    pub(super) async fn delete(&self, doing: &str, path: &Path) -> Result<(), Error> {
        match self
            .client
            .delete(path)
            .await
            .map_err(|error| translated(doing, error))
        {
            Err(Error::NotFound) => Ok(()),
            done => done,
        }
    }

    pub(super) async fn put_part(
        &self,
        path: &Path,
        id: &str,
        index: usize,
        payload: PutPayload,
    ) -> Result<String, Error> {
        let put = self.client.put_part(path, &id.to_owned(), index, payload).await;
        Ok(put
            .map_err(|error| translated("upload a part", error))?
            .content_id)
    }

    pub(super) async fn complete(
        &self,
        path: &Path,
        id: &str,
        parts: &[String],
    ) -> Result<(), object_store::Error> {
        let parts = parts.iter().cloned().map(|content_id| PartId { content_id });
        let completed = self
            .client
            .complete_multipart(path, &id.to_owned(), parts.collect())
            .await;
        completed.map(drop)
    }

    /// Forgets a multipart upload; forgetting what is not there succeeds.
    pub(super) async fn forget_multipart(&self, path: &Path, id: &str) -> Result<(), Error> {
        match self.client.abort_multipart(path, &id.to_owned()).await {
            Err(error) if says(&error, &["NoSuchUpload"]) || answers(&error, StatusCode::NOT_FOUND) => Ok(()),
            done => done.map_err(|error| translated("forget a multipart upload", error)),
        }
    }
}

/// How often the whole of a small object is asked for.
const READ_ATTEMPTS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_the_largest_blob() {
        for blob in [1, 10 << 30, 78 << 30, 1 << 40, 5 << 40] {
            let sizes = PartSizes::for_blobs_up_to(blob);
            let held = (0..usize::try_from(PARTS_MAX).unwrap())
                .map(|index| sizes.of(index))
                .sum::<u64>();
            assert!(held >= blob, "{blob}: {sizes:?} hold {held}");
            assert!(sizes.usual >= 5 << 20 && sizes.largest() >= sizes.usual);
        }
        assert_eq!(PartSizes::for_blobs_up_to(10 << 30).largest(), PART_BYTES);
    }
}
