//! Berth's client of other registries against real ones: Berth itself and Debian's docker-registry, over cables that are
//! cut, behind a proxy, with a certificate authority of their own.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod breaks;
mod meeting;
mod proxied;
mod referrers;

use std::sync::{Arc, Mutex};

use berth_oci::{Algorithm, Digest};
use berth_remote::{
    BlobPush, ByteStream, Guard, Limits, Pushed, Remote, Repository, UploadSession, configure,
};
use bytes::Bytes;
use e2e::login::Login;
use futures_util::{FutureExt, StreamExt, stream};

/// Bytes of one piece of a stream.
const PIECE: usize = 64 << 10;

/// A registry at a port of this machine.
fn remote(port: u16, login: &Login) -> Remote {
    impatient(port, login, Limits::default())
}

/// The same, with limits of the test's own.
fn impatient(port: u16, login: &Login, limits: Limits) -> Remote {
    let client = configure(reqwest::Client::builder()).build().unwrap();
    let login = berth_remote::Login::password(&login.user, &login.password);
    let base = format!("http://127.0.0.1:{port}");
    Remote::new(&base, Some(login), client, Guard::open(), limits).unwrap()
}

/// Bytes that no compression helps with, the same for the same seed.
fn content(size: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// Pushes bytes; what left, and what was last told of the session.
async fn push(
    repository: &Repository,
    bytes: &Bytes,
    session: Option<UploadSession>,
) -> (Result<Pushed, berth_remote::Error>, Option<UploadSession>) {
    let told: Arc<Mutex<Option<UploadSession>>> = Arc::default();
    let source = |offset: u64| {
        let rest = bytes.slice(usize::try_from(offset).unwrap()..);
        let starts = (0..rest.len()).step_by(PIECE);
        let pieces = starts.map(move |start| Ok(rest.slice(start..rest.len().min(start + PIECE))));
        async { Ok(stream::iter(pieces).boxed() as ByteStream) }.boxed()
    };
    let outcome = repository
        .push_blob(&BlobPush {
            digest: &digest_of(bytes),
            size: bytes.len() as u64,
            source: &source,
            session,
            notice: &|session| *told.lock().unwrap() = Some(session.clone()),
        })
        .await;
    let told = told.lock().unwrap().take();
    (outcome, told)
}

/// Reads a blob to its checked end; how many bytes it had.
async fn pull(repository: &Repository, digest: &Digest) -> Result<u64, berth_remote::Error> {
    let mut blob = repository.blob(digest, 0).await?;
    let mut read = 0;
    while let Some(bytes) = blob.next().await {
        read += bytes?.len() as u64;
    }
    Ok(read)
}
