//! A blob from the registry alone, in order, going on where it broke off.
//!
//! There is no table, so what comes is as good as the registry's word; the last chunk counts only when the digest of the
//! whole is right.

use std::sync::Arc;
use std::time::Duration;

use berth_oci::Hasher;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::{Ended, Job, Jobs};
use crate::figures;
use crate::registry::Fault;
use crate::wire::Moved;

/// How often in a row the registry may break off without a whole chunk.
const ATTEMPTS_MAX: u32 = 4;

pub(super) async fn fill(jobs: &Jobs, job: &Arc<Job>) -> Result<(), Ended> {
    let entry = &job.entry;
    let mut hasher = Hasher::new(entry.digest().algorithm());
    let (mut chunk, mut attempts) = (0, 0);
    while chunk < entry.chunks() {
        let before = chunk;
        let outcome = walk(jobs, job, &mut chunk, &mut hasher).await;
        let wait = match outcome {
            Ok(()) => continue,
            Err(Pause::Ended(ended)) => return Err(ended),
            Err(Pause::Later(wait)) => wait,
        };
        attempts = if chunk > before { 1 } else { attempts + 1 };
        if attempts > ATTEMPTS_MAX {
            return Err(Ended::Registry);
        }
        tokio::time::sleep(wait.unwrap_or(Duration::from_millis(200) * attempts)).await;
    }
    Ok(())
}

/// Why the walk stopped.
enum Pause {
    Ended(Ended),
    Later(Option<Duration>),
}

/// Goes on from a chunk: first over those that are there, then over one answer of the registry.
async fn walk(jobs: &Jobs, job: &Arc<Job>, chunk: &mut usize, hasher: &mut Hasher) -> Result<(), Pause> {
    let entry = &job.entry;
    while *chunk < entry.chunks() && entry.prove(*chunk).await {
        let (start, length) = entry.extent(*chunk);
        let mut bytes = BytesMut::with_capacity(length);
        while bytes.len() < length {
            let at = start + bytes.len() as u64;
            let piece = entry.read(at, (length - bytes.len()) as u64).await;
            bytes.extend_from_slice(&piece.map_err(|error| Pause::Ended(Ended::Disk(error)))?);
        }
        take(job, chunk, hasher, bytes.freeze()).await?;
    }
    if *chunk == entry.chunks() {
        return Ok(());
    }
    let source = job.source().ok_or(Pause::Ended(Ended::Registry))?;
    let (start, _) = entry.extent(*chunk);
    let answer = jobs
        .registry
        .range(&source, entry.digest(), start, entry.size() - 1)
        .await;
    let mut stream = match answer {
        Ok(stream) => Box::pin(stream),
        Err(Fault::Refused(_)) if job.drop_source(&source) => return Err(Pause::Later(Some(Duration::ZERO))),
        Err(Fault::Unavailable(after)) => return Err(Pause::Later(after)),
        Err(Fault::Refused(_) | Fault::Strange) => return Err(Pause::Ended(Ended::Registry)),
    };
    let mut waiting = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| Pause::Later(None))?;
        figures::add(&jobs.figures.registry, piece.len() as u64);
        jobs.add_moved(Moved {
            peers: 0,
            registry: piece.len() as u64,
        });
        waiting.extend_from_slice(&piece);
        while *chunk < entry.chunks() && waiting.len() >= entry.extent(*chunk).1 {
            let whole = waiting.split_to(entry.extent(*chunk).1).freeze();
            take(job, chunk, hasher, whole).await?;
        }
    }
    if *chunk == entry.chunks() {
        Ok(())
    } else {
        Err(Pause::Later(None))
    }
}

/// Stores one chunk; the last one when the whole is right.
async fn take(job: &Arc<Job>, chunk: &mut usize, hasher: &mut Hasher, bytes: Bytes) -> Result<(), Pause> {
    hasher.update(&bytes);
    let is_last = *chunk + 1 == job.entry.chunks();
    if is_last && hasher.clone().finish() != *job.entry.digest() {
        return Err(Pause::Ended(Ended::Wrong));
    }
    let stored = job.entry.store(*chunk, bytes).await;
    stored.map_err(|refused| Pause::Ended(refused.into()))?;
    *chunk += 1;
    Ok(())
}
