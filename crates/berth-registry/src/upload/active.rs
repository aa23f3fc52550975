//! The uploads this process is receiving: one request at a time writes to an upload, and a newer request
//! for it interrupts an older one, whose client usually is gone without the server having noticed. What other processes
//! receive, `turn` knows.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use berth_blob::ByteStream;
use futures_util::{StreamExt as _, future, stream};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fresh::FreshUploads;
use super::hashing::Hashing;
use crate::error::Error;

/// All of them.
#[derive(Default)]
pub(crate) struct ActiveUploads {
    slots: Arc<Mutex<HashMap<String, Slot>>>,
    tasks: TaskTracker,
    pub(super) hashing: Hashing,
    pub(crate) fresh: FreshUploads,
}

struct Slot {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Interrupts the request that claimed last.
    interrupt: CancellationToken,
    /// Requests that hold the slot or wait for it.
    claims: usize,
}

/// The right to write to one upload among the requests of this process; given back when dropped.
pub(super) struct Claim {
    id: String,
    interrupt: CancellationToken,
    slots: Arc<Mutex<HashMap<String, Slot>>>,
    /// Declared last: released after the claim is counted out.
    _held: Option<OwnedMutexGuard<()>>,
}

impl ActiveUploads {
    /// Interrupts whoever writes to the upload and waits for the turn.
    pub(super) async fn claim(&self, id: &str) -> Claim {
        self.claim_after(id, true).await
    }

    /// Waits for the turn until whoever writes to the upload has ended by themselves, or by a newer request.
    pub(super) async fn claim_when_free(&self, id: &str) -> Claim {
        self.claim_after(id, false).await
    }

    #[expect(
        clippy::used_underscore_binding,
        reason = "the guard is only held, and set once the wait is over"
    )]
    async fn claim_after(&self, id: &str, interrupts: bool) -> Claim {
        let interrupt = CancellationToken::new();
        let turn = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = slots.entry(id.to_owned()).or_insert_with(|| Slot {
                turn: Arc::default(),
                interrupt: interrupt.clone(),
                claims: 0,
            });
            if interrupts && slot.claims > 0 {
                slot.interrupt.cancel();
                slot.interrupt = interrupt.clone();
            }
            slot.claims += 1;
            Arc::clone(&slot.turn)
        };
        let mut claimed = Claim {
            id: id.to_owned(),
            interrupt,
            slots: Arc::clone(&self.slots),
            _held: None,
        };
        claimed._held = Some(turn.lock_owned().await);
        claimed
    }

    /// Runs work to its end even when the request that asked for it goes away.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.tasks
            .spawn(work)
            .await
            .map_err(|broken| Error::internal("receiving an upload", broken))?
    }

    /// Runs work beside all requests; the end of this process waits for it.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Waits until all that work has ended.
    pub(crate) async fn ended(&self) {
        self.fresh.close();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Claim {
    /// The upload.
    pub(super) fn upload_id(&self) -> &str {
        &self.id
    }

    /// What is cancelled when a newer request claims the upload.
    pub(super) fn interrupt(&self) -> CancellationToken {
        self.interrupt.clone()
    }

    /// Whether a newer request claimed the upload.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupt.is_cancelled()
    }

    /// The body, ending with an error once a newer request claims the upload.
    pub(super) fn guard(&self, body: ByteStream) -> ByteStream {
        let interrupt = self.interrupt.clone();
        let stopped = stream::once(future::lazy(move |_| interrupt.is_cancelled())).filter_map(|stopped| {
            future::ready(stopped.then(|| Err(io::Error::other("another request continues this upload"))))
        });
        Box::pin(
            body.take_until(self.interrupt.clone().cancelled_owned())
                .chain(stopped),
        )
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(&self.id) {
            slot.claims -= 1;
            if slot.claims == 0 {
                slots.remove(&self.id);
            }
        }
    }
}
