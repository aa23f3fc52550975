//! What a chunk is called, and how its file tells that it is whole: the bytes, then a seal over them and over whose they are.

use std::ops::Range;
use std::path::PathBuf;

use berth_oci::{Algorithm, Digest, Hasher};
use bytes::Bytes;

use super::CHUNK_BYTES;

const MAGIC: &[u8; 8] = b"berthch1";
/// Bytes behind those of the chunk: the magic, and the digest in hexadecimal digits.
pub(super) const SEAL_BYTES: usize = 8 + 64;

/// A blob as the cache knows it: the digest of its key, which is long and the store's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BlobId(u128);

/// A chunk of a blob of a certain size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ChunkId {
    pub(super) blob: BlobId,
    pub(super) size: u64,
    pub(super) number: u64,
}

impl BlobId {
    pub(super) fn of(key: &str) -> Self {
        let digest = Digest::of(Algorithm::Sha256, key.as_bytes());
        let half = digest.hex().get(..32).unwrap_or_default();
        Self(u128::from_str_radix(half, 16).unwrap_or_default())
    }
}

impl ChunkId {
    /// The chunk of a blob that has the byte at `offset`.
    pub(super) fn at(blob: BlobId, size: u64, offset: u64) -> Self {
        let number = offset / CHUNK_BYTES;
        Self { blob, size, number }
    }

    /// The bytes of the blob that it has.
    pub(super) fn range(self) -> Range<u64> {
        let start = self.number.saturating_mul(CHUNK_BYTES).min(self.size);
        start..start.saturating_add(CHUNK_BYTES).min(self.size)
    }

    /// How many those are.
    pub(super) fn len(self) -> u64 {
        let range = self.range();
        range.end - range.start
    }

    /// Its file, below the cache's folder.
    pub(super) fn path(self) -> PathBuf {
        let blob = format!("{:032x}", self.blob.0);
        let name = format!("{blob}-{}-{}", self.size, self.number);
        PathBuf::from(&blob[..2]).join(name)
    }

    /// The chunk whose file has this name; none when it is no chunk's.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let blob = u128::from_str_radix(parts.next()?, 16).ok()?;
        let id = Self {
            blob: BlobId(blob),
            size: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        // As written here, and not in another way that means the same.
        let is_it = id.path().file_name().is_some_and(|written| written == name);
        (is_it && id.len() > 0).then_some(id)
    }

    /// What stands behind its bytes in its file.
    pub(super) fn seal(self, pieces: &[Bytes]) -> [u8; SEAL_BYTES] {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(self.path().as_os_str().as_encoded_bytes());
        for piece in pieces {
            hasher.update(piece);
        }
        let mut seal = [0; SEAL_BYTES];
        seal[..8].copy_from_slice(MAGIC);
        seal[8..].copy_from_slice(hasher.finish().hex().as_bytes());
        seal
    }

    /// Whether the bytes of its file are whole.
    pub(super) fn is_sealed(self, file: &[u8]) -> bool {
        let Some((bytes, seal)) = file.split_last_chunk::<SEAL_BYTES>() else {
            return false;
        };
        bytes.len() as u64 == self.len() && *seal == self.seal(&[Bytes::copy_from_slice(bytes)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_found_by_the_name_of_its_file() {
        let id = ChunkId::at(BlobId::of("sha256/ab/key"), 10 << 20, 9 << 20);
        assert_eq!((id.number, id.range()), (2, 8 << 20..10 << 20));
        let name = id.path();
        let name = name.file_name().unwrap().to_str().unwrap();
        assert_eq!(ChunkId::of_name(name), Some(id));
        for other in [
            "",
            "x",
            "12-5-0",
            &format!("{name}-1"),
            &format!("{name}0"),
            &name.to_uppercase(),
        ] {
            assert_eq!(ChunkId::of_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_file_is_whole_or_it_is_none() {
        let id = ChunkId::at(BlobId::of("key"), 5, 0);
        let bytes = Bytes::from_static(b"bytes");
        let mut file = bytes.to_vec();
        file.extend(id.seal(&[bytes]));
        assert!(id.is_sealed(&file));
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(!id.is_sealed(&damaged), "{at}");
            assert!(!id.is_sealed(&file[..at]), "{at}");
        }
        assert!(!ChunkId::at(BlobId::of("other"), 5, 0).is_sealed(&file));
    }
}
