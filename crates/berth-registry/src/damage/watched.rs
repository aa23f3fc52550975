//! A blob's bytes on their way to a client, looked at as they pass.
//! It refuses to know what becomes of what it finds.

use std::io;

use berth_blob::ByteStream;
use berth_metadata::Damage;
use berth_oci::Hasher;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::{Reading, Turn, Watch, damage_of};
use crate::clock::now_ms;

/// Bytes that are being read, and hashed when it is time.
pub(super) struct Watched {
    source: Source,
    /// None when they have ended.
    bytes: Option<ByteStream>,
    check: Option<Check>,
}

/// Whose bytes they are.
struct Source {
    watch: Watch,
    read: Reading,
}

struct Check {
    hasher: Hasher,
    /// The piece that came last: it goes on when another follows, or when all are right.
    held: Option<Bytes>,
    _turn: Turn,
}

impl Watched {
    pub(super) fn new(watch: Watch, read: Reading, bytes: ByteStream, turn: Option<Turn>) -> Self {
        let check = turn.map(|turn| Check {
            hasher: Hasher::new(read.digest.algorithm()),
            held: None,
            _turn: turn,
        });
        Self {
            source: Source { watch, read },
            bytes: Some(bytes),
            check,
        }
    }

    pub(super) fn into_stream(self) -> ByteStream {
        Box::pin(stream::unfold(self, Self::next))
    }

    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            match (self.bytes.as_mut()?.next().await, &mut self.check) {
                (Some(Ok(chunk)), None) => return Some((Ok(chunk), self)),
                (Some(Ok(chunk)), Some(check)) => {
                    check.hasher.update(&chunk);
                    if let Some(before) = check.held.replace(chunk) {
                        return Some((Ok(before), self));
                    }
                }
                (Some(Err(error)), _) => {
                    self.bytes = None;
                    if let Some(damage) = damage_of(&error) {
                        self.source.found(damage).await;
                    }
                    return Some((Err(error), self));
                }
                (None, _) => {
                    self.bytes = None;
                    let check = self.check.take()?;
                    let last = self.source.end(check).await?;
                    return Some((last, self));
                }
            }
        }
    }
}

impl Source {
    /// The piece that was held back, or the end of the connection.
    async fn end(&self, check: Check) -> Option<io::Result<Bytes>> {
        if check.hasher.finish() == self.read.digest {
            let (metadata, digest) = (self.watch.metadata.clone(), self.read.digest.to_string());
            // The client does not wait for a note; one that is lost is made by the next reader.
            tokio::spawn(async move {
                if let Err(error) = metadata.note_verified(vec![digest], now_ms()).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a verified blob could not be noted"
                    );
                }
            });
            return check.held.map(Ok);
        }
        self.found(Damage::Wrong).await;
        let wrong = format!("the stored bytes of {} are not its own", self.read.digest);
        Some(Err(io::Error::new(io::ErrorKind::InvalidData, wrong)))
    }

    async fn found(&self, damage: Damage) {
        if let Err(error) = self.watch.found(&self.read, damage).await {
            tracing::error!(
                digest = %self.read.digest,
                error = &error as &dyn std::error::Error,
                "a damaged blob could not be marked"
            );
        }
    }
}
