//! A blob that is damaged here and was sent to a region comes back from there, verified.

use std::io;

use berth_blob::Upload;
use berth_metadata::{Damaged, FinishUpload, SYNC, region_lane};
use berth_oci::Digest;
use futures_util::TryStreamExt as _;

use crate::Registry;
use crate::account::new_id;
use crate::clock::now_ms;
use crate::error::Error;

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
        let found = match self.connect(&region)?.repository(repository) {
            Ok(there) => there.blob(digest, 0).await,
            Err(error) => Err(error),
        };
        let blob = match found {
            Ok(blob) if blob.size().is_none_or(|told| told == size) => blob,
            Ok(_) => return Ok(false),
            Err(error) => {
                let region = region.region_id;
                tracing::info!(%digest, region, %error, "a damaged blob does not come from there");
                return Ok(false);
            }
        };
        let Some(holder) = self.metadata.blob_holder(digest.as_str()).await? else {
            return Ok(false);
        };
        // Its end is an error when the bytes are not those of the digest.
        let bytes = Box::pin(blob.map_err(io::Error::other));
        let mut upload = Upload::new(new_id());
        let appended = self.blobs.append(&mut upload, bytes).await;
        if appended.is_err() || upload.offset != size {
            self.abort_or_leave(&upload).await;
            return match appended {
                Ok(()) | Err(berth_blob::Error::Body(_)) => Ok(false),
                Err(error) => Err(error.into()),
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
}
