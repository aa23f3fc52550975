//! Who sends a blob to a region: one copy of this process at a time, so that copies which share layers send them once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use berth_oci::Digest;
use tokio::sync::OwnedMutexGuard;

/// A region's row and what is sent there.
type Place = (i64, Digest);

/// What is being sent now.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    held: Mutex<HashMap<Place, Arc<tokio::sync::Mutex<()>>>>,
}

/// The right to send a blob to a region, until it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    place: Place,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else sends that blob there.
    pub(super) async fn take(&self, region: i64, digest: &Digest) -> Turn<'_> {
        let place = (region, digest.clone());
        let lock = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(held.entry(place.clone()).or_default())
        };
        // Made first, so that who gives up waiting tidies up, too.
        let mut turn = Turn {
            turns: self,
            place,
            guard: None,
        };
        turn.guard = Some(lock.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut held = self.turns.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.guard.take());
        // Only the map holds it: nobody waits.
        if held
            .get(&self.place)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            held.remove(&self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_oci::Algorithm;

    #[tokio::test]
    async fn one_sends_a_blob_and_the_next_waits() {
        let turns = Turns::default();
        let [one, two] = [b"one", b"two"].map(|bytes| Digest::of(Algorithm::Sha256, bytes));
        let first = turns.take(1, &one).await;
        let (_other_blob, _other_region) = (turns.take(1, &two).await, turns.take(2, &one).await);
        let mut second = Box::pin(turns.take(1, &one));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        drop(second.await);
        assert_eq!(turns.held.lock().unwrap().len(), 2);
    }
}
