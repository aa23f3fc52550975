//! Which of this process's commits changed rights, so that pushes do not end what is known of them.
//!
//! Between its `BEGIN IMMEDIATE` and its `COMMIT` nobody else writes. So when the header of the index was at a commit of
//! ours before, and has counted exactly one change after it, that was our transaction, which changed something, and no other. A commit of another
//! process shows in the header at once, and nothing is said of what it changed.

use super::mark::{Mark, Marks};
use super::wal_index::{CHANGE_COUNTER, WalIndex};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts the changes of rights.
#[derive(Debug)]
pub(super) struct Generations {
    index: WalIndex,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The header after our last commit, when no other process had committed beside it.
    header: Option<Mark>,
    /// How often rights may have changed until then.
    generation: u64,
}

/// Where the database stood when a transaction of ours began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun(Option<Mark>);

impl Generations {
    pub(super) fn of(index: WalIndex) -> Self {
        Self {
            index,
            known: Mutex::default(),
        }
    }

    /// Where the database stands.
    pub(super) fn marks(&self) -> Option<Marks> {
        let all = self.index.mark()?;
        let known = self.known();
        let rights = if known.header == Some(all) {
            Mark::counted(known.generation)
        } else {
            all
        };
        Some(Marks { all, rights })
    }

    /// A transaction began that nobody else can write beside.
    pub(super) fn begun(&self) -> Begun {
        Begun(self.index.mark())
    }

    /// It was committed just now.
    pub(super) fn committed(&self, begun: Begun, contents_only: bool) {
        let after = self.index.mark().filter(|after| is_next(begun.0, *after));
        let mut known = self.known();
        if !contents_only || after.is_none() || known.header != begun.0 {
            known.generation += 1;
        }
        known.header = after;
    }

    pub(super) fn close(&self) {
        self.index.close();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether at most one transaction was committed between the two.
fn is_next(before: Option<Mark>, after: Mark) -> bool {
    before.is_some_and(|before| {
        let count = |mark: Mark| mark.number(CHANGE_COUNTER);
        before == after || count(after) == count(before).wrapping_add(1)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Durability, Opening, Pool, Terms};
    use super::*;

    async fn marks(pool: &Pool) -> Marks {
        pool.marks().await.expect("a database in WAL mode")
    }

    /// Inserts a row, or writes nothing at all.
    async fn write(pool: &Pool, terms: impl Into<Terms>, rows: usize) {
        const INSERT: &str = "INSERT INTO instance_values (name, value) VALUES (hex(randomblob(8)), '')";
        let written = pool.write("write", terms, rows, |tx, rows| {
            Box::pin(async move {
                for _ in 0..*rows {
                    sqlx::query(INSERT).execute(&mut *tx).await?;
                }
                Ok(())
            })
        });
        written.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_known_of_rights_ends_with_what_may_have_changed_them() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/berth.db", folder.path().display());
        let open = async || Pool::open(&url, Opening::default()).await.unwrap();
        let (pool, other) = (open().await, open().await);
        let contents = Durability::Relaxed.of_contents();
        let (ours, any) = (&pool, Durability::Durable.into());
        // Who writes, on what terms, how much, and whether rights may have changed.
        let story = [
            (ours, any, 1, true),
            (ours, contents, 1, false),
            (ours, contents, 3, false),
            (ours, contents, 0, false),
            (ours, any, 1, true),
            (ours, contents, 1, false),
            // What another process changed is not known.
            (&other, contents, 1, true),
            (ours, contents, 1, true),
            (ours, contents, 1, false),
            (&other, any, 1, true),
            (ours, any, 1, true),
            (ours, contents, 1, false),
        ];
        for (step, (who, terms, rows, ends)) in story.into_iter().enumerate() {
            let before = marks(&pool).await;
            write(who, terms, rows).await;
            let after = marks(&pool).await;
            assert_eq!(after.all != before.all, rows > 0, "step {step}");
            assert_eq!(after.rights != before.rights, ends, "step {step}");
            assert_eq!(after, marks(&pool).await, "step {step}, asked again");
        }
        pool.close().await;
        other.close().await;
    }
}
