//! What a batch promises, over a real file.

use super::super::sqlite::Sqlite;
use super::*;
use crate::Upgrade;
use crate::error::Conflict;
use futures_util::future::join_all;
use sqlx::{Connection, Row};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A database with one table of notes, and what is in it.
struct Notes {
    sqlite: Sqlite,
    folder: tempfile::TempDir,
}

type Body = for<'a> fn(&'a mut Tx<'_>, &'a String) -> BoxFuture<'a, Result<(), Failure>>;

const GOOD: Body = |tx, text| Box::pin(note(tx, text));
const FAILING: Body = |tx, text| {
    Box::pin(async move {
        note(tx, text).await?;
        Err(Conflict::UploadGone.into())
    })
};
const PANICKING: Body = |tx, text| {
    Box::pin(async move {
        note(tx, text).await?;
        panic!("on purpose")
    })
};
/// Ends the transaction under the batch, as SQLite does by itself after some errors.
const ROLLING_BACK: Body = |tx, text| {
    Box::pin(async move {
        note(tx, text).await?;
        sqlx::raw_sql("ROLLBACK").execute(tx).await?;
        Err(Conflict::UploadGone.into())
    })
};
/// Fills the database's last page: it may not grow any more.
const FILLING: Body = |tx, text| {
    Box::pin(async move {
        sqlx::raw_sql("PRAGMA max_page_count = 1")
            .execute(&mut *tx)
            .await?;
        note(tx, &text.repeat(1 << 20)).await
    })
};
const READ_ONLY: Body = |tx, text| {
    Box::pin(async move {
        sqlx::raw_sql("PRAGMA query_only = ON").execute(&mut *tx).await?;
        note(tx, text).await
    })
};

/// Leaves a reference that is looked at when the transaction ends.
const DANGLING: Body = |tx, text| {
    Box::pin(async move {
        sqlx::raw_sql("PRAGMA defer_foreign_keys = ON; INSERT INTO blob_links VALUES (-1, 'none', NULL)")
            .execute(&mut *tx)
            .await?;
        note(tx, text).await
    })
};

async fn note(tx: &mut Tx<'_>, text: &str) -> Result<(), Failure> {
    sqlx::query("INSERT INTO notes (text) VALUES ($1)")
        .bind(text.to_owned())
        .execute(tx)
        .await?;
    Ok(())
}

impl Notes {
    async fn open() -> Notes {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/berth.db", folder.path().display());
        let sqlite = Sqlite::open(&url, Upgrade::Apply).await.unwrap();
        let notes = Notes { sqlite, folder };
        let table: Body = |tx, text| {
            Box::pin(async move {
                sqlx::raw_sql("CREATE TABLE notes (text TEXT NOT NULL)")
                    .execute(&mut *tx)
                    .await?;
                note(tx, text).await
            })
        };
        notes.write(table, "first").await.unwrap();
        notes
    }

    async fn write(&self, body: Body, text: &str) -> Result<(), Error> {
        self.sqlite
            .writes()
            .write("note", Durability::Durable.into(), text.to_owned(), body)
            .await
    }

    /// Makes the writes share one batch: the task is kept busy while they queue up.
    async fn batch(&self, writes: &[(Body, &str)]) -> Vec<Result<(), Error>> {
        let slow: Body = |tx, text| {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                note(tx, text).await
            })
        };
        let waiting = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            join_all(writes.iter().map(|(body, text)| self.write(*body, text))).await
        };
        let (slow, results) = tokio::join!(self.write(slow, "slow"), waiting);
        slow.unwrap();
        results
    }

    /// The notes but those of the set-up.
    async fn notes(&self) -> Vec<String> {
        let rows = sqlx::query("SELECT text FROM notes")
            .fetch_all(self.sqlite.snapshots())
            .await
            .unwrap();
        let notes = rows.iter().map(|row| row.get::<String, _>(0));
        notes.filter(|text| text != "first" && text != "slow").collect()
    }

    /// What `PRAGMA synchronous` says within a write.
    async fn synchronous(&self, durability: Durability) -> i64 {
        let write = self
            .sqlite
            .writes()
            .write("read a setting", durability.into(), (), |tx, ()| {
                Box::pin(async move {
                    let row = sqlx::query("PRAGMA synchronous").fetch_one(tx).await?;
                    Ok(row.try_get::<i64, _>(0)?)
                })
            });
        write.await.unwrap()
    }
}

#[tokio::test]
async fn a_write_that_fails_is_undone_alone() {
    let notes = Notes::open().await;
    let results = notes.batch(&[(GOOD, "a"), (FAILING, "b"), (GOOD, "c")]).await;
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(
        matches!(results[1], Err(Error::Conflict(Conflict::UploadGone))),
        "{results:?}"
    );
    assert_eq!(notes.notes().await, ["a", "c"]);
}

