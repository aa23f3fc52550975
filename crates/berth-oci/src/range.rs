//! Byte ranges: `Content-Range` of chunked uploads, `Range` of downloads, and how several parts are one answer.
//!
//! Refuses to know which content is meant; sizes come from the caller.

mod multipart;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

pub use multipart::ByteRanges;

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

/// Most ranges that one header may ask for.
const RANGES_MAX: usize = 1024;
/// Most ranges that overlap one that came before; RFC 9110, section 14.2, has more than two as a sign of abuse.
const OVERLAPS_MAX: usize = 2;

/// A `Range` header that asks for more ranges than one answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one request may ask for at most {RANGES_MAX} ranges; ask for fewer at a time")]
pub struct TooManyRanges;

/// What a `Range` header asks for (RFC 9110, section 14.2). Other units and malformed headers are ignored, as the RFC
/// allows: the whole content is then the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeRequest<'a> {
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
    /// Several of those.
    Several(Ranges<'a>),
}

/// Several ranges as a header has them: each is well-formed, and they are at least two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges<'a>(&'a str);

/// What to answer a [`RangeRequest`] with.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// 206 and these parts, in the order in which they were asked for; none is empty, and there are at least two.
    Parts(Vec<Range<u64>>),
    /// 416.
    Unsatisfiable,
}

impl<'a> RangeRequest<'a> {
    /// Reads a `Range` header.
    ///
    /// # Errors
    /// When it asks for more ranges than one answer has.
    pub fn parse(header: Option<&'a str>) -> Result<Self, TooManyRanges> {
        let Some(ranges) = header.and_then(in_bytes) else {
            return Ok(Self::Whole);
        };
        if !ranges.contains(',') {
            return Ok(Self::one(ranges).unwrap_or(Self::Whole));
        }
        let mut count = 0;
        let mut last = Self::Whole;
        for element in elements(ranges) {
            let Some(range) = Self::one(element) else {
                return Ok(Self::Whole);
            };
            last = range;
            count += 1;
        }
        match count {
            0 | 1 => Ok(last),
            2..=RANGES_MAX => Ok(Self::Several(Ranges(ranges))),
            _ => Err(TooManyRanges),
        }
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
            Self::Several(ranges) => ranges.resolve(size),
        }
    }

    fn one(range: &str) -> Option<Self> {
        let (first, last) = range.split_once('-')?;
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

impl Ranges<'_> {
    /// Those that can be satisfied, or everything when they are a burden and no help. Neighbours are not made one: the
    /// RFC allows it, and clients that count the parts of an answer (podman) give up on one that has fewer than they
    /// asked for.
    fn resolve(self, size: u64) -> RangeOutcome {
        let mut parts = Vec::new();
        for range in elements(self.0).filter_map(RangeRequest::one) {
            match range.resolve(size) {
                RangeOutcome::Part { start, end_inclusive } => parts.push(start..end_inclusive + 1),
                RangeOutcome::Whole => return RangeOutcome::Whole,
                RangeOutcome::Parts(_) | RangeOutcome::Unsatisfiable => {}
            }
        }
        match parts.as_slice() {
            [] => RangeOutcome::Unsatisfiable,
            [one] => RangeOutcome::Part {
                start: one.start,
                end_inclusive: one.end - 1,
            },
            many if is_burden(many, size) => RangeOutcome::Whole,
            _ => RangeOutcome::Parts(parts),
        }
    }
}

/// Whether parts are more than the whole, or overlap as no client in its right mind asks. Their order is the client's: podman
/// asks for what several threads of it found missing.
fn is_burden(parts: &[Range<u64>], size: u64) -> bool {
    let bytes: u128 = parts.iter().map(|part| u128::from(part.end - part.start)).sum();
    if bytes > u128::from(size) {
        return true;
    }
    let mut sorted = parts.to_vec();
    sorted.sort_unstable_by_key(|part| part.start);
    let mut reached = 0;
    let mut overlaps = 0;
    for part in sorted {
        overlaps += usize::from(part.start < reached);
        reached = reached.max(part.end);
    }
    overlaps > OVERLAPS_MAX
}

/// The ranges of a header, when their unit is the byte.
fn in_bytes(header: &str) -> Option<&str> {
    let (unit, ranges) = header.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then(|| ranges.trim())
}

/// The elements of a list, of which some may be empty (RFC 9110, section 5.6.1).
fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

/// A number of any length; beyond `u64` it is larger than all content, which is all that matters.
fn saturating(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}
