//! Damage to stored bytes, wherever it is met: the blob is marked, so that the next push refills it, and what it touches
//! is named in the log. It refuses to know who reads and why.

use std::io;
use std::sync::Arc;

use berth_blob::{BlobStore, ByteStream};
use berth_metadata::{Damage, DamageFound, Metadata};
use berth_oci::Digest;
use futures_util::{StreamExt as _, stream};

use crate::clock::now_ms;
use crate::error::Error;

/// Most repositories and tags that one line of the log names.
const NAMED_MAX: i64 = 100;

/// Marks what is found damaged.
#[derive(Clone)]
pub(crate) struct Watch {
    metadata: Metadata,
    blobs: Arc<dyn BlobStore>,
}

/// Bytes of a blob that are being read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    digest: Digest,
    key: String,
}

impl Reading {
    pub(crate) fn new(digest: &Digest, key: String) -> Self {
        Self {
            digest: digest.clone(),
            key,
        }
    }
}

impl Watch {
    pub(crate) fn new(metadata: Metadata, blobs: Arc<dyn BlobStore>) -> Self {
        Self { metadata, blobs }
    }

    /// The same bytes; when they turn out to be damaged, the blob is marked before the reader hears of it.
    pub(crate) fn watch(&self, read: Reading, bytes: ByteStream) -> ByteStream {
        let watched = (self.clone(), read, bytes);
        Box::pin(stream::unfold(watched, |(watch, read, mut bytes)| async move {
            let item = bytes.next().await?;
            if let Some(damage) = item.as_ref().err().and_then(damage_of)
                && let Err(error) = watch.found(&read, damage).await
            {
                tracing::error!(
                    digest = %read.digest,
                    error = &error as &dyn std::error::Error,
                    "a damaged blob could not be marked"
                );
            }
            Some((item, (watch, read, bytes)))
        }))
    }

    /// Marks the blob, unless it has other bytes by now, and names what it touches.
    pub(crate) async fn found(&self, read: &Reading, damage: Damage) -> Result<(), Error> {
        let size = match damage {
            Damage::Missing => 0,
            // What the store cannot tell is not there to be kept.
            _ => self.blobs.size(&read.key).await.unwrap_or(0),
        };
        let marked = self
            .metadata
            .mark_damaged(DamageFound {
                digest: read.digest.to_string(),
                key: read.key.clone(),
                damage,
                size: i64::try_from(size).unwrap_or(i64::MAX),
                now: now_ms(),
            })
            .await?;
        if !marked {
            return Ok(());
        }
        let affected = self.metadata.affected_by(read.digest.as_str(), NAMED_MAX).await?;
        let names = affected.iter().map(|place| match &place.tag {
            Some(tag) => format!("{}:{tag}", place.repository),
            None => place.repository.clone(),
        });
        tracing::error!(
            digest = %read.digest,
            key = read.key,
            damage = damage.as_str(),
            affected = names.collect::<Vec<_>>().join(" "),
            "a stored blob is damaged: pushing it again heals it"
        );
        Ok(())
    }
}

/// What an error of a blob's stream says about its bytes; see [`berth_blob::BlobStore::open`].
fn damage_of(error: &io::Error) -> Option<Damage> {
    match error.kind() {
        io::ErrorKind::NotFound => Some(Damage::Missing),
        io::ErrorKind::UnexpectedEof => Some(Damage::Short),
        io::ErrorKind::InvalidData => Some(Damage::Unreadable),
        _ => None,
    }
}