#[tokio::test]
async fn a_write_that_panics_is_undone_alone() {
    let notes = Notes::open().await;
    let results = notes.batch(&[(GOOD, "a"), (PANICKING, "b"), (GOOD, "c")]).await;
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(
        matches!(&results[1], Err(Error::Internal { doing, .. }) if doing == "note"),
        "{results:?}"
    );
    assert_eq!(notes.notes().await, ["a", "c"]);
}

#[tokio::test]
async fn a_lost_transaction_fails_those_in_it_and_no_others() {
    let notes = Notes::open().await;
    let results = notes
        .batch(&[(GOOD, "a"), (ROLLING_BACK, "b"), (GOOD, "c")])
        .await;
    assert!(
        results[0].is_err() && results[1].is_err(),
        "nobody is told that a lost row is stored: {results:?}"
    );
    assert!(results[2].is_ok(), "{results:?}");
    assert_eq!(notes.notes().await, ["c"]);
}

#[tokio::test]
async fn a_commit_that_fails_fails_all_and_the_task_goes_on() {
    let notes = Notes::open().await;
    let results = notes.batch(&[(GOOD, "a"), (DANGLING, "b"), (GOOD, "c")]).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(Error::Internal { .. }))),
        "{results:?}"
    );
    notes.write(GOOD, "later").await.unwrap();
    assert_eq!(notes.notes().await, ["later"]);
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_the_task_goes_on() {
    let notes = Notes::open().await;
    let results = notes.batch(&[(FILLING, "a"), (FILLING, "b")]).await;
    assert!(
        results.iter().all(|result| matches!(result, Err(Error::Full))),
        "{results:?}"
    );
    assert_eq!(notes.notes().await, Vec::<String>::new());
    // The limit was the connection's; a full disk that is given room again acts the same.
    let unlimited: Body = |tx, text| {
        Box::pin(async move {
            sqlx::raw_sql("PRAGMA max_page_count = 1073741823")
                .execute(&mut *tx)
                .await?;
            note(tx, text).await
        })
    };
    notes.write(unlimited, "later").await.unwrap();
    assert_eq!(notes.notes().await, ["later"]);
}

#[tokio::test]
async fn a_read_only_database_says_so() {
    let notes = Notes::open().await;
    let result = notes.write(READ_ONLY, "a").await;
    assert!(matches!(result, Err(Error::ReadOnly)), "{result:?}");
    assert_eq!(notes.notes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_waiter_that_leaves_does_not_hurt_the_others() {
    let notes = Notes::open().await;
    let left = tokio::time::timeout(Duration::from_millis(1), notes.batch(&[(GOOD, "gone")]));
    assert!(left.await.is_err(), "the set-up takes longer than that");
    let results = join_all((0..10).map(|_| notes.write(GOOD, "here"))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(notes.notes().await, vec!["here"; 10]);
}

#[tokio::test]
async fn more_writes_than_the_queue_holds_are_all_done() {
    let notes = Notes::open().await;
    let writes = QUEUE_LENGTH * 2;
    let results = join_all((0..writes).map(|_| notes.write(GOOD, "x"))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(notes.notes().await.len(), writes);
}

#[tokio::test]
async fn durable_batches_are_flushed_and_relaxed_ones_are_not() {
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    let notes = Notes::open().await;
    for _ in 0..3 {
        assert_eq!(notes.synchronous(Durability::Relaxed).await, NORMAL);
        assert_eq!(notes.synchronous(Durability::Durable).await, FULL);
    }
}

#[tokio::test]
async fn another_process_that_writes_is_waited_for() {
    static RELEASED: AtomicBool = AtomicBool::new(false);
    let notes = Notes::open().await;
    let url = format!("sqlite://{}/berth.db", notes.folder.path().display());
    let mut other = sqlx::AnyConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE; INSERT INTO notes VALUES ('other')")
        .execute(&mut other)
        .await
        .unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        RELEASED.store(true, Ordering::SeqCst);
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    };
    let write = async {
        notes.write(GOOD, "ours").await.unwrap();
        assert!(RELEASED.load(Ordering::SeqCst));
    };
    tokio::join!(release, write);
    assert_eq!(notes.notes().await, ["other", "ours"]);
}

#[tokio::test]
async fn closing_answers_what_is_queued() {
    let notes = Notes::open().await;
    let (results, ()) = tokio::join!(notes.batch(&[(GOOD, "a"), (GOOD, "b")]), async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        notes.sqlite.writes().close().await;
    });
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(notes.notes().await, ["a", "b"]);
}
