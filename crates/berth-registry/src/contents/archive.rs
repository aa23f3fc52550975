//! A tar archive, entry by entry, as builders write them: with the extensions of GNU and of POSIX. Bounds what a header may
//! take; refuses to know what paths mean.
//!
//! The crate `tar` reads single headers here. Its own iterator keeps extended headers of any size in memory.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::unpack::{Unpacked, refused};

const BLOCK: usize = 512;
/// Largest extended header; paths have at most 4 KiB and attributes 64 KiB.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum FileKind {
    /// A file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file.
    HardLink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A mark that what lower layers have at this path is gone.
    Whiteout,
}

/// An entry as it is written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: FileKind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds since the epoch.
    pub(super) mtime: i64,
    /// Bytes that the file has.
    pub(super) size: u64,
    /// Where its bytes begin in the unpacked layer.
    pub(super) at: u64,
    /// Bytes that are written of it.
    pub(super) stored: u64,
    /// Whether holes are left out, so that its bytes are not what the layer has there.
    pub(super) is_sparse: bool,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    real_size: Option<u64>,
    mtime: Option<i64>,
    uid: Option<u32>,
    gid: Option<u32>,
    is_sparse: bool,
}

/// An archive that is being read.
pub(super) struct Archive {
    source: Unpacked,
    /// Where the next header begins.
    next: u64,
}

impl Archive {
    pub(super) fn new(source: Unpacked) -> Self {
        Self { source, next: 0 }
    }

    /// The next entry; none at the end, which is read to the last byte.
    pub(super) fn next(&mut self) -> io::Result<Option<Written>> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_to_next()?;
            let Some(block) = self.block()? else {
                self.source.drain()?;
                return Ok(None);
            };
            let header = Header::from_byte_slice(&block);
            let size = header.entry_size().map_err(broken)?;
            let kind = header.entry_type();
            if kind.is_pax_local_extensions() {
                let body = self.extension(size)?;
                extensions.read(&body).ok_or_else(|| refused(MALFORMED))?;
            } else if kind.is_gnu_longname() {
                extensions.path = Some(until_zero(self.extension(size)?));
            } else if kind.is_gnu_longlink() {
                extensions.link = Some(until_zero(self.extension(size)?));
            } else if kind.is_pax_global_extensions() {
                self.extension(size)?;
            } else {
                return self.entry(header, extensions).map(Some);
            }
        }
    }

    /// Shows the bytes of the entry that came last piece by piece.
    pub(super) fn each_piece(&mut self, mut count: u64, mut show: impl FnMut(&[u8])) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while count > 0 {
            let wanted = usize::try_from(count).map_or(buffer.len(), |count| count.min(buffer.len()));
            match self.source.read(&mut buffer[..wanted])? {
                0 => return Err(refused(SHORT)),
                read => {
                    show(&buffer[..read]);
                    count -= read as u64;
                }
            }
        }
        Ok(())
    }

    /// The next bytes of the entry that came last.
    pub(super) fn data(&mut self, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.source.by_ref().take(count).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == count {
            Ok(bytes)
        } else {
            Err(refused(SHORT))
        }
    }

    pub(super) fn source(&self) -> &Unpacked {
        &self.source
    }

    fn skip_to_next(&mut self) -> io::Result<()> {
        let ahead = self.next.saturating_sub(self.source.count());
        self.source.skip(ahead)?;
        // Some leave the padding of the last entry out.
        let missing = self.next.saturating_sub(self.source.count());
        if missing < BLOCK as u64 {
            Ok(())
        } else {
            Err(refused(SHORT))
        }
    }

    fn entry(&mut self, header: &Header, extensions: Extensions) -> io::Result<Written> {
        let stored = extensions
            .size
            .map_or_else(|| header.entry_size(), Ok)
            .map_err(broken)?;
        let mut is_sparse = extensions.is_sparse;
        let mut size = extensions.real_size.unwrap_or(stored);
        if header.entry_type().is_gnu_sparse() {
            is_sparse = true;
            let gnu = header.as_gnu().ok_or_else(|| refused(MALFORMED))?;
            size = gnu.real_size().map_err(broken)?;
            let mut more = gnu.is_extended();
            while more {
                let block = self.block()?.ok_or_else(|| refused(SHORT))?;
                more = block[504] == 1;
            }
        }
        let kind = kind(header)?;
        let at = self.source.count();
        // What is no file has no bytes, whatever its header says: as Linux and Go take it.
        let stored = if kind == FileKind::File { stored } else { 0 };
        self.next = padded(at, stored)?;
        Ok(Written {
            path: extensions
                .path
                .unwrap_or_else(|| header.path_bytes().into_owned()),
            link: extensions
                .link
                .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
                .unwrap_or_default(),
            kind,
            mode: header.mode().map_err(broken)? & 0o7777,
            uid: extensions.uid.unwrap_or_else(|| number(header.uid())),
            gid: extensions.gid.unwrap_or_else(|| number(header.gid())),
            mtime: extensions.mtime.unwrap_or_else(|| {
                header
                    .mtime()
                    .ok()
                    .and_then(|at| i64::try_from(at).ok())
                    .unwrap_or(0)
            }),
            size: if kind == FileKind::File { size } else { 0 },
            at,
            stored,
            is_sparse,
        })
    }

    /// The body of an extended header.
    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > EXTENSION_BYTES_MAX {
            return Err(refused(format!(
                "the layer has an extended header of {size} bytes, and none of more than {EXTENSION_BYTES_MAX} is read"
            )));
        }
        let at = self.source.count();
        let body = self.data(size)?;
        self.next = padded(at, size)?;
        Ok(body)
    }

    /// The next header; none at the end of the archive.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut count = 0;
        while count < BLOCK {
            match self.source.read(&mut block[count..])? {
                0 if count == 0 => return Ok(None),
                0 => return Err(refused(if self.next == 0 { NO_ARCHIVE } else { SHORT })),
                read => count += read,
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum: u32 = block[..148]
            .iter()
            .chain(&block[156..])
            .map(|byte| u32::from(*byte))
            .sum();
        let header = Header::from_byte_slice(&block);
        if header.cksum().ok() == Some(sum + 8 * u32::from(b' ')) {
            Ok(Some(block))
        } else if self.next == 0 {
            Err(refused(NO_ARCHIVE))
        } else {
            Err(refused(
                "the layer is broken: a header of its tar archive has a wrong checksum",
            ))
        }
    }
}

