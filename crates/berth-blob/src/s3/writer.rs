//! Bytes become parts of a multipart upload, several on their way at once, and small objects while they wait.
//! Knows the state of one upload while it is being written; what is durable is in [`State`] alone.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::bucket::Bucket;
use super::failure::translated;
use super::layout::{RECORD, new_piece};
use super::memory::{Buffer, Load};
use super::state::{Piece, State};
use crate::Error;

/// How many parts of one body are on their way at once.
const PARTS_IN_FLIGHT: usize = 4;
/// Bytes that come in smaller pieces are gathered into one when there are this many.
const PIECES_MAX: usize = 24;
/// How many pieces are read at once.
const PIECES_AT_ONCE: usize = 4;

/// The note of a multipart upload: what to forget when nobody knows of it any more.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) path: String,
    pub(super) id: String,
}

/// One upload while bytes are added to it.
pub(super) struct Writer {
    bucket: Arc<Bucket>,
    folder: Path,
    /// What the multipart upload becomes.
    target: Path,
    state: State,
    buffer: Buffer,
    flights: JoinSet<Result<(usize, String), Error>>,
}

impl Writer {
    pub(super) fn new(bucket: Arc<Bucket>, folder: Path, target: Path, state: State) -> Self {
        Self {
            bucket,
            folder,
            target,
            state,
            buffer: Buffer::default(),
            flights: JoinSet::new(),
        }
    }

