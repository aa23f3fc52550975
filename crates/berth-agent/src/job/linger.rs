//! A blob that is here as a whole, told to the tracker for a while, so that others come for it.
//!
//! An agent with a login of its own tells it for as long as it has the blob, by its node channel; this is for those without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_oci::Digest;

use super::Jobs;
use crate::registry::{Joining, Source};
use crate::wire::{Bitmap, Join};

/// How long it is told, and how often.
const FOR: Duration = Duration::from_mins(2);
const EVERY: Duration = Duration::from_secs(10);
/// How soon again while the registry is still storing what this node had from it already.
const SOON: Duration = Duration::from_secs(1);

/// Tells the tracker for a while that the blob is here, so that others come.
pub(super) async fn tell(jobs: &Arc<Jobs>, digest: Digest, source: Source) {
    let end = Instant::now() + FOR;
    while let Some(chunks) = jobs.cache.holds(&digest).filter(|_| Instant::now() < end) {
        let moved = jobs.take_moved_for_tracker();
        let join = Join {
            peer: jobs.peers.me().clone(),
            have: Some(Bitmap::full(chunks)),
            want: 0,
            failed: Vec::new(),
            table: false,
            moved,
        };
        match jobs.registry.join(&source, &digest, &join).await {
            Joining::Joined(_) => {}
            Joining::Unreachable | Joining::Later(_) => jobs.add_moved(moved),
            Joining::Absent => {
                jobs.add_moved(moved);
                tokio::time::sleep(SOON).await;
                continue;
            }
            Joining::Off | Joining::Refused => {
                jobs.add_moved(moved);
                return;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
