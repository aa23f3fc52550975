//! SQLite in the thread that asks: statements run to their end before they are answered. Knows no SQL; values and errors are
//! those of sqlx, so that nobody above sees a difference.

use super::Rows;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql};
use sqlx::Error;
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow, AnyTypeInfo, AnyTypeInfoKind, AnyValue};
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx_core::any::{AnyColumn, AnyValueKind};
use sqlx_core::ext::ustr::UStr;
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Prepared statements that are kept.
const STATEMENTS_KEPT: usize = 512;

/// A statement in a hurry may run so many steps of SQLite's machine, a millisecond or two, ...
const STEPS_MAX: u32 = 20_000;
/// ... and for so long, as pages that must be read from a disk take longer than steps.
const TIME_MAX: Duration = Duration::from_millis(5);
/// It is looked at after so many steps.
const STEPS_BETWEEN: u16 = 200;

/// A connection to a SQLite file.
pub(crate) struct Direct(Connection);

/// What came of a statement in a hurry.
pub(super) enum Hurry {
    Done(Vec<AnyRow>),
    /// It takes longer than who asks may wait.
    TooLong,
    /// Another process has the file for itself.
    Busy,
    Failed(Error),
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").finish_non_exhaustive()
    }
}

/// Codes as [`DatabaseError::code`] tells them: INTERRUPT, BUSY, `BUSY_RECOVERY`.
const INTERRUPTED: &str = "9";
const BUSY: &str = "5";
const BUSY_RECOVERY: &str = "261";

/// What a statement answered: its rows, and how many it changed.
pub(super) type Ran = (Vec<AnyRow>, AnyQueryResult);

impl Direct {
    /// Opens the file, which is made when it is missing.
    pub(super) fn open(file: &Path) -> Result<Self, Error> {
        Self::open_with(
            file,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )
    }

    /// Opens the file, which must be there.
    pub(super) fn open_existing(file: &Path) -> Result<Self, Error> {
        Self::open_with(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn open_with(file: &Path, flags: OpenFlags) -> Result<Self, Error> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(no_address(file), flags).map_err(of_rusqlite)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(Self(connection))
    }

    /// How long a statement waits for another process.
    pub(super) fn wait_for_others(&mut self, most: Duration) -> Result<(), Error> {
        self.0.busy_timeout(most).map_err(of_rusqlite)
    }

    /// Runs one statement to read, unless it takes long or must wait for another process.
    pub(super) fn hurry(&mut self, text: &str, values: Option<&AnyArguments>, wanted: Rows) -> Hurry {
        if let Err(error) = self.wait_for_others(Duration::ZERO) {
            return Hurry::Failed(error);
        }
        let since = Instant::now();
        let mut steps = 0;
        let is_over = move || {
            steps += u32::from(STEPS_BETWEEN);
            steps > STEPS_MAX || since.elapsed() > TIME_MAX
        };
        if let Err(error) = self.0.progress_handler(STEPS_BETWEEN.into(), Some(is_over)) {
            return Hurry::Failed(of_rusqlite(error));
        }
        let ran = self.run(text, values, wanted);
        if let Err(error) = self.0.progress_handler(0, None::<fn() -> bool>) {
            return Hurry::Failed(of_rusqlite(error));
        }
        match ran {
            Ok((rows, _)) => Hurry::Done(rows),
            Err(error) => match error.as_database_error().and_then(DatabaseError::code).as_deref() {
                Some(INTERRUPTED) => Hurry::TooLong,
                // In WAL mode a reader is kept waiting by who opens or closes the file, or mends it.
                Some(BUSY | BUSY_RECOVERY) => Hurry::Busy,
                _ => Hurry::Failed(error),
            },
        }
    }

    /// Runs statements without values.
    pub(super) fn execute(&mut self, text: &str) -> Result<(), Error> {
        self.0.execute_batch(text).map_err(of_rusqlite)
    }

    /// Runs one statement with its values and answers its rows, or several statements without values, whose rows nobody
    /// asks for. After [`Rows::First`] an error that shows at the end of the statement only is not seen.
    pub(super) fn run(
        &mut self,
        text: &str,
        values: Option<&AnyArguments>,
        wanted: Rows,
    ) -> Result<Ran, Error> {
        let Some(values) = values else {
            self.execute(text)?;
            return Ok(Ran::default());
        };
        let mut statement = self.0.prepare_cached(text).map_err(of_rusqlite)?;
        let rows = rows(&mut statement, &values.values.0, wanted).map_err(of_rusqlite)?;
        drop(statement);
        let changed = AnyQueryResult {
            rows_affected: self.0.changes(),
            last_insert_id: None,
        };
        Ok((rows, changed))
    }

    /// Closes the file, which takes the log into it when nobody else has it open.
    pub(super) fn close(self) -> Result<(), Error> {
        self.0.close().map_err(|(_, error)| of_rusqlite(error))
    }
}

/// A path that SQLite does not take for an address ("Uniform Resource Identifiers", section 2).
fn no_address(file: &Path) -> Cow<'_, Path> {
    if file.as_os_str().as_encoded_bytes().starts_with(b"file:") {
        Cow::Owned(Path::new(".").join(file))
    } else {
        Cow::Borrowed(file)
    }
}

