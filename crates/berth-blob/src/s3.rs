//! Blobs as objects in a bucket of an S3 store.
//! It owns the order of requests that makes a blob whole and each step repeatable; it trusts the store to keep what it
//! acknowledged, and needs no disk and no memory of its own between two calls.

mod bucket;
mod documents;
mod failure;
mod layout;
mod list;
mod memory;
mod parts;
mod patience;
mod read;
mod settings;
mod state;
mod uploads;
mod wire;
mod writer;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use berth_oci::Digest;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use http::Method;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectStore, PutPayload};

pub use self::patience::Patience;
pub use self::settings::S3Settings;

use self::bucket::Bucket;
use self::failure::{advice, translated};
use crate::{
    BlobBytes, BlobStore, ByteStream, Error, StoredBlob, StoredDocument, UnfinishedUpload, Upload, Written,
};

/// How many blobs one request deletes: each is two objects, and the store takes 1,000.
const DELETED_AT_ONCE: usize = 500;
/// How many such requests are on their way at once.
const BATCHES_AT_ONCE: usize = 4;

/// A blob store in a bucket of an S3 store.
#[derive(Debug, Clone)]
pub struct S3Store {
    bucket: Arc<Bucket>,
}

impl S3Store {
    /// Opens the store, after a look at the bucket; [`Error::Misconfigured`] says what to do about one that cannot be
    /// used.
    ///
    /// Several processes may have the same bucket and prefix open.
    pub async fn open(settings: &S3Settings) -> Result<Self, Error> {
        let bucket = settings.bucket()?;
        let seen = bucket
            .client
            .list_with_delimiter(Some(&bucket.layout.documents()))
            .await;
        seen.map_err(|error| Error::Misconfigured(advice(&error, &settings.bucket, settings.place())))?;
        Ok(Self {
            bucket: Arc::new(bucket),
        })
    }

    /// Deletes blobs whose object and marker are at these places.
    async fn delete_batch(&self, batch: Vec<(String, Path, Path)>) -> Vec<(String, Error)> {
        let paths: Vec<_> = batch
            .iter()
            .flat_map(|(_, object, marker)| [Ok(object.clone()), Ok(marker.clone())])
            .collect();
        let mut done = self
            .bucket
            .client
            .delete_stream(stream::iter(paths).boxed())
            .fuse();
        let mut failed = Vec::new();
        let mut rest = batch.into_iter();
        // Outcomes come in the order of the request, two for each blob; a request that failed has one for all.
        while let Some((key, ..)) = rest.next() {
            match (done.next().await, done.next().await) {
                (Some(Ok(_)), Some(Ok(_))) => {}
                (Some(Err(error)), None) => {
                    let cause = translated("delete blobs", error);
                    let again = |key: String| {
                        let cause = std::io::Error::other(cause.to_string());
                        (key, failure::internal("delete blobs", cause))
                    };
                    let others: Vec<_> = rest.by_ref().map(|(key, ..)| again(key)).collect();
                    failed.push((key, cause));
                    failed.extend(others);
                }
                (Some(Err(error)), _) | (_, Some(Err(error))) => {
                    failed.push((key, translated("delete a blob", error)));
                }
                (None, _) | (_, None) => {
                    let cause = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                    failed.push((key, failure::internal("delete a blob", cause)));
                }
            }
        }
        failed
    }
}

#[async_trait]
impl BlobStore for S3Store {
    async fn write(&self, upload: &mut Upload, body: ByteStream) -> Result<Written, Error> {
        uploads::write(&self.bucket, upload, body).await
    }

    async fn commit(&self, upload: &Upload, digest: &Digest) -> Result<String, Error> {
        uploads::commit(&self.bucket, upload, digest).await
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Error> {
        uploads::abort(&self.bucket, upload).await
    }

    async fn open(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        let (object, _) = self.bucket.layout.blob(key)?;
        read::open(&self.bucket, object, range).await.map(BlobBytes::new)
    }

    async fn open_parts(&self, key: &str, parts: Vec<Range<u64>>) -> Result<BlobBytes, Error> {
        let (object, _) = self.bucket.layout.blob(key)?;
        parts::open(&self.bucket, object, parts).await.map(BlobBytes::new)
    }

    async fn size(&self, key: &str) -> Result<u64, Error> {
        let (object, _) = self.bucket.layout.blob(key)?;
        self.bucket.size("look for a blob", &object).await
    }

    async fn delete(&self, keys: &[String]) -> Vec<(String, Error)> {
        let mut failed = Vec::new();
        let mut good = Vec::new();
        for key in keys {
            match self.bucket.layout.blob(key) {
                Ok((object, marker)) => good.push((key.clone(), object, marker)),
                Err(error) => failed.push((key.clone(), error)),
            }
        }
        let batches: Vec<_> = good
            .chunks(DELETED_AT_ONCE)
            .map(|batch| self.delete_batch(batch.to_vec()).boxed())
            .collect();
        let mut done = stream::iter(batches).buffer_unordered(BATCHES_AT_ONCE);
        while let Some(more) = done.next().await {
            failed.extend(more);
        }
        failed
    }

    fn list(&self) -> BoxStream<'static, Result<StoredBlob, Error>> {
        list::blobs(&self.bucket)
    }

    fn list_uploads(&self) -> BoxStream<'static, Result<UnfinishedUpload, Error>> {
        list::uploads(&self.bucket)
    }

    async fn download_url(&self, key: &str, ttl: Duration) -> Result<Option<String>, Error> {
        let (object, _) = self.bucket.layout.blob(key)?;
        let signed = self.bucket.signer.signed_url(Method::GET, &object, ttl).await;
        let signed = signed.map_err(|error| translated("sign an address", error))?;
        Ok(Some(signed.to_string()))
    }

    async fn check(&self) -> Result<(), Error> {
        let (doing, path) = (
            "write an object to check the blob store",
            self.bucket.layout.check(),
        );
        let payload = PutPayload::from(Bytes::from_static(b"berth"));
        self.bucket.put(doing, &path, payload).await?;
        self.bucket.delete(doing, &path).await
    }

    async fn claim(&self, registry_id: &str) -> Result<String, Error> {
        let (doing, path) = ("note whose blobs these are", self.bucket.layout.owner());
        // Stores that know no conditions overwrite, so one that is owned is not asked to write.
        let noted = match self.bucket.read(doing, &path).await {
            Err(Error::NotFound) => {
                self.bucket.put_new(doing, &path, registry_id).await?;
                self.bucket.read(doing, &path).await?
            }
            noted => noted?,
        };
        let noted = std::str::from_utf8(&noted)
            .map_err(|source| failure::internal(doing, std::io::Error::other(source)))?;
        Ok(noted.trim().to_owned())
    }

    async fn write_document(&self, name: &str, body: ByteStream) -> Result<(), Error> {
        documents::write(&self.bucket, name, body).await
    }

    async fn read_document(&self, name: &str) -> Result<ByteStream, Error> {
        documents::open(&self.bucket, name).await
    }

    fn list_documents(&self, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>> {
        documents::list(&self.bucket, prefix)
    }

    async fn delete_document(&self, name: &str) -> Result<(), Error> {
        documents::delete(&self.bucket, name).await
    }
}
