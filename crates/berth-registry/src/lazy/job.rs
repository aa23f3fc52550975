//! The work: for each image of a run its layers are read, and what came of it is stored by the verbs of a push. The same
//! image makes the same bytes, so that it can be done twice.

use std::path::Path;
use std::sync::Arc;

use berth_lazy::{ARTIFACT_TYPE, CONFIG, IndexedLayer, Indexer, Made, Work};
use berth_metadata::{EndLazyRun, Job, LazyRun, LazyStatus};
use berth_oci::{Algorithm, Descriptor, Digest, Manifest, ManifestKind, Reference, RepositoryName};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;

use super::source::{PLATFORMS_MAX, linux, platform, unfit};
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::damage::{Reading, Watched};
use crate::error::Error;
use crate::jobs::JobEnd;
use crate::manifest::PushedManifest;
use crate::upload::Chunk;

/// Attempts at a run that the store, the database or the machine would not let end.
const ATTEMPTS_MAX: i64 = 5;
/// An index of so many bytes is small, however small its image.
const SMALL_BYTES: u64 = 1 << 20;
/// Bytes of a file that are sent to the store at a time.
const PIECE: usize = 256 << 10;

/// What came of one image of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LazyImage {
    /// The image's manifest.
    pub digest: String,
    /// `linux/amd64`; none when no index says so.
    pub platform: Option<String>,
    /// The manifest of its index; none when it has none.
    pub index: Option<String>,
    /// Bytes of the image's layers.
    pub layers_bytes: u64,
    /// Bytes of the index.
    pub index_bytes: u64,
    /// Why it has none.
    pub reason: Option<String>,
}

impl Registry {
    /// Makes the indexes of a run.
    pub(crate) async fn run_lazy_job(self: &Arc<Self>, job: &Job) -> Result<JobEnd, Error> {
        let Some(run) = self.metadata.begin_lazy_run(job.subject, now_ms()).await? else {
            return Ok(JobEnd::Done);
        };
        let mut images = Vec::new();
        let failed = match self.index_images(&run, &mut images).await {
            Ok(()) if images.iter().any(|image| image.index.is_some()) => None,
            Ok(()) => Some("no image in it can have an index".to_owned()),
            Err(error) => match failure(&error) {
                Some(why) => Some(why),
                None if job.attempts >= ATTEMPTS_MAX => {
                    Some("the registry could not make it: ask again later".to_owned())
                }
                None => return Err(error),
            },
        };
        let end = EndLazyRun {
            id: run.id,
            status: if failed.is_none() {
                LazyStatus::Done
            } else {
                LazyStatus::Failed
            },
            images: serde_json::to_string(&images)
                .map_err(|source| Error::internal("writing down what came of an index", source))?,
            detail: failed.unwrap_or_default(),
            now: now_ms(),
        };
        self.metadata.end_lazy_run(end).await?;
        Ok(JobEnd::Done)
    }

    async fn index_images(self: &Arc<Self>, run: &LazyRun, images: &mut Vec<LazyImage>) -> Result<(), Error> {
        let Some(place) = self.metadata.judged_place(run.repository_id).await? else {
            return Err(Error::RepositoryUnknown("of this run".to_owned()));
        };
        let name: RepositoryName = format!("{}/{}", place.organization, place.image).parse()?;
        let digest = digest(&run.digest)?;
        let (manifest, descriptor) = self.read_image(run.repository_id, &digest).await?;
        if manifest.kind != ManifestKind::Index {
            images.push(
                self.index_image((&name, run.repository_id), (&manifest, &descriptor), None)
                    .await?,
            );
            return Ok(());
        }
        for entry in linux(&manifest).take(PLATFORMS_MAX) {
            let found = self.read_image(run.repository_id, &entry.digest).await;
            let platform = platform(entry);
            images.push(match found {
                Ok((manifest, descriptor)) => {
                    self.index_image((&name, run.repository_id), (&manifest, &descriptor), platform)
                        .await?
                }
                // An index may name what was never pushed here.
                Err(Error::ManifestUnknown(_)) => told(
                    &entry.digest,
                    platform,
                    "its manifest is not in this image".to_owned(),
                ),
                Err(error) => return Err(error),
            });
        }
        Ok(())
    }

