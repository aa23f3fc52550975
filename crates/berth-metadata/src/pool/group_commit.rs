//! One thread owns the only connection that writes and commits many writes with one flush of the disk.
//!
//! Waiting writes form a batch: one transaction, one SAVEPOINT per write. A write that fails is rolled back alone; every
//! write is answered after the COMMIT, and when that fails all of the batch fail. A batch of relaxed writes only runs
//! with `synchronous = NORMAL`, which flushes nothing; the next durable batch flushes theirs as well.

use super::direct::Direct;
use super::failure::Failure;
use super::generations::{Begun, Generations};
use super::{Durability, Terms, Tx};
use crate::error::Error;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

#[cfg(test)]
mod tests;

/// Writes that wait at most; further callers wait for room.
const QUEUE_LENGTH: usize = 1024;
/// Writes per transaction at most, so that the first of them does not wait for long.
const BATCH_LENGTH: usize = 128;
/// How long a caller waits for room in the queue.
const ROOM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a batch waits in all while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
const BUSY_PAUSE: Duration = Duration::from_millis(10);

const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT write";
const NEXT: &str = "RELEASE write; SAVEPOINT write";

/// A larger log is checkpointed less often; `journal_size_limit` cuts it back after a burst.
pub(super) const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; \
     PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864";

/// The way to the task that writes; when the last one is dropped, it ends after what is queued.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    messages: mpsc::Sender<Message>,
}

enum Message {
    Write(Member),
    Close(oneshot::Sender<()>),
}

/// One write of a batch, its types erased.
struct Member {
    terms: Terms,
    run: Box<Run>,
}

/// Runs in a transaction, or takes the error for which there is none.
type Run = dyn for<'a> FnOnce(Result<&'a mut Tx<'_>, Error>) -> BoxFuture<'a, Ran> + Send;

/// A write that ran and waits for the fate of its batch.
struct Ran {
    error: Option<Error>,
    answer: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

/// A connection fit for writing.
pub(super) fn connect_writer(file: &Path) -> Result<Direct, Failure> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match try_connect(file).map_err(Failure::from) {
            Ok(connection) => return Ok(connection),
            // Turning a new file to WAL answers at once that it is busy, whatever the timeout.
            Err(failure) if failure.is_collision() && Instant::now() < deadline => {
                std::thread::sleep(BUSY_PAUSE);
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn try_connect(file: &Path) -> Result<Direct, sqlx::Error> {
    let mut connection = Direct::open(file)?;
    connection.execute(WRITER)?;
    Ok(connection)
}

/// Starts the thread with `connection`; it connects anew to `file` when that one fails.
pub(super) fn start(
    connection: Direct,
    file: PathBuf,
    generations: Arc<Generations>,
) -> std::io::Result<Queue> {
    let (messages, queue) = mpsc::channel(QUEUE_LENGTH);
    let writer = Writer {
        file,
        connection: Some(connection),
        synchronous: Durability::Durable,
        generations,
    };
    // It waits for the disk, and for nothing else but what is queued.
    let runtime = tokio::runtime::Handle::current();
    let named = std::thread::Builder::new().name("sqlite-writer".to_owned());
    named.spawn(move || runtime.block_on(writer.serve(queue)))?;
    Ok(Queue { messages })
}

impl Queue {
    pub(super) async fn write<I, T, F>(
        &self,
        doing: &'static str,
        terms: Terms,
        input: I,
        body: F,
    ) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Tx<'_>, &'a I) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let run = run_once(doing, input, body, sender);
        let member = Member { terms, run };
        self.messages
            .send_timeout(Message::Write(member), ROOM_TIMEOUT)
            .await
            .map_err(|_| Error::Unavailable("too many writes are waiting".to_owned()))?;
        receiver
            .await
            .map_err(|_| Error::Unavailable("it was closed".to_owned()))?
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.messages.send(Message::Close(done)).await.is_ok() {
            // An error means that it was closed by another call meanwhile.
            let _closed = closed.await;
        }
    }
}

/// The write as a batch sees it: runs once, catches a panic, answers through `sender` when told.
fn run_once<I, T, F>(
    doing: &'static str,
    input: I,
    body: F,
    sender: oneshot::Sender<Result<T, Error>>,
) -> Box<Run>
where
    I: Send + Sync + 'static,
    T: Send + 'static,
    F: for<'a> Fn(&'a mut Tx<'_>, &'a I) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync + 'static,
{
    Box::new(move |tx| {
        Box::pin(async move {
            let result = match tx {
                Ok(tx) => match AssertUnwindSafe(async { body(tx, &input).await })
                    .catch_unwind()
                    .await
                {
                    Ok(result) => result.map_err(|failure| failure.into_error(doing)),
                    Err(_) => Err(panicked(doing)),
                },
                Err(error) => Err(error),
            };
            let error = result.as_ref().err().cloned();
            // A waiter that is gone changes nothing for the others.
            let answer = move |batch: Result<(), Error>| drop(sender.send(batch.and(result)));
            Ran {
                error,
                answer: Box::new(answer),
            }
        })
    })
}

