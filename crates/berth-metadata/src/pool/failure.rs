//! What a statement's error means, by the codes of both databases.

use crate::error::{Conflict, Error};
use sqlx::error::ErrorKind;
use std::sync::Arc;

/// Why the body of a transaction failed, before it is known what was being done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Conflict(#[from] Conflict),
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// Another transaction got in the way.
    #[error("another transaction got in the way")]
    Collision,
    /// A stored record that this program cannot have written.
    #[error("a stored record is broken: {0}")]
    Broken(String),
}

impl Failure {
    /// A violated unique constraint as `conflict`.
    pub(crate) fn or_unique(self, conflict: Conflict) -> Failure {
        if self.kind() == Some(ErrorKind::UniqueViolation) {
            conflict.into()
        } else {
            self
        }
    }

    /// A violated foreign key as `conflict`.
    pub(crate) fn or_reference(self, conflict: Conflict) -> Failure {
        if self.kind() == Some(ErrorKind::ForeignKeyViolation) {
            conflict.into()
        } else {
            self
        }
    }

    /// A violated foreign key as another transaction's work, to be tried again.
    pub(crate) fn reference_collides(self) -> Failure {
        if self.kind() == Some(ErrorKind::ForeignKeyViolation) {
            Failure::Collision
        } else {
            self
        }
    }

    /// The outcome for a caller.
    pub(crate) fn into_error(self, doing: &str) -> Error {
        match self {
            Failure::Conflict(conflict) => Error::Conflict(conflict),
            Failure::Sql(error) => outcome(error, doing),
            Failure::Collision => Error::Unavailable("too many requests change the same thing".to_owned()),
            broken @ Failure::Broken(_) => Error::Internal {
                doing: doing.to_owned(),
                source: Arc::new(broken),
            },
        }
    }

    /// Whether another transaction got in the way and a second try may succeed.
    pub(super) fn is_collision(&self) -> bool {
        let error = match self {
            Failure::Collision => return true,
            Failure::Sql(error) => error,
            Failure::Conflict(_) | Failure::Broken(_) => return false,
        };
        // SQLite: SQLITE_BUSY and its extended codes. PostgreSQL: serialization failure, deadlock.
        match code(error) {
            Some(Code::Sqlite(number)) => number & 0xff == 5,
            Some(Code::Postgres(state)) => state == "40001" || state == "40P01",
            None => false,
        }
    }

    /// Whether others hold a lock that the statement did not wait for any longer.
    pub(super) fn is_locked(&self) -> bool {
        let Failure::Sql(error) = self else { return false };
        // lock_not_available
        self.is_collision() || matches!(code(error), Some(Code::Postgres(state)) if state == "55P03")
    }

    /// Whether the connection was lost, or leads to a server that must not be used any more.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Failure::Sql(error) if is_lost(error))
    }

    /// Whether a value holds a zero byte, which SQLite compares like any other and PostgreSQL refuses to read.
    pub(crate) fn is_zero_byte(&self) -> bool {
        let Failure::Sql(error) = self else { return false };
        // character_not_in_repertoire
        matches!(code(error), Some(Code::Postgres(state)) if state == "22021")
    }

    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Failure::Sql(sqlx::Error::Database(error)) => Some(error.kind()),
            _ => None,
        }
    }
}

/// Whether the connection cannot be used any more, or leads to a server that must not be.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    if is_broken_off(error) {
        return true;
    }
    let Some(Code::Postgres(state)) = code(error) else {
        return false;
    };
    // read_only_sql_transaction; idle_in_transaction_session_timeout; admin_shutdown, crash_shutdown, cannot_connect_now;
    // connection exceptions
    ["25006", "25P03", "57P01", "57P02", "57P03"].contains(&state.as_str()) || state.starts_with("08")
}

/// Whether the connection broke. What is called a breach of the protocol is one too: a proxy that has no database behind
/// it takes connections and closes them in the middle of the first message.
fn is_broken_off(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)
    )
}

/// An error of a statement as an outcome.
fn outcome(error: sqlx::Error, doing: &str) -> Error {
    let known = match code(&error) {
        Some(Code::Sqlite(number)) => of_sqlite(number, &error),
        Some(Code::Postgres(state)) => of_postgres(&state, &error),
        None => match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Some(Error::Unavailable(error.to_string()))
            }
            _ if is_broken_off(&error) => Some(Error::Unavailable(error.to_string())),
            _ => None,
        },
    };
    known.unwrap_or_else(|| Error::Internal {
        doing: doing.to_owned(),
        source: Arc::new(error),
    })
}

/// <https://www.sqlite.org/rescode.html>, the low byte being the primary code.
fn of_sqlite(number: i32, error: &sqlx::Error) -> Option<Error> {
    match number & 0xff {
        // IOERR, FULL
        10 | 13 => Some(Error::Full),
        // READONLY
        8 => Some(Error::ReadOnly),
        // BUSY, LOCKED, CANTOPEN
        5 | 6 | 14 => Some(Error::Unavailable(error.to_string())),
        _ => None,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_postgres(state: &str, error: &sqlx::Error) -> Option<Error> {
    match state {
        // disk_full, io_error
        "53100" | "58030" => Some(Error::Full),
        // read_only_sql_transaction
        "25006" => Some(Error::ReadOnly),
        // serialization_failure, deadlock_detected, lock_not_available, idle_in_transaction_session_timeout; connection,
        // resources, operator intervention
        "40001" | "40P01" | "55P03" | "25P03" => Some(Error::Unavailable(error.to_string())),
        _ if ["08", "53", "57"].iter().any(|class| state.starts_with(class)) => {
            Some(Error::Unavailable(error.to_string()))
        }
        _ => None,
    }
}

enum Code {
    Sqlite(i32),
    Postgres(String),
}

/// SQLite's codes are numbers of at most four digits, PostgreSQL's have five characters.
fn code(error: &sqlx::Error) -> Option<Code> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    let code = error.code()?;
    if code.len() == 5 {
        return Some(Code::Postgres(code.into_owned()));
    }
    code.parse().ok().map(Code::Sqlite)
}

#[cfg(test)]
mod tests {
    use super::{is_lost, outcome};
    use crate::Error;

    /// As through a proxy whose database is gone.
    #[test]
    fn a_connection_that_ends_in_its_first_message_is_lost_and_can_be_tried_again() {
        let ended = || sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned());
        assert!(is_lost(&ended()));
        let told = outcome(ended(), "find a user");
        assert!(matches!(told, Error::Unavailable(_)), "{told:?}");
    }
}
