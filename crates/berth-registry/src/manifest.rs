//! Manifests: accepted when they are well formed and what they name is there, stored and served as the
//! bytes that were pushed.

use std::sync::Arc;

use berth_blob::ByteStream;
/// What a tag must name before it is moved or deleted (RFC 9110 `If-Match` and `If-None-Match`).
pub use berth_metadata::Expected as Condition;
use berth_metadata::{Conflict, ManifestDescriptor, ManifestFacts, ManifestRow, PutManifest, Untagged};
use berth_oci::{Algorithm, Digest, Manifest, ManifestError, ManifestKind, Reference, RepositoryName, Tag};
use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::counting::Counting;
use crate::error::Error;
use crate::immutability::Rules;
use crate::origin::checked_path;
use crate::repository::Place;

/// Missing blobs or manifests that a refusal names; a manifest can name tens of thousands.
const MISSING_NAMED_MAX: usize = 100;

/// A manifest on its way in.
pub struct PushedManifest<'a> {
    /// The tag or digest in the address.
    pub reference: &'a Reference,
    /// Tags asked for beside it (`?tag=`), only with a digest.
    pub tags: &'a [Tag],
    /// The request's media type.
    pub content_type: Option<&'a str>,
    /// The bytes; read only for a caller who may push.
    pub body: ByteStream,
    /// What each tag must name for the push to happen; without it the last push wins.
    pub condition: Option<Condition>,
    /// The ids of the registries that it came through, by commas, when a registry says that it pushes it.
    pub origin: Option<&'a str>,
}

/// What a pushed manifest became.
pub struct StoredManifest {
    /// Its digest.
    pub digest: Digest,
    /// The tags that name it now because of this push.
    pub tags: Vec<String>,
    /// The manifest it refers to, if it names one.
    pub subject: Option<Digest>,
}

/// A manifest that somebody asked for.
#[derive(Debug)]
pub struct FoundManifest {
    row: Arc<ManifestRow>,
    counting: Arc<Counting>,
    place: Place,
    stale: Option<StaleManifest>,
}

/// A manifest without its bytes, that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedManifest {
    /// Its digest.
    pub digest: String,
    /// The media type to serve it with.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// Why the tag may name something else by now, if so.
    pub stale: Option<StaleManifest>,
}

/// Why a tag of a mirrored image is answered as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleManifest {
    /// When the mirrored registry last said that the tag names this, milliseconds since the epoch, if that is known.
    pub seen_at: Option<i64>,
    /// Why it could not be asked now, as a sentence.
    pub reason: String,
}

impl FoundManifest {
    pub(crate) fn new(row: Arc<ManifestRow>, place: Place, counting: &Arc<Counting>) -> Self {
        Self {
            row,
            counting: Arc::clone(counting),
            place,
            stale: None,
        }
    }

    pub(crate) fn staled(self, stale: Option<StaleManifest>) -> Self {
        Self { stale, ..self }
    }

    pub(crate) fn described(self) -> DescribedManifest {
        DescribedManifest {
            digest: self.row.digest.clone(),
            media_type: self.row.media_type.clone(),
            size: self.row.size,
            stale: self.stale,
        }
    }

    /// Why the tag may name something else by now, if so.
    pub fn stale(&self) -> Option<&StaleManifest> {
        self.stale.as_ref()
    }

    /// Its digest.
    pub fn digest(&self) -> &str {
        &self.row.digest
    }

    /// Its media type.
    pub fn media_type(&self) -> &str {
        &self.row.media_type
    }

    /// Its bytes, which are not sent to anybody.
    pub(crate) fn bytes(&self) -> Bytes {
        self.row.bytes.clone()
    }

    /// Its bytes, to be sent: this is what counts as a pull. A client that has them already did not pull.
    pub fn pull(self) -> Bytes {
        let counter = self
            .counting
            .of(self.place.repository_id, &self.place.organization);
        self.counting.pulled(&counter, &self.row.digest);
        self.row.bytes.clone()
    }
}

