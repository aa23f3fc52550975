//! A layer's bytes as they come from the store, unpacked as they pass, within bounds of bytes, ratio and time. Refuses to
//! know what is in them.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use berth_blob::ByteStream;
use bytes::{Buf as _, Bytes};
use flate2::bufread::MultiGzDecoder;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

/// Pieces of the stored layer that wait to be unpacked.
const PIECES_WAITING: usize = 4;
/// The largest window of a zstd frame, as a power of two: 128 MiB, what the zstd command takes.
const WINDOW_LOG_MAX: u32 = 27;
/// How many times its stored size a layer may have unpacked, once it has more than [`RATIO_FROM`].
const RATIO_MAX: u64 = 250;
const RATIO_FROM: u64 = 256 << 20;

/// What a layer may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes unpacked.
    pub(super) unpacked_max: u64,
    /// Time.
    pub(super) time_max: Duration,
}

/// What is wrong with a layer, as a sentence; what is not content is an error of the store.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) String);

/// The store failed, or whoever reads went away.
#[derive(Debug, thiserror::Error)]
#[error("the layer could not be read from the store: {0}")]
struct Interrupted(io::Error);

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Packing {
    /// Not at all.
    Plain,
    /// With gzip.
    Gzip,
    /// With zstd.
    Zstd,
}

/// An error that says what is wrong with the content.
pub(super) fn refused(sentence: impl Into<String>) -> io::Error {
    io::Error::other(Refused(sentence.into()))
}

/// Why a layer could not be read: a sentence about its content, or else what failed on the way to it.
pub(super) fn reason(error: io::Error) -> Result<String, io::Error> {
    match error.get_ref() {
        Some(inner) if inner.is::<Interrupted>() => Err(error),
        Some(inner) if inner.is::<Refused>() => Ok(inner.to_string()),
        _ => Ok(format!("the layer cannot be unpacked: {error}")),
    }
}

/// The bytes of a stored layer, for a thread that blocks.
pub(super) struct Packed {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    left: u64,
    taken: Arc<AtomicU64>,
}

/// Sends a stream's pieces on for as long as it is polled and somebody takes them; `taken` counts the bytes.
pub(super) fn forward(
    mut stream: ByteStream,
    size: u64,
    taken: Arc<AtomicU64>,
) -> (Packed, impl Future<Output = ()>) {
    let (sender, pieces) = mpsc::channel(PIECES_WAITING);
    let packed = Packed {
        pieces,
        piece: Bytes::new(),
        left: size,
        taken,
    };
    let forwarding = async move {
        while let Some(piece) = stream.next().await {
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    };
    (packed, forwarding)
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(io::Error::other(Interrupted(error))),
                None if self.left == 0 => return Ok(0),
                None => {
                    let early = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(io::Error::other(Interrupted(early)));
                }
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        self.left = self.left.saturating_sub(count as u64);
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A layer's content, whatever it is packed with.
pub(super) struct Unpacked {
    source: Box<dyn Read + Send>,
    packing: Packing,
    packed: Arc<AtomicU64>,
    count: u64,
    bounds: Bounds,
    until: Instant,
}

impl Unpacked {
    /// Looks at the first bytes of a layer to know how it is packed: media types lie.
    pub(super) fn open(mut packed: Packed, bounds: Bounds) -> io::Result<Self> {
        let taken = Arc::clone(&packed.taken);
        let mut head = [0; 6];
        let mut count = 0;
        while count < head.len() {
            match packed.read(&mut head[count..])? {
                0 => break,
                read => count += read,
            }
        }
        let head = &head[..count];
        let whole = BufReader::new(Read::chain(Cursor::new(head.to_vec()), packed));
        let (source, packing): (Box<dyn Read + Send>, _) = match head {
            [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(whole)), Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                (Box::new(decoder), Packing::Zstd)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0] => return Err(foreign("xz")),
            [b'B', b'Z', b'h', ..] => return Err(foreign("bzip2")),
            _ => (Box::new(whole), Packing::Plain),
        };
        Ok(Self {
            source,
            packing,
            packed: taken,
            count: 0,
            bounds,
            until: Instant::now() + bounds.time_max,
        })
    }

    /// How the layer is packed.
    pub(super) fn packing(&self) -> Packing {
        self.packing
    }

    /// Bytes that were read so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Reads to the end and forgets it.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        self.skip(u64::MAX)
    }

    /// Reads so many bytes, or to the end, and forgets them.
    pub(super) fn skip(&mut self, mut count: u64) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while count > 0 {
            let wanted = usize::try_from(count).map_or(buffer.len(), |count| count.min(buffer.len()));
            match self.read(&mut buffer[..wanted])? {
                0 => return Ok(()),
                read => count -= read as u64,
            }
        }
        Ok(())
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count += count as u64;
        if self.count > self.bounds.unpacked_max {
            return Err(refused(format!(
                "the layer has more than {} bytes unpacked, so this registry does not look into it",
                self.bounds.unpacked_max
            )));
        }
        let packed = self.packed.load(Ordering::Relaxed).max(1);
        if self.count > RATIO_FROM && self.count / packed > RATIO_MAX {
            return Err(refused(format!(
                "the layer unpacks to more than {RATIO_MAX} times its size, so this registry does not look into it"
            )));
        }
        if Instant::now() > self.until {
            return Err(refused(format!(
                "the layer takes longer than {} seconds to unpack, so this registry does not look into it",
                self.bounds.time_max.as_secs()
            )));
        }
        Ok(count)
    }
}

fn foreign(packing: &str) -> io::Error {
    refused(format!(
        "the layer is packed with {packing}, which this registry does not unpack"
    ))
}
