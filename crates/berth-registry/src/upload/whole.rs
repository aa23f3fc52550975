//! A small blob that comes whole with one request, the one that ends its upload or the one before: gathered in memory,
//! stored in one step, and made a row in one transaction. What does not come so goes the long way, from its first byte on.

use std::io;
use std::sync::Arc;

use berth_metadata::{Conflict, FinishUpload, UploadRow};
use berth_oci::{Digest, Hasher};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::active::Claim;
use super::fresh::Held;
use super::room::Body;
use super::row::as_i64;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// Bodies up to so many bytes are gathered; what a connection reads at once, so it costs no more memory than the long way.
pub(super) const BYTES_MAX: u64 = 256 << 10;

/// What came of gathering a blob.
pub(super) enum Gathered {
    /// All of it, with the digest that was announced.
    Whole(Vec<Bytes>),
    /// A body to be read instead, which begins where the other did.
    Not(Option<Body>),
}

/// The blob that an upload's last request brings: what is kept of the one before, or a body of few bytes, as it says itself,
/// read to its end.
pub(super) async fn gather((kept, body): (Option<Bytes>, Option<Body>), digest: &Digest) -> Gathered {
    match (kept, body) {
        (None, Some(body)) => gather_body(body, digest).await,
        (Some(kept), None) if Digest::of(digest.algorithm(), &kept) == *digest => Gathered::Whole(vec![kept]),
        (_, body) => Gathered::Not(body),
    }
}

async fn gather_body(body: Body, digest: &Digest) -> Gathered {
    let Some(length) = body.length.filter(|length| (1..=BYTES_MAX).contains(length)) else {
        return Gathered::Not(Some(body));
    };
    let (mut bytes, mut parts, mut came) = (body.bytes, Vec::new(), 0);
    while let Some(part) = bytes.next().await {
        match part {
            Ok(part) => {
                came += part.len() as u64;
                parts.push(part);
            }
            Err(error) => return Gathered::Not(Some(again(parts, Some(error)))),
        }
    }
    let mut hasher = Hasher::new(digest.algorithm());
    for part in &parts {
        hasher.update(part);
    }
    if came == length && hasher.finish() == *digest {
        Gathered::Whole(parts)
    } else {
        Gathered::Not(Some(again(parts, None)))
    }
}

/// A body of bytes that came before, and how it broke off if it did.
fn again(parts: Vec<Bytes>, broken: Option<io::Error>) -> Body {
    let length = broken
        .is_none()
        .then(|| parts.iter().map(|part| part.len() as u64).sum());
    Body {
        bytes: Box::pin(stream::iter(parts.into_iter().map(Ok).chain(broken.map(Err)))),
        length,
    }
}

impl Registry {
    /// Ends a fresh upload with all its bytes, even when the client hangs up.
    pub(super) async fn finish_whole(
        self: &Arc<Self>,
        (held, claim): (Held, Claim),
        digest: Digest,
        parts: Vec<Bytes>,
    ) -> Result<(), Error> {
        let registry = Arc::clone(self);
        self.uploads
            .run(async move {
                let stored = registry.store_whole(&held.row(), &digest, parts).await;
                // After any other error the client may send the bytes again.
                if matches!(stored, Ok(()) | Err(Error::BytesQuota(_))) {
                    held.forget();
                }
                drop(claim);
                stored
            })
            .await
    }

    async fn store_whole(&self, row: &UploadRow, digest: &Digest, parts: Vec<Bytes>) -> Result<(), Error> {
        let size = parts.iter().map(|part| part.len() as u64).sum();
        let key = self
            .blobs
            .store(&row.id, digest, parts)
            .await
            .map_err(|error| match error {
                berth_blob::Error::NotFound => Error::UploadUnknown,
                error => error.into(),
            })?;
        let finish = FinishUpload {
            upload_id: None,
            repository_id: row.repository_id,
            digest: digest.to_string(),
            size: as_i64(size),
            key: key.clone(),
            now: now_ms(),
        };
        match self.metadata.finish_upload(finish).await {
            Err(error @ berth_metadata::Error::Conflict(Conflict::BytesQuota(_))) => {
                self.delete_bytes(&key).await?;
                Err(error.into())
            }
            finished => Ok(finished.map(drop)?),
        }
    }
}
