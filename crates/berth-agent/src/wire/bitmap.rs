//! Which chunks of a blob somebody has: bit i, the least significant first, is chunk i.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::CHUNKS_MAX;

/// A set of chunks; as text it is base64 of its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bitmap(Vec<u8>);

impl Bitmap {
    /// The empty set, with room for so many chunks.
    pub fn new(chunks: usize) -> Self {
        Self(vec![0; chunks.div_ceil(8)])
    }

    /// All of so many chunks.
    pub fn full(chunks: usize) -> Self {
        let mut all = Self::new(chunks);
        (0..chunks).for_each(|chunk| all.set(chunk));
        all
    }

    /// From bytes, of which there may be too few or too many: missing bits are 0, see [`Bitmap::fit`].
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() <= CHUNKS_MAX / 8).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same set for a blob of so many chunks: what lies beyond is dropped.
    pub fn fit(mut self, chunks: usize) -> Self {
        self.0.resize(chunks.div_ceil(8), 0);
        if let (Some(last), rest @ 1..) = (self.0.last_mut(), chunks % 8) {
            *last &= (1 << rest) - 1;
        }
        self
    }

    /// Whether a chunk is in it.
    pub fn has(&self, chunk: usize) -> bool {
        self.0
            .get(chunk / 8)
            .is_some_and(|byte| byte & (1 << (chunk % 8)) != 0)
    }

    /// Adds a chunk, for which there is room.
    pub fn set(&mut self, chunk: usize) {
        self.0[chunk / 8] |= 1 << (chunk % 8);
    }

    /// Takes a chunk away.
    pub fn unset(&mut self, chunk: usize) {
        if let Some(byte) = self.0.get_mut(chunk / 8) {
            *byte &= !(1 << (chunk % 8));
        }
    }

    /// How many chunks are in it.
    pub fn count(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

impl Serialize for Bitmap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bitmap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        Self::from_bytes(bytes).ok_or_else(|| D::Error::custom("more chunks than a blob can have"))
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn bits_are_counted_from_the_least_significant() {
        let mut some = Bitmap::new(10);
        some.set(1);
        some.set(9);
        assert_eq!(some.as_bytes(), [2, 2]);
        assert!(some.has(9) && !some.has(8) && !some.has(4000));
        assert_eq!(some.count(), 2);
        some.unset(9);
        assert_eq!(some, Bitmap::from_bytes(vec![2, 0]).unwrap());
        assert_eq!(Bitmap::full(10).as_bytes(), [255, 3]);
    }

    #[test]
    fn bits_beyond_the_blob_are_dropped() {
        let wild = Bitmap::from_bytes(vec![255, 255, 255]).unwrap();
        assert_eq!(wild.clone().fit(10), Bitmap::full(10));
        assert_eq!(wild.clone().fit(16), Bitmap::full(16));
        assert_eq!(wild.fit(32).as_bytes(), [255, 255, 255, 0]);
        assert!(Bitmap::from_bytes(vec![0; 1 << 20]).is_none());
    }
}
