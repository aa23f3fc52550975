//! Several parts of a blob in one answer: the stream of their bytes, and between them what says which they are.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use berth_oci::ByteRanges;
use berth_registry::BlobStream;
use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use uuid::Uuid;

use super::super::manifests::text;
use super::super::respond;

/// The answer with these parts of a blob of `size` bytes, which `stream` has one after the other.
pub(super) fn answer(
    mut head: HeaderMap,
    (parts, size): (Vec<Range<u64>>, u64),
    stream: BlobStream,
) -> Response {
    // Nobody can know it before the blob is written, so no blob has it in it.
    let ranges = ByteRanges::new(parts, size, Uuid::new_v4().simple().to_string());
    head.insert(CONTENT_TYPE, text(&ranges.content_type()));
    head.insert(CONTENT_LENGTH, HeaderValue::from(ranges.length()));
    let body = Multipart {
        ranges,
        stream,
        next: 0,
        left: 0,
    };
    respond(StatusCode::PARTIAL_CONTENT, head, Body::from_stream(body))
}

struct Multipart {
    ranges: ByteRanges,
    stream: BlobStream,
    /// The part whose head comes next; beyond the tail one more than there are.
    next: usize,
    /// Bytes of the current part that have not come.
    left: u64,
}

impl Stream for Multipart {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.left > 0 {
            let read = ready!(Pin::new(&mut this.stream).poll_next(context));
            let read = read.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
            if let Ok(bytes) = &read {
                this.left = this.left.saturating_sub(bytes.len() as u64);
            }
            return Poll::Ready(Some(read));
        }
        let count = this.ranges.parts().len();
        let between = match this.ranges.parts().get(this.next) {
            Some(part) => {
                this.left = part.end - part.start;
                this.ranges.head(this.next)
            }
            None if this.next == count => this.ranges.tail(),
            None => return Poll::Ready(None),
        };
        this.next += 1;
        Poll::Ready(Some(Ok(between.into())))
    }
}
