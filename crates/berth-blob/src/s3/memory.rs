//! The memory that bytes on their way to the store take, bounded over all uploads of a store.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use object_store::PutPayload;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is given out in slabs of this size.
const SLAB_BYTES: usize = 256 << 10;

/// All memory that a store's uploads may take.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    slabs: Arc<Semaphore>,
    total: u32,
}

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        let total = permits(bytes);
        Self {
            slabs: Arc::new(Semaphore::new(total as usize)),
            total,
        }
    }

    /// Memory for this many bytes, when it is free now.
    pub(super) fn try_take(&self, bytes: u64) -> Option<Taken> {
        let slabs = Arc::clone(&self.slabs);
        slabs
            .try_acquire_many_owned(permits(bytes).min(self.total))
            .ok()
            .map(Taken)
    }

    /// Memory for this many bytes, when others have given it back. The caller must not hold any meanwhile.
    pub(super) async fn take(&self, bytes: u64) -> Taken {
        let slabs = Arc::clone(&self.slabs);
        let taken = slabs.acquire_many_owned(permits(bytes).min(self.total)).await;
        Taken(taken.expect("the semaphore is never closed"))
    }
}

/// Memory that is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Taken(OwnedSemaphorePermit);

/// Bytes that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    full: Vec<Bytes>,
    last: BytesMut,
    taken: Option<Taken>,
    bytes: u64,
}

impl Buffer {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether more bytes need more memory.
    pub(super) fn is_at_its_bound(&self) -> bool {
        let slabs = self.taken.as_ref().map_or(0, |taken| taken.0.num_permits());
        self.full.len() >= slabs
    }

    /// Has one more slab to fill.
    pub(super) fn grow(&mut self, more: Taken) {
        match &mut self.taken {
            Some(taken) => taken.0.merge(more.0),
            None => self.taken = Some(more),
        }
    }

    /// Takes bytes from the front of `chunk`: `most` of them, or as many as the current slab holds.
    pub(super) fn fill(&mut self, chunk: &mut Bytes, most: u64) {
        let room = SLAB_BYTES - self.last.len();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let length = chunk.len().min(room).min(most);
        self.last.extend_from_slice(&chunk[..length]);
        chunk.advance(length);
        self.bytes += length as u64;
        if self.last.len() == SLAB_BYTES {
            self.full.push(std::mem::take(&mut self.last).freeze());
        }
    }

    /// The bytes, to be sent; the buffer is empty then.
    pub(super) fn take(&mut self) -> Load {
        let Self {
            mut full,
            last,
            taken,
            bytes,
        } = std::mem::take(self);
        if !last.is_empty() {
            full.push(last.freeze());
        }
        Load {
            pieces: full,
            bytes,
            memory: taken.into_iter().map(Arc::new).collect(),
        }
    }
}

/// Bytes that are being sent, with the memory that they take.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    pieces: Vec<Bytes>,
    pub(super) bytes: u64,
    memory: Vec<Arc<Taken>>,
}

impl Load {
    pub(super) fn new(pieces: Vec<Bytes>, memory: Taken) -> Self {
        Self {
            bytes: pieces.iter().map(|piece| piece.len() as u64).sum(),
            pieces,
            memory: vec![Arc::new(memory)],
        }
    }

    /// These bytes and those of `other` behind them.
    pub(super) fn followed_by(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self.memory.extend(other.memory);
        self.bytes += other.bytes;
        self
    }

    pub(super) fn payload(&self) -> PutPayload {
        self.pieces.iter().cloned().collect()
    }
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(SLAB_BYTES as u64)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_asks_for_memory_before_it_takes_it() {
        let memory = Memory::new(2 * SLAB_BYTES as u64);
        let mut buffer = Buffer::default();
        let mut chunk = Bytes::from(vec![7; 3 * SLAB_BYTES]);
        for _ in 0..2 {
            assert!(buffer.is_at_its_bound());
            buffer.grow(memory.try_take(1).unwrap());
            buffer.fill(&mut chunk, u64::MAX);
        }
        assert!(buffer.is_at_its_bound() && memory.try_take(1).is_none());
        let load = buffer.take();
        assert_eq!((load.bytes, buffer.bytes()), (2 * SLAB_BYTES as u64, 0));
        assert_eq!(load.payload().content_length(), 2 * SLAB_BYTES);
        assert!(
            memory.try_take(1).is_none(),
            "bytes that are being sent take memory"
        );
        drop(load);
        assert!(memory.try_take(2 * SLAB_BYTES as u64).is_some());
    }

    #[test]
    fn a_buffer_takes_no_more_than_is_wanted() {
        let memory = Memory::new(1 << 20);
        let mut buffer = Buffer::default();
        buffer.grow(memory.try_take(1).unwrap());
        let mut chunk = Bytes::from_static(b"0123456789");
        buffer.fill(&mut chunk, 4);
        assert_eq!((buffer.bytes(), chunk.as_ref()), (4, &b"456789"[..]));
    }
}
