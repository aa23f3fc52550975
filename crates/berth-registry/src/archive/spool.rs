//! The packed bytes of an archive in the store: a document for each chunk, so that they can be read while others still come,
//! and go on in whichever process. Unpacked bytes are a stream over them, and nowhere else.

use std::io::Write as _;
use std::sync::Arc;

use berth_blob::{BlobStore, ByteStream};
use berth_metadata::Archive;
use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use futures_util::StreamExt as _;

use super::contents::{File, invalid};
use crate::error::Error;

/// The folder of all chunks among the documents.
pub(super) const FOLDER: &str = "archives/";
/// Packed bytes that are unpacked at a time: a thousand times as many may come of them.
const PIECE: usize = 16 << 10;
/// How often an archive that cannot be entered in its middle is read from its beginning.
const BEGINNINGS_MAX: u32 = 40;

/// Where the chunks of one archive are.
#[derive(Clone)]
pub(super) struct Spool {
    blobs: Arc<dyn BlobStore>,
    id: String,
    chunk: u64,
    /// Bytes of the whole archive.
    size: u64,
}

impl Spool {
    pub(super) fn of(blobs: &Arc<dyn BlobStore>, archive: &Archive) -> Self {
        Self {
            blobs: Arc::clone(blobs),
            id: archive.id.clone(),
            chunk: u64::try_from(archive.chunk_size).unwrap_or(1).max(1),
            size: u64::try_from(archive.size).unwrap_or(0),
        }
    }

    fn name(&self, number: u64) -> String {
        format!("{FOLDER}{}/{number:08}", self.id)
    }

    /// Writes the chunk that begins there, whole and durable or not at all.
    pub(super) async fn write(&self, from: u64, body: ByteStream) -> Result<(), Error> {
        let name = self.name(from / self.chunk);
        Ok(self.blobs.write_document(&name, body).await?)
    }

    /// Deletes the chunks up to the one that begins there.
    pub(super) async fn delete(&self, up_to: u64) -> Result<(), Error> {
        for number in 0..=up_to / self.chunk {
            self.blobs.delete_document(&self.name(number)).await?;
        }
        Ok(())
    }
}

/// The packed bytes from some place on.
struct Packed {
    spool: Spool,
    position: u64,
    end: u64,
    /// The rest of a chunk, and bytes of it that are passed over.
    current: Option<(ByteStream, u64)>,
}

impl Packed {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.position < self.end {
            if self.current.is_none() {
                let name = self.spool.name(self.position / self.spool.chunk);
                let opened = self.spool.blobs.read_document(&name).await;
                let stream = opened.map_err(|error| match error {
                    berth_blob::Error::NotFound => gone(),
                    error => error.into(),
                })?;
                self.current = Some((stream, self.position % self.spool.chunk));
            }
            let (stream, skip) = self.current.as_mut().expect("a chunk that was just opened");
            match stream.next().await {
                Some(bytes) => {
                    let mut bytes =
                        bytes.map_err(|source| Error::internal("reading an archive back", source))?;
                    let skipped = (*skip).min(bytes.len() as u64);
                    *skip -= skipped;
                    bytes = bytes.split_off(usize::try_from(skipped).unwrap_or(bytes.len()));
                    let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
                    bytes.truncate(left);
                    if !bytes.is_empty() {
                        self.position += bytes.len() as u64;
                        if self.position.is_multiple_of(self.spool.chunk) {
                            self.current = None;
                        }
                        return Ok(Some(bytes));
                    }
                }
                None => return Err(gone()),
            }
        }
        Ok(None)
    }

    fn seek(&mut self, position: u64) {
        let same_chunk = position / self.spool.chunk == self.position / self.spool.chunk;
        match &mut self.current {
            Some((_, skip)) if same_chunk && position >= self.position => *skip += position - self.position,
            current => *current = None,
        }
        self.position = position;
    }
}

/// The bytes of an archive, unpacked as they are read.
pub(super) struct Unpacked {
    packed: Packed,
    form: Form,
    /// Unpacked bytes that were given out or passed over.
    position: u64,
    pending: Bytes,
    beginnings: u32,
    bytes_max: u64,
}

enum Form {
    Unknown,
    Plain,
    Gzip(Gunzip),
}

/// What unpacks, and packed bytes that it did not see yet.
struct Gunzip {
    decoder: Box<MultiGzDecoder<Vec<u8>>>,
    packed: Bytes,
    ended: bool,
}

impl Gunzip {
    fn new() -> Self {
        Self {
            decoder: Box::new(MultiGzDecoder::new(Vec::new())),
            packed: Bytes::new(),
            ended: false,
        }
    }
}

impl Unpacked {
    pub(super) fn new(spool: Spool, bytes_max: u64) -> Self {
        Self {
            packed: Packed {
                spool,
                position: 0,
                end: 0,
                current: None,
            },
            form: Form::Unknown,
            position: 0,
            pending: Bytes::new(),
            beginnings: 1,
            bytes_max,
        }
    }

