//! `multipart/byteranges`: several parts of some content as one body (RFC 9110, section 14.6).
//!
//! It owns what stands around the bytes, and its length; the bytes themselves are the caller's.

use std::ops::Range;

/// The body of an answer with several parts: [`head`](Self::head) before the bytes of each, [`tail`](Self::tail) at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteRanges {
    parts: Vec<Range<u64>>,
    size: u64,
    boundary: String,
}

impl ByteRanges {
    /// Parts of content of `size` bytes, set apart by `boundary`: 1 to 70 letters and digits that the content does not have
    /// after two hyphens at the beginning of a line.
    pub fn new(parts: Vec<Range<u64>>, size: u64, boundary: impl Into<String>) -> Self {
        Self {
            parts,
            size,
            boundary: boundary.into(),
        }
    }

    /// The answer's `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The parts, in their order.
    pub fn parts(&self) -> &[Range<u64>] {
        &self.parts
    }

    /// What stands before the bytes of a part.
    ///
    /// # Panics
    /// When there are not as many parts.
    pub fn head(&self, part: usize) -> String {
        let before = if part == 0 { "" } else { "\r\n" };
        let Range { start, end } = self.parts[part];
        format!(
            "{before}--{}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {start}-{}/{}\r\n\r\n",
            self.boundary,
            end - 1,
            self.size
        )
    }

    /// What stands behind the bytes of the last part.
    pub fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    /// Bytes of the whole body.
    pub fn length(&self) -> u64 {
        let heads = (0..self.parts.len()).map(|part| self.head(part).len() as u64);
        let bytes = self.parts.iter().map(|part| part.end - part.start);
        heads.chain(bytes).sum::<u64>() + self.tail().len() as u64
    }
}
