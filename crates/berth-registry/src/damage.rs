//! Damage to stored bytes, wherever it is met: what is damaged is marked, so that the next push refills it, what it
//! touches is named, and what can be made whole again is. It refuses to know who reads and why.

mod watched;

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use berth_blob::{BlobBytes, BlobStore};
use berth_metadata::{Affected, Damage, DamageFound, Damaged, Metadata};
use berth_oci::{Digest, Hasher};
use futures_util::StreamExt as _;
use serde::Serialize;

use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;
use crate::pace::Pace;

pub(crate) use self::watched::Watched;
pub use self::watched::{BlobPart, BlobPiece};

/// Most repositories and tags that are named for one piece of damage.
const NAMED_MAX: i64 = 100;

/// Marks what is found damaged.
#[derive(Clone)]
pub(crate) struct Watch {
    metadata: Metadata,
    blobs: Arc<dyn BlobStore>,
    /// What is being hashed on its way to a client: one of many readers is enough.
    hashed: Arc<Mutex<HashSet<Digest>>>,
}

/// Bytes of a blob that are being read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) digest: Digest,
    pub(crate) key: String,
}

/// Something damaged, and what it touches.
#[derive(Clone, Debug)]
pub struct DamageReport {
    /// What is damaged.
    pub damaged: Damaged,
    /// The repositories and tags it touches, at most a hundred.
    pub affected: Vec<Affected>,
}

/// What was found when something was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The bytes have their digest.
    Right,
    /// They have not.
    Damaged(Damage),
}

/// Damage as reports of runs name it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) digest: String,
    pub(crate) damage: &'static str,
    /// `organization/image` and `organization/image:tag`.
    pub(crate) affected: Vec<String>,
}

/// Whoever hashes a blob on its way to a client; another may when this is dropped.
pub(crate) struct Turn {
    hashed: Arc<Mutex<HashSet<Digest>>>,
    digest: Digest,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut hashed = self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        hashed.remove(&self.digest);
    }
}

impl Watch {
    pub(crate) fn new(metadata: Metadata, blobs: Arc<dyn BlobStore>) -> Self {
        Self {
            metadata,
            blobs,
            hashed: Arc::default(),
        }
    }

    /// The same bytes; when they turn out to be damaged, the blob is marked before the reader hears of it. With a turn they
    /// are all of the blob's, read from where it is stored; the last piece is held back until they are known to be right.
    pub(crate) fn watch(&self, read: Reading, bytes: BlobBytes, turn: Option<Turn>) -> Watched {
        Watched::new(self.clone(), read, bytes, turn)
    }

    /// Lets a reader of all of a blob verify it, unless another does that already.
    pub(crate) fn turn(&self, digest: &Digest) -> Option<Turn> {
        let mut hashed = self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        hashed.insert(digest.clone()).then(|| Turn {
            hashed: Arc::clone(&self.hashed),
            digest: digest.clone(),
        })
    }

    /// Marks the blob, unless it has other bytes by now, and names what it touches; none when it was not marked.
    pub(crate) async fn found(&self, read: &Reading, damage: Damage) -> Result<Option<Named>, Error> {
        let size = match damage {
            Damage::Missing => 0,
            // What the store cannot tell is not there to be kept.
            _ => self.blobs.size(&read.key).await.unwrap_or(0),
        };
        let marked = self.metadata.mark_damaged(DamageFound {
            digest: read.digest.to_string(),
            key: read.key.clone(),
            damage,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            now: now_ms(),
        });
        if !marked.await? {
            return Ok(None);
        }
        let named = self.named(read.digest.as_str(), None, damage).await?;
        tracing::error!(
            digest = %read.digest,
            key = read.key,
            damage = damage.as_str(),
            affected = named.affected.join(" "),
            "a stored blob is damaged: pushing it again heals it"
        );
        Ok(Some(named))
    }

    async fn named(&self, digest: &str, repository_id: Option<i64>, damage: Damage) -> Result<Named, Error> {
        let affected = self.metadata.affected_by(digest, repository_id, NAMED_MAX);
        let names = affected.await?.into_iter().map(|place| match place.tag {
            Some(tag) => format!("{}:{tag}", place.repository),
            None => place.repository,
        });
        Ok(Named {
            digest: digest.to_owned(),
            damage: damage.as_str(),
            affected: names.collect(),
        })
    }