impl Registry {
    /// Stores a manifest and moves the tags it was pushed under, all or nothing.
    pub async fn put_manifest(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        pushed: PushedManifest<'_>,
    ) -> Result<StoredManifest, Error> {
        let standing = self.require(caller, Action::Push, repository).await?;
        let bytes = read(pushed.body, self.limits.manifest_bytes_max).await?;
        let (digest, tags) = named(pushed.reference, pushed.tags, &bytes)?;
        let manifest = Manifest::parse(&bytes, pushed.content_type).map_err(refused)?;
        let layers = manifest.layers.len();
        if layers > self.limits.layers_max {
            return Err(Error::ManifestInvalid(format!(
                "the image has {layers} layers and this registry accepts {}: join layers, for example with a \
                 multi-stage build",
                self.limits.layers_max
            )));
        }
        let repository_id = self.repository_for_push(caller, &standing, repository).await?;
        let rules = self.rules(&standing, repository_id, repository).await?;
        let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
        let put = PutManifest {
            repository_id,
            digest: digest.to_string(),
            media_type: manifest.media_type.clone(),
            bytes,
            blobs: distinct(manifest.blobs().map(|blob| blob.digest.to_string())),
            foreign_layers: distinct(manifest.foreign_layers().map(|layer| layer.digest.to_string())),
            manifests: distinct(manifest.manifests.iter().map(|child| child.digest.to_string())),
            subject: subject.as_ref().map(ToString::to_string),
            artifact_type: manifest.referrer_artifact_type().map(str::to_owned),
            annotations_json: serde_json::to_string(&manifest.annotations)
                .map_err(|source| Error::internal("storing annotations", source))?,
            facts: facts(&manifest),
            tags: tags.clone(),
            expected: pushed.condition,
            missing: self.limits.missing_references,
            origin: checked_path(pushed.origin),
            guard: rules.guard(),
            user_id: caller.user_id().map(str::to_owned),
            now: now_ms(),
        };
        let stored = self.metadata.put_manifest(put).await;
        stored.map_err(|error| conflict(error, &rules))?;
        if !tags.is_empty() {
            self.note_platforms(repository_id, &digest, &manifest).await;
        }
        self.jobs.tag_moved();
        if let Some(organization) = &standing.organization {
            self.counting.of(repository_id, organization).pushed();
        }
        Ok(StoredManifest {
            digest,
            tags,
            subject,
        })
    }