fn rows(
    statement: &mut CachedStatement<'_>,
    values: &[AnyValueKind],
    wanted: Rows,
) -> rusqlite::Result<Vec<AnyRow>> {
    for at in 1..=statement.parameter_count() {
        let value = number_of(statement.parameter_name(at)).and_then(|number| values.get(number - 1));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), at))?;
        statement.raw_bind_parameter(at, Bound(value))?;
    }
    let names: Vec<UStr> = statement.column_names().into_iter().map(UStr::new).collect();
    let column_names = Arc::new(
        names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.clone(), at))
            .collect(),
    );
    let columns: Vec<_> = names
        .into_iter()
        .enumerate()
        .map(|(ordinal, name)| AnyColumn {
            ordinal,
            name,
            type_info: AnyTypeInfo {
                kind: AnyTypeInfoKind::Null,
            },
        })
        .collect();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let value = |at| {
            Ok(AnyValue {
                kind: value(row.get_ref(at)?),
            })
        };
        found.push(AnyRow {
            column_names: Arc::clone(&column_names),
            values: (0..columns.len()).map(value).collect::<rusqlite::Result<_>>()?,
            columns: columns.clone(),
        });
        if wanted == Rows::First {
            break;
        }
    }
    Ok(found)
}

/// The number of a marker `$number`, which SQLite takes for a name.
fn number_of(name: Option<&str>) -> Option<usize> {
    name?.strip_prefix('$')?.parse().ok().filter(|number| *number > 0)
}

fn value(found: ValueRef<'_>) -> AnyValueKind {
    match found {
        ValueRef::Null => AnyValueKind::Null(AnyTypeInfoKind::Null),
        ValueRef::Integer(number) => AnyValueKind::BigInt(number),
        ValueRef::Real(number) => AnyValueKind::Double(number),
        ValueRef::Text(text) => AnyValueKind::Text(Arc::new(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Blob(bytes) => AnyValueKind::Blob(Arc::new(bytes.to_vec())),
    }
}

/// A value that is bound.
struct Bound<'a>(&'a AnyValueKind);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let integer = |number| ToSqlOutput::Owned(Value::Integer(number));
        Ok(match self.0 {
            AnyValueKind::Bool(value) => integer(i64::from(*value)),
            AnyValueKind::SmallInt(number) => integer(i64::from(*number)),
            AnyValueKind::Integer(number) => integer(i64::from(*number)),
            AnyValueKind::BigInt(number) => integer(*number),
            AnyValueKind::Real(number) => ToSqlOutput::Owned(Value::Real(f64::from(*number))),
            AnyValueKind::Double(number) => ToSqlOutput::Owned(Value::Real(*number)),
            AnyValueKind::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            AnyValueKind::TextSlice(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            AnyValueKind::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            AnyValueKind::Null(_) => ToSqlOutput::Owned(Value::Null),
            // A kind that sqlx has learned since.
            other => {
                let other = format!("no value of SQLite: {other:?}");
                return Err(rusqlite::Error::ToSqlConversionFailure(other.into()));
            }
        })
    }
}

/// An error of SQLite as sqlx tells it.
#[derive(Debug)]
struct SqliteError {
    /// <https://www.sqlite.org/rescode.html>, extended.
    code: i32,
    message: String,
}

fn of_rusqlite(error: rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.unwrap_or_else(|| failure.to_string());
            let code = failure.extended_code;
            Error::Database(Box::new(SqliteError { code, message }))
        }
        other => Error::Protocol(other.to_string()),
    }
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl std::error::Error for SqliteError {}

impl DatabaseError for SqliteError {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        match self.code {
            // CONSTRAINT_UNIQUE, CONSTRAINT_PRIMARYKEY
            2067 | 1555 => ErrorKind::UniqueViolation,
            // CONSTRAINT_FOREIGNKEY
            787 => ErrorKind::ForeignKeyViolation,
            // CONSTRAINT_NOTNULL
            1299 => ErrorKind::NotNullViolation,
            // CONSTRAINT_CHECK
            275 => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_an_address() {
        for (path, opened) in [
            ("file:berth.db?mode=memory", "./file:berth.db?mode=memory"),
            ("/srv/file:berth.db", "/srv/file:berth.db"),
            ("berth.db", "berth.db"),
        ] {
            assert_eq!(no_address(Path::new(path)), Path::new(opened));
        }
    }
}