    async fn read_image(&self, repository_id: i64, digest: &Digest) -> Result<(Manifest, Descriptor), Error> {
        let found = self
            .metadata
            .manifest_by_digest(repository_id, digest.as_str())
            .await?;
        let row = found.ok_or_else(|| Error::ManifestUnknown(Reference::Digest(digest.clone())))?;
        let manifest = Manifest::parse(&row.bytes, Some(&row.media_type))
            .map_err(|source| Error::internal("reading a stored manifest", source))?;
        let descriptor = Descriptor::new(row.media_type.clone(), digest.clone(), row.bytes.len() as u64);
        Ok((manifest, descriptor))
    }

    /// What comes of one image: why it has no index is told, and is no error.
    async fn index_image(
        self: &Arc<Self>,
        place: (&RepositoryName, i64),
        (manifest, descriptor): (&Manifest, &Descriptor),
        platform: Option<String>,
    ) -> Result<LazyImage, Error> {
        let digest = &descriptor.digest;
        if let Some(why) = unfit(manifest) {
            return Ok(told(digest, platform, why));
        }
        let limits = &self.limits.lazy;
        let (program, arguments) = limits.program.clone();
        let indexer = Indexer::new(program, arguments, (limits.folder.clone(), limits.bounds));
        match self.make_and_store(place, (manifest, descriptor), &indexer).await {
            Ok((index, bytes)) => Ok(LazyImage {
                digest: digest.to_string(),
                platform,
                index: Some(index.to_string()),
                layers_bytes: layers_bytes(manifest),
                index_bytes: bytes,
                reason: None,
            }),
            Err(Making::Lazy(berth_lazy::Error::Unfit(why))) => Ok(told(digest, platform, why)),
            Err(Making::Lazy(error)) => Err(Error::internal("making an index", error)),
            Err(Making::Registry(error)) => Err(error),
        }
    }

    async fn make_and_store(
        self: &Arc<Self>,
        (name, repository_id): (&RepositoryName, i64),
        (manifest, descriptor): (&Manifest, &Descriptor),
        indexer: &Indexer,
    ) -> Result<(Digest, u64), Making> {
        let mut work: Work = indexer.begin()?;
        let mut layers = Vec::new();
        for layer in &manifest.layers {
            let bytes = self.layer_bytes(repository_id, &layer.digest).await?;
            if let Some(meta) = work.layer(&layer.digest, bytes).await? {
                layers.push(IndexedLayer {
                    layer: layer.digest.clone(),
                    meta,
                });
            }
        }
        let tree = work.finish().await?;
        let bytes = berth_lazy::manifest(descriptor, &layers, &tree);
        let files: Vec<&Made> = layers.iter().map(|layer| &layer.meta).chain([&tree]).collect();
        let size = bytes.len() as u64 + files.iter().map(|made| made.size).sum::<u64>();
        fits(size, layers_bytes(manifest), self.limits.lazy.percent_max)?;
        for made in files {
            self.store_made(name, made).await?;
        }
        self.store_bytes(name, CONFIG).await?;
        let index = Digest::of(Algorithm::Sha256, &bytes);
        let pushed = PushedManifest {
            reference: &Reference::Digest(index.clone()),
            tags: &[],
            content_type: Some(berth_oci::media_type::OCI_MANIFEST),
            body: Box::pin(stream::iter([Ok(Bytes::from(bytes))])),
            condition: None,
            origin: None,
        };
        self.put_manifest(&Caller::System, name, pushed).await?;
        tracing::info!(image = %name, digest = %descriptor.digest, %index, kind = ARTIFACT_TYPE, "made an index");
        Ok((index, size))
    }

    /// A layer's bytes, watched for damage, and no pull.
    async fn layer_bytes(&self, repository_id: i64, digest: &Digest) -> Result<Watched, Error> {
        let linked = self.metadata.linked_blob(repository_id, digest.as_str()).await?;
        let linked = linked.ok_or_else(|| Error::BlobUnknown(digest.clone()))?;
        let size = u64::try_from(linked.size).unwrap_or_default();
        let bytes = self.blobs.open(&linked.key, 0..size).await?;
        let reading = Reading {
            digest: digest.clone(),
            key: linked.key,
        };
        Ok(self.damage.watch(reading, bytes, None))
    }

    async fn store_bytes(self: &Arc<Self>, name: &RepositoryName, bytes: &'static [u8]) -> Result<(), Error> {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        let body = stream::iter([Ok(Bytes::from_static(bytes))]).boxed();
        self.store_stream(name, (&digest, bytes.len() as u64), body).await
    }

