//! Which chunks of a blob a peer has. Bit i of the bytes, the least significant first, is chunk i.

/// Bytes of each chunk of a blob but the last.
pub const CHUNK_BYTES: u64 = 4 << 20;
/// Most chunks of a blob that is shared: 512 GiB.
const CHUNKS_MAX: u32 = 1 << 17;

/// A set of chunks of one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkSet {
    bytes: Box<[u8]>,
    chunks: u32,
    count: u32,
}

/// How many chunks a blob of so many bytes has; none for an empty one, and for one with too many.
pub(super) fn chunks_of(size: u64) -> Option<u32> {
    let chunks = u32::try_from(size.div_ceil(CHUNK_BYTES)).ok()?;
    (1..=CHUNKS_MAX).contains(&chunks).then_some(chunks)
}

impl ChunkSet {
    /// From bytes, of which there may be too few or too many: missing bits are 0, those beyond the blob are dropped.
    pub fn of_bytes(bytes: &[u8], chunks: u32) -> Self {
        let mut own = vec![0; chunks.div_ceil(8) as usize];
        let common = own.len().min(bytes.len());
        own[..common].copy_from_slice(&bytes[..common]);
        if let (Some(last), rest @ 1..) = (own.last_mut(), chunks % 8) {
            *last &= (1 << rest) - 1;
        }
        let count = own.iter().map(|byte| byte.count_ones()).sum();
        Self {
            bytes: own.into(),
            chunks,
            count,
        }
    }

    pub(super) fn empty(chunks: u32) -> Self {
        Self::of_bytes(&[], chunks)
    }

    pub(super) fn whole(chunks: u32) -> Self {
        Self::of_bytes(&vec![0xff; chunks.div_ceil(8) as usize], chunks)
    }

    pub(super) fn has(&self, chunk: u32) -> bool {
        self.bytes
            .get(chunk as usize / 8)
            .is_some_and(|byte| byte & (1 << (chunk % 8)) != 0)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.count == self.chunks
    }

    /// The chunks of the set, from the first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.without(None)
    }

    /// The chunks that are in this set and not in the other.
    pub(super) fn without<'a>(&'a self, other: Option<&'a Self>) -> impl Iterator<Item = u32> + 'a {
        self.bytes.iter().enumerate().flat_map(move |(at, byte)| {
            let others = other.and_then(|other| other.bytes.get(at)).copied();
            bits(byte & !others.unwrap_or(0)).map(move |bit| u32::try_from(at * 8).unwrap_or(u32::MAX) + bit)
        })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn bits(byte: u8) -> impl Iterator<Item = u32> {
    let mut left = byte;
    std::iter::from_fn(move || {
        (left != 0).then(|| {
            let bit = left.trailing_zeros();
            left &= left - 1;
            bit
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_blob_has_as_many_chunks_as_it_needs() {
        for (size, chunks) in [
            (0, None),
            (1, Some(1)),
            (CHUNK_BYTES, Some(1)),
            (CHUNK_BYTES + 1, Some(2)),
            (512 << 30, Some(1 << 17)),
            ((512 << 30) + 1, None),
            (u64::MAX, None),
        ] {
            assert_eq!(chunks_of(size), chunks, "{size}");
        }
    }

    proptest! {
        #[test]
        fn a_set_holds_what_its_bits_say(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            others in proptest::collection::vec(any::<u8>(), 0..40),
            chunks in 1_u32..300,
        ) {
            let has = |bytes: &[u8], chunk: u32| {
                bytes.get(chunk as usize / 8).is_some_and(|byte| byte >> (chunk % 8) & 1 == 1)
            };
            let expected: Vec<u32> = (0..chunks).filter(|chunk| has(&bytes, *chunk)).collect();
            let set = ChunkSet::of_bytes(&bytes, chunks);
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(set.is_whole(), expected.len() == chunks as usize);
            prop_assert_eq!((0..400).filter(|chunk| set.has(*chunk)).collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(ChunkSet::of_bytes(set.as_bytes(), chunks), set.clone());
            let other = ChunkSet::of_bytes(&others, chunks);
            let less: Vec<u32> = expected.into_iter().filter(|chunk| !has(&others, *chunk)).collect();
            prop_assert_eq!(set.without(Some(&other)).collect::<Vec<_>>(), less);
            prop_assert!(ChunkSet::whole(chunks).is_whole());
        }
    }
}