    /// A manifest's bytes as they were pushed, with media type and digest, fetched first where a mirror stands for another
    /// registry. When they are sent, it is a pull.
    pub async fn manifest(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<FoundManifest, Error> {
        let standing = self.require(caller, Action::Pull, repository).await?;
        if standing.mirror.is_some() {
            return Box::pin(self.mirrored_manifest(standing, repository, reference)).await;
        }
        let place = Place::of(standing, repository)?;
        let repository_id = place.repository_id;
        let found = match reference {
            Reference::Tag(tag) => self.metadata.manifest_by_tag(repository_id, tag.as_str()).await?,
            Reference::Digest(digest) => {
                self.metadata
                    .manifest_by_digest(repository_id, digest.as_str())
                    .await?
            }
        };
        let row = found.ok_or_else(|| Error::ManifestUnknown(reference.clone()))?;
        Ok(FoundManifest::new(row, place, &self.counting))
    }

    /// A manifest's digest, media type and size without its bytes.
    pub async fn manifest_descriptor(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<DescribedManifest, Error> {
        let standing = self.require(caller, Action::Pull, repository).await?;
        if standing.mirror.is_some() {
            let found = Box::pin(self.mirrored_manifest(standing, repository, reference)).await?;
            return Ok(found.described());
        }
        let repository_id = Place::of(standing, repository)?.repository_id;
        let found = match reference {
            Reference::Tag(tag) => {
                self.metadata
                    .manifest_descriptor_by_tag(repository_id, tag.as_str())
                    .await?
            }
            Reference::Digest(digest) => {
                self.metadata
                    .manifest_descriptor_by_digest(repository_id, digest.as_str())
                    .await?
            }
        };
        let found = found.ok_or_else(|| Error::ManifestUnknown(reference.clone()))?;
        let ManifestDescriptor {
            digest,
            media_type,
            size,
        } = found;
        Ok(DescribedManifest {
            digest,
            media_type,
            size,
            stale: None,
        })
    }

    /// Deletes a tag, not what it names, or a manifest with all its tags: into the bin.
    pub async fn delete_manifest(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
        condition: Option<Condition>,
    ) -> Result<(), Error> {
        let standing = self.require(caller, Action::Delete, repository).await?;
        let place = standing
            .repository
            .ok_or_else(|| Error::RepositoryUnknown(repository.to_string()))?;
        let rules = self.rules(&standing, place.id, repository).await?;
        let deletion = self.deletion(caller, Untagged::Stays, rules.guard());
        let deleted = match reference {
            Reference::Tag(tag) => {
                self.metadata
                    .delete_tag(place.id, tag.as_str(), condition, deletion)
                    .await
            }
            Reference::Digest(digest) => {
                self.metadata
                    .delete_manifest(place.id, digest.as_str(), deletion)
                    .await
            }
        };
        if deleted.map_err(|error| conflict(error, &rules))? {
            Ok(())
        } else {
            Err(Error::ManifestUnknown(reference.clone()))
        }
    }
}

/// The whole body, if it is not larger than a manifest may be.
async fn read(mut body: ByteStream, max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.map_err(Error::BodyInterrupted)?);
        if bytes.len() as u64 > max {
            return Err(Error::TooLarge {
                what: "the manifest",
                max,
            });
        }
    }
    Ok(bytes)
}

/// The digest and the tags under which a manifest is pushed.
fn named(reference: &Reference, tags: &[Tag], bytes: &[u8]) -> Result<(Digest, Vec<String>), Error> {
    match reference {
        Reference::Tag(tag) => Ok((Digest::of(Algorithm::Sha256, bytes), vec![tag.to_string()])),
        Reference::Digest(expected) => {
            let found = Digest::of(expected.algorithm(), bytes);
            if found != *expected {
                return Err(Error::DigestMismatch {
                    expected: expected.clone(),
                    found,
                });
            }
            Ok((found, distinct(tags.iter().map(ToString::to_string))))
        }
    }
}

/// What lists show of a manifest; an image's size counts configuration and layers, as SWR does.
pub(crate) fn facts(manifest: &Manifest) -> ManifestFacts {
    let contents = manifest.config.iter().chain(&manifest.layers);
    let bytes = contents.fold(0_u64, |sum, content| sum.saturating_add(content.size));
    ManifestFacts {
        is_index: manifest.kind == ManifestKind::Index,
        config_digest: manifest.config.as_ref().map(|config| config.digest.to_string()),
        image_bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
    }
}

pub(crate) fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    values
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn refused(error: ManifestError) -> Error {
    match error {
        ManifestError::Schema1 => Error::ManifestUnsupported(error.to_string()),
        ManifestError::Malformed(text) => Error::ManifestInvalid(text),
    }
}

fn conflict(error: berth_metadata::Error, rules: &Rules) -> Error {
    match error {
        berth_metadata::Error::Conflict(
            Conflict::MissingBlobs(mut missing) | Conflict::MissingManifests(mut missing),
        ) => {
            missing.truncate(MISSING_NAMED_MAX);
            Error::ReferencesMissing(missing)
        }
        berth_metadata::Error::Conflict(Conflict::TagMoved { now }) => Error::TagMoved { now },
        error => rules.refused(error),
    }
}