    async fn store_made(self: &Arc<Self>, name: &RepositoryName, made: &Made) -> Result<(), Error> {
        let body = pieces(&made.path).await?;
        self.store_stream(name, (&made.digest, made.size), body).await
    }

    async fn store_stream(
        self: &Arc<Self>,
        name: &RepositoryName,
        (digest, size): (&Digest, u64),
        body: berth_blob::ByteStream,
    ) -> Result<(), Error> {
        match self.stat_blob(&Caller::System, name, digest).await {
            Ok(_) => return Ok(()),
            Err(Error::BlobUnknown(_)) => {}
            Err(error) => return Err(error),
        }
        let chunk = Chunk {
            range: None,
            length: Some(size),
            body,
        };
        self.push_blob(&Caller::System, name, digest, chunk).await
    }
}

/// Why an index was not made or not stored.
#[derive(Debug)]
enum Making {
    Lazy(berth_lazy::Error),
    Registry(Error),
}

impl From<berth_lazy::Error> for Making {
    fn from(error: berth_lazy::Error) -> Self {
        Self::Lazy(error)
    }
}

impl From<Error> for Making {
    fn from(error: Error) -> Self {
        Self::Registry(error)
    }
}

fn layers_bytes(image: &Manifest) -> u64 {
    image.layers.iter().map(|layer| layer.size).sum()
}

/// Refuses an index that is too large for what it saves.
fn fits(size: u64, layers: u64, percent_max: u32) -> Result<(), Making> {
    if size <= SMALL_BYTES || u128::from(size) * 100 <= u128::from(layers) * u128::from(percent_max) {
        return Ok(());
    }
    let tenths = u128::from(size) * 1000 / u128::from(layers.max(1));
    Err(Making::Lazy(berth_lazy::Error::Unfit(format!(
        "the index would take {size} bytes, {}.{} % of its layers, and {percent_max} % are allowed",
        tenths / 10,
        tenths % 10
    ))))
}

/// A file in pieces.
async fn pieces(path: &Path) -> Result<berth_blob::ByteStream, Error> {
    let file = tokio::fs::File::open(path).await;
    let file = file.map_err(|source| Error::internal("opening what was made of a layer", source))?;
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE);
        let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    });
    Ok(pieces.boxed())
}

/// An image without an index.
fn told(digest: &Digest, platform: Option<String>, why: String) -> LazyImage {
    LazyImage {
        digest: digest.to_string(),
        platform,
        index: None,
        layers_bytes: 0,
        index_bytes: 0,
        reason: Some(why),
    }
}

/// What ends a run for good, as people are told.
fn failure(error: &Error) -> Option<String> {
    match error {
        Error::ManifestUnknown(_) | Error::RepositoryUnknown(_) => Some("the image is gone".to_owned()),
        Error::BlobUnknown(digest) => Some(format!("layer {digest} is not there")),
        Error::QuotaExceeded { .. } | Error::TooLarge { .. } | Error::Denied(_) => Some(error.to_string()),
        _ => None,
    }
}

fn digest(text: &str) -> Result<Digest, Error> {
    text.parse()
        .map_err(|source| Error::internal("reading the digest of a run", source))
}

#[cfg(test)]
mod tests {
    use super::{Making, fits};

    #[test]
    fn an_index_is_small_or_a_small_part_of_its_image() {
        const MEBIBYTE: u64 = 1 << 20;
        for (size, layers, expected) in [
            (MEBIBYTE, 0, None),
            (5 * MEBIBYTE, 100 * MEBIBYTE, None),
            (5 * MEBIBYTE + 1, 100 * MEBIBYTE, Some("5.0 %")),
            (MEBIBYTE + 1, 10 * MEBIBYTE, Some("10.0 %")),
            (MEBIBYTE + 1, 0, Some("% of its layers, and 5 % are allowed")),
            (u64::MAX, u64::MAX, Some("100.0 %")),
        ] {
            let told = match fits(size, layers, 5) {
                Ok(()) => None,
                Err(Making::Lazy(error)) => Some(error.to_string()),
                Err(other) => panic!("{other:?}"),
            };
            match expected {
                None => assert_eq!(told, None, "{size} of {layers}"),
                Some(part) => assert!(told.unwrap().contains(part), "{size} of {layers}"),
            }
        }
    }
}
