//! The bytes of a snapshot back into rows. Whatever is cut, flipped or added is noticed before the end is told: each block
//! has a checksum, and the end of the file the SHA-256 of all.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_blob::ByteStream;
use berth_metadata::{
    ColumnKind, Error as MetadataError, SnapshotColumn, SnapshotPart, SnapshotStream, SnapshotValue,
};
use bytes::{Buf, Bytes};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::encode::{FORMAT, Header, Kind, Mark, TRAILER_BYTES, Tally, trailer};
use crate::Error;

/// A line holds a manifest of a few MiB at most.
const LINE_BYTES_MAX: u64 = 256 << 20;
/// Rows of one part, and bytes of lines after which it ends.
const ROWS_MAX: usize = 500;
const PART_BYTES: usize = 1 << 20;
/// Pieces that wait in a queue.
const WAITING: usize = 4;

/// What a snapshot says of itself, and its rows; `Invalid` when these are not the bytes of one.
pub(crate) async fn decode(body: ByteStream, tally: Arc<Tally>) -> Result<(Header, SnapshotStream), Error> {
    let (bytes, reader) = mpsc::channel(WAITING);
    let (sender, mut parts) = mpsc::channel(WAITING);
    let (header, told) = oneshot::channel();
    let counted = Arc::clone(&tally);
    tokio::spawn(async move {
        let mut body = body;
        while let Some(piece) = body.next().await {
            if let Ok(piece) = &piece {
                counted.add(0, piece.len() as u64);
            }
            // The reader ends first only when it refuses what it read.
            if bytes.send(piece).await.is_err() {
                return;
            }
        }
    });
    tokio::task::spawn_blocking(move || {
        let reader = Pieces {
            reader,
            piece: Bytes::new(),
            held: Vec::new(),
            hash: Some(Sha256::new()),
        };
        let out = Out { sender, tally };
        if let Err(why) = read(reader, header, &out) {
            // Nobody waits when the rows were refused for another reason.
            let _told = out.sender.blocking_send(Err(MetadataError::Snapshot(why)));
        }
    });
    match told.await {
        Ok(header) => {
            let parts = stream::poll_fn(move |context| parts.poll_recv(context));
            Ok((header, parts.boxed()))
        }
        // Gone without a word: the first part says why.
        Err(_) => Err(match parts.recv().await {
            Some(Err(error)) => Error::Invalid(error.to_string()),
            _ => Error::Invalid("the snapshot cannot be read".to_owned()),
        }),
    }
}

/// The pieces of a stream as one reader, without the trailer: an error in its place when that does not fit.
struct Pieces {
    reader: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    /// The last bytes that came: they may be the trailer.
    held: Vec<u8>,
    /// None after the end.
    hash: Option<Sha256>,
}

impl Pieces {
    /// The next piece that is not the trailer; empty at the end.
    fn next(&mut self) -> io::Result<Bytes> {
        while let Some(piece) = self.reader.blocking_recv() {
            self.held.extend_from_slice(&piece?);
            if self.held.len() > TRAILER_BYTES {
                let free = self.held.len() - TRAILER_BYTES;
                let piece = Bytes::from(self.held.drain(..free).collect::<Vec<u8>>());
                if let Some(hash) = &mut self.hash {
                    hash.update(&piece);
                }
                return Ok(piece);
            }
        }
        let expected = self.hash.take().map(trailer);
        if expected.is_some_and(|expected| expected[..] != self.held[..]) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum of all is wrong",
            ));
        }
        Ok(Bytes::new())
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.next()?;
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

struct Out {
    sender: mpsc::Sender<Result<SnapshotPart, MetadataError>>,
    tally: Arc<Tally>,
}

impl Out {
    /// False when nobody wants more.
    fn put(&self, part: SnapshotPart) -> bool {
        if let SnapshotPart::Rows(rows) = &part {
            self.tally.add(rows.len() as u64, 0);
        }
        self.sender.blocking_send(Ok(part)).is_ok()
    }
}

