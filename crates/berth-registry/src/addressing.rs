//! Which organization stands for another registry when clients name that registry, and not the organization. Knows no
//! address and no right: what is in the organization is read with the rights on it.

use std::sync::Arc;

use berth_metadata::{Concluded, Metadata};
use berth_oci::OrganizationName;
use futures_util::FutureExt as _;

use crate::clock::now_ms;
use crate::{Error, Registry};

/// Some thousand registries, most of which have no mirror.
const BYTES_MAX: usize = 1 << 20;

/// The organizations by the registry that they stand for, kept as long as they are true.
#[derive(Debug)]
pub(crate) struct StandIns(Concluded<Option<Arc<str>>>);

impl Default for StandIns {
    fn default() -> Self {
        let weigh = |organization: &Option<Arc<str>>| organization.as_ref().map_or(0, |name| name.len());
        Self(Concluded::new(BYTES_MAX, weigh))
    }
}

impl Registry {
    /// The organization that stands for `registry`, a host as image references name it: of the mirrors of it that the
    /// account of the first start has switched on, the oldest one's.
    pub async fn stand_in(&self, registry: &str) -> Result<Option<Arc<str>>, Error> {
        let find = || found(&self.metadata, registry).boxed();
        self.stand_ins.0.get(&self.metadata, registry, find).await
    }

    /// Whether an organization of this name exists, whoever may see it.
    pub async fn has_organization(&self, name: &OrganizationName) -> Result<bool, Error> {
        let standing = self.metadata.standing(name.as_str(), None, None, now_ms());
        Ok(standing.await?.organization.is_some())
    }
}

async fn found(metadata: &Metadata, registry: &str) -> Result<Option<Arc<str>>, Error> {
    let name = metadata.mirror_for_clients(registry).await?;
    Ok(name.map(Arc::from))
}
