//! What one peer has, heard from itself as it changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::peers::{Asked, Fault, Peers};
use crate::wire::Bitmap;

/// How often at most a peer is asked.
const EVERY: Duration = Duration::from_millis(200);
/// When one is asked again that knows nothing yet.
const LATER: Duration = Duration::from_secs(1);
/// How often in a row it may not answer.
const SILENT_MAX: u32 = 2;

/// Word of a peer, by its id.
pub(super) enum Heard {
    Has(String, Bitmap),
    Dead(String),
}

/// Listens until the peer is dead or nobody wants to know.
pub(super) async fn to(
    peers: Arc<Peers>,
    mut asked: Asked,
    ticket: watch::Receiver<Arc<str>>,
    heard: mpsc::Sender<Heard>,
) {
    let id = asked.peer.id.clone();
    let (mut since, mut silent) = (0, 0);
    loop {
        asked.ticket = Arc::clone(&ticket.borrow());
        let wait = match peers.have(&asked, since).await {
            Ok(have) => {
                (since, silent) = (have.count(), 0);
                if heard.send(Heard::Has(id.clone(), have)).await.is_err() {
                    return;
                }
                EVERY
            }
            Err(Fault::NotThere | Fault::Refused) => LATER,
            Err(Fault::Busy(after)) => after.max(EVERY),
            Err(Fault::Slow) if silent < SILENT_MAX => {
                silent += 1;
                EVERY
            }
            Err(Fault::Slow | Fault::Dead) => {
                // Nobody wants to know when it cannot be told.
                drop(heard.send(Heard::Dead(id)).await);
                return;
            }
        };
        tokio::time::sleep(wait).await;
    }
}