/// Reads all lines; the text of an error ends the sentence "the snapshot cannot be used".
fn read(reader: Pieces, told: oneshot::Sender<Header>, out: &Out) -> Result<(), String> {
    let decoder = zstd::Decoder::new(reader).map_err(|error| broken(&error))?;
    let mut lines = Lines {
        reader: BufReader::with_capacity(1 << 16, decoder),
        line: Vec::new(),
    };
    let header = header(&mut lines)?;
    let start = SnapshotPart::Start {
        steps: header.steps.clone(),
        instance_values: header.instance.clone(),
    };
    // Both are wanted as long as anybody waits.
    let _told = told.send(header);
    if !out.put(start) {
        return Ok(());
    }
    let mut filling = Filling::default();
    loop {
        if !lines.next()? {
            return Err("it ends too early".to_owned());
        }
        if lines.line.first() != Some(&b'{') {
            if filling.row(&lines.line)? && !filling.put(out) {
                return Ok(());
            }
            continue;
        }
        if !filling.put(out) {
            return Ok(());
        }
        match serde_json::from_slice(&lines.line).map_err(|_| "a line of it is broken".to_owned())? {
            Mark::Table {
                name,
                columns,
                last_id,
            } => {
                if !out.put(filling.begin(name, columns, last_id)) {
                    return Ok(());
                }
            }
            Mark::End { .. } if lines.next()? => return Err("something follows its end".to_owned()),
            Mark::End { rows } if rows != filling.counts => {
                return Err("its rows are not those that were written".to_owned());
            }
            Mark::End { .. } => return Ok(()),
        }
    }
}

fn header(lines: &mut Lines) -> Result<Header, String> {
    const NONE: &str = "it is not a snapshot of berth";
    if !lines.next().map_err(|_| NONE.to_owned())? {
        return Err("it is empty".to_owned());
    }
    let line: Value = serde_json::from_slice(&lines.line).map_err(|_| NONE.to_owned())?;
    let format = line.get("berth_snapshot").and_then(Value::as_u64).ok_or(NONE)?;
    if format > u64::from(FORMAT) {
        return Err(format!(
            "its format {format} is of a newer version of berth, this one reads formats up to {FORMAT}"
        ));
    }
    serde_json::from_value(line).map_err(|_| "its first line is broken".to_owned())
}

fn broken(error: &io::Error) -> String {
    format!("it is cut or damaged ({error})")
}

struct Lines {
    reader: BufReader<zstd::Decoder<'static, BufReader<Pieces>>>,
    line: Vec<u8>,
}

impl Lines {
    /// Reads the next line; false at the end of all.
    fn next(&mut self) -> Result<bool, String> {
        self.line.clear();
        let mut bounded = self.reader.by_ref().take(LINE_BYTES_MAX);
        let count = bounded
            .read_until(b'\n', &mut self.line)
            .map_err(|error| broken(&error))?;
        if count > 0 && self.line.last() != Some(&b'\n') {
            return Err("a line of it does not end".to_owned());
        }
        Ok(count > 0)
    }
}

/// The table whose rows are read.
#[derive(Default)]
struct Filling {
    table: Option<String>,
    kinds: Vec<Kind>,
    rows: Vec<Vec<SnapshotValue>>,
    bytes: usize,
    counts: BTreeMap<String, u64>,
}

impl Filling {
    fn begin(&mut self, name: String, columns: Vec<(String, Kind)>, last_id: Option<i64>) -> SnapshotPart {
        self.kinds = columns.iter().map(|(_, kind)| *kind).collect();
        self.counts.insert(name.clone(), 0);
        self.table = Some(name.clone());
        let columns = columns.into_iter().map(|(name, kind)| SnapshotColumn {
            name,
            kind: kind.into(),
        });
        SnapshotPart::Table {
            name,
            columns: columns.collect(),
            last_id,
        }
    }

    /// Takes a row; true when it is time to pass the rows on.
    fn row(&mut self, line: &[u8]) -> Result<bool, String> {
        let values: Vec<Value> =
            serde_json::from_slice(line).map_err(|_| "a line of it is broken".to_owned())?;
        let count = self.table.as_ref().and_then(|table| self.counts.get_mut(table));
        *count.ok_or("it has rows before a table")? += 1;
        if values.len() != self.kinds.len() {
            return Err("a row of it has another length than its table".to_owned());
        }
        let values = values.into_iter().zip(&self.kinds);
        let row: Option<Vec<_>> = values.map(|(value, kind)| typed(value, *kind)).collect();
        self.rows
            .push(row.ok_or("a value of it is of another type than its column")?);
        self.bytes += line.len();
        Ok(self.rows.len() >= ROWS_MAX || self.bytes >= PART_BYTES)
    }

    /// Passes the rows on; false when nobody wants more.
    fn put(&mut self, out: &Out) -> bool {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        rows.is_empty() || out.put(SnapshotPart::Rows(rows))
    }
}

fn typed(value: Value, kind: Kind) -> Option<SnapshotValue> {
    Some(match (value, kind) {
        (Value::Null, _) => SnapshotValue::Null,
        (Value::Number(number), Kind::Number) => SnapshotValue::Number(number.as_i64()?),
        (Value::String(text), Kind::Text) => SnapshotValue::Text(text),
        (Value::String(text), Kind::Bytes) => SnapshotValue::Bytes(STANDARD.decode(text).ok()?),
        _ => return None,
    })
}

impl From<Kind> for ColumnKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Number => Self::Number,
            Kind::Bytes => Self::Bytes,
        }
    }
}