fn panicked(doing: &str) -> Error {
    Error::Internal {
        doing: doing.to_owned(),
        source: Arc::new(std::io::Error::other("the write panicked")),
    }
}

struct Writer {
    file: PathBuf,
    /// None after a failure that leaves its state in doubt.
    connection: Option<Direct>,
    /// What `PRAGMA synchronous` is set to on `connection`.
    synchronous: Durability,
    /// Hears of each commit.
    generations: Arc<Generations>,
}

impl Writer {
    async fn serve(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut closing = Vec::new();
        let mut messages = Vec::with_capacity(BATCH_LENGTH);
        while queue.recv_many(&mut messages, BATCH_LENGTH).await > 0 {
            let mut batch = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    Message::Write(member) => batch.push(member),
                    Message::Close(done) => {
                        queue.close();
                        closing.push(done);
                    }
                }
            }
            while !batch.is_empty() {
                batch = self.commit(batch).await;
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close()
        {
            tracing::warn!(%error, "cannot close the database cleanly");
        }
        for done in closing {
            let _waiter_left = done.send(());
        }
    }

    /// Runs and commits a batch and answers its writes, except those it returns: they did not run, because one before
    /// them ended the transaction.
    async fn commit(&mut self, batch: Vec<Member>) -> Vec<Member> {
        let durability = batch
            .iter()
            .map(|member| member.terms.durability)
            .max()
            .unwrap_or(Durability::Durable);
        let contents_only = batch.iter().all(|member| member.terms.contents_only);
        let mut ran = Vec::with_capacity(batch.len());
        let mut waiting = batch.into_iter();
        let outcome = match self.begin(durability) {
            Ok((connection, begun)) => run(connection, &mut waiting, &mut ran).await.map(|()| begun),
            Err(failure) => Err(failure.into_error("begin a transaction")),
        };
        let error = match outcome {
            Err(error) => error,
            Ok(begun) => {
                self.generations.committed(begun, contents_only);
                for write in ran {
                    (write.answer)(Ok(()));
                }
                return Vec::new();
            }
        };
        tracing::warn!(%error, writes = ran.len(), "a batch of writes failed");
        self.disconnect();
        if ran.is_empty() {
            for member in waiting.by_ref() {
                let refused = (member.run)(Err(error.clone())).await;
                (refused.answer)(Ok(()));
            }
        }
        for write in ran {
            (write.answer)(Err(error.clone()));
        }
        waiting.collect()
    }

    /// A transaction on the connection, made anew if need be, with the lock for writing and a first savepoint.
    fn begin(&mut self, durability: Durability) -> Result<(&mut Direct, Begun), Failure> {
        if self.connection.is_none() {
            self.connection = Some(connect_writer(&self.file)?);
            self.synchronous = Durability::Durable;
        }
        let connection = self.connection.as_mut().expect("connected above");
        if self.synchronous != durability {
            let pragma = match durability {
                Durability::Durable => "PRAGMA synchronous = FULL",
                Durability::Relaxed => "PRAGMA synchronous = NORMAL",
            };
            connection.execute(pragma)?;
            self.synchronous = durability;
        }
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            match connection.execute(BEGIN).map_err(Failure::from) {
                Ok(()) => return Ok((connection, self.generations.begun())),
                Err(failure) if failure.is_collision() && Instant::now() < deadline => {
                    std::thread::sleep(BUSY_PAUSE);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn disconnect(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            // Whatever fails here ends with the connection.
            let _rolled_back = connection.execute("ROLLBACK");
            let _closed = connection.close();
        }
    }
}

/// Runs the writes one after another and commits. An error means that the transaction is lost.
async fn run(
    connection: &mut Direct,
    waiting: &mut std::vec::IntoIter<Member>,
    ran: &mut Vec<Ran>,
) -> Result<(), Error> {
    let lost = |error: sqlx::Error| Failure::from(error).into_error("commit to the database");
    while let Some(member) = waiting.next() {
        let write = (member.run)(Ok(&mut Tx::Direct(connection))).await;
        let error = write.error.clone();
        ran.push(write);
        if let Some(error) = error {
            // Some errors, a full disk for one, end the whole transaction; then there is no savepoint to return to.
            connection.execute("ROLLBACK TO write").map_err(|_| error)?;
        }
        if !waiting.as_slice().is_empty() {
            connection.execute(NEXT).map_err(lost)?;
        }
    }
    // Ends the last savepoint as well.
    connection.execute("COMMIT").map_err(lost)
}