    /// Bytes of a plain archive that came and were not read.
    pub(super) fn left(&self) -> u64 {
        self.packed.end.saturating_sub(self.position)
    }

    /// Allows reading up to this packed byte.
    pub(super) fn came(&mut self, end: u64) {
        self.packed.end = end;
    }

    /// The next bytes; none when all that came were read.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let bytes = if self.pending.is_empty() {
            self.more().await?
        } else {
            Some(std::mem::take(&mut self.pending))
        };
        if let Some(bytes) = &bytes {
            self.position += bytes.len() as u64;
            if self.position > self.bytes_max {
                return Err(invalid(format!(
                    "the archive unpacks to more than the {} bytes that this registry accepts",
                    self.bytes_max
                )));
            }
        }
        Ok(bytes)
    }

    async fn more(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match &mut self.form {
                Form::Unknown => {
                    // Both forms are known by their first two bytes.
                    let Some(first) = self.packed.next().await? else {
                        return Ok(None);
                    };
                    if first.starts_with(&[0x1f, 0x8b]) {
                        let mut gunzip = Gunzip::new();
                        gunzip.packed = first;
                        self.form = Form::Gzip(gunzip);
                    } else {
                        self.form = Form::Plain;
                        return Ok(Some(first));
                    }
                }
                Form::Plain => return self.packed.next().await,
                Form::Gzip(gunzip) => {
                    if gunzip.packed.is_empty() {
                        match self.packed.next().await? {
                            Some(bytes) => gunzip.packed = bytes,
                            None if gunzip.ended || self.packed.end < self.packed.spool.size => {
                                return Ok(None);
                            }
                            // The last bytes come when all packed ones are there, and a complaint when those are too few.
                            None => {
                                gunzip.decoder.try_finish().map_err(|error| broken(&error))?;
                                gunzip.ended = true;
                                let rest = std::mem::take(gunzip.decoder.get_mut());
                                return Ok((!rest.is_empty()).then(|| rest.into()));
                            }
                        }
                    }
                    let piece = gunzip.packed.split_to(gunzip.packed.len().min(PIECE));
                    gunzip.decoder.write_all(&piece).map_err(|error| broken(&error))?;
                    let unpacked = std::mem::take(gunzip.decoder.get_mut());
                    if !unpacked.is_empty() {
                        return Ok(Some(unpacked.into()));
                    }
                }
            }
        }
    }

    /// Goes on at that unpacked byte. What is packed cannot be entered in the middle, so it is read from the beginning when
    /// the place lies behind.
    pub(super) async fn seek(&mut self, position: u64) -> Result<(), Error> {
        match &mut self.form {
            Form::Plain => {
                self.packed.seek(position);
                self.pending = Bytes::new();
                self.position = position;
                return Ok(());
            }
            Form::Unknown => {}
            Form::Gzip(_) if position >= self.position => {}
            Form::Gzip(_) => {
                self.beginnings += 1;
                if self.beginnings > BEGINNINGS_MAX {
                    return Err(invalid(
                        "the order of the files in the archive makes it too long to read: upload it as .tar, not .tar.gz",
                    ));
                }
                self.packed.seek(0);
                self.form = Form::Gzip(Gunzip::new());
                self.pending = Bytes::new();
                self.position = 0;
            }
        }
        while self.position < position {
            let Some(mut bytes) = self.next().await? else {
                return Err(gone());
            };
            if self.position > position {
                let beyond = usize::try_from(self.position - position).unwrap_or(0);
                self.pending = bytes.split_off(bytes.len() - beyond);
                self.position = position;
            }
        }
        Ok(())
    }

    /// The next bytes, at most that many.
    pub(super) async fn part(&mut self, max: u64) -> Result<Option<Bytes>, Error> {
        let Some(mut bytes) = self.next().await? else {
            return Ok(None);
        };
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if bytes.len() > max {
            self.pending = bytes.split_off(max);
            self.position -= self.pending.len() as u64;
        }
        Ok(Some(bytes))
    }

    /// Whether the place of a file can be gone to at no cost.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain)
    }

    /// All bytes of a file that is small.
    pub(super) async fn file(&mut self, File { offset, size, .. }: File) -> Result<Vec<u8>, Error> {
        self.seek(offset).await?;
        let mut bytes = BytesMut::new();
        while (bytes.len() as u64) < size {
            let left = size - bytes.len() as u64;
            let part = self.part(left).await?.ok_or_else(gone)?;
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.to_vec())
    }
}

fn broken(error: &std::io::Error) -> Error {
    invalid(match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the gzip file is cut off".to_owned(),
        _ => format!("the gzip file is damaged, or something follows its end: {error}"),
    })
}

/// The chunks were swept: the upload was cancelled or is too old.
fn gone() -> Error {
    Error::UploadUnknown
}
