//! Manifests with their bytes, what they reference, and who refers to them. A damaged one is not found.

use crate::Metadata;
use crate::by::Deletion;
use crate::error::Error;
use crate::facts::ManifestFacts;
use crate::immutability::Guard;
use crate::pool::{Durability, Failure};
use crate::sql;
use crate::tags::Expected;
use bytes::Bytes;
use futures_util::FutureExt as _;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::sync::Arc;

pub(crate) mod write;

/// A manifest as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRow {
    /// Its digest.
    pub digest: String,
    /// The media type to serve it with.
    pub media_type: String,
    /// The bytes, unaltered.
    pub bytes: Bytes,
    /// The artifact type that referrers lists show.
    pub artifact_type: Option<String>,
    /// The digest of the manifest it refers to.
    pub subject: Option<String>,
    /// Bytes.
    pub size: i64,
}

/// A manifest without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestDescriptor {
    /// Its digest.
    pub digest: String,
    /// The media type to serve it with.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
}

/// What to do about references to content that the repository does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingReferences {
    /// Refuse the manifest.
    Refuse,
    /// Accept an index whose manifests are missing; blobs must be there.
    AcceptManifests,
    /// Accept everything.
    AcceptAll,
}

/// A manifest to store.
#[derive(Clone, Debug)]
pub struct PutManifest {
    /// Where it goes.
    pub repository_id: i64,
    /// Its digest, verified.
    pub digest: String,
    /// The media type to serve it with.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The digests of its config and layers.
    pub blobs: Vec<String>,
    /// The digests of layers that a client need not push; those that it did push are kept like the others.
    pub foreign_layers: Vec<String>,
    /// The digests of an index's manifests.
    pub manifests: Vec<String>,
    /// The digest of the manifest it refers to, which need not be there.
    pub subject: Option<String>,
    /// The artifact type that referrers lists show.
    pub artifact_type: Option<String>,
    /// The annotations that referrers lists show, as a JSON object.
    pub annotations_json: String,
    /// What lists of tags show of it.
    pub facts: ManifestFacts,
    /// The tags to move to it, each once.
    pub tags: Vec<String>,
    /// What each of the tags must name before, none for anything.
    pub expected: Option<Expected>,
    /// What to do about missing references.
    pub missing: MissingReferences,
    /// The ids of the registries that it came through, by commas; empty when it is pushed here.
    pub origin: String,
    /// Which tags do not move.
    pub guard: Guard,
    /// Who pushes it.
    pub user_id: Option<String>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What a stored manifest changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOutcome {
    /// Whether the repository did not hold it before.
    pub created: bool,
    /// Each tag and the digest it named before.
    pub previous: Vec<(String, Option<String>)>,
}

/// Which referrers to list.
#[derive(Clone, Debug)]
pub struct ReferrersPage {
    /// The repository.
    pub repository_id: i64,
    /// The digest they refer to.
    pub subject: String,
    /// Only those of this artifact type.
    pub artifact_type: Option<String>,
    /// Those after this digest.
    pub last: Option<String>,
    /// At most so many.
    pub limit: i64,
    /// At most so many bytes of manifests, of which their annotations are a part; one is answered however large it is.
    pub bytes_max: i64,
}

/// A manifest that refers to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Its annotations as a JSON object.
    pub annotations_json: String,
}

pub(crate) const BY_TAG: &str = "SELECT m.digest, m.media_type, m.size, m.artifact_type, m.subject, m.bytes FROM tags t \
     JOIN manifests m ON m.repository_id = t.repository_id AND m.digest = t.digest \
     WHERE t.repository_id = $1 AND t.tag = $2 AND m.damaged_at IS NULL";
pub(crate) const BY_DIGEST: &str = "SELECT digest, media_type, size, artifact_type, subject, bytes FROM manifests \
     WHERE repository_id = $1 AND digest = $2 AND damaged_at IS NULL";
pub(crate) const DESCRIPTOR_BY_TAG: &str = "SELECT m.digest, m.media_type, m.size FROM tags t \
     JOIN manifests m ON m.repository_id = t.repository_id AND m.digest = t.digest \
     WHERE t.repository_id = $1 AND t.tag = $2 AND m.damaged_at IS NULL";
