//! Where what is fetched belongs here, and what another image of the same mirror has of it already.

use berth_oci::{Digest, RepositoryName};

use super::failed::{Failed, is_full};
use super::fetch::Known;
use super::upstream::Upstream;
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;

impl Registry {
    /// The repository here that something is for, made when it is not there.
    pub(super) async fn mirrored_repository(&self, name: &RepositoryName) -> Result<i64, Error> {
        let (organization, image) = (name.organization().as_str(), Some(name.image().as_str()));
        let standing = self.standing(&Caller::System, organization, image).await?;
        self.repository_for_push(&Caller::System, &standing, name).await
    }

    /// Links a blob that another image of the mirror has here, once the other side says that it is this image's, too: else
    /// whoever has an image there could name somebody's layer in it, and read it here.
    pub(super) async fn linked_beside(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        upstream: &Upstream,
    ) -> Result<Option<Known>, Failed> {
        let organization_id = upstream.organization_id();
        let found = self
            .metadata
            .blob_of_organization(organization_id, digest.as_str());
        let Some((from, size)) = found.await.map_err(Error::from)? else {
            return Ok(None);
        };
        let size = u64::try_from(size).unwrap_or(0);
        // Whatever else it says, it says again when it is asked for the bytes.
        let there = upstream.repository(name)?;
        let there = there.blob_size(digest).await;
        if !matches!(there, Ok(Some(there)) if there == size) {
            return Ok(None);
        }
        let repository_id = self.mirrored_repository(name).await?;
        let linked = self
            .metadata
            .mount_blob(from, repository_id, digest.as_str(), now_ms());
        match linked.await.map_err(Error::from) {
            Ok(linked) => Ok(linked.then_some(Known { size, repository_id })),
            Err(error) if is_full(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
