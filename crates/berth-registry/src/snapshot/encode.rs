//! A snapshot as bytes: lines of JSON in blocks of zstd, each with its checksum, so that `zstd -dc` shows it to people.
//! The first line says what it is, the last one how much there is. At the very end is a block that zstd skips, with the
//! SHA-256 of all bytes before it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_blob::ByteStream;
use berth_metadata::{ColumnKind, SnapshotPart, SnapshotStream, SnapshotValue};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The version of this format; a program reads those up to its own.
pub(super) const FORMAT: u32 = 1;
/// Bytes of lines in one block, about.
const BLOCK_BYTES: usize = 1 << 20;
/// zstd's own default.
const LEVEL: i32 = 3;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The version of the format.
    pub(super) berth_snapshot: u32,
    /// The version of the program that made it.
    pub(crate) version: String,
    /// When, in milliseconds since the epoch.
    pub(crate) taken_at: i64,
    /// The steps of the schema, oldest first.
    pub(crate) steps: Vec<String>,
    /// The values of the instance.
    pub(crate) instance: BTreeMap<String, String>,
}

/// A line between the first one and rows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Mark {
    /// Rows of a table follow.
    Table {
        /// Its name.
        name: String,
        /// Name and kind of each column.
        columns: Vec<(String, Kind)>,
        /// The last number that was handed out.
        last_id: Option<i64>,
    },
    /// Nothing follows.
    End {
        /// The rows of each table.
        rows: BTreeMap<String, u64>,
    },
}

/// What a column holds; bytes are written in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Text,
    Number,
    Bytes,
}

/// How far a copy of rows is, for who waits for it.
#[derive(Debug, Default)]
pub struct Tally {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes so far, as they are stored.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The bytes of a snapshot taken at `taken_at`; an error of the rows ends them with an error.
pub(crate) fn encode(parts: SnapshotStream, taken_at: i64, tally: Arc<Tally>) -> ByteStream {
    let encoder = Encoder {
        parts,
        taken_at,
        tally,
        lines: Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 2),
        hash: Some(Sha256::new()),
        rows: BTreeMap::new(),
        filling: None,
        ended: false,
    };
    stream::try_unfold(encoder, Encoder::next).boxed()
}

struct Encoder {
    parts: SnapshotStream,
    taken_at: i64,
    tally: Arc<Tally>,
    lines: Vec<u8>,
    /// None after the last block.
    hash: Option<Sha256>,
    rows: BTreeMap<String, u64>,
    filling: Option<String>,
    ended: bool,
}

impl Encoder {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while !self.ended && self.lines.len() < BLOCK_BYTES {
            match self.parts.next().await {
                Some(part) => self.take(part.map_err(io::Error::other)?)?,
                None => self.end()?,
            }
        }
        let block = if self.lines.is_empty() {
            let Some(hash) = self.hash.take() else {
                return Ok(None);
            };
            trailer(hash)
        } else {
            let lines = std::mem::take(&mut self.lines);
            let mut hash = self.hash.take().expect("taken at the end");
            let compressed = tokio::task::spawn_blocking(move || {
                let block = block(&lines)?;
                hash.update(&block);
                Ok::<_, io::Error>((block, hash))
            });
            let (block, hash) = compressed.await.map_err(io::Error::other)??;
            self.hash = Some(hash);
            block
        };
        self.tally.add(0, block.len() as u64);
        Ok(Some((block, self)))
    }

    fn take(&mut self, part: SnapshotPart) -> io::Result<()> {
        match part {
            SnapshotPart::Start {
                steps,
                instance_values,
            } => line(
                &mut self.lines,
                &Header {
                    berth_snapshot: FORMAT,
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    taken_at: self.taken_at,
                    steps,
                    instance: instance_values,
                },
            ),
            SnapshotPart::Table {
                name,
                columns,
                last_id,
            } => {
                self.rows.insert(name.clone(), 0);
                self.filling = Some(name.clone());
                let columns = columns
                    .into_iter()
                    .map(|column| (column.name, column.kind.into()));
                let columns = columns.collect();
                line(
                    &mut self.lines,
                    &Mark::Table {
                        name,
                        columns,
                        last_id,
                    },
                )
            }
            SnapshotPart::Rows(rows) => {
                self.tally.add(rows.len() as u64, 0);
                let count = self.filling.as_ref().and_then(|table| self.rows.get_mut(table));
                *count.ok_or_else(|| io::Error::other("rows without a table"))? += rows.len() as u64;
                for row in rows {
                    let row: Vec<Value> = row.into_iter().map(value).collect();
                    line(&mut self.lines, &row)?;
                }
                Ok(())
            }
        }
    }
}

impl Encoder {
    /// Writes the last line.
    fn end(&mut self) -> io::Result<()> {
        self.ended = true;
        let end = Mark::End {
            rows: std::mem::take(&mut self.rows),
        };
        line(&mut self.lines, &end)
    }
}

fn line(lines: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}

/// A block of lines compressed.
fn block(lines: &[u8]) -> io::Result<Bytes> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    io::Write::write_all(&mut encoder, lines)?;
    Ok(encoder.finish()?.into())
}

/// Bytes of the end: number and length of a block that zstd skips, and a SHA-256.
pub(super) const TRAILER_BYTES: usize = 40;

/// The end of a snapshot whose other bytes have this hash.
pub(super) fn trailer(hash: Sha256) -> Bytes {
    let start: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
    [&start[..], &hash.finalize()[..]].concat().into()
}

fn value(value: SnapshotValue) -> Value {
    match value {
        SnapshotValue::Null => Value::Null,
        SnapshotValue::Number(number) => number.into(),
        SnapshotValue::Text(text) => text.into(),
        SnapshotValue::Bytes(bytes) => STANDARD.encode(bytes).into(),
    }
}

impl From<ColumnKind> for Kind {
    fn from(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => Self::Text,
            ColumnKind::Number => Self::Number,
            ColumnKind::Bytes => Self::Bytes,
        }
    }
}
