//! The first bytes of an upload, kept in memory when they are few and end soon: most are the whole blob, and the request that
//! ends the upload comes at once. What does not come so goes the long way, from its first byte on.

use std::sync::Arc;
use std::time::Duration;

use berth_metadata::Standing;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use super::active::Claim;
use super::fresh::Held;
use super::room::Body;
use super::whole::BYTES_MAX;
use crate::Registry;
use crate::error::Error;

/// A body that has not ended after so long goes the long way.
const TIME_MAX: Duration = Duration::from_secs(1);

/// What came of a body.
enum Small {
    /// All of it.
    Whole(Bytes),
    /// A body to be read instead, which begins where the other did.
    Not(Body),
}

/// Reads a body to its end, unless it has more than `max` bytes or takes long. Copies them: each piece would keep all that
/// was read with it.
async fn small(body: Body, max: u64) -> Small {
    if body.length.is_some_and(|length| length > max) {
        return Small::Not(body);
    }
    let Body { mut bytes, length } = body;
    let until = Instant::now() + TIME_MAX;
    let mut came = Vec::with_capacity(length.and_then(|length| length.try_into().ok()).unwrap_or(0));
    loop {
        let next = timeout_at(until, bytes.next()).await;
        let further = match next {
            Ok(None) => return Small::Whole(Bytes::from(came.into_boxed_slice())),
            Ok(Some(Ok(part))) if (came.len() + part.len()) as u64 <= max => {
                came.extend_from_slice(&part);
                continue;
            }
            Ok(further) => further,
            Err(_late) => None,
        };
        let came = stream::iter([Ok(Bytes::from(came))].into_iter().chain(further));
        return Small::Not(Body {
            bytes: Box::pin(came.chain(bytes)),
            length,
        });
    }
}

impl Registry {
    /// A fresh upload that has no byte yet and may keep some. Those under a quota reserve room for theirs, in their row.
    pub(super) async fn first_of(&self, id: &str, standing: &Standing) -> Option<Held> {
        if standing.under_quota {
            return None;
        }
        let held = self.uploads.fresh.hold(id).await?;
        held.kept().is_none().then_some(held)
    }

    /// Receives the first bytes of a fresh upload and answers how many there are.
    pub(super) async fn append_first(
        self: &Arc<Self>,
        (held, claim): (Held, Claim),
        body: Body,
    ) -> Result<u64, Error> {
        let max = BYTES_MAX.min(self.limits.blob_bytes_max);
        let body = match small(body, max).await {
            Small::Whole(bytes) => {
                let length = bytes.len() as u64;
                match held.keep(bytes) {
                    Ok(()) => return Ok(length),
                    Err(bytes) => Body {
                        bytes: Box::pin(stream::iter([Ok(bytes)])),
                        length: Some(length),
                    },
                }
            }
            Small::Not(body) => body,
        };
        drop(held);
        let (turn, row) = self.turn_with(claim).await?;
        self.append(turn, row, body).await
    }
}
