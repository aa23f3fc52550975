//! Referrers: the manifests whose subject is a digest, as the specification's index of descriptors.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_metadata::ReferrersPage;
use berth_oci::{Descriptor, Digest, RepositoryName};

use crate::Registry;
use crate::access::{Action, Caller};
use crate::error::Error;
use crate::tag::Listed;
use crate::tag_list::PulledList;

/// Descriptors of one answer.
pub(crate) const PAGE: u32 = 1000;
/// Bytes of the manifests that one answer describes: their annotations are part of the answer.
pub(crate) const PAGE_BYTES: i64 = 4 << 20;

impl Registry {
    /// The manifests that name `subject`, of one artifact type if asked, after the digest `last`.
    pub async fn list_referrers(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        subject: &Digest,
        (artifact_type, last): (Option<&str>, Option<&Digest>),
    ) -> Result<PulledList<Descriptor>, Error> {
        let standing = self.require(caller, Action::Pull, repository).await?;
        let filter = (artifact_type, last);
        if standing.mirror.is_some() {
            return Box::pin(self.mirrored_referrers(&standing, (repository, subject), filter)).await;
        }
        // The specification forbids 404 here: what is not there has no referrers.
        let Some(place) = standing.repository else {
            return Ok(Listed::default().into());
        };
        Ok(self.referrers_here(place.id, subject, filter).await?.into())
    }

    /// The same of what is stored in a repository.
    pub(crate) async fn referrers_here(
        &self,
        repository_id: i64,
        subject: &Digest,
        (artifact_type, last): (Option<&str>, Option<&Digest>),
    ) -> Result<Listed<Descriptor>, Error> {
        let page = ReferrersPage {
            repository_id,
            subject: subject.to_string(),
            artifact_type: artifact_type.map(str::to_owned),
            last: last.map(ToString::to_string),
            limit: i64::from(PAGE),
            bytes_max: PAGE_BYTES,
        };
        let (rows, more) = self.metadata.referrers(page).await?;
        let entries = rows.into_iter().map(descriptor).collect::<Result<_, _>>()?;
        Ok(Listed { entries, more })
    }
}

fn descriptor(row: berth_metadata::Referrer) -> Result<Descriptor, Error> {
    let broken = |source: &dyn std::fmt::Display| Error::internal("reading a referrer", source.to_string());
    let annotations: BTreeMap<String, String> =
        serde_json::from_str(&row.annotations_json).map_err(|e| broken(&e))?;
    let digest = row.digest.parse().map_err(|e| broken(&e))?;
    let size = u64::try_from(row.size).map_err(|e| broken(&e))?;
    Ok(Descriptor {
        artifact_type: row.artifact_type,
        annotations: (!annotations.is_empty()).then_some(annotations),
        ..Descriptor::new(row.media_type, digest, size)
    })
}
