//! Records told again into a database that no server uses yet: after a restore those that are newer than the snapshot, in a
//! rebuild all of them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_blob::BlobStore;
use berth_metadata::{
    Guard, ListedBytes, Metadata, MissingReferences, PutManifest, RecoveredTag, WantedBlob,
};
use berth_oci::{Digest, Manifest, RepositoryName};
use futures_util::StreamExt as _;

use crate::clock::now_ms;
use crate::error::Error;
use crate::manifest::{distinct, facts};
use crate::records::{self, Record};

/// Rows of one write.
const LISTED_AT_ONCE: usize = 1000;

/// What came of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that were told again.
    pub records: u64,
    /// Manifests that could not be brought back: their bytes are not those of their digest, or are no manifest.
    pub broken_manifests: Vec<String>,
    /// Lines that could not be read.
    pub broken_lines: u64,
    /// Images with parts whose bytes are nowhere, each with the digests of the first few.
    pub incomplete: BTreeMap<String, BTreeSet<String>>,
    /// Tags that name a manifest which could not be brought back.
    pub dangling_tags: Vec<String>,
    /// Images that were in the bin, which did not come back.
    pub binned: Vec<String>,
}

/// Notes everything that the store holds; with `read`, only after its bytes were read and have their digest, and what has
/// lost its digest gets the one of its bytes. Answers blobs, bytes, and the keys of those that were passed over.
pub(crate) async fn list_store(
    metadata: &Metadata,
    blobs: &dyn BlobStore,
    read: bool,
) -> Result<(u64, u64, Vec<String>), Error> {
    metadata.clear_store_listing().await?;
    let mut found = blobs.list();
    let (mut count, mut bytes, mut passed_over) = (0, 0, Vec::new());
    let mut page = Vec::with_capacity(LISTED_AT_ONCE);
    while let Some(blob) = found.next().await {
        let blob = blob?;
        let digest = if read {
            true_digest(blobs, &blob).await?
        } else {
            blob.digest.clone()
        };
        let Some(digest) = digest else {
            passed_over.push(blob.key);
            continue;
        };
        count += 1;
        bytes += blob.size;
        page.push(ListedBytes {
            key: blob.key,
            digest: digest.to_string(),
            size: i64::try_from(blob.size).unwrap_or(i64::MAX),
            modified_at: blob.modified_at,
        });
        if page.len() >= LISTED_AT_ONCE {
            metadata.list_stored_bytes(std::mem::take(&mut page)).await?;
        }
    }
    metadata.list_stored_bytes(page).await?;
    Ok((count, bytes, passed_over))
}

/// The digest of a blob's bytes; none when they cannot be read, or are not those of the digest that they were stored with.
async fn true_digest(blobs: &dyn BlobStore, blob: &berth_blob::StoredBlob) -> Result<Option<Digest>, Error> {
    let algorithm = blob
        .digest
        .as_ref()
        .map_or(berth_oci::Algorithm::Sha256, Digest::algorithm);
    let mut hasher = berth_oci::Hasher::new(algorithm);
    let mut body = match blobs.open(&blob.key, 0..blob.size).await {
        Err(berth_blob::Error::NotFound) => return Ok(None),
        body => body?,
    };
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => hasher.update(&piece),
            Err(_) => return Ok(None),
        }
    }
    let found = hasher.finish();
    let fits = blob.digest.as_ref().is_none_or(|digest| *digest == found);
    Ok(fits.then_some(found))
}

