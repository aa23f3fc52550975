//! Rows that are asked for at every request, kept in memory and true: one is answered only while nothing that it depends on
//! was written to the database since it was read, by this process or any other. So a right that is taken away ends at the
//! next request, and a tag that moved is seen there, as if each had been read.

use crate::blobs::LinkedBlob;
use crate::error::Error;
use crate::grants::Stood;
use crate::keys::{AccessKey, TemporaryLogin};
use crate::manifests::{ManifestDescriptor, ManifestRow};
use crate::pool::{Mark, Marks, Pool};
use crate::users::User;
use futures_util::future::BoxFuture;
use moka::sync::Cache;
use std::cell::Cell;
use std::sync::Arc;

/// What one row takes beside what its own texts do.
const OVERHEAD_BYTES: usize = 200;

/// What each kind of row may take in all.
const BYTES_MAX: u64 = 4 << 20;
/// What manifests may take, which come with their bytes.
const MANIFEST_BYTES_MAX: u64 = 24 << 20;
/// Roughly what a row of a few names takes besides itself.
const NAMES_BYTES: usize = 200;

/// All rows that are kept.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) standings: Remembered<Stood>,
    pub(crate) manifests: Remembered<Arc<ManifestRow>>,
    pub(crate) descriptors: Remembered<ManifestDescriptor>,
    pub(crate) links: Remembered<LinkedBlob>,
    pub(crate) users: Remembered<User>,
    pub(crate) access_keys: Remembered<(AccessKey, User)>,
    pub(crate) temporary_logins: Remembered<(TemporaryLogin, User, bool)>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            standings: Remembered::of_rights(|_| NAMES_BYTES),
            manifests: Remembered::of_contents(MANIFEST_BYTES_MAX, |row| NAMES_BYTES + row.bytes.len()),
            descriptors: Remembered::of_contents(BYTES_MAX, |_| NAMES_BYTES),
            links: Remembered::of_contents(BYTES_MAX, |_| NAMES_BYTES),
            users: Remembered::of_rights(weigh_user),
            access_keys: Remembered::of_rights(|(_, user)| NAMES_BYTES + weigh_user(user)),
            temporary_logins: Remembered::of_rights(|(_, user, _)| NAMES_BYTES + weigh_user(user)),
        }
    }
}

fn weigh_user(user: &User) -> usize {
    2 * NAMES_BYTES + user.description.len()
}

/// Rows of one kind by what they were asked with, within a bound of memory.
#[derive(Clone, Debug)]
pub(crate) struct Remembered<T: Clone + Send + Sync + 'static> {
    rows: Cache<String, Found<T>>,
    /// What they depend on.
    mark: fn(&Marks) -> Mark,
}

#[derive(Clone, Debug)]
struct Found<T> {
    /// Where the database stood before it was asked.
    mark: Mark,
    /// None: there is no such row, which is worth knowing, too.
    row: Option<T>,
}

tokio::task_local! {
    /// The marks that [`at_one_moment`] found, once something has asked for them.
    static MOMENT: Cell<Option<Marks>>;
}

/// Runs `reads`, for which the database is asked once where it stands, and which are answered as of then or later. They must
/// not write what they read again, unless they [`look_again`].
pub async fn at_one_moment<F: Future>(reads: F) -> F::Output {
    MOMENT.scope(Cell::default(), reads).await
}

/// Ends the moment of [`at_one_moment`]: what is read from now on is not older than this call.
pub fn look_again() {
    // Outside of any moment every look is a new one.
    let _was_kept = MOMENT.try_with(Cell::take);
}

async fn marks(pool: &Pool) -> Option<Marks> {
    if let Ok(Some(found)) = MOMENT.try_with(Cell::get) {
        return Some(found);
    }
    let marks = pool.marks().await;
    // Outside of any moment it is kept nowhere.
    let _is_kept = MOMENT.try_with(|moment| moment.set(marks));
    marks
}

impl<T: Clone + Send + Sync + 'static> Remembered<T> {
    /// Rows that depend on anything; keeps at most `bytes_max`, `weigh` says how many bytes a row takes besides itself.
    fn of_contents(bytes_max: u64, weigh: fn(&T) -> usize) -> Self {
        let weigher = move |key: &String, found: &Found<T>| {
            let bytes = OVERHEAD_BYTES + size_of::<T>() + key.len() + found.row.as_ref().map_or(0, weigh);
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            rows: Cache::builder().max_capacity(bytes_max).weigher(weigher).build(),
            mark: |marks| marks.all,
        }
    }

    /// Rows that no push changes.
    fn of_rights(weigh: fn(&T) -> usize) -> Self {
        Self {
            mark: |marks| marks.rights,
            ..Self::of_contents(BYTES_MAX, weigh)
        }
    }

    /// The row that is asked for with `key`: as it was read last if nothing was written since, or as `read` finds it.
    pub(crate) async fn get<'a>(
        &self,
        pool: &Pool,
        key: String,
        // Boxed, and made only when it is needed: most requests carry it for nothing.
        read: impl FnOnce() -> BoxFuture<'a, Result<Option<T>, Error>>,
    ) -> Result<Option<T>, Error> {
        let Some(mark) = marks(pool).await.as_ref().map(self.mark) else {
            return read().await;
        };
        if let Some(found) = self.rows.get(key.as_str())
            && found.mark == mark
        {
            return Ok(found.row);
        }
        let row = read().await?;
        let found = Found {
            mark,
            row: row.clone(),
        };
        self.rows.insert(key, found);
        Ok(row)
    }
}
