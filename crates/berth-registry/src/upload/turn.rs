//! The turn of a request on an upload, here and among all replicas. The upload's row says who has it; while bytes come, the
//! holder says again and again that it is there, and makes room when a newer request waits: its client has come back.

use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{Metadata, TakenTurn, TurnStanding, UploadRow, UploadTurn};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::active::Claim;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// How long a holder that says nothing is believed to be there: another replica takes over from one that was killed after
/// so long.
const TTL: Duration = Duration::from_secs(10);
/// Time between two words of a holder.
const KEPT_EVERY: Duration = Duration::from_secs(2);
/// How long a request waits for its turn: until a holder that is gone is certainly taken for gone.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time between two questions of who waits.
const ASKED_EVERY: Duration = Duration::from_millis(200);

/// The right to write to one upload. Given back with [`Registry::release`] or with the last bytes that are saved under it;
/// one that is only dropped ends by itself.
pub(super) struct Turn {
    /// This turn's own name in the row.
    pub(super) name: String,
    keeper: AbortHandle,
    claim: Claim,
}

impl Turn {
    /// Ends the body of the request that has this turn.
    pub(super) fn interrupt(&self) {
        self.claim.interrupt().cancel();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Registry {
    /// Interrupts whoever writes to the upload in another process and waits for the turn of a request that has its turn in this
    /// one; the upload as it stands then.
    pub(super) async fn turn_with(self: &Arc<Self>, claim: Claim) -> Result<(Turn, UploadRow), Error> {
        let upload_id = claim.upload_id();
        self.settle(upload_id).await?;
        let name = Uuid::new_v4().simple().to_string();
        let deadline = Instant::now() + PATIENCE;
        let row = loop {
            let wanted = asked(upload_id, &name);
            match self.metadata.take_turn(wanted).await? {
                TakenTurn::Ours(row) => break *row,
                TakenTurn::Gone => return Err(Error::UploadUnknown),
                TakenTurn::Anothers if claim.is_interrupted() || Instant::now() >= deadline => {
                    return Err(Error::Unavailable);
                }
                TakenTurn::Anothers => tokio::time::sleep(ASKED_EVERY).await,
            }
        };
        let keeping = keep(
            self.metadata.clone(),
            (upload_id.to_owned(), name.clone()),
            claim.interrupt(),
        );
        let turn = Turn {
            name,
            keeper: tokio::spawn(keeping).abort_handle(),
            claim,
        };
        Ok((turn, row))
    }

    /// Gives a turn back, so that nobody waits for its end. Whoever cannot be told waits.
    pub(super) async fn release(&self, turn: &Turn) {
        turn.keeper.abort();
        if let Err(error) = self
            .metadata
            .release_turn(turn.claim.upload_id(), &turn.name)
            .await
        {
            tracing::debug!(%error, "the turn on an upload ends by itself");
        }
    }
}

fn asked(upload_id: &str, name: &str) -> UploadTurn {
    UploadTurn {
        upload_id: upload_id.to_owned(),
        turn: name.to_owned(),
        ttl_ms: i64::try_from(TTL.as_millis()).expect("a few seconds"),
        now: now_ms(),
    }
}

/// Keeps a turn for as long as it is polled; interrupts its holder when the turn is lost or wanted.
async fn keep(metadata: Metadata, (upload_id, name): (String, String), interrupt: CancellationToken) {
    loop {
        tokio::time::sleep(KEPT_EVERY).await;
        match metadata.keep_turn(asked(&upload_id, &name)).await {
            Ok(TurnStanding::Kept) => {}
            Ok(TurnStanding::Wanted) => interrupt.cancel(),
            Ok(TurnStanding::Lost) => return interrupt.cancel(),
            // The bytes still come; whether they count is decided when they are saved.
            Err(error) => tracing::debug!(%error, upload_id, "the turn on an upload could not be kept"),
        }
    }
}
