//! The connections that read a SQLite file. Most statements take less time than a change of thread would: they run in the
//! thread that asks, up to a budget; what has used it up, or finds the file busy, runs anew where it may wait.

use super::direct::{Direct, Hurry};
use super::{Rows, Statement};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Error, Execute as _};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Statements that run at one time.
const READERS_MAX: usize = 8;
/// How long a statement waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a statement waits in its own thread for another process that has the file for itself.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A text that took long is known for so long: a cold disk or a busy machine passes.
const LONG_FOR: Duration = Duration::from_mins(1);
/// Texts that are known at most.
const LONG_MAX: usize = 1024;

/// Each connection keeps 4 MiB of pages; the rest is the page cache's. No memory map: an I/O error on one is a
/// signal that ends the process instead of an error of one request.
pub(super) const READER: &str =
    "PRAGMA query_only = ON; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY";

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: PathBuf,
    turns: Arc<Semaphore>,
    /// The one that was used last is taken first.
    idle: Mutex<Vec<Direct>>,
    /// Texts of statements that used up their budget, and when: they begin where they may go on.
    long: Mutex<HashMap<String, Instant>>,
}

impl Readers {
    /// Opens the file, which must be there.
    pub(super) fn open(file: &Path) -> Result<Self, Error> {
        let shared = Shared {
            file: file.to_owned(),
            turns: Arc::new(Semaphore::new(READERS_MAX)),
            idle: Mutex::default(),
            long: Mutex::default(),
        };
        let first = shared.take()?;
        lock(&shared.idle).push(first);
        Ok(Self(Arc::new(shared)))
    }

    /// The rows of a statement that changes nothing.
    pub(super) async fn fetch(&self, mut statement: Statement, rows: Rows) -> Result<Vec<AnyRow>, Error> {
        let values = statement.take_arguments().map_err(Error::Encode)?;
        let statement = statement.sql();
        let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(&self.0.turns).acquire_owned());
        let turn = turn.await.map_err(|_| Error::PoolTimedOut)?;
        let turn = turn.map_err(|_| Error::PoolClosed)?;
        let text = statement.as_str();
        // A connection that is new reads the schema first.
        if !self.0.is_long(text)
            && let Some(mut connection) = self.0.idle()
        {
            let hurry = connection.hurry(text, values.as_ref(), rows);
            if let Hurry::Failed(error) = hurry {
                return Err(error);
            }
            lock(&self.0.idle).push(connection);
            match hurry {
                Hurry::Done(found) => return Ok(found),
                Hurry::TooLong => self.0.keep_in_mind(text),
                Hurry::Busy | Hurry::Failed(_) => {}
            }
        }
        let shared = Arc::clone(&self.0);
        let waiting = tokio::task::spawn_blocking(move || {
            shared.fetch(turn, (statement.as_str(), values.as_ref()), rows)
        });
        waiting.await.unwrap_or(Err(Error::WorkerCrashed))
    }

    /// Closes all connections once nothing runs on them.
    pub(super) async fn close(&self) {
        let all = u32::try_from(READERS_MAX).expect("a few");
        // An error says that they are closed already.
        if let Ok(_all) = self.0.turns.acquire_many(all).await {
            self.0.turns.close();
        }
        lock(&self.0.idle).clear();
    }
}

impl Shared {
    fn idle(&self) -> Option<Direct> {
        lock(&self.idle).pop()
    }

    /// A connection that waits for other processes.
    fn take(&self) -> Result<Direct, Error> {
        if let Some(mut connection) = self.idle() {
            connection.wait_for_others(BUSY_TIMEOUT)?;
            return Ok(connection);
        }
        let mut connection = Direct::open_existing(&self.file)?;
        connection.wait_for_others(BUSY_TIMEOUT)?;
        connection.execute(READER)?;
        Ok(connection)
    }

    /// In a thread that may wait.
    fn fetch(
        &self,
        _turn: OwnedSemaphorePermit,
        (text, values): (&str, Option<&AnyArguments>),
        rows: Rows,
    ) -> Result<Vec<AnyRow>, Error> {
        let mut connection = self.take()?;
        let (found, _) = connection.run(text, values, rows)?;
        lock(&self.idle).push(connection);
        Ok(found)
    }

    fn is_long(&self, text: &str) -> bool {
        lock(&self.long)
            .get(text)
            .is_some_and(|since| since.elapsed() < LONG_FOR)
    }