pub(crate) const DESCRIPTOR_BY_DIGEST: &str = "SELECT digest, media_type, size FROM manifests \
     WHERE repository_id = $1 AND digest = $2 AND damaged_at IS NULL";
pub(crate) const REFERRER_SIZES: &str = "SELECT size FROM manifests \
     WHERE repository_id = $1 AND subject = $2 AND digest > $3 AND ($4 IS NULL OR artifact_type = $4) \
     ORDER BY digest LIMIT $5";
pub(crate) const REFERRERS: &str = "SELECT digest, media_type, size, artifact_type, annotations FROM manifests \
     WHERE repository_id = $1 AND subject = $2 AND digest > $3 AND ($4 IS NULL OR artifact_type = $4) \
     ORDER BY digest LIMIT $5";

impl Metadata {
    /// The manifest that a tag names.
    pub async fn manifest_by_tag(
        &self,
        repository_id: i64,
        tag: &str,
    ) -> Result<Option<Arc<ManifestRow>>, Error> {
        let found = || {
            let statement = sqlx::query(BY_TAG).bind(repository_id).bind(tag.to_owned());
            self.find("find a manifest by tag", statement, manifest).boxed()
        };
        let key = place(repository_id, tag);
        self.memory.manifests.get(&self.pool, &key, found).await
    }

    /// The manifest of that digest, if the repository holds it.
    pub async fn manifest_by_digest(
        &self,
        repository_id: i64,
        digest: &str,
    ) -> Result<Option<Arc<ManifestRow>>, Error> {
        let found = || {
            let statement = sqlx::query(BY_DIGEST).bind(repository_id).bind(digest.to_owned());
            self.find("find a manifest by digest", statement, manifest)
                .boxed()
        };
        let key = place(repository_id, digest);
        self.memory.manifests.get(&self.pool, &key, found).await
    }

    /// The manifest that a tag names, without its bytes.
    pub async fn manifest_descriptor_by_tag(
        &self,
        repository_id: i64,
        tag: &str,
    ) -> Result<Option<ManifestDescriptor>, Error> {
        let found = || {
            let statement = sqlx::query(DESCRIPTOR_BY_TAG)
                .bind(repository_id)
                .bind(tag.to_owned());
            self.find("find a manifest by tag", statement, descriptor).boxed()
        };
        let key = place(repository_id, tag);
        self.memory.descriptors.get(&self.pool, &key, found).await
    }

    /// The manifest of that digest, without its bytes, if the repository holds it.
    pub async fn manifest_descriptor_by_digest(
        &self,
        repository_id: i64,
        digest: &str,
    ) -> Result<Option<ManifestDescriptor>, Error> {
        let found = || {
            let statement = sqlx::query(DESCRIPTOR_BY_DIGEST)
                .bind(repository_id)
                .bind(digest.to_owned());
            self.find("find a manifest by digest", statement, descriptor)
                .boxed()
        };
        let key = place(repository_id, digest);
        self.memory.descriptors.get(&self.pool, &key, found).await
    }

    /// Stores a manifest, its references and its tags, all or nothing; durable.
    ///
    /// [`Conflict::MissingBlobs`](crate::Conflict::MissingBlobs),
    /// [`Conflict::MissingManifests`](crate::Conflict::MissingManifests),
    /// [`Conflict::TagMoved`](crate::Conflict::TagMoved),
    /// [`Conflict::RepositoryGone`](crate::Conflict::RepositoryGone),
    /// [`Conflict::BytesQuota`](crate::Conflict::BytesQuota).
    pub async fn put_manifest(&self, put: PutManifest) -> Result<PutOutcome, Error> {
        self.pool
            .write(
                "put a manifest",
                Durability::Durable.of_contents(),
                put,
                |tx, manifest| Box::pin(write::put(tx, manifest)),
            )
            .await
    }

    /// Moves a manifest and the tags that name it into the bin, with what nothing names without it; durable, false when
    /// the repository does not hold it. An index that lists it misses it from then on.
    pub async fn delete_manifest(
        &self,
        repository_id: i64,
        digest: &str,
        deletion: Deletion,
    ) -> Result<bool, Error> {
        let input = (digest.to_owned(), deletion);
        self.pool
            .write(
                "delete a manifest",
                Durability::Durable,
                input,
                move |tx, (digest, deletion)| Box::pin(write::delete(tx, repository_id, digest, deletion)),
            )
            .await
    }

