//! Byte ranges: `Content-Range` of chunked uploads and `Range` of downloads.
//!
//! Refuses to know which content is meant; sizes come from the caller.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

/// A `Content-Range` that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a content range is written <first byte>-<last byte>, both counted from 0, such as 0-1023")]
pub struct ContentRangeError;

/// Which bytes of the whole a request carries; both ends belong to it (distribution-spec, "Pushing a blob in chunks").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset of the last byte.
    pub end: u64,
}

impl ContentRange {
    /// Number of bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a range of bytes that were sent is never empty"
    )]
    pub fn len(&self) -> u64 {
        self.end - self.start + 1
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

impl FromStr for ContentRange {
    type Err = ContentRangeError;

    /// Reads the specification's `0-99` and HTTP's own `bytes 0-99/200` (RFC 9110, section 14.4).
    fn from_str(text: &str) -> Result<Self, ContentRangeError> {
        let text = text.trim();
        let range = match text.strip_prefix("bytes ") {
            Some(rest) => rest
                .split_once('/')
                .map_or(rest, |(range, _complete)| range)
                .trim(),
            None => text,
        };
        let (start, end) = range.split_once('-').ok_or(ContentRangeError)?;
        let (start, end) = (offset(start)?, offset(end)?);
        if start > end {
            return Err(ContentRangeError);
        }
        Ok(Self { start, end })
    }
}

/// An offset within what any store can hold, so that sums of offsets never overflow.
fn offset(digits: &str) -> Result<u64, ContentRangeError> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ContentRangeError);
    }
    let offset: i64 = digits.parse().map_err(|_| ContentRangeError)?;
    u64::try_from(offset).map_err(|_| ContentRangeError)
}

/// What a `Range` header asks for (RFC 9110, section 14.2). Several ranges, other units and malformed headers are
/// ignored, as the RFC allows: the whole content is then the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeRequest {
    /// Everything.
    Whole,
    /// From an offset to another one, or to the end.
    From {
        /// Offset of the first byte.
        start: u64,
        /// Offset of the last byte, if given.
        end: Option<u64>,
    },
    /// The last bytes.
    Suffix {
        /// How many bytes.
        length: u64,
    },
}

/// What to answer a [`RangeRequest`] with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOutcome {
    /// 200 and everything.
    Whole,
    /// 206 and these bytes.
    Part {
        /// Offset of the first byte.
        start: u64,
        /// Offset of the last byte, less than the size.
        end_inclusive: u64,
    },
    /// 416.
    Unsatisfiable,
}

impl RangeRequest {
    /// Reads a `Range` header.
    pub fn parse(header: Option<&str>) -> Self {
        header.and_then(Self::single).unwrap_or(Self::Whole)
    }

    /// The answer for content of `size` bytes.
    pub fn resolve(self, size: u64) -> RangeOutcome {
        match self {
            Self::Whole => RangeOutcome::Whole,
            Self::Suffix { length: 0 } => RangeOutcome::Unsatisfiable,
            Self::Suffix { .. } if size == 0 => RangeOutcome::Whole,
            Self::Suffix { length } => RangeOutcome::Part {
                start: size.saturating_sub(length),
                end_inclusive: size - 1,
            },
            Self::From { start, .. } if start >= size => RangeOutcome::Unsatisfiable,
            // Backwards: a server may ignore it or refuse it, and a client that miscounts is helped by the refusal.
            Self::From {
                start,
                end: Some(end),
            } if end < start => RangeOutcome::Unsatisfiable,
            Self::From { start, end } => RangeOutcome::Part {
                start,
                end_inclusive: end.unwrap_or(u64::MAX).min(size - 1),
            },
        }
    }

    fn single(header: &str) -> Option<Self> {
        let (unit, ranges) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = ranges.trim().split_once('-')?;
        if first.is_empty() {
            return Some(Self::Suffix {
                length: saturating(last)?,
            });
        }
        let start = saturating(first)?;
        let end = if last.is_empty() {
            None
        } else {
            Some(saturating(last)?)
        };
        Some(Self::From { start, end })
    }
}

/// A number of any length; beyond `u64` it is larger than all content, which is all that matters.
fn saturating(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}
