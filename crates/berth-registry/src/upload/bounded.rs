//! A body that ends with an error of its own once it is longer than a limit.

use std::io;

use berth_blob::ByteStream;
use futures_util::StreamExt as _;

/// Marks the error of a body that went past the limit.
#[derive(Debug, thiserror::Error)]
#[error("the body is larger than the limit")]
struct Oversized;

pub(super) fn is_oversized(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Oversized>)
}

/// Ends the body with an error once it is longer than `max` bytes.
pub(super) fn bounded(body: ByteStream, max: u64) -> ByteStream {
    let mut left = max;
    Box::pin(body.map(move |chunk| {
        let chunk = chunk?;
        left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| io::Error::other(Oversized))?;
        Ok(chunk)
    }))
}