/// Tells records again.
pub(crate) struct Replay<'a> {
    metadata: &'a Metadata,
    blobs: &'a dyn BlobStore,
    /// Whose organisations are that no account is known of.
    account_id: String,
    now: i64,
    touched: BTreeMap<String, i64>,
    done: Replayed,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(metadata: &'a Metadata, blobs: &'a dyn BlobStore, account_id: String) -> Self {
        Self {
            metadata,
            blobs,
            account_id,
            now: now_ms(),
            touched: BTreeMap::new(),
            done: Replayed::default(),
        }
    }

    /// Tells again what has a higher stamp than `after`, and answers what came of it and the highest stamp of all. The
    /// store is listed already.
    pub(crate) async fn run(mut self, after: i64) -> Result<(Replayed, i64), Error> {
        let documents = records::documents(self.blobs).await?;
        let last = documents
            .last()
            .map_or(after, |document| document.stamp.max(after));
        for document in documents.iter().filter(|document| document.stamp > after) {
            let (records, broken) = records::read(self.blobs, document).await?;
            self.done.broken_lines += broken as u64;
            for record in records {
                self.tell(record).await?;
                self.done.records += 1;
            }
        }
        for binned in std::mem::take(&mut self.done.binned) {
            // Only the bin of the database that is lost could bring it back.
            self.metadata.forget_repository(&binned).await?;
            self.touched.remove(&binned);
            self.done.binned.push(binned);
        }
        for repository_id in self.touched.values() {
            self.metadata.recount(*repository_id, self.now).await?;
        }
        self.metadata.settle_keys(self.now).await?;
        self.metadata.recount_byte_quotas(self.now).await?;
        Ok((self.done, last))
    }

    async fn tell(&mut self, record: Record) -> Result<(), Error> {
        let at = record.at.unwrap_or(self.now);
        if is_hidden(&record) {
            return Ok(());
        }
        match (record.what.as_str(), record.digest.clone(), record.tag.clone()) {
            ("organization", ..) => self.organization(&record, at).await,
            ("organization-deleted", ..) => {
                self.metadata.forget_organization(&record.place).await?;
                Ok(())
            }
            ("repository", ..) => {
                let says = record.repository.map(Into::into);
                if let Some(id) = self.metadata.recover_repository(&record.place, says, at).await? {
                    self.touched.insert(record.place, id);
                }
                Ok(())
            }
            ("repository-renamed", _, Some(to)) => self.renamed(&record.place, to).await,
            ("repository-deleted", ..) => {
                self.touched.remove(&record.place);
                self.done.incomplete.remove(&record.place);
                self.done.binned.retain(|binned| *binned != record.place);
                Ok(self.metadata.forget_repository(&record.place).await?)
            }
            ("manifest", Some(digest), _) => self.manifest(&record, digest, at).await,
            ("manifest-deleted", Some(digest), _) => {
                if let Some(id) = self.repository(&record.place, at).await? {
                    self.metadata.forget_manifest(id, &digest).await?;
                }
                Ok(())
            }
            ("tag", digest, Some(tag)) => self.tag(&record, (tag, digest), at).await,
            // Of a newer version: what it knew beyond this one's things is lost.
            _ => {
                self.done.broken_lines += 1;
                Ok(())
            }
        }
    }

    async fn organization(&self, record: &Record, at: i64) -> Result<(), Error> {
        let named = match &record.account {
            Some(account) => self.metadata.account_by_name(account).await?,
            None => None,
        };
        let account_id = named.map_or_else(|| self.account_id.clone(), |account| account.id);
        let creator = record.creator.as_deref().unwrap_or_default();
        let owner = (account_id.as_str(), creator);
        Ok(self
            .metadata
            .recover_organization(&record.place, owner, at)
            .await?)
    }

    /// The id of a repository, made when no record before this one spoke of it.
    async fn repository(&mut self, full_name: &str, at: i64) -> Result<Option<i64>, Error> {
        if let Some(id) = self.touched.get(full_name) {
            return Ok(Some(*id));
        }
        let (organization, _) = full_name.split_once('/').unwrap_or((full_name, ""));
        self.metadata
            .recover_organization(organization, (&self.account_id, ""), at)
            .await?;
        let id = self.metadata.recover_repository(full_name, None, at).await?;
        if let Some(id) = id {
            self.touched.insert(full_name.to_owned(), id);
        }
        Ok(id)
    }

    async fn renamed(&mut self, from: &str, to: String) -> Result<(), Error> {
        let is_live = to.parse::<RepositoryName>().is_ok();
        // Told already, or its name was given to another meanwhile.
        if !self.metadata.rename_recovered(from, &to, is_live).await? {
            return Ok(());
        }
        if let Some(id) = self.touched.remove(from) {
            self.touched.insert(to.clone(), id);
        }
        self.done.binned.retain(|binned| binned != from);
        if !is_live {
            self.done.binned.push(to);
        }
        Ok(())
    }

    async fn manifest(&mut self, record: &Record, digest: String, at: i64) -> Result<(), Error> {
        let Some(repository_id) = self.repository(&record.place, at).await? else {
            return Ok(());
        };
        let Some((put, blobs)) = put_of(record, repository_id, &digest, at) else {
            self.done
                .broken_manifests
                .push(format!("{}@{digest}", record.place));
            return Ok(());
        };
        let missing = self
            .metadata
            .link_stored_blobs(repository_id, blobs, self.now)
            .await?;
        let needed: BTreeSet<&String> = put.blobs.iter().collect();
        let missing: BTreeSet<String> = missing.into_iter().filter(|one| needed.contains(one)).collect();
        if !missing.is_empty() {
            let place = format!("{}@{digest}", record.place);
            self.done.incomplete.insert(place, missing);
        }
        self.metadata.put_manifest(put).await?;
        Ok(())
    }

    async fn tag(&mut self, record: &Record, tag: (String, Option<String>), at: i64) -> Result<(), Error> {
        let Some(repository_id) = self.repository(&record.place, at).await? else {
            return Ok(());
        };
        let recovered = RecoveredTag {
            repository_id,
            tag: tag.0.clone(),
            digest: tag.1,
            at,
            user_id: record.user_id.clone(),
        };
        let name = format!("{}:{}", record.place, tag.0);
        self.done.dangling_tags.retain(|dangling| *dangling != name);
        if !self.metadata.recover_tag(recovered).await? {
            self.done.dangling_tags.push(name);
        }
        Ok(())
    }
}

