//! What an entry of a journal looks like, and where the entries of a segment end.
//! Little endian: magic, generation, length of the bytes, length of the key; the key; the digest of all before; the
//! bytes, whose own digest is in the key. So an entry is whole, or it is none.

use berth_oci::{Algorithm, Digest};
use bytes::Bytes;

use crate::fs::layout;

/// The halves of a journal.
pub(super) const SEGMENTS: usize = 2;
/// The bytes of each.
pub(super) const SEGMENT_BYTES: usize = 16 << 20;
/// What is synced together begins at a multiple of this: no sync writes once more to where an earlier one wrote.
pub(super) const BLOCK_BYTES: usize = 4096;

const MAGIC: [u8; 8] = *b"berthjn1";
const HEAD_BYTES: usize = MAGIC.len() + 8 + 4 + 4;
const SEAL_BYTES: usize = 64;

/// An entry that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) bytes: &'a [u8],
    generation: u64,
    end: usize,
}

/// How many bytes the entry of a blob takes.
pub(super) fn length(key: &str, parts: &[Bytes]) -> usize {
    HEAD_BYTES + key.len() + SEAL_BYTES + parts.iter().map(Bytes::len).sum::<usize>()
}

/// Where the next sync may begin.
pub(super) fn next_block(end: usize) -> usize {
    end.next_multiple_of(BLOCK_BYTES)
}

/// Adds the entry of a blob that is much smaller than 4 GiB.
pub(super) fn push(buffer: &mut Vec<u8>, generation: u64, (key, parts): (&str, &[Bytes])) {
    let number = |length: usize| {
        u32::try_from(length)
            .expect("small blobs are in journals")
            .to_le_bytes()
    };
    let start = buffer.len();
    buffer.extend_from_slice(&MAGIC);
    buffer.extend_from_slice(&generation.to_le_bytes());
    buffer.extend_from_slice(&number(parts.iter().map(Bytes::len).sum()));
    buffer.extend_from_slice(&number(key.len()));
    buffer.extend_from_slice(key.as_bytes());
    let seal = Digest::of(Algorithm::Sha256, &buffer[start..]);
    buffer.extend_from_slice(seal.hex().as_bytes());
    for part in parts {
        buffer.extend_from_slice(part);
    }
}

/// The entries of a segment from its start: up to the first that is not whole, or of another generation than the first.
pub(super) fn all(segment: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let (mut at, mut generation) = (0, None);
    std::iter::from_fn(move || {
        let of_ours = |entry: &Entry<'_>| generation.is_none_or(|ours| ours == entry.generation);
        let block = next_block(at);
        let ends_here = segment
            .get(at..block)
            .is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
        let found = read(segment, if ends_here { block } else { at }).filter(of_ours)?;
        (at, generation) = (found.end, Some(found.generation));
        Some(found)
    })
}

fn read(segment: &[u8], start: usize) -> Option<Entry<'_>> {
    let head = segment.get(start..start + HEAD_BYTES)?;
    let (magic, head) = head.split_first_chunk()?;
    let (generation, head) = head.split_first_chunk()?;
    let (length, head) = head.split_first_chunk()?;
    let (key_length, _) = head.split_first_chunk()?;
    if *magic != MAGIC {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let key_length = usize::try_from(u32::from_le_bytes(*key_length)).ok()?;
    let sealed = start + HEAD_BYTES + key_length;
    let key = std::str::from_utf8(segment.get(start + HEAD_BYTES..sealed)?).ok()?;
    let seal = Digest::of(Algorithm::Sha256, &segment[start..sealed]);
    if segment.get(sealed..sealed + SEAL_BYTES)? != seal.hex().as_bytes() || !layout::is_key(key) {
        return None;
    }
    let end = sealed + SEAL_BYTES + length;
    let bytes = segment.get(sealed + SEAL_BYTES..end)?;
    let digest = layout::digest(key)?;
    (Digest::of(digest.algorithm(), bytes) == digest).then_some(Entry {
        key,
        bytes,
        generation: u64::from_le_bytes(*generation),
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(number: usize, length: usize) -> (String, Bytes) {
        let bytes = Bytes::from(vec![u8::try_from(number).unwrap(); length]);
        let algorithm = [Algorithm::Sha256, Algorithm::Sha512][number % 2];
        (
            layout::key(&Digest::of(algorithm, &bytes), &format!("upload-{number}")),
            bytes,
        )
    }

    /// A segment of three syncs of two entries each, and where each entry ends.
    fn segment(generation: u64) -> (Vec<u8>, Vec<usize>) {
        let (mut segment, mut ends) = (Vec::new(), Vec::new());
        for number in 0..6 {
            if number % 2 == 0 {
                segment.resize(next_block(segment.len()), 0);
            }
            let (key, bytes) = blob(number, [0, 1, 70, 390, 2, 30][number]);
            push(
                &mut segment,
                generation,
                (
                    &key,
                    &[bytes.slice(..bytes.len() / 2), bytes.slice(bytes.len() / 2..)],
                ),
            );
            ends.push(segment.len());
        }
        (segment, ends)
    }

    fn numbers(segment: &[u8]) -> Vec<usize> {
        let known: Vec<_> = (0..6)
            .map(|number| blob(number, [0, 1, 70, 390, 2, 30][number]))
            .collect();
        all(segment)
            .map(|entry| {
                known
                    .iter()
                    .position(|(key, bytes)| (key.as_str(), &bytes[..]) == (entry.key, entry.bytes))
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn a_segment_cut_at_any_byte_has_the_entries_before_the_cut() {
        let (whole, ends) = segment(7);
        for cut in 0..=whole.len() {
            let expected: Vec<_> = (0..ends.iter().filter(|end| **end <= cut).count()).collect();
            assert_eq!(numbers(&whole[..cut]), expected, "cut short at {cut}");
            let mut dark = whole[..cut].to_vec();
            dark.resize(whole.len() + 2 * BLOCK_BYTES, 0);
            assert_eq!(numbers(&dark), expected, "zeros from {cut} on");
        }
    }

    #[test]
    fn a_bit_that_flips_ends_the_entries_before_it() {
        let (whole, ends) = segment(7);
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            let before = ends.iter().filter(|end| **end <= at).count();
            assert_eq!(numbers(&flipped), (0..before).collect::<Vec<_>>(), "byte {at}");
        }
    }

    #[test]
    fn what_an_earlier_generation_left_behind_is_not_read() {
        let (old, ends) = segment(7);
        let (new, _) = segment(8);
        for entries in 1..6 {
            let mut mixed = old.clone();
            mixed[..ends[entries - 1]].copy_from_slice(&new[..ends[entries - 1]]);
            assert_eq!(numbers(&mixed), (0..entries).collect::<Vec<_>>());
        }
        assert_eq!(numbers(&vec![0; 10_000]), Vec::<usize>::new());
    }
}
