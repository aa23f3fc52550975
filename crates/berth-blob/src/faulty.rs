//! A store that breaks at a chosen step, for tests of what stands above a store.
//! It owns no bytes: it counts the steps that change something and lets the one it was told to go wrong.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use berth_oci::Digest;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt, TryFutureExt as _, stream};

use crate::{
    BlobBytes, BlobStore, ByteStream, Error, StoredBlob, StoredDocument, UnfinishedUpload, Upload, Written,
};

/// How a [`FaultyStore`] goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// That one step answers that the store is full.
    NoSpace,
    /// That one step answers that the store is read-only.
    ReadOnly,
    /// That one step answers [`Error::Internal`].
    Fails,
    /// That step and all that follow answer [`Error::Internal`], as if the process had died there, until
    /// [`FaultyStore::heal`].
    Stops,
}

/// Wraps a store and breaks it at the nth step.
///
/// `write`, `commit`, `abort`, `delete` and the writing and deleting of documents are two steps each: one before anything is done, and one after it was done
/// but before the caller hears of it. (The second step of a write is the end of its sync. One that fails there has kept its
/// bytes, as after a crash.) Reads are no steps; they fail only after [`Fault::Stops`].
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    steps: Arc<Steps>,
}

/// The steps of a store, and what becomes of them.
#[derive(Debug)]
struct Steps {
    at: u64,
    fault: Fault,
    done: AtomicU64,
    healed_at: AtomicU64,
}

impl<S: BlobStore> FaultyStore<S> {
    /// Lets step number `at` (counted from 0) of `inner` go wrong.
    pub fn new(inner: S, at: u64, fault: Fault) -> Self {
        let steps = Arc::new(Steps {
            at,
            fault,
            done: AtomicU64::new(0),
            healed_at: AtomicU64::new(u64::MAX),
        });
        Self { inner, steps }
    }

    /// Whether the step that goes wrong has been reached; a loop over `at` ends when it has not.
    pub fn fired(&self) -> bool {
        self.steps.have_fired()
    }

    /// Works again from now on, as after a restart; the step that was to go wrong no longer does.
    pub fn heal(&self) {
        self.steps
            .healed_at
            .store(self.steps.done.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// The wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn step(&self, doing: &str) -> Result<(), Error> {
        self.steps.step(doing)
    }

    fn read(&self, doing: &str) -> Result<(), Error> {
        self.steps.read(doing)
    }

    fn error(&self, doing: &str) -> Error {
        self.steps.error(doing)
    }
}

impl Steps {
    fn have_fired(&self) -> bool {
        self.done.load(Ordering::SeqCst) > self.at
    }

    fn step(&self, doing: &str) -> Result<(), Error> {
        let step = self.done.fetch_add(1, Ordering::SeqCst);
        if step >= self.healed_at.load(Ordering::SeqCst) {
            return Ok(());
        }
        let broken = if self.fault == Fault::Stops {
            step >= self.at
        } else {
            step == self.at
        };
        if broken { Err(self.error(doing)) } else { Ok(()) }
    }

    fn read(&self, doing: &str) -> Result<(), Error> {
        let stopped = self.fault == Fault::Stops && self.have_fired();
        let healed = self.healed_at.load(Ordering::SeqCst) != u64::MAX;
        if stopped && !healed {
            Err(self.error(doing))
        } else {
            Ok(())
        }
    }

    fn error(&self, doing: &str) -> Error {
        match self.fault {
            Fault::NoSpace => Error::NoSpace,
            Fault::ReadOnly => Error::ReadOnly,
            Fault::Fails | Fault::Stops => Error::Internal {
                doing: doing.to_owned(),
                source: io::Error::other("broken on purpose"),
            },
        }
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for FaultyStore<S> {
    async fn write(&self, upload: &mut Upload, body: ByteStream) -> Result<Written, Error> {
        self.step("write")?;
        let mut copy = upload.clone();
        let written = self.inner.write(&mut copy, body).await?;
        let durable = match written.durable {
            None => {
                self.step("sync")?;
                None
            }
            Some(durable) => {
                let steps = Arc::clone(&self.steps);
                Some(durable.and_then(async move |()| steps.step("sync")).boxed())
            }
        };
        *upload = copy;
        Ok(Written {
            durable,
            broken: written.broken,
        })
    }

    async fn commit(&self, upload: &Upload, digest: &Digest) -> Result<String, Error> {
        self.step("commit")?;
        let done = self.inner.commit(upload, digest).await;
        self.step("commit")?;
        done
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Error> {
        self.step("abort")?;
        let done = self.inner.abort(upload).await;
        self.step("abort")?;
        done
    }

    async fn open(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        self.read("open")?;
        self.inner.open(key, range).await
    }

    async fn open_parts(&self, key: &str, parts: Vec<Range<u64>>) -> Result<BlobBytes, Error> {
        self.read("open")?;
        self.inner.open_parts(key, parts).await
    }

    async fn size(&self, key: &str) -> Result<u64, Error> {
        self.read("size")?;
        self.inner.size(key).await
    }

    async fn delete(&self, keys: &[String]) -> Vec<(String, Error)> {
        let all_failed = |doing: &str| keys.iter().map(|key| (key.clone(), self.error(doing))).collect();
        if self.step("delete").is_err() {
            return all_failed("delete");
        }
        let done = self.inner.delete(keys).await;
        if self.step("delete").is_err() {
            return all_failed("delete");
        }
        done
    }

    fn list(&self) -> BoxStream<'static, Result<StoredBlob, Error>> {
        match self.read("list") {
            Ok(()) => self.inner.list(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn list_uploads(&self) -> BoxStream<'static, Result<UnfinishedUpload, Error>> {
        match self.read("list uploads") {
            Ok(()) => self.inner.list_uploads(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn download_url(&self, key: &str, ttl: Duration) -> Result<Option<String>, Error> {
        self.read("sign an address")?;
        self.inner.download_url(key, ttl).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.read("check")?;
        self.inner.check().await
    }

    async fn claim(&self, registry_id: &str) -> Result<String, Error> {
        self.read("claim")?;
        self.inner.claim(registry_id).await
    }

    async fn write_document(&self, name: &str, body: ByteStream) -> Result<(), Error> {
        self.step("write a document")?;
        let done = self.inner.write_document(name, body).await;
        self.step("write a document")?;
        done
    }

    async fn read_document(&self, name: &str) -> Result<ByteStream, Error> {
        self.read("read a document")?;
        self.inner.read_document(name).await
    }

    fn list_documents(&self, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>> {
        match self.read("list documents") {
            Ok(()) => self.inner.list_documents(prefix),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn delete_document(&self, name: &str) -> Result<(), Error> {
        self.step("delete a document")?;
        let done = self.inner.delete_document(name).await;
        self.step("delete a document")?;
        done
    }
}
