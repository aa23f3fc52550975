//! Rows that are asked for at every request, kept in memory and true: one is answered only while nothing that it depends on
//! was written to the database since it was read, by this process or any other. So a right that is taken away ends at the
//! next request, and a tag that moved is seen there, as if each had been read.

use crate::Metadata;
use crate::blobs::LinkedBlob;
use crate::figures::RememberedFigures;
use crate::grants::Stood;
use crate::keys::{AccessKey, TemporaryLogin};
use crate::manifests::{ManifestDescriptor, ManifestRow};
use crate::pool::{Mark, Marks, Pool};
use crate::users::User;
use futures_util::future::{BoxFuture, FutureExt as _, TryFutureExt as _};
use shelf::Shelf;
use std::cell::Cell;
use std::sync::Arc;

mod shelf;

/// What one row takes beside what its own texts do.
const OVERHEAD_BYTES: usize = 100;

/// What each kind of row may take in all.
const BYTES_MAX: usize = 4 << 20;
/// What manifests may take, which come with their bytes.
const MANIFEST_BYTES_MAX: usize = 24 << 20;
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

impl Memory {
    /// How often rows were found here, by their kind.
    pub(crate) fn figures(&self) -> [(&'static str, &RememberedFigures); 7] {
        [
            ("rights", &self.standings.figures),
            ("manifest", &self.manifests.figures),
            ("descriptor", &self.descriptors.figures),
            ("blob", &self.links.figures),
            ("user", &self.users.figures),
            ("access_key", &self.access_keys.figures),
            ("temporary_login", &self.temporary_logins.figures),
        ]
    }
}

fn weigh_user(user: &User) -> usize {
    2 * NAMES_BYTES + user.description.len()
}

/// Rows of one kind by what they were asked with, within a bound of memory.
#[derive(Clone, Debug)]
pub(crate) struct Remembered<T: Clone + Send + Sync + 'static> {
    rows: Arc<Shelf<Found<T>>>,
    /// The bytes that a row takes besides itself.
    weigh: fn(&T) -> usize,
    /// What they depend on.
    mark: fn(&Marks) -> Mark,
    figures: RememberedFigures,
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
pub fn at_one_moment<F: Future>(reads: F) -> impl Future<Output = F::Output> {
    MOMENT.scope(Cell::default(), reads)
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

/// What somebody concluded from rows about rights, and users and logins among them: kept as those are.
#[derive(Debug)]
pub struct Concluded<T: Clone + Send + Sync + 'static>(Remembered<T>);

impl<T: Clone + Send + Sync + 'static> Concluded<T> {
    /// Keeps at most `bytes_max`; `weigh` says how many bytes a conclusion takes besides itself and its key.
    pub fn new(bytes_max: usize, weigh: fn(&T) -> usize) -> Self {
        Self(Remembered {
            mark: |marks| marks.rights,
            ..Remembered::of_contents(bytes_max, weigh)
        })
    }

    /// What was concluded for `key`, or is by `conclude`, which reads nothing but such rows. Errors are not kept.
    pub async fn get<'a, E>(
        &self,
        metadata: &Metadata,
        key: &str,
        conclude: impl FnOnce() -> BoxFuture<'a, Result<T, E>>,
    ) -> Result<T, E> {
        let conclude = || conclude().map_ok(Some).boxed();
        let found = self.0.get(&metadata.pool, key, conclude).await?;
        Ok(found.expect("there is always a conclusion"))
    }
}

impl<T: Clone + Send + Sync + 'static> Remembered<T> {
    /// Rows that depend on anything; keeps at most `bytes_max`, `weigh` says how many bytes a row takes besides itself.
    fn of_contents(bytes_max: usize, weigh: fn(&T) -> usize) -> Self {
        Self {
            rows: Arc::new(Shelf::new(bytes_max)),
            weigh,
            mark: |marks| marks.all,
            figures: RememberedFigures::default(),
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
    pub(crate) async fn get<'a, E>(
        &self,
        pool: &Pool,
        key: &str,
        // Boxed, and made only when it is needed: most requests carry it for nothing.
        read: impl FnOnce() -> BoxFuture<'a, Result<Option<T>, E>>,
    ) -> Result<Option<T>, E> {
        let Some(mark) = marks(pool).await.as_ref().map(self.mark) else {
            return read().await;
        };
        if let Some(found) = self.rows.get(key)
            && found.mark == mark
        {
            self.figures.hits.inc();
            return Ok(found.row);
        }
        self.figures.misses.inc();
        let row = read().await?;
        let found = Found {
            mark,
            row: row.clone(),
        };
        let bytes = OVERHEAD_BYTES + size_of::<T>() + key.len() + found.row.as_ref().map_or(0, self.weigh);
        self.rows.insert(key, found, bytes);
        Ok(row)
    }
}
