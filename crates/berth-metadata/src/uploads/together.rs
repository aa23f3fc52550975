//! Many small uploads that are finished at once, in few statements: one makes the rows of many blobs.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Row;
use tokio::sync::oneshot;

use super::{FinishOutcome, FinishUpload, no_key, replace_other};
use crate::Metadata;
use crate::blobs::{self, Link};
use crate::byte_quotas::{self, Change};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, Statement};

/// Uploads that wait to be finished by the next transaction that does so.
#[derive(Debug, Default)]
pub(crate) struct Finishing(Mutex<Vec<Waiting>>);

type Waiting = (FinishUpload, oneshot::Sender<FinishOutcome>);

impl Finishing {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metadata {
    /// Finishes an upload that has no row together with all others that wait for the same flush of the disk. None when that
    /// did not work for one of them or is nothing for this database: then each is finished by itself, which tells why.
    pub(super) async fn finish_together(&self, finish: &FinishUpload) -> Option<FinishOutcome> {
        if finish.upload_id.is_some() || self.is_shared() {
            return None;
        }
        let (sender, finished) = oneshot::channel();
        let is_first = {
            let mut waiting = self.finishing.waiting();
            waiting.push((finish.clone(), sender));
            waiting.len() == 1
        };
        if is_first {
            // Of its own: the others wait for it even when this request is given up.
            tokio::spawn(self.clone().finish_waiting());
        }
        finished.await.ok()
    }

    /// The transaction takes all that wait when it runs, not when it was queued.
    async fn finish_waiting(self) {
        let finishing = Arc::clone(&self.finishing);
        let written = self.pool.write(
            "finish uploads",
            Durability::Durable.of_contents(),
            finishing,
            |tx, finishing| Box::pin(finish_all(tx, mem::take(&mut *finishing.waiting()))),
        );
        match written.await {
            Ok(done) => {
                for (sender, outcome) in done {
                    let _waiter_left = sender.send(outcome);
                }
            }
            // Whoever waits still, because nothing ran, is let go.
            Err(_) => self.finishing.waiting().clear(),
        }
    }
}

async fn finish_all(
    tx: &mut Tx<'_>,
    mut waiting: Vec<Waiting>,
) -> Result<Vec<(oneshot::Sender<FinishOutcome>, FinishOutcome)>, Failure> {
    // The same blob twice is for the next time: its first bytes are to be seen as those that the second take the place of.
    let mut digests = HashSet::new();
    waiting.retain(|(finish, _)| digests.insert(finish.digest.clone()));
    let mut finished = Vec::with_capacity(waiting.len());
    let mut found = lock_blobs(tx, waiting.iter().map(|(finish, _)| finish).collect()).await?;
    let links: Vec<_> = waiting.iter().map(|(finish, _)| link(finish)).collect();
    let made = blobs::link_all(tx, &links).await?;
    let made: HashMap<_, _> = made.iter().map(|made| (made.digest.as_str(), made)).collect();
    for (finish, _) in &waiting {
        let found = found.remove(&finish.digest).ok_or_else(no_key)?;
        let replaced = replace_other(tx, finish, found).await?;
        let used = blobs::linked(tx, link(finish), made.get(finish.digest.as_str()).copied()).await?;
        byte_quotas::charge(tx, finish.repository_id, Change::used(used)).await?;
        finished.push(FinishOutcome { replaced });
    }
    let senders = waiting.into_iter().map(|(_, sender)| sender);
    Ok(senders.zip(finished).collect())
}

fn link(finish: &FinishUpload) -> Link<'_> {
    Link {
        repository_id: finish.repository_id,
        digest: &finish.digest,
        now: finish.now,
    }
}

/// Makes the blobs that are not there and locks all; their keys and since when they are damaged.
async fn lock_blobs(
    tx: &mut Tx<'_>,
    blobs: Vec<&FinishUpload>,
) -> Result<HashMap<String, (String, Option<i64>)>, Failure> {
    let mut found = HashMap::with_capacity(blobs.len());
    for list in sql::lists(&blobs) {
        let row = |n: usize| {
            let [digest, key, size, now] = [1, 2, 3, 4].map(|value| 4 * n + value);
            format!("(${digest}, ${key}, ${size}, ${now}, ${now})")
        };
        let rows: Vec<_> = (0..list.len()).map(row).collect();
        let text = format!(
            "INSERT INTO blobs (digest, key, size, created_at, verified_at) VALUES {} \
             ON CONFLICT (digest) DO UPDATE SET size = blobs.size RETURNING digest, key, damaged_at",
            rows.join(", ")
        );
        let bind = |statement: Statement, blob: &FinishUpload| {
            let statement = statement.bind(blob.digest.clone()).bind(blob.key.clone());
            statement.bind(blob.size).bind(blob.now)
        };
        let insert = list.into_iter().fold(sql::made(text), bind);
        for row in insert.fetch_all(&mut *tx).await? {
            found.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?));
        }
    }
    Ok(found)
}
