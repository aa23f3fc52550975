//! A client may fetch a blob's bytes from the store itself, at an address that is signed for it.

use std::sync::Arc;
use std::time::Duration;

use berth_oci::{Digest, RangeOutcome, RangeRequest, RepositoryName};

use super::{BlobRead, size};
use crate::Registry;
use crate::access::{Action, Caller};
use crate::error::Error;
use crate::repository::Place;

impl Registry {
    /// Sends the client to the store for a blob, or the part of it that `range` asks for, with an address that is good for
    /// `ttl`; opens the blob where the store serves nobody, and for several parts, of which stores serve one in an answer.
    pub async fn lead_to_blob(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
        (range, ttl): (RangeRequest<'_>, Duration),
    ) -> Result<BlobRead, Error> {
        let standing = self.require(caller, Action::Pull, repository).await?;
        let mirror = standing
            .organization
            .as_ref()
            .filter(|_| standing.mirror.is_some());
        let mirror = mirror.map(|organization| organization.id);
        // A mirror may fetch what is not here.
        let Ok(place) = Place::of(standing, repository) else {
            return self.open_blob(caller, repository, digest, range).await;
        };
        let linked = match self.linked_in(&place, digest).await {
            Err(Error::BlobUnknown(_)) if mirror.is_some() => {
                return self.open_blob(caller, repository, digest, range).await;
            }
            linked => linked?,
        };
        let whole = size(&linked);
        let bytes = match range.resolve(whole) {
            RangeOutcome::Whole => whole,
            RangeOutcome::Part { start, end_inclusive } => end_inclusive + 1 - start,
            RangeOutcome::Parts(_) => return self.open_blob(caller, repository, digest, range).await,
            RangeOutcome::Unsatisfiable => return Ok(BlobRead::Unsatisfiable(whole)),
        };
        // The store's own refusal would tell a client nothing, and nobody would hear of the damage.
        if self
            .blobs
            .size(&linked.key)
            .await
            .is_ok_and(|found| found == whole)
            && let Some(address) = self.blobs.download_url(&linked.key, ttl).await?
        {
            self.counter(&place).sent(bytes);
            if let Some(organization_id) = mirror {
                self.mirrors.figures.hit(organization_id, bytes);
            }
            return Ok(BlobRead::Elsewhere(address));
        }
        self.open_blob(caller, repository, digest, range).await
    }
}
