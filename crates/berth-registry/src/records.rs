//! Records: what happened to images, carried into the store within seconds, so that the store alone can tell it again. The
//! database notes them by itself; here they become documents of JSON lines, and go when no snapshot needs them any more.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_blob::{BlobStore, StoredDocument};
use berth_metadata::{RecordedRepository, WaitingRecord};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::Registry;
use crate::account::new_id;
use crate::clock::now_ms;
use crate::error::Error;

/// Where they lie in the store.
const FOLDER: &str = "records/";
const SUFFIX: &str = ".jsonl";
/// The lease of who carries them.
const LEASE: &str = "records";
/// Time between two looks whether any wait.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(2);
/// Records of one document at most.
const RECORDS_MAX: i64 = 500;

/// One line: something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// See [`WaitingRecord::what`].
    pub(crate) what: String,
    /// The organisation or repository.
    pub(crate) place: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) at: Option<i64>,
    /// The manifest, or what the tag names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) digest: Option<String>,
    /// The tag, or the new name of the repository.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) media_type: Option<String>,
    /// The manifest's, in base64.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) repository: Option<Says>,
    /// The organisation's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) account: Option<String>,
    /// The name of who made the organisation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) creator: Option<String>,
}

/// What a repository says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Says {
    public: bool,
    listed: bool,
    category: String,
    description: String,
}

impl From<Says> for RecordedRepository {
    fn from(says: Says) -> Self {
        Self {
            is_public: says.public,
            is_listed: says.listed,
            category: says.category,
            description: says.description,
        }
    }
}

/// Records in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Document {
    /// Later documents have higher ones, whatever the clocks said.
    pub(crate) stamp: i64,
    pub(crate) name: String,
}

impl Registry {
    /// Carries records into the store for as long as it is polled.
    pub(crate) async fn carry_records(&self) {
        loop {
            tokio::time::sleep(LOOKED_FOR_EVERY).await;
            if let Err(error) = self.write_records().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "records of changes wait: they cannot be written into the store"
                );
            }
        }
    }

    /// Writes all records that wait into the store, unless another process does, and answers how many.
    pub async fn write_records(&self) -> Result<usize, Error> {
        if !self.metadata.has_waiting_records().await? {
            return Ok(0);
        }
        let written = self.under_lease(LEASE, async {
            let mut written = 0;
            loop {
                let waiting = self.metadata.waiting_records(RECORDS_MAX).await?;
                if waiting.is_empty() {
                    return Ok(written);
                }
                written += waiting.len();
                self.write_document_of(waiting).await?;
            }
        });
        Ok(written.await?.unwrap_or(0))
    }

    /// First the document, then the note: a stop in between writes them once more, which says the same again.
    async fn write_document_of(&self, waiting: Vec<WaitingRecord>) -> Result<(), Error> {
        let ids = waiting.iter().map(|record| record.id).collect();
        let stamp = now_ms().max(self.metadata.records_stamp().await? + 1);
        let name = format!("{FOLDER}{stamp:013}-{}{SUFFIX}", &new_id()[..8]);
        let lines = tokio::task::spawn_blocking(move || lines(waiting)).await;
        let lines = lines.map_err(|error| Error::internal("writing records", error))?;
        let body = stream::once(async { Ok(Bytes::from(lines)) }).boxed();
        self.blobs.write_document(&name, body).await?;
        Ok(self.metadata.records_written(ids, stamp).await?)
    }

    /// Deletes the records that a snapshot holds which is older than all others, and answers how many documents.
    pub(crate) async fn prune_records(&self, up_to: i64) -> Result<usize, Error> {
        let mut deleted = 0;
        for document in documents(self.blobs.as_ref()).await? {
            if document.stamp <= up_to {
                self.blobs.delete_document(&document.name).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

/// The records in a store, oldest first.
pub(crate) async fn documents(blobs: &dyn BlobStore) -> Result<Vec<Document>, Error> {
    let found: Vec<StoredDocument> = blobs.list_documents(FOLDER).try_collect().await?;
    let documents = found.into_iter().filter_map(|document| {
        let name = document.name.strip_prefix(FOLDER)?.strip_suffix(SUFFIX)?;
        let stamp = name.split_once('-')?.0.parse().ok()?;
        Some(Document {
            stamp,
            name: document.name,
        })
    });
    let mut documents: Vec<_> = documents.collect();
    documents.sort_unstable();
    Ok(documents)
}

/// The records of a document, and how many lines of it could not be read.
pub(crate) async fn read(blobs: &dyn BlobStore, document: &Document) -> Result<(Vec<Record>, usize), Error> {
    let mut body = blobs.read_document(&document.name).await?;
    let mut text = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Error::internal("reading records", error))?;
        text.extend_from_slice(&piece);
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let read: Vec<Result<Record, _>> = lines.map(serde_json::from_slice).collect();
    let count = read.len();
    let records: Vec<Record> = read.into_iter().flatten().collect();
    let broken = count - records.len();
    Ok((records, broken))
}

fn lines(waiting: Vec<WaitingRecord>) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in waiting {
        // The manifest was deleted meanwhile, which a later record says.
        if record.what == "manifest" && record.manifest.is_none() {
            continue;
        }
        let (media_type, bytes) = record.manifest.unzip();
        let (account, creator) = record.organization.unzip();
        let record = Record {
            what: record.what,
            place: record.place,
            at: record.at,
            digest: record.digest,
            tag: record.tag,
            user_id: record.user_id,
            media_type,
            bytes: bytes.map(|bytes| STANDARD.encode(bytes)),
            repository: record.repository.map(|says| Says {
                public: says.is_public,
                listed: says.is_listed,
                category: says.category,
                description: says.description,
            }),
            account,
            creator,
        };
        serde_json::to_writer(&mut lines, &record).expect("a record is made of texts and numbers");
        lines.push(b'\n');
    }
    lines
}