/// Whether a record is about the content of an image that nobody can see: one in the bin, say. Only its name and its end
/// matter.
fn is_hidden(record: &Record) -> bool {
    let is_content = matches!(
        record.what.as_str(),
        "repository" | "manifest" | "manifest-deleted" | "tag"
    );
    is_content && record.place.parse::<RepositoryName>().is_err()
}

/// The manifest of a record as it was put, and the blobs that it names; none when its bytes are not those of its digest, or
/// are no manifest.
fn put_of(
    record: &Record,
    repository_id: i64,
    digest: &str,
    now: i64,
) -> Option<(PutManifest, Vec<WantedBlob>)> {
    let bytes = STANDARD.decode(record.bytes.as_ref()?).ok()?;
    let expected: Digest = digest.parse().ok()?;
    if Digest::of(expected.algorithm(), &bytes) != expected {
        return None;
    }
    let manifest = Manifest::parse(&bytes, record.media_type.as_deref()).ok()?;
    let wanted = manifest.blobs().chain(manifest.foreign_layers());
    let wanted = wanted.map(|blob| WantedBlob {
        digest: blob.digest.to_string(),
        size: i64::try_from(blob.size).unwrap_or(i64::MAX),
    });
    let wanted = wanted.collect();
    let put = PutManifest {
        repository_id,
        digest: digest.to_owned(),
        media_type: manifest.media_type.clone(),
        bytes,
        blobs: distinct(manifest.blobs().map(|blob| blob.digest.to_string())),
        foreign_layers: distinct(manifest.foreign_layers().map(|layer| layer.digest.to_string())),
        manifests: distinct(manifest.manifests.iter().map(|child| child.digest.to_string())),
        subject: manifest
            .subject
            .as_ref()
            .map(|subject| subject.digest.to_string()),
        artifact_type: manifest.referrer_artifact_type().map(str::to_owned),
        annotations_json: serde_json::to_string(&manifest.annotations).ok()?,
        facts: facts(&manifest),
        tags: Vec::new(),
        expected: None,
        missing: MissingReferences::AcceptAll,
        origin: String::new(),
        // It happened already.
        guard: Guard::Off,
        user_id: None,
        now,
    };
    Some((put, wanted))
}