    /// Adds bytes; they are not durable before the end.
    pub(super) async fn write(&mut self, mut chunk: Bytes) -> Result<(), Error> {
        while !chunk.is_empty() {
            self.make_room().await?;
            let part = self.part_bytes();
            self.buffer.fill(&mut chunk, part.saturating_sub(self.waiting()));
            if self.waiting() >= part {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    /// Makes all bytes durable in a way that more can follow.
    pub(super) async fn park_all(mut self) -> Result<State, Error> {
        if let Some(id) = self.state.multipart.clone()
            && self.state.pieces.is_empty()
            && self.buffer.bytes() > 0
        {
            // When no more bytes come, the commit finds its last part in place.
            self.state.last_part = None;
            let load = self.buffer.take();
            self.launch(id, self.state.parts.len(), load.clone());
            self.put_piece(load).await?;
        } else {
            self.park().await?;
        }
        self.land_all().await?;
        Ok(self.state)
    }

    /// Makes all bytes the target, when nothing was parked or begun before this writer.
    pub(super) async fn finish(mut self) -> Result<State, Error> {
        let Some(id) = self.state.multipart.clone() else {
            let load = self.gather().await?;
            self.bucket
                .put("write an object", &self.target, load.payload())
                .await?;
            return Ok(self.state);
        };
        if self.waiting() > 0 {
            self.send_part().await?;
        }
        self.land_all().await?;
        let completed = self.bucket.complete(&self.target, &id, &self.state.parts).await;
        completed.map_err(|error| translated("complete an object", error))?;
        Ok(self.state)
    }

    fn part_bytes(&self) -> u64 {
        self.bucket.parts.of(self.state.parts.len())
    }

    /// Bytes that are in no part.
    fn waiting(&self) -> u64 {
        self.state.waiting() + self.buffer.bytes()
    }

    /// Waits for memory, and holds none while it waits for other uploads to give some back.
    async fn make_room(&mut self) -> Result<(), Error> {
        while self.buffer.is_at_its_bound() {
            if let Some(slab) = self.bucket.memory.try_take(1) {
                self.buffer.grow(slab);
            } else if !self.flights.is_empty() {
                self.land().await?;
            } else if self.buffer.bytes() > 0 {
                self.park().await?;
            } else {
                let slab = self.bucket.memory.take(1).await;
                self.buffer.grow(slab);
            }
        }
        Ok(())
    }

    /// Sends what waits as the next part.
    async fn send_part(&mut self) -> Result<(), Error> {
        let id = self.begin().await?;
        while self.flights.len() >= PARTS_IN_FLIGHT {
            self.land().await?;
        }
        let load = self.gather().await?;
        let index = self.state.parts.len();
        self.state.parts.push(String::new());
        self.state.parts_bytes += load.bytes;
        self.launch(id, index, load);
        Ok(())
    }

    /// The multipart upload, begun and noted before its first part.
    async fn begin(&mut self) -> Result<String, Error> {
        if let Some(id) = &self.state.multipart {
            return Ok(id.clone());
        }
        let begun = self.bucket.client.create_multipart(&self.target).await;
        let id = begun.map_err(|error| translated("begin a multipart upload", error))?;
        let record = Record {
            path: self.target.to_string(),
            id: id.clone(),
        };
        let text = serde_json::to_vec(&record).expect("texts are JSON");
        let path = self.folder.clone().join(RECORD);
        self.bucket
            .put("note a multipart upload", &path, text.into())
            .await?;
        self.state.multipart = Some(id.clone());
        Ok(id)
    }

    /// Sends a part while more bytes are received.
    fn launch(&mut self, id: String, index: usize, load: Load) {
        let (bucket, target) = (Arc::clone(&self.bucket), self.target.clone());
        self.flights.spawn(async move {
            let part = bucket.put_part(&target, &id, index, load.payload()).await?;
            Ok((index, part))
        });
    }

    async fn land_all(&mut self) -> Result<(), Error> {
        while !self.flights.is_empty() {
            self.land().await?;
        }
        Ok(())
    }

    /// Waits for one part.
    async fn land(&mut self) -> Result<(), Error> {
        let landed = self.flights.join_next().await.expect("a part is on its way");
        let (index, part) = landed.unwrap_or_else(|join| std::panic::resume_unwind(join.into_panic()))?;
        match self.state.parts.get_mut(index) {
            Some(place) => *place = part,
            None => self.state.last_part = Some(part),
        }
        Ok(())
    }

    /// Makes the buffer's bytes durable as a small object.
    async fn park(&mut self) -> Result<(), Error> {
        if self.buffer.bytes() == 0 {
            return Ok(());
        }
        let load = if self.state.pieces.len() + 1 >= PIECES_MAX {
            self.gather().await?
        } else {
            self.buffer.take()
        };
        self.put_piece(load).await
    }

    async fn put_piece(&mut self, load: Load) -> Result<(), Error> {
        let name = new_piece();
        let path = self.folder.clone().join(name.as_str());
        self.bucket.put("park bytes", &path, load.payload()).await?;
        self.state.pieces.push(Piece {
            name,
            bytes: load.bytes,
        });
        self.state.last_part = None;
        Ok(())
    }

    /// All bytes that wait, as one load; the pieces are spent then.
    async fn gather(&mut self) -> Result<Load, Error> {
        self.state.last_part = None;
        if self.state.pieces.is_empty() {
            return Ok(self.buffer.take());
        }
        let memory = self.bucket.memory.try_take(self.state.waiting());
        let memory = if let Some(memory) = memory {
            memory
        } else {
            self.land_all().await?;
            if self.buffer.bytes() > 0 {
                let load = self.buffer.take();
                self.put_piece(load).await?;
            }
            self.bucket.memory.take(self.state.waiting()).await
        };
        let pieces = std::mem::take(&mut self.state.pieces);
        let bytes = read_pieces(&self.bucket, &self.folder, &pieces).await?;
        self.state
            .spent
            .extend(pieces.into_iter().map(|piece| piece.name));
        Ok(Load::new(bytes, memory).followed_by(self.buffer.take()))
    }
}

/// The bytes of pieces, in order.
pub(super) async fn read_pieces(
    bucket: &Bucket,
    folder: &Path,
    pieces: &[Piece],
) -> Result<Vec<Bytes>, Error> {
    let reads: Vec<_> = pieces
        .iter()
        .map(|piece| read_piece(bucket, folder.clone().join(piece.name.as_str()), piece.bytes).boxed())
        .collect();
    stream::iter(reads).buffered(PIECES_AT_ONCE).try_collect().await
}

async fn read_piece(bucket: &Bucket, path: Path, length: u64) -> Result<Bytes, Error> {
    let bytes = bucket.read("read parked bytes", &path).await?;
    // A piece is written once and whole; one of another length is not the one that was written.
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(Error::NotFound)
    }
}
