//! One file out of a layer: its bytes as a stream, unpacked from the layer's beginning and dropped until the file's.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use berth_blob::{BlobStore, ByteStream};
use berth_metadata::LayerBlob;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::layer::Entry;
use super::unpack::{Bounds, Packing, Unpacked, forward};
use crate::error::Error;
use crate::limits::ContentLimits;

/// Files that one process reads out of layers at once.
const READ_AT_ONCE: usize = 4;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
const PIECE: usize = 64 << 10;

/// Reads files.
pub(crate) struct Files {
    blobs: Arc<dyn BlobStore>,
    limits: ContentLimits,
    turns: Arc<Semaphore>,
}

impl Files {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>, limits: ContentLimits) -> Self {
        Self {
            blobs,
            limits,
            turns: Arc::new(Semaphore::new(READ_AT_ONCE)),
        }
    }

    /// The first `count` bytes of a file.
    pub(super) async fn open(
        &self,
        blob: &LayerBlob,
        (packing, entry): (Packing, &Entry),
        count: u64,
    ) -> Result<ByteStream, Error> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Unavailable)?.expect("nobody closes it");
        let size = u64::try_from(blob.size).unwrap_or_default();
        let count = count.min(entry.size);
        if packing == Packing::Plain {
            let end = entry.at.saturating_add(count).min(size);
            let stream = self.blobs.open(&blob.key, entry.at.min(end)..end).await?;
            return Ok(Box::pin(stream.map(move |piece| {
                let _turn = &turn;
                piece
            })));
        }
        let stream = self.blobs.open(&blob.key, 0..size).await?;
        let (packed, forwarding) = forward(Box::pin(stream), size, Arc::default());
        let bounds = Bounds {
            unpacked_max: self.limits.unpacked_bytes_max,
            time_max: self.limits.time_max,
        };
        let (sender, pieces) = mpsc::channel(2);
        let at = entry.at;
        tokio::spawn(forwarding);
        tokio::task::spawn_blocking(move || {
            let sent =
                Unpacked::open(packed, bounds).and_then(|source| send(source, at..at + count, &sender));
            if let Err(error) = sent {
                // Whoever went away hears nothing.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(received(pieces, turn))
    }
}

fn send(
    mut source: Unpacked,
    wanted: std::ops::Range<u64>,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    source.skip(wanted.start)?;
    let mut left = wanted.end - wanted.start;
    while left > 0 {
        let mut piece = Vec::with_capacity(PIECE);
        let limit = left.min(PIECE as u64);
        source.by_ref().take(limit).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= piece.len() as u64;
        if sender.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn received(pieces: mpsc::Receiver<io::Result<Bytes>>, turn: OwnedSemaphorePermit) -> ByteStream {
    Box::pin(stream::unfold((pieces, turn), |(mut pieces, turn)| async {
        let piece = pieces.recv().await?;
        Some((piece, (pieces, turn)))
    }))
}