    /// Reads a blob's bytes, no faster than `pace` lets, and says whether they are right. An error says nothing about them.
    pub(crate) async fn verify(&self, read: &Reading, size: u64, pace: &mut Pace) -> Result<Verdict, Error> {
        let mut bytes = match self.blobs.open_stored(&read.key, 0..size).await {
            Err(berth_blob::Error::NotFound) => return Ok(Verdict::Damaged(Damage::Missing)),
            opened => opened?,
        };
        let mut hasher = Hasher::new(read.digest.algorithm());
        while let Some(chunk) = bytes.next().await {
            match chunk {
                Ok(chunk) => {
                    hasher.update(&chunk);
                    pace.spend(chunk.len() as u64).await;
                }
                Err(error) => {
                    let damage = damage_of(&error).map(Verdict::Damaged);
                    return damage.ok_or_else(|| Error::internal("reading a blob to verify it", error));
                }
            }
        }
        // Bytes beyond the blob's end are damage, too.
        if hasher.finish() == read.digest && self.blobs.size(&read.key).await? == size {
            Ok(Verdict::Right)
        } else {
            Ok(Verdict::Damaged(Damage::Wrong))
        }
    }

    /// Marks a manifest whose bytes are not those of its digest; none when it has others by now.
    pub(crate) async fn found_manifest(
        &self,
        repository_id: i64,
        (digest, bytes): (&str, &[u8]),
    ) -> Result<Option<Named>, Error> {
        let marked = self
            .metadata
            .mark_manifest_damaged(repository_id, (digest, bytes), now_ms());
        if !marked.await? {
            return Ok(None);
        }
        let named = self.named(digest, Some(repository_id), Damage::Wrong).await?;
        tracing::error!(
            digest,
            affected = named.affected.join(" "),
            "a stored manifest is damaged: pushing it again heals it"
        );
        Ok(Some(named))
    }

    /// Makes a damaged blob whole again with the bytes as they lie there, which a store that was away for a while has
    /// again; says whether it is whole.
    pub(crate) async fn heal(&self, damaged: &Damaged, pace: &mut Pace) -> Result<bool, Error> {
        let read = Reading {
            digest: damaged
                .digest
                .parse()
                .map_err(|broken| Error::internal("reading a stored digest", broken))?,
            key: damaged.key.clone(),
        };
        let size = u64::try_from(damaged.size).unwrap_or(0);
        if self.verify(&read, size, pace).await? != Verdict::Right {
            return Ok(false);
        }
        let cleared = self
            .metadata
            .clear_damage(&damaged.digest, &damaged.key, now_ms());
        let cleared = cleared.await?;
        if cleared {
            tracing::warn!(digest = %read.digest, key = read.key, "a damaged blob is right again");
        }
        Ok(cleared)
    }
}

impl Registry {
    /// At most `limit` damaged blobs and manifests with what they touch, by digest, those after `last`; for the operator
    /// and the administrators of the operator's account.
    pub async fn damaged(
        &self,
        caller: &Caller,
        last: Option<(&str, i64)>,
        limit: i64,
    ) -> Result<Vec<DamageReport>, Error> {
        self.require_operating_account(caller).await?;
        let mut reports = Vec::new();
        for damaged in self.metadata.damaged(last, limit).await? {
            let affected = self
                .metadata
                .affected_by(&damaged.digest, damaged.repository_id, NAMED_MAX)
                .await?;
            reports.push(DamageReport { damaged, affected });
        }
        Ok(reports)
    }
}

/// What an error of a blob's stream says about its bytes; see [`berth_blob::BlobStore::open`].
pub(crate) fn damage_of(error: &io::Error) -> Option<Damage> {
    match error.kind() {
        io::ErrorKind::NotFound => Some(Damage::Missing),
        io::ErrorKind::UnexpectedEof => Some(Damage::Short),
        io::ErrorKind::InvalidData => Some(Damage::Unreadable),
        _ => None,
    }
}
