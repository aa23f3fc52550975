//! The registry over its stores: opened by addresses alone, checked, closed.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use berth_blob::{BlobStore, CachedStore, FileStore, S3Settings, S3Store};
use berth_metadata::{Metadata, Opening};

use crate::account::new_id;
use crate::error::Error;
use crate::limits::Limits;
use crate::{IdentitySettings, Registry};

/// The instance value that names the registry; its storage carries it too.
pub(crate) const REGISTRY_ID: &str = "registry_id";

/// The instance value that names the command which has not finished what it does with this database.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Where a registry keeps what it knows, and the bounds it keeps.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The database: `sqlite:///path/berth.db` or `postgres://...`.
    pub database: String,
    /// Where the blobs are.
    pub storage: Storage,
    /// The bounds.
    pub limits: Limits,
    /// How people prove who they are.
    pub identity: IdentitySettings,
}

/// Where blobs are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// A folder of the local file system.
    Folder(PathBuf),
    /// A bucket of an S3 store.
    S3(Box<S3Settings>),
}

/// What a registry is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Serving,
    Command,
    /// The end of a command that has not finished what it does with the database.
    Finishing,
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::S3(settings) if settings.prefix.is_empty() => write!(f, "s3://{}", settings.bucket),
            Self::S3(settings) => write!(f, "s3://{}/{}", settings.bucket, settings.prefix),
        }
    }
}

impl Registry {
    /// Opens both stores, making what is missing. Several processes may have the same stores open.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        Self::open_with(settings, Opening::default()).await
    }

    /// The same, with the database opened in a certain way.
    pub async fn open_with(settings: Settings, opening: Opening) -> Result<Self, Error> {
        Self::opened(settings, opening, Purpose::Command).await
    }

    /// The same for the process that serves; over SQLite it is the only one that does.
    pub async fn open_to_serve(settings: Settings, opening: Opening) -> Result<Self, Error> {
        Self::opened(settings, opening, Purpose::Serving).await
    }

    /// The same for the command that is not finished yet with a database.
    pub(crate) async fn open_unfinished(settings: Settings) -> Result<Self, Error> {
        Self::opened(settings, Opening::default(), Purpose::Finishing).await
    }

    async fn opened(settings: Settings, opening: Opening, purpose: Purpose) -> Result<Self, Error> {
        let metadata = Metadata::open_with(&settings.database, opening);
        let metadata = metadata.await.map_err(|source| {
            Error::internal(
                format!("opening the database {}", without_secrets(&settings.database)),
                source,
            )
        })?;
        if let Some(command) = metadata.instance_value(UNFINISHED).await?
            && purpose != Purpose::Finishing
        {
            return Err(Error::Invalid(format!(
                "the database {} is not whole yet: run `{command}` to its end",
                without_secrets(&settings.database)
            )));
        }
        let blobs = match &settings.storage {
            Storage::Folder(path) if purpose == Purpose::Serving && !metadata.is_shared() => {
                let opened = FileStore::open(path).and_then(FileStore::with_journal);
                opened
                    .map(|store| Arc::new(store) as _)
                    .map_err(|error| not_opened(&settings, error))?
            }
            Storage::S3(store) if purpose == Purpose::Serving => open_to_serve(store)
                .await
                .map_err(|error| not_opened(&settings, error))?,
            _ => open_blobs(&settings).await?,
        };
        belongs_together(&metadata, blobs.as_ref(), &settings).await?;
        Self::new(metadata, blobs, settings.limits, &settings.identity).await
    }

    /// Whether the database takes durable writes now.
    pub async fn check_database(&self) -> Result<(), Error> {
        Ok(self.metadata.check().await?)
    }

    /// Whether the store of the blobs does.
    pub async fn check_store(&self) -> Result<(), Error> {
        Ok(self.blobs.check().await?)
    }

    /// Ends what is being fetched, waits for uploads in the middle of a body and for queued writes, and writes what was counted and refused; later calls
    /// fail.
    pub async fn close(&self) {
        self.mirrors.close().await;
        self.uploads.ended().await;
        if let Err(error) = self.mirrors.figures.flush(&self.metadata).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last figures of mirrors are lost"
            );
        }
        if let Err(error) = self.counting.flush(&self.metadata).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last counts are lost"
            );
        }
        self.write_trail().await;
        if let Err(error) = self.write_nodes().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what nodes said last is lost"
            );
        }
        if let Err(error) = self.write_records().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last records wait for the next start"
            );
        }
        if let Err(error) = self.metadata.release_jobs(&self.process).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "jobs are free again by themselves, within a minute"
            );
        }
        if let Err(error) = self.metadata.retire_replica(&self.process).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "other replicas find out by themselves that this one is gone"
            );
        }
        // Whoever restores or migrates need not wait for their end.
        if let Err(error) = self.metadata.release_leases(&self.process).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "leases end by themselves, within a minute"
            );
        }
        self.metadata.close().await;
    }
}

