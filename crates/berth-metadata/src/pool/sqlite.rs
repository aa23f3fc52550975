//! SQLite: several connections that read (see `readers`), one that writes (see `group_commit`).

use super::direct::Direct;
use super::failure::Failure;
use super::generations::Generations;
use super::group_commit::{self, Queue, WRITER, connect_writer};
use super::mark::Marks;
use super::migrate::{self, Upgrade};
use super::readers::{READER, Readers};
use super::wal_index::WalIndex;
use super::{Rows, Statement, Tx};
use crate::error::Error;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Snapshots that are read at one time.
const SNAPSHOTS_MAX: u32 = 4;

/// The connections to one SQLite file.
#[derive(Clone, Debug)]
pub(crate) struct Sqlite {
    readers: Readers,
    /// For several statements in one state of the file.
    snapshots: AnyPool,
    queue: Queue,
    generations: Arc<Generations>,
}

impl Sqlite {
    pub(super) async fn open(url: &str, upgrade: Upgrade) -> Result<Sqlite, Error> {
        let opening = |error| Failure::Sql(error).into_error("open the database");
        let path = PathBuf::from(file(url));
        let mut writer = connect_writer(&path).map_err(|failure| failure.into_error("open the database"))?;
        migrate(&mut writer, upgrade).await?;
        let snapshots = AnyPoolOptions::new()
            .max_connections(SNAPSHOTS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // The file does not hang up: nothing to test, nothing to renew.
            .test_before_acquire(false)
            .max_lifetime(None)
            .after_connect(|connection, _| Box::pin(only_read(connection)))
            .connect_lazy_with(options(url, "rw").map_err(opening)?);
        let readers = Readers::open(&path).map_err(opening)?;
        let generations = Arc::new(Generations::of(WalIndex::of(&path)));
        let queue = group_commit::start(writer, path, Arc::clone(&generations))
            .map_err(|error| opening(sqlx::Error::Io(error)))?;
        Ok(Sqlite {
            readers,
            snapshots,
            queue,
            generations,
        })
    }

    /// The rows of a statement that changes nothing.
    pub(super) async fn fetch(&self, statement: Statement, rows: Rows) -> Result<Vec<AnyRow>, Failure> {
        Ok(self.readers.fetch(statement, rows).await?)
    }

    /// Connections that read several statements in one state of the file.
    pub(super) fn snapshots(&self) -> &AnyPool {
        &self.snapshots
    }

    /// Where the database stands.
    pub(super) fn marks(&self) -> Option<Marks> {
        self.generations.marks()
    }

    /// A connection that reads, beside the others.
    pub(super) async fn reader(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.snapshots.connect_options()).await?;
        only_read(&mut connection).await?;
        Ok(connection)
    }

    /// The way to the one connection that writes.
    pub(super) fn writes(&self) -> &Queue {
        &self.queue
    }

    pub(super) async fn close(&self) {
        self.queue.close().await;
        self.readers.close().await;
        self.snapshots.close().await;
        self.generations.close();
    }
}

async fn only_read(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    const WAITING: &str = "PRAGMA busy_timeout = 5000";
    sqlx::raw_sql(WAITING).execute(&mut *connection).await?;
    sqlx::raw_sql(READER).execute(connection).await.map(drop)
}

/// A connection that writes, for who needs no other.
pub(super) async fn writer(url: &str) -> Result<AnyConnection, Failure> {
    // Turns a new file to WAL.
    connect_writer(Path::new(file(url)))?.close()?;
    let mut connection = AnyConnection::connect_with(&options(url, "rw")?).await?;
    sqlx::raw_sql(WRITER).execute(&mut connection).await?;
    Ok(connection)
}

/// The file that `url` names.
fn file(url: &str) -> &str {
    url.strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .unwrap_or(url)
}

/// What opens the file that `url` names. All after `sqlite://` is the path as it is: `?`, `#` and `%` are themselves.
fn options(url: &str, mode: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    let escape = |byte: u8| match byte {
        b'/' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let path: String = file(url).bytes().map(escape).collect();
    Ok(AnyConnectOptions::from_str(&format!("sqlite://{path}?mode={mode}"))?.disable_statement_logging())
}

/// All missing steps in one transaction: nobody else writes meanwhile.
async fn migrate(writer: &mut Direct, upgrade: Upgrade) -> Result<(), Error> {
    let migrating = |error| Failure::Sql(error).into_error("migrate the database");
    writer.execute("BEGIN IMMEDIATE").map_err(migrating)?;
    let migrated = steps(&mut Tx::Direct(writer), upgrade).await;
    if migrated.is_err() {
        // Some errors end the transaction themselves.
        let _rolled_back = writer.execute("ROLLBACK");
        return migrated;
    }
    writer.execute("COMMIT").map_err(migrating)
}

async fn steps(tx: &mut Tx<'_>, upgrade: Upgrade) -> Result<(), Error> {
    const ADVICE: &str = "mend what the database complains about and start berth again; if it cannot be mended, go on \
         with the version before and report this message";
    let next = async |tx: &mut Tx<'_>, upgrade| {
        let step = migrate::next(tx, (migrate::STEPS, upgrade), |step| step.sqlite).await;
        step.map_err(|stopped| stopped.into_error(ADVICE))
    };
    if next(tx, upgrade).await?.is_some() {
        // Whoever may begin may go on.
        while next(tx, Upgrade::Apply).await?.is_some() {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[tokio::test]
    async fn any_path_names_a_file() {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let check = async |url: String, file: &Path| {
            let sqlite = Sqlite::open(&url, Upgrade::Apply).await.unwrap();
            sqlite.close().await;
            assert!(file.is_file(), "{url} made {}", file.display());
        };
        for name in [
            "berth.db",
            "a b.db",
            "a?mode=memory.db",
            "a#b.db",
            "a%20b.db",
            "ü:@.db",
        ] {
            let file = folder.path().join(name);
            check(format!("sqlite://{}", file.display()), &file).await;
        }
        let file = folder.path().join("short.db");
        check(format!("sqlite:{}", file.display()), &file).await;
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_opened_says_so() {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/no/such/folder.db", folder.path().display());
        let refused = Sqlite::open(&url, Upgrade::Apply).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    }
}
