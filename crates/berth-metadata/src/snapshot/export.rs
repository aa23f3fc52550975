//! All rows of a database in one state.

use super::{SnapshotPart, SnapshotValue};
use crate::Metadata;
use crate::error::Error;
use crate::pool::catalog::{self, ColumnKind, Table};
use crate::pool::{Dialect, Failure, Tx, rebuilding};
use crate::sql;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection, Row};
use tokio::sync::mpsc;

/// Parts of a snapshot, or the error that ended it.
pub type SnapshotStream = BoxStream<'static, Result<SnapshotPart, Error>>;

/// Rows of one part at most.
const ROWS_MAX: usize = 500;
/// Bytes of texts and bytes after which a part ends.
const PART_BYTES: usize = 256 << 10;
/// Parts that wait for their reader.
const PARTS_WAITING: usize = 2;
const DOING: &str = "read a snapshot";

impl Metadata {
    /// All rows as they are at one moment, while everything goes on; a few rows at a time in memory. A snapshot that is
    /// read slowly keeps the database from reusing the space of what changes meanwhile.
    pub fn snapshot(&self) -> SnapshotStream {
        let (sender, mut parts) = mpsc::channel(PARTS_WAITING);
        let pool = self.pool.clone();
        tokio::spawn(async move {
            let exported = async {
                let (mut connection, begin) = pool.long_reader().await?;
                let exported = export(&mut connection, begin, pool.dialect(), sender.clone()).await;
                // It only read.
                let _closed = connection.close().await;
                exported.map_err(|failure| failure.into_error(DOING))
            };
            if let Err(error) = exported.await {
                // Without a reader there is nobody to tell.
                let _told = sender.send(Err(error)).await;
            }
        });
        futures_util::stream::poll_fn(move |context| parts.poll_recv(context)).boxed()
    }
}

type Sender = mpsc::Sender<Result<SnapshotPart, Error>>;

struct Out {
    sender: Sender,
}

impl Out {
    /// False when nobody reads any more.
    async fn put(&self, part: SnapshotPart) -> bool {
        self.sender.send(Ok(part)).await.is_ok()
    }
}

async fn export(
    connection: &mut AnyConnection,
    begin: &'static str,
    dialect: Dialect,
    sender: Sender,
) -> Result<(), Failure> {
    let mut tx = connection.begin_with(begin).await?;
    export_into(&mut Tx::from(&mut *tx), dialect, sender).await
}

/// Sends all rows as a transaction sees them.
pub(super) async fn export_into(tx: &mut Tx<'_>, dialect: Dialect, sender: Sender) -> Result<(), Failure> {
    let out = Out { sender };
    let steps = rebuilding::steps(tx).await?;
    let values = sqlx::query("SELECT name, value FROM instance_values")
        .fetch_all(&mut *tx)
        .await?;
    let values = values.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let start = SnapshotPart::Start {
        steps,
        instance_values: values.collect::<Result<_, sqlx::Error>>()?,
    };
    if !out.put(start).await {
        return Ok(());
    }
    for table in catalog::tables(tx, dialect).await? {
        let last_id = match &table.identity {
            Some(identity) => Some(catalog::last_id(tx, dialect, &table.name, identity).await?),
            None => None,
        };
        let start = SnapshotPart::Table {
            name: table.name.clone(),
            columns: table.columns.clone(),
            last_id,
        };
        if !out.put(start).await || !rows(tx, &table, &out).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Puts all rows of a table out; false when nobody reads any more.
async fn rows(tx: &mut Tx<'_>, table: &Table, out: &Out) -> Result<bool, Failure> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let order = if table.key.is_empty() {
        columns.join(", ")
    } else {
        table.key.join(", ")
    };
    // Names come from the database itself.
    let text = format!(
        "SELECT {} FROM {} ORDER BY {order}",
        columns.join(", "),
        table.name
    );
    let statement = sql::made(text);
    let mut found = statement.fetch(tx);
    let (mut part, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await? {
        let values = values(&row, table)?;
        bytes += values.iter().map(size).sum::<usize>();
        part.push(values);
        if part.len() >= ROWS_MAX || bytes >= PART_BYTES {
            bytes = 0;
            if !out.put(SnapshotPart::Rows(std::mem::take(&mut part))).await {
                return Ok(false);
            }
        }
    }
    Ok(part.is_empty() || out.put(SnapshotPart::Rows(part)).await)
}

fn size(value: &SnapshotValue) -> usize {
    match value {
        SnapshotValue::Null | SnapshotValue::Number(_) => 0,
        SnapshotValue::Text(text) => text.len(),
        SnapshotValue::Bytes(bytes) => bytes.len(),
    }
}

fn values(row: &AnyRow, table: &Table) -> Result<Vec<SnapshotValue>, Failure> {
    let value = |(n, column): (usize, &catalog::SnapshotColumn)| {
        let value = match column.kind {
            ColumnKind::Number => row.try_get::<Option<i64>, _>(n)?.map(SnapshotValue::Number),
            ColumnKind::Text => row.try_get::<Option<String>, _>(n)?.map(SnapshotValue::Text),
            ColumnKind::Bytes => row.try_get::<Option<Vec<u8>>, _>(n)?.map(SnapshotValue::Bytes),
        };
        Ok(value.unwrap_or(SnapshotValue::Null))
    };
    table.columns.iter().enumerate().map(value).collect()
}