    /// The bytes of those manifests of these digests that the repository holds; the caller bounds their number.
    pub async fn manifest_bytes(
        &self,
        repository_id: i64,
        digests: &[String],
    ) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut found = Vec::with_capacity(digests.len());
        for list in sql::lists(digests) {
            let markers = sql::markers(2, list.len());
            let text = format!(
                "SELECT digest, bytes FROM manifests WHERE repository_id = $1 AND digest IN ({markers})"
            );
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            let read = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
            found.extend(self.list("read manifests", statement, read).await?);
        }
        Ok(found)
    }

    /// The facts of those manifests of these digests that the repository holds.
    pub async fn manifest_facts(
        &self,
        repository_id: i64,
        digests: &[String],
    ) -> Result<Vec<(String, ManifestFacts)>, Error> {
        let mut found = Vec::with_capacity(digests.len());
        for list in sql::lists(digests) {
            let markers = sql::markers(2, list.len());
            let text = format!(
                "SELECT digest, is_index, config_digest, image_bytes FROM manifest_facts \
                 WHERE repository_id = $1 AND digest IN ({markers})"
            );
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            let read = |row: &AnyRow| Ok((row.try_get(0)?, ManifestFacts::read(row, 1)?));
            found.extend(self.list("read what manifests are", statement, read).await?);
        }
        Ok(found)
    }

    /// A page of the manifests that refer to a digest, by digest, and whether more follow.
    pub async fn referrers(&self, page: ReferrersPage) -> Result<(Vec<Referrer>, bool), Error> {
        let statement = |text: &'static str, limit: i64| {
            sqlx::query(text)
                .bind(page.repository_id)
                .bind(page.subject.clone())
                .bind(page.last.clone().unwrap_or_default())
                .bind(page.artifact_type.clone())
                .bind(limit)
        };
        let sizes = statement(REFERRER_SIZES, page.limit.saturating_add(1));
        let sizes: Vec<i64> = self
            .list("list referrers", sizes, |row| Ok(row.try_get(0)?))
            .await?;
        let fitting = fitting(&sizes, &page);
        let rows = statement(REFERRERS, i64::try_from(fitting).unwrap_or(page.limit));
        let rows = self.list("list referrers", rows, referrer).await?;
        Ok((rows, fitting < sizes.len()))
    }
}

/// How many of the manifests of these sizes make a page.
fn fitting(sizes: &[i64], page: &ReferrersPage) -> usize {
    let limit = usize::try_from(page.limit).unwrap_or(0);
    let sums = sizes.iter().scan(0_i64, |sum, size| {
        *sum = sum.saturating_add(*size);
        Some(*sum)
    });
    let small = sums.take_while(|sum| *sum <= page.bytes_max).count();
    small.max(1).min(limit).min(sizes.len())
}

fn referrer(row: &AnyRow) -> Result<Referrer, Failure> {
    Ok(Referrer {
        digest: row.try_get(0)?,
        media_type: row.try_get(1)?,
        size: row.try_get(2)?,
        artifact_type: row.try_get(3)?,
        annotations_json: row.try_get(4)?,
    })
}

/// A tag or digest of a repository in one text; no tag looks like a digest.
fn place(repository_id: i64, reference: &str) -> String {
    [repository_id.to_string().as_str(), reference].join(" ")
}

fn manifest(row: &AnyRow) -> Result<Arc<ManifestRow>, Failure> {
    Ok(Arc::new(ManifestRow {
        digest: row.try_get(0)?,
        media_type: row.try_get(1)?,
        size: row.try_get(2)?,
        artifact_type: row.try_get(3)?,
        subject: row.try_get(4)?,
        bytes: row.try_get::<Vec<u8>, _>(5)?.into(),
    }))
}

fn descriptor(row: &AnyRow) -> Result<ManifestDescriptor, Failure> {
    Ok(ManifestDescriptor {
        digest: row.try_get(0)?,
        media_type: row.try_get(1)?,
        size: row.try_get(2)?,
    })
}
