//! Which chunks are kept, in the order of their last use, and how much they take together. It knows no file.

use std::collections::{BTreeMap, HashMap};

use super::chunk::{BlobId, ChunkId};

/// What a chunk takes at least, so that many small ones have a bound, too.
const BYTES_MIN: u64 = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Index {
    chunks: HashMap<ChunkId, Entry>,
    by_use: BTreeMap<u64, ChunkId>,
    /// The size of each blob that has chunks here, and how many.
    blobs: HashMap<BlobId, (u64, usize)>,
    bytes: u64,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    used: u64,
    is_checked: bool,
}

impl Index {
    /// Adds a chunk as the one used last. `is_checked`: its file is known to be whole.
    pub(super) fn add(&mut self, id: ChunkId, is_checked: bool) {
        self.remove(id);
        self.uses += 1;
        let used = self.uses;
        self.chunks.insert(id, Entry { used, is_checked });
        self.by_use.insert(used, id);
        self.blobs.entry(id.blob).or_insert((id.size, 0)).1 += 1;
        self.bytes += cost(id);
    }

    /// Says whether a chunk is kept, and then whether its file is known to be whole; it is the one used last.
    pub(super) fn take(&mut self, id: ChunkId) -> Option<bool> {
        let entry = self.chunks.get_mut(&id)?;
        self.uses += 1;
        self.by_use.remove(&entry.used);
        entry.used = self.uses;
        self.by_use.insert(entry.used, id);
        Some(entry.is_checked)
    }

    pub(super) fn has(&self, id: ChunkId) -> bool {
        self.chunks.contains_key(&id)
    }

    /// Its file is whole.
    pub(super) fn checked(&mut self, id: ChunkId) {
        if let Some(entry) = self.chunks.get_mut(&id) {
            entry.is_checked = true;
        }
    }

    /// Says whether it was there.
    pub(super) fn remove(&mut self, id: ChunkId) -> bool {
        let Some(entry) = self.chunks.remove(&id) else {
            return false;
        };
        self.by_use.remove(&entry.used);
        self.bytes = self.bytes.saturating_sub(cost(id));
        if let Some((_, count)) = self.blobs.get_mut(&id.blob) {
            *count -= 1;
            if *count == 0 {
                self.blobs.remove(&id.blob);
            }
        }
        true
    }

    /// Takes out the chunks used longest ago, until one more has its place below `bytes_max`.
    pub(super) fn make_room(&mut self, id: ChunkId, bytes_max: u64) -> Vec<ChunkId> {
        let mut gone = Vec::new();
        while self.bytes + cost(id) > bytes_max {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            self.remove(oldest);
            gone.push(oldest);
        }
        gone
    }

    /// Takes out all chunks of a blob.
    pub(super) fn remove_blob(&mut self, blob: BlobId) -> Vec<ChunkId> {
        let Some(size) = self.size(blob) else {
            return Vec::new();
        };
        let numbers = 0..size.div_ceil(super::CHUNK_BYTES);
        let ids = numbers.map(|number| ChunkId { blob, size, number });
        ids.filter(|id| self.remove(*id)).collect()
    }

    /// Bytes of a blob of which at least one chunk is kept.
    pub(super) fn size(&self, blob: BlobId) -> Option<u64> {
        self.blobs.get(&blob).map(|(size, _)| *size)
    }
}

fn cost(id: ChunkId) -> u64 {
    id.len().max(BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let id = |number| ChunkId {
            blob: BlobId::of("key"),
            size: 40 << 20,
            number,
        };
        let mut index = Index::default();
        for number in 0..3 {
            assert!(index.make_room(id(number), 12 << 20).is_empty());
            index.add(id(number), number != 1);
        }
        assert_eq!(index.take(id(0)), Some(true));
        assert_eq!(index.make_room(id(3), 12 << 20), [id(1)]);
        index.add(id(3), true);
        assert_eq!(index.make_room(id(4), 8 << 20), [id(2), id(0)]);
        assert_eq!((index.take(id(0)), index.has(id(3))), (None, true));
        assert_eq!(index.size(BlobId::of("key")), Some(40 << 20));
        assert_eq!(index.remove_blob(BlobId::of("key")), [id(3)]);
        assert_eq!((index.size(BlobId::of("key")), index.bytes), (None, 0));
    }
}
