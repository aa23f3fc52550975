//! One chunk: asked for, checked against the table, stored.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::cache::Refused;
use crate::figures;
use crate::job::board::Origin;
use crate::job::{Job, Jobs};
use crate::peers::{Asked, Fault};
use crate::registry::{self, Source};
use crate::wire::Moved;

/// How long a chunk of the registry may take, from the question: one that trickles keeps its job from asking elsewhere.
const CHUNK: Duration = Duration::from_mins(2);

/// A chunk that came, or did not.
pub(super) struct Landed {
    pub(super) chunk: usize,
    pub(super) origin: Origin,
    pub(super) outcome: Result<(), Missed>,
}

/// Why a chunk did not come.
pub(super) enum Missed {
    /// It is not what the table says.
    Wrong,
    Disk(io::Error),
    Peer(Fault),
    Registry(registry::Fault, Source),
    /// Nobody is left to ask.
    Gone,
}

/// Fetches a chunk from a peer, or from the registry when there is none.
pub(super) async fn chunk(
    jobs: &Jobs,
    job: &Arc<Job>,
    asked: Option<Asked>,
    chunk: usize,
) -> Result<(), Missed> {
    let room = Arc::clone(&jobs.room).acquire_owned().await;
    let _room = room.map_err(|_| Missed::Gone)?;
    let (start, length) = job.entry.extent(chunk);
    let is_shared = asked.is_some();
    let bytes = if let Some(asked) = asked {
        jobs.peers
            .chunk(&asked, (chunk, length), &jobs.flights)
            .await
            .map_err(Missed::Peer)?
    } else {
        let source = job.source().ok_or(Missed::Gone)?;
        let whole = of_registry(jobs, job, &source, (start, length));
        let late = |_| Err(registry::Fault::Unavailable(None));
        let whole = tokio::time::timeout(CHUNK, whole).await.unwrap_or_else(late);
        whole.map_err(|fault| Missed::Registry(fault, source))?
    };
    // Before it is stored: who reads it then finds it counted.
    let count = bytes.len() as u64;
    let (counter, moved) = if is_shared {
        let moved = Moved {
            peers: count,
            registry: 0,
        };
        (&jobs.figures.peers, moved)
    } else {
        let moved = Moved {
            peers: 0,
            registry: count,
        };
        (&jobs.figures.registry, moved)
    };
    figures::add(counter, count);
    jobs.add_moved(moved);
    match job.entry.store(chunk, bytes).await {
        Ok(()) => Ok(()),
        Err(Refused::Wrong) => Err(Missed::Wrong),
        Err(Refused::Disk(error)) => Err(Missed::Disk(error)),
    }
}

async fn of_registry(
    jobs: &Jobs,
    job: &Job,
    source: &Source,
    (start, length): (u64, usize),
) -> Result<Bytes, registry::Fault> {
    let end = start + length as u64 - 1;
    let answer = jobs.registry.range(source, job.entry.digest(), start, end).await;
    let mut stream = Box::pin(answer?);
    let _coming = jobs.flights.come();
    let mut bytes = BytesMut::with_capacity(length);
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| registry::Fault::Unavailable(None))?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}
