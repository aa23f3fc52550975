//! Several ranges of a blob as one stream. A store takes one range in a request, so those that lie near one another are
//! read in one go, and what is between them is dropped; requests for the others are on their way a few at a time.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::ready;
use futures_util::{FutureExt, StreamExt as _, stream};
use object_store::path::Path;

use super::bucket::Bucket;
use super::read;
use crate::{ByteStream, Error};

/// Most bytes between two ranges that are read along: a store sends them in the time in which it begins an answer.
const GAP_BYTES_MAX: u64 = 256 << 10;
/// How many requests are on their way at once: what they have read of their answers is bounded by the sockets.
const REQUESTS_AT_ONCE: usize = 4;

/// Ranges that are read in one go, in their order.
#[derive(Debug, PartialEq, Eq)]
struct Run(Vec<Range<u64>>);

impl Run {
    fn span(&self) -> Range<u64> {
        let start = self.0.first().map_or(0, |part| part.start);
        start..self.0.last().map_or(start, |part| part.end)
    }

    fn takes(&self, next: &Range<u64>) -> bool {
        let end = self.span().end;
        (end..=end.saturating_add(GAP_BYTES_MAX)).contains(&next.start)
    }
}

fn runs(parts: Vec<Range<u64>>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for part in parts {
        match runs.last_mut() {
            Some(run) if run.takes(&part) => run.0.push(part),
            _ => runs.push(Run(vec![part])),
        }
    }
    runs
}

/// Opens the first of them, so that a blob that is missing is known before anything is sent.
pub(super) async fn open(
    bucket: &Arc<Bucket>,
    path: Path,
    parts: Vec<Range<u64>>,
) -> Result<ByteStream, Error> {
    let mut runs = runs(parts).into_iter();
    let first = runs.next().unwrap_or(Run(Vec::new()));
    let first = open_run(Arc::clone(bucket), path.clone(), first).await?;
    let bucket = Arc::clone(bucket);
    let later = stream::iter(runs).map(move |run| open_run(Arc::clone(&bucket), path.clone(), run));
    let later = later.map(FutureExt::boxed).buffered(REQUESTS_AT_ONCE);
    let later = later.flat_map(|opened| match opened {
        Ok(stream) => stream,
        Err(error) => stream::iter([Err(read::into_io(error))]).boxed(),
    });
    let until_broken = |is_broken: &mut bool, item: io::Result<Bytes>| {
        let was_broken = std::mem::replace(is_broken, item.is_err());
        ready((!was_broken).then_some(item))
    };
    Ok(first.chain(later).scan(false, until_broken).boxed())
}

async fn open_run(bucket: Arc<Bucket>, path: Path, run: Run) -> Result<ByteStream, Error> {
    let stream = read::open(&bucket, path, run.span()).await?;
    Ok(if run.0.len() > 1 { cut(stream, run) } else { stream })
}

/// Drops what lies between the ranges of a run.
fn cut(stream: ByteStream, run: Run) -> ByteStream {
    let mut offset = run.span().start;
    let mut parts = run.0.into_iter().peekable();
    let wanted = move |chunk: Bytes| {
        let end = offset + chunk.len() as u64;
        let mut pieces = Vec::new();
        while let Some(part) = parts.peek().filter(|part| part.start < end) {
            let within =
                |place: u64| usize::try_from(place.clamp(offset, end) - offset).unwrap_or(chunk.len());
            pieces.push(Ok(chunk.slice(within(part.start)..within(part.end))));
            if part.end > end {
                break;
            }
            parts.next();
        }
        offset = end;
        pieces
    };
    let mut wanted = wanted;
    stream
        .flat_map(move |chunk| {
            stream::iter(match chunk {
                Ok(chunk) => wanted(chunk),
                Err(error) => vec![Err(error)],
            })
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    #[test]
    fn neighbours_share_a_request() {
        let check = |parts: &[Range<u64>], expected: &[Range<u64>]| {
            let spans: Vec<_> = runs(parts.to_vec()).iter().map(Run::span).collect();
            assert_eq!(spans, expected, "{parts:?}");
        };
        let all = |end| std::iter::once(0..end).collect::<Vec<_>>();
        check(&[0..10, 10..20, 30..40], &all(40));
        check(&[0..10, 10 + GAP_BYTES_MAX..600_000], &all(600_000));
        let far = 11 + GAP_BYTES_MAX..600_000;
        check(&[0..10, far.clone()], &[0..10, far]);
        // What overlaps or goes back is read anew.
        check(&[0..10, 5..15, 0..3], &[0..10, 5..15, 0..3]);
    }

    #[tokio::test]
    async fn what_lies_between_is_dropped_however_the_bytes_come() {
        let content: Vec<u8> = (0..=255).collect();
        let parts = vec![3..5, 5..6, 9..100, 102..200];
        let expected: Vec<&[u8]> = vec![
            &content[3..5],
            &content[5..6],
            &content[9..100],
            &content[102..200],
        ];
        for length in [1, 2, 7, 64, 300] {
            let chunks: Vec<_> = content[3..200]
                .chunks(length)
                .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
                .collect();
            let cut = cut(stream::iter(chunks).boxed(), Run(parts.clone()));
            let found: Vec<Bytes> = cut.try_collect().await.unwrap();
            assert_eq!(found.concat(), expected.concat(), "{length}");
        }
    }
}
