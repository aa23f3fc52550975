//! A blob that is damaged here and was sent to a region comes back from there, verified.

use std::io;
use std::time::Duration;

use berth_blob::Upload;
use berth_metadata::{Damaged, FinishUpload, Region, SYNC, region_lane};
use berth_oci::Digest;
use berth_remote::Blob;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::time::{Instant, timeout_at};

use crate::Registry;
use crate::account::new_id;
use crate::clock::now_ms;
use crate::error::Error;

/// How long a blob may take beside the time of its bytes.
const PATIENCE: Duration = Duration::from_mins(1);
/// How fast the bytes of a blob come at least.
const BYTES_PER_SECOND_MIN: u64 = 1 << 20;

impl Registry {
    /// Fetches a damaged blob from a region that it was sent to; says whether it is whole now. A region that does not have
    /// it, or does not answer, is no error.
    pub(crate) async fn heal_from_regions(&self, damaged: &Damaged) -> Result<bool, Error> {
        let broken = |error| Error::internal("reading a stored digest", error);
        let digest: Digest = damaged.digest.parse().map_err(broken)?;
        let places = self.metadata.regions_with_blob(digest.as_str()).await?;
        for (region, repository) in places {
            let lane = region_lane(region);
            if self.metadata.paused_lane(SYNC, &lane, now_ms()).await?.is_some() {
                continue;
            }
            if self.fetch(damaged, &digest, (region, &repository)).await? {
                tracing::warn!(%digest, repository, "a damaged blob came back from a region");
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn fetch(
        &self,
        damaged: &Damaged,
        digest: &Digest,
        (region, repository): (i64, &str),
    ) -> Result<bool, Error> {
        let Some(region) = self.metadata.region_by_row(region).await? else {
            return Ok(false);
        };
        let size = u64::try_from(damaged.size).unwrap_or(0);
        // Whatever is there, the next blob has its turn.
        let deadline = Instant::now() + PATIENCE + Duration::from_secs(size / BYTES_PER_SECOND_MIN);
        let asked = timeout_at(deadline, self.asked(&region, repository, digest)).await;
        let blob = match asked.unwrap_or_else(|_| Err("it does not come in time".to_owned())) {
            Ok(blob) if blob.size().is_none_or(|told| told == size) => blob,
            Ok(_) => return Ok(false),
            Err(error) => {
                let region = region.region_id;
                tracing::info!(%digest, region, error, "a damaged blob does not come from there");
                return Ok(false);
            }
        };
        let Some(holder) = self.metadata.blob_holder(digest.as_str()).await? else {
            return Ok(false);
        };
        // Its end is an error when the bytes are not those of the digest.
        let bytes = Box::pin(at_most(size, blob.map_err(io::Error::other)));
        let mut upload = Upload::new(new_id());
        let appended = timeout_at(deadline, self.blobs.append(&mut upload, bytes)).await;
        if !matches!(appended, Ok(Ok(()))) || upload.offset != size {
            self.abort_or_leave(&upload).await;
            return match appended {
                Ok(Ok(()) | Err(berth_blob::Error::Body(_))) | Err(_) => Ok(false),
                Ok(Err(error)) => Err(error.into()),
            };
        }
        let key = self.blobs.commit(&upload, digest).await?;
        let finish = FinishUpload {
            upload_id: None,
            repository_id: holder,
            digest: digest.to_string(),
            size: damaged.size,
            key: key.clone(),
            now: now_ms(),
        };
        if let Err(error) = self.metadata.finish_upload(finish).await {
            self.delete_bytes(&key).await?;
            return Err(error.into());
        }
        Ok(true)
    }

    /// A region's blob, or why there is none.
    async fn asked(&self, region: &Region, repository: &str, digest: &Digest) -> Result<Blob, String> {
        let remote = self.connect(region).map_err(|error| error.to_string())?;
        let there = remote.repository(repository).map_err(|error| error.to_string())?;
        there.blob(digest, 0).await.map_err(|error| error.to_string())
    }
}

/// The bytes, which end with an error where there are more than so many.
fn at_most(most: u64, bytes: impl Stream<Item = io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> {
    let mut left = most;
    bytes.map(move |chunk| {
        let chunk = chunk?;
        let after = left.checked_sub(chunk.len() as u64);
        left = after.ok_or_else(|| io::Error::other("there is more than the blob has"))?;
        Ok(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn no_more_is_taken_than_the_blob_has() {
        for (pieces, expected) in [
            (&["ab", "c"][..], Some(3)),
            (&["a"], Some(1)),
            (&["ab", "cd"], None),
            (&["abcd"], None),
        ] {
            let pieces = stream::iter(
                pieces
                    .iter()
                    .map(|piece| Ok(Bytes::from_static(piece.as_bytes()))),
            );
            let taken: io::Result<Vec<Bytes>> = at_most(3, pieces).try_collect().await;
            let taken = taken
                .ok()
                .map(|pieces| pieces.iter().map(Bytes::len).sum::<usize>());
            assert_eq!(taken, expected);
        }
    }
}