const NO_ARCHIVE: &str = "this is no layer of files: it is not a tar archive";
const MALFORMED: &str = "the layer is broken: its tar archive has a malformed header";
const SHORT: &str = "the layer is broken: its tar archive ends in the middle of an entry";

impl Extensions {
    /// Reads the records of a POSIX header, `length key=value\n` each; values may hold anything.
    fn read(&mut self, mut body: &[u8]) -> Option<()> {
        while !body.is_empty() {
            let space = body.iter().position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(&body[..space]).ok()?.parse().ok()?;
            let record = body.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            self.take(&record[..equals], &record[equals + 1..]);
            body = &body[length..];
        }
        Some(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        match key {
            b"path" if self.path.is_none() => self.path = Some(value.to_vec()),
            b"GNU.sparse.name" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = text.parse().ok(),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => {
                self.real_size = text.parse().ok();
                self.is_sparse = true;
            }
            b"GNU.sparse.major" | b"GNU.sparse.map" => self.is_sparse = true,
            b"mtime" => self.mtime = text.split('.').next().and_then(|seconds| seconds.parse().ok()),
            b"uid" => self.uid = text.parse().ok(),
            b"gid" => self.gid = text.parse().ok(),
            _ => {}
        }
    }
}

fn kind(header: &Header) -> io::Result<FileKind> {
    Ok(match header.entry_type() {
        // Before POSIX, a folder was a file whose name ends so.
        EntryType::Regular if header.path_bytes().ends_with(b"/") => FileKind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => FileKind::File,
        EntryType::Directory => FileKind::Directory,
        EntryType::Symlink => FileKind::Symlink,
        EntryType::Link => FileKind::HardLink,
        EntryType::Char => FileKind::CharacterDevice,
        EntryType::Block => FileKind::BlockDevice,
        EntryType::Fifo => FileKind::Fifo,
        other => {
            return Err(refused(format!(
                "the layer has an entry of the unknown type {:#04x}",
                other.as_byte()
            )));
        }
    })
}

fn padded(at: u64, size: u64) -> io::Result<u64> {
    let end = at
        .checked_add(size)
        .and_then(|end| end.checked_next_multiple_of(BLOCK as u64));
    end.ok_or_else(|| refused(MALFORMED))
}

fn number(read: io::Result<u64>) -> u32 {
    read.ok()
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(u32::MAX)
}

fn until_zero(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn broken(_: io::Error) -> io::Error {
    refused(MALFORMED)
}
