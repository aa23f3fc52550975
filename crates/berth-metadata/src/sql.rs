//! Small helpers for statements: whole results, lists of values, and violations with a meaning.

mod composed;

pub use composed::TextMatch;
pub(crate) use composed::{Composed, holding};

use crate::error::{Conflict, Error};
use crate::pool::{Failure, Rows, Terms};
pub(crate) use crate::pool::{Statement, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

/// Most values in one list; longer lists are several statements.
const LIST_LENGTH_MAX: usize = 64;

/// The first row of a statement that is run to its end.
///
/// `fetch_optional` may stop at the first row and so miss an error that comes after it (a foreign key is checked at
/// the end of a statement); a write must see it.
pub(crate) async fn first(tx: &mut Tx<'_>, statement: Statement) -> Result<Option<AnyRow>, sqlx::Error> {
    Ok(statement.fetch_all(tx).await?.into_iter().next())
}

/// Runs a statement and answers the number of rows it changed.
pub(crate) async fn change(tx: &mut Tx<'_>, statement: Statement) -> Result<u64, sqlx::Error> {
    Ok(statement.execute(tx).await?.rows_affected())
}

/// Cuts `values` into lists padded to a power of two by repeating the last one, so that few statement texts exist.
pub(crate) fn lists<T: Clone>(values: &[T]) -> impl Iterator<Item = Vec<T>> + '_ {
    values.chunks(LIST_LENGTH_MAX).map(|chunk| {
        let mut list = chunk.to_vec();
        if let Some(last) = chunk.last() {
            list.resize(chunk.len().next_power_of_two(), last.clone());
        }
        list
    })
}

/// `$from,$from+1,...`: markers for `count` values.
pub(crate) fn markers(from: usize, count: usize) -> String {
    (from..from + count)
        .map(|n| format!("${n}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// A statement whose text is made of constants and [`markers`] only.
pub(crate) fn made(text: String) -> Statement {
    sqlx::query(AssertSqlSafe(text))
}

/// Gives a violated constraint its meaning.
pub(crate) trait Meaning<T> {
    /// A violated unique constraint means `conflict`.
    fn unique(self, conflict: Conflict) -> Result<T, Failure>;
    /// A violated foreign key means `conflict`.
    fn reference(self, conflict: Conflict) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Meaning<T> for Result<T, E> {
    fn unique(self, conflict: Conflict) -> Result<T, Failure> {
        self.map_err(|error| error.into().or_unique(conflict))
    }

    fn reference(self, conflict: Conflict) -> Result<T, Failure> {
        self.map_err(|error| error.into().or_reference(conflict))
    }
}

/// A statement over the page of names that the second part selects in their order: all of them in one row, because
/// each row that a database answers costs far more than its bytes. For [`crate::Metadata::names`].
macro_rules! in_one_row {
    ($name:literal, $($page:expr),+ $(,)?) => {
        concat!("SELECT string_agg(", $name, ", ',') FROM (", $($page),+, ") AS page")
    };
}
pub(crate) use in_one_row;

impl crate::Metadata {
    /// The names that a statement made with `in_one_row!` answers, in byte order. No name holds a comma.
    pub(crate) async fn names(&self, doing: &str, statement: Statement) -> Result<Vec<String>, Error> {
        let joined: Option<String> = self
            .find(doing, statement, |row| Ok(row.try_get(0)?))
            .await?
            .flatten();
        let joined = joined.unwrap_or_default();
        let mut names: Vec<String> = joined.split_terminator(',').map(str::to_owned).collect();
        // An aggregate promises no order; the page comes in order all the same, so this finds nothing to do.
        names.sort_unstable();
        Ok(names)
    }

    /// The one row that a reading statement answers; a text that no database can hold is nowhere.
    pub(crate) async fn find<T>(
        &self,
        doing: &str,
        statement: Statement,
        read: impl Fn(&AnyRow) -> Result<T, Failure>,
    ) -> Result<Option<T>, Error> {
        let rows = self.pool.fetch(statement, Rows::First).await;
        let read = rows.and_then(|rows| rows.first().map(read).transpose());
        if read.as_ref().is_err_and(Failure::is_zero_byte) {
            return Ok(None);
        }
        read.map_err(|failure| failure.into_error(doing))
    }

    /// Every row that a reading statement answers; the statement bounds them. Nothing is found by a text that no database
    /// can hold.
    pub(crate) async fn list<T>(
        &self,
        doing: &str,
        statement: Statement,
        read: impl Fn(&AnyRow) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.pool.fetch(statement, Rows::All).await;
        let read: Result<Vec<T>, Failure> = rows.and_then(|rows| rows.iter().map(read).collect());
        if read.as_ref().is_err_and(Failure::is_zero_byte) {
            return Ok(Vec::new());
        }
        read.map_err(|failure| failure.into_error(doing))
    }

    /// Runs one changing statement in a transaction of its own and answers how many rows it changed.
    pub(crate) async fn change(
        &self,
        doing: &'static str,
        terms: impl Into<Terms>,
        statement: impl Fn() -> Statement + Send + Sync + 'static,
    ) -> Result<u64, Error> {
        self.pool
            .write(doing, terms, statement, |tx, statement| {
                let statement = statement();
                Box::pin(async move { Ok(change(tx, statement).await?) })
            })
            .await
    }
}
