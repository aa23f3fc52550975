//! The registry over its stores: opened by addresses alone, checked, closed.

use std::path::PathBuf;
use std::sync::Arc;

use berth_blob::FileStore;
use berth_metadata::Metadata;

use crate::error::Error;
use crate::limits::Limits;
use crate::{IdentitySettings, Registry};

/// Where a registry keeps what it knows, and the bounds it keeps.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database: `sqlite:///path/berth.db` or `postgres://...`.
    pub database: String,
    /// The folder of the blobs.
    pub storage: PathBuf,
    /// The bounds.
    pub limits: Limits,
    /// How people prove who they are.
    pub identity: IdentitySettings,
}

impl Registry {
    /// Opens both stores, making what is missing. Several processes may have the same stores open.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        let metadata = Metadata::open(&settings.database).await.map_err(|source| {
            Error::internal(
                format!("opening the database {}", without_password(&settings.database)),
                source,
            )
        })?;
        let blobs = FileStore::open(&settings.storage).map_err(|source| {
            Error::internal(
                format!("opening the storage {}", settings.storage.display()),
                source,
            )
        })?;
        Self::new(metadata, Arc::new(blobs), settings.limits, &settings.identity).await
    }

    /// Whether both stores take durable writes now.
    pub async fn check(&self) -> Result<(), Error> {
        self.metadata.check().await?;
        Ok(self.blobs.check().await?)
    }

    /// Waits for uploads in the middle of a body and for queued writes; later calls fail.
    pub async fn close(&self) {
        self.uploads.ended().await;
        self.metadata.close().await;
    }
}

/// A database's address as it may be logged.
fn without_password(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, place)| place)
}