    fn keep_in_mind(&self, text: &str) {
        let mut long = lock(&self.long);
        if long.len() >= LONG_MAX {
            long.clear();
        }
        long.insert(text.to_owned(), Instant::now());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Row as _;

    const LONG: &str =
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1) SELECT n FROM n";

    struct Held {
        _folder: tempfile::TempDir,
        file: PathBuf,
        readers: Readers,
    }

    fn readers() -> Held {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("berth.db");
        let mut writer = Direct::open(&file).unwrap();
        writer
            .execute("PRAGMA journal_mode = WAL; CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (7)")
            .unwrap();
        writer.close().unwrap();
        let readers = Readers::open(&file).unwrap();
        Held {
            _folder: folder,
            file,
            readers,
        }
    }

    /// How many rows, and the last one's number.
    async fn fetched(readers: &Readers, statement: Statement, rows: Rows) -> (usize, i64) {
        let found = readers.fetch(statement, rows).await.unwrap();
        let last = found.last().map_or(0, |row| row.get(0));
        (found.len(), last)
    }

    #[tokio::test]
    async fn long_statements_are_read_to_their_end_as_short_ones_are() {
        let held = readers();
        for (up_to, rows, expected, is_long) in [
            // So few that their steps are not looked at.
            (3_i64, Rows::All, (3, 3), false),
            (3, Rows::First, (1, 1), false),
            (1_000_000, Rows::First, (1, 1), false),
            (100_000, Rows::All, (100_000, 100_000), true),
            // Its text is known now.
            (3, Rows::All, (3, 3), true),
        ] {
            assert_eq!(
                fetched(&held.readers, sqlx::query(LONG).bind(up_to), rows).await,
                expected
            );
            assert_eq!(held.readers.0.is_long(LONG), is_long, "{up_to} {rows:?}");
        }
    }

    #[tokio::test]
    async fn who_has_the_file_alone_is_waited_for() {
        let held = readers();
        // Its reader must not hold the file open, or nobody else could have it alone.
        lock(&held.readers.0.idle).clear();
        let mut alone = Direct::open(&held.file).unwrap();
        alone
            .execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; INSERT INTO t VALUES (8)")
            .unwrap();
        let reading = {
            let readers = held.readers.clone();
            tokio::spawn(async move {
                let statement = sqlx::query("SELECT n FROM t WHERE n > $1").bind(7_i64);
                fetched(&readers, statement, Rows::All).await
            })
        };
        while held.readers.0.turns.available_permits() == READERS_MAX {
            tokio::task::yield_now().await;
        }
        alone.execute("COMMIT").unwrap();
        alone.close().unwrap();
        assert_eq!(reading.await.unwrap(), (1, 8));
    }

    #[tokio::test]
    async fn more_statements_than_connections_wait_for_their_turn() {
        let held = readers();
        let all = (0..10 * READERS_MAX).map(|_| {
            let readers = held.readers.clone();
            tokio::spawn(async move {
                let statement = sqlx::query(LONG).bind(30_000_i64);
                fetched(&readers, statement, Rows::All).await
            })
        });
        for found in all.collect::<Vec<_>>() {
            assert_eq!(found.await.unwrap(), (30_000, 30_000));
        }
        assert!(lock(&held.readers.0.idle).len() <= READERS_MAX);
    }

    #[tokio::test]
    async fn a_reader_changes_nothing_and_says_what_is_wrong() {
        let held = readers();
        for (text, said) in [
            ("INSERT INTO t VALUES (8)", "readonly"),
            ("SELECT wrong FROM t", "no such column"),
            ("SELECT n FROM t WHERE n = $1", "parameter"),
        ] {
            let refused = held
                .readers
                .fetch(sqlx::query(text), Rows::All)
                .await
                .err()
                .unwrap();
            assert!(refused.to_string().contains(said), "{refused}");
        }
        let statement = sqlx::query("SELECT COUNT(*) FROM t");
        assert_eq!(fetched(&held.readers, statement, Rows::First).await, (1, 1));
        held.readers.close().await;
        let closed = held.readers.fetch(sqlx::query("SELECT 1"), Rows::All).await;
        assert!(matches!(closed, Err(Error::PoolClosed)));
    }

    #[test]
    fn a_file_that_is_missing_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("berth.db");
        Readers::open(&file).unwrap_err();
        assert!(!file.exists());
    }
}