/// Opens the store of the blobs, laying it out when it is new.
pub(crate) async fn open_blobs(settings: &Settings) -> Result<Arc<dyn BlobStore>, Error> {
    let opened: Result<Arc<dyn BlobStore>, _> = match &settings.storage {
        Storage::Folder(path) => FileStore::open(path).map(|store| Arc::new(store) as _),
        Storage::S3(store) => S3Store::open(store).await.map(|store| Arc::new(store) as _),
    };
    opened.map_err(|error| not_opened(settings, error))
}

/// Opens a bucket with its cache, unless another process has the cache's folder.
async fn open_to_serve(settings: &S3Settings) -> Result<Arc<dyn BlobStore>, berth_blob::Error> {
    let store = S3Store::open(settings).await?;
    let Some(cache) = settings.cache.clone() else {
        return Ok(Arc::new(store));
    };
    let folder = cache.folder.clone();
    match CachedStore::open(store.clone(), cache).await {
        Err(berth_blob::Error::Busy) => {
            tracing::warn!(folder = %folder.display(), "another process has the cache of blobs: this one serves without");
            Ok(Arc::new(store))
        }
        opened => Ok(Arc::new(opened?)),
    }
}

fn not_opened(settings: &Settings, error: berth_blob::Error) -> Error {
    match error {
        berth_blob::Error::Misconfigured(what) => Error::Invalid(what),
        source => Error::internal(format!("opening the storage {}", settings.storage), source),
    }
}

/// Refuses a storage that another database knows the blobs of: the upkeep deletes blobs that no row names.
async fn belongs_together(
    metadata: &Metadata,
    blobs: &dyn BlobStore,
    settings: &Settings,
) -> Result<(), Error> {
    let id = registry_id(metadata).await?;
    if blobs.claim(&id).await? == id {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "the blobs in {} belong to another registry than the database {}: start with the database that knows them, or \
         choose another place for blobs (setting storage)",
        settings.storage,
        without_secrets(&settings.database)
    )))
}

/// What tells the registry of this database from all others; made at its first start.
pub(crate) async fn registry_id(metadata: &Metadata) -> Result<String, Error> {
    match metadata.instance_value(REGISTRY_ID).await? {
        Some(id) => Ok(id),
        None => Ok(metadata
            .set_instance_value_if_absent(REGISTRY_ID, &new_id())
            .await?),
    }
}

/// A database's address as it may be logged; its parameters may hold a password too.
fn without_secrets(url: &str) -> &str {
    let url = url.split_once('?').map_or(url, |(place, _)| place);
    url.rsplit_once('@').map_or(url, |(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (url, shown) in [
            ("sqlite:///data/berth.db", "sqlite:///data/berth.db"),
            ("postgres://berth:hush@host:5432/berth", "host:5432/berth"),
            ("postgres://berth:hu@sh@host/berth?sslmode=require", "host/berth"),
            (
                "postgres://host/berth?user=berth&password=hu@sh",
                "postgres://host/berth",
            ),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
