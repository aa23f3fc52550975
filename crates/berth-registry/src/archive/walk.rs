//! A tar archive as it comes, block by block: which files are in it and where, without keeping more than small documents.
//! Nothing is ever written under a name of the archive's, and what it may take of memory and time is bounded.

use tar::{EntryType, Header, PaxExtensions};

use super::contents::{Contents, Entry, File, invalid, within};
use crate::error::Error;

/// A block of a tar archive.
const BLOCK: usize = 512;
/// Entries of one archive: ten images of a hundred layers each have a few thousand.
const ENTRIES_MAX: usize = 20_000;
/// Names and attributes that stand before an entry because they do not fit into its header.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;
/// The largest document that is kept as it passes by; a larger one is read again when it is needed.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// Documents that are kept altogether.
const DOCUMENTS_BYTES_MAX: usize = 8 << 20;

/// Reads an archive as it comes.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) contents: Contents,
    /// Bytes of the archive that were taken.
    pub(super) position: u64,
    state: State,
    next: Extensions,
    headers: u64,
}

#[derive(Debug)]
enum State {
    Header(Vec<u8>),
    Body {
        left: u64,
        padding: u64,
        sink: Sink,
    },
    /// After the blocks that end the archive there are only zeros.
    Ended,
}

#[derive(Debug)]
enum Sink {
    Nothing,
    /// A file whose first byte tells whether it is a document.
    Undecided {
        name: String,
        offset: u64,
        size: u64,
    },
    Document {
        offset: u64,
        bytes: Vec<u8>,
    },
    LongName(Vec<u8>),
    LongLink(Vec<u8>),
    Attributes(Vec<u8>),
}

/// What was said before the header of the entry that it is about.
#[derive(Debug, Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            contents: Contents::default(),
            position: 0,
            state: State::Header(Vec::new()),
            next: Extensions::default(),
            headers: 0,
        }
    }

    /// How many of the next bytes nobody needs to look at.
    pub(super) fn skippable(&self) -> u64 {
        match &self.state {
            State::Body {
                left,
                padding,
                sink: Sink::Nothing,
            } => left + padding,
            _ => 0,
        }
    }

    /// Passes over bytes that [`skippable`](Self::skippable) allows.
    pub(super) fn skip(&mut self, count: u64) {
        self.position += count;
        if let State::Body { left, padding, .. } = &mut self.state {
            let of_body = count.min(*left);
            *left -= of_body;
            *padding -= count - of_body;
            if *left + *padding == 0 {
                self.state = State::Header(Vec::new());
            }
        }
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = match &mut self.state {
                State::Header(block) => {
                    let count = bytes.len().min(BLOCK - block.len());
                    block.extend_from_slice(&bytes[..count]);
                    self.position += count as u64;
                    if block.len() == BLOCK {
                        let block = std::mem::take(block);
                        self.header(&block)?;
                    }
                    count
                }
                State::Body { .. } => self.body(bytes)?,
                State::Ended => {
                    if bytes.iter().any(|byte| *byte != 0) {
                        return Err(invalid("something follows the end of the archive"));
                    }
                    self.position += bytes.len() as u64;
                    bytes.len()
                }
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// What the archive holds, when it has come to its end.
    pub(super) fn end(self) -> Result<Contents, Error> {
        match self.state {
            State::Header(block) if block.is_empty() && self.headers > 0 => Ok(self.contents),
            State::Ended => Ok(self.contents),
            State::Header(block) if block.is_empty() && self.headers == 0 => {
                Err(invalid("the archive is empty"))
            }
            State::Header(_) | State::Body { .. } => Err(invalid(
                "the archive is cut off: it ends in the middle of an entry",
            )),
        }
    }

    fn body(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let State::Body { left, padding, sink } = &mut self.state else {
            return Ok(0);
        };
        let available = bytes.len() as u64;
        if *left == 0 {
            let count = available.min(*padding);
            *padding -= count;
            self.position += count;
            if *padding == 0 {
                self.state = State::Header(Vec::new());
            }
            return Ok(length(count));
        }
        let count = available.min(*left);
        let part = &bytes[..length(count)];
        *left -= count;
        self.position += count;
        match sink {
            Sink::Nothing => {}
            Sink::Undecided { name, offset, size } => {
                if let Some(Entry::File(file)) = self.contents.entries.get_mut(name) {
                    file.first = part.first().copied().unwrap_or(0);
                }
                let is_document = matches!(part.first(), Some(b'{' | b'['))
                    && *size <= DOCUMENT_BYTES_MAX
                    && self.contents.documents_bytes + length(*size) <= DOCUMENTS_BYTES_MAX;
                *sink = if is_document {
                    self.contents.documents_bytes += length(*size);
                    Sink::Document {
                        offset: *offset,
                        bytes: part.to_vec(),
                    }
                } else {
                    Sink::Nothing
                };
            }
            Sink::Document { bytes, .. }
            | Sink::LongName(bytes)
            | Sink::LongLink(bytes)
            | Sink::Attributes(bytes) => bytes.extend_from_slice(part),
        }
        if *left == 0 {
            let sink = std::mem::replace(sink, Sink::Nothing);
            let padding = *padding;
            self.ended(sink)?;
            if padding == 0 {
                self.state = State::Header(Vec::new());
            }
        }
        Ok(length(count))
    }

    fn ended(&mut self, sink: Sink) -> Result<(), Error> {
        match sink {
            Sink::Nothing | Sink::Undecided { .. } => {}
            Sink::Document { offset, bytes } => {
                self.contents.documents.insert(offset, bytes);
            }
            Sink::LongName(name) => self.next.name = Some(until_zero(name)),
            Sink::LongLink(name) => self.next.link = Some(until_zero(name)),
            Sink::Attributes(attributes) => self.attributes(&attributes)?,
        }
        Ok(())
    }

    fn attributes(&mut self, attributes: &[u8]) -> Result<(), Error> {
        for attribute in PaxExtensions::new(attributes) {
            let attribute = attribute.map_err(|_| invalid("the attributes of an entry cannot be read"))?;
            let value = attribute.value_bytes();
            match attribute.key_bytes() {
                b"path" => self.next.name = Some(value.to_vec()),
                b"linkpath" => self.next.link = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                    let size = size.ok_or_else(|| invalid("the size of an entry is no number"))?;
                    self.next.size = Some(size);
                }
                key if key.starts_with(b"GNU.sparse.") => return Err(sparse()),
                _ => {}
            }
        }
        Ok(())
    }

    fn header(&mut self, block: &[u8]) -> Result<(), Error> {
        if block.iter().all(|byte| *byte == 0) {
            self.state = State::Ended;
            return Ok(());
        }
        let header = Header::from_byte_slice(block);
        if header.cksum().ok() != Some(checksum(block)) {
            return Err(invalid(if self.headers == 0 {
                "the file is neither a tar archive nor a gzipped one"
            } else {
                "the archive is damaged: an entry's checksum is wrong"
            }));
        }
        self.headers += 1;
        if self.contents.entries.len() >= ENTRIES_MAX || self.headers > 3 * ENTRIES_MAX as u64 {
            return Err(invalid(format!(
                "the archive has more than {ENTRIES_MAX} entries"
            )));
        }
        let size = header
            .entry_size()
            .map_err(|_| invalid("the size of an entry is no number"))?;
        let sink = match header.entry_type() {
            EntryType::GNULongName => Sink::LongName(extension(size)?),
            EntryType::GNULongLink => Sink::LongLink(extension(size)?),
            EntryType::XHeader => Sink::Attributes(extension(size)?),
            EntryType::XGlobalHeader => {
                extension(size)?;
                Sink::Nothing
            }
            EntryType::GNUSparse => return Err(sparse()),
            kind => return self.entry(header, kind, size),
        };
        self.begin_body(size, sink)
    }

    fn entry(&mut self, header: &Header, kind: EntryType, size: u64) -> Result<(), Error> {
        let said = std::mem::take(&mut self.next);
        let name = said.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let name = within("", &name)?;
        let size = said.size.unwrap_or(size);
        let link = || {
            let link = said.link.clone();
            link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
                .unwrap_or_default()
        };
        let offset = self.position;
        let entry = match kind {
            EntryType::Regular | EntryType::Continuous => Entry::File(File {
                offset,
                size,
                first: 0,
            }),
            EntryType::Symlink => {
                let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                Entry::Link(within(folder, &link())?)
            }
            EntryType::Link => Entry::Link(within("", &link())?),
            _ => Entry::Nothing,
        };
        let holds_bytes = matches!(entry, Entry::File(_));
        let again = self.contents.entries.insert(name.clone(), entry);
        if again.is_some_and(|before| before != Entry::Nothing) && is_index(&name) {
            return Err(invalid(format!("the archive has two files {name}")));
        }
        // Links and folders have no bytes, whatever their header says.
        let size = match kind {
            EntryType::Symlink | EntryType::Link | EntryType::Directory => 0,
            _ => size,
        };
        let sink = if holds_bytes {
            Sink::Undecided { name, offset, size }
        } else {
            Sink::Nothing
        };
        self.begin_body(size, sink)
    }

    fn begin_body(&mut self, size: u64, sink: Sink) -> Result<(), Error> {
        let block = BLOCK as u64;
        let padding = (block - size % block) % block;
        if size
            .checked_add(padding)
            .and_then(|size| self.position.checked_add(size))
            .is_none()
        {
            return Err(invalid("an entry is larger than any archive can be"));
        }
        self.state = if size == 0 {
            self.ended(sink)?;
            State::Header(Vec::new())
        } else {
            State::Body {
                left: size,
                padding,
                sink,
            }
        };
        Ok(())
    }
}

/// What tells which images an archive holds: there must not be two of it.
fn is_index(name: &str) -> bool {
    matches!(name, "manifest.json" | "index.json" | "oci-layout")
}

fn extension(size: u64) -> Result<Vec<u8>, Error> {
    if size > EXTENSION_BYTES_MAX {
        return Err(invalid("the name or the attributes of an entry are too long"));
    }
    Ok(Vec::new())
}

fn until_zero(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = name.iter().position(|byte| *byte == 0) {
        name.truncate(end);
    }
    name
}

/// The sum of a header's bytes, those of the sum itself taken for spaces.
fn checksum(block: &[u8]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..])
}

fn length(count: u64) -> usize {
    usize::try_from(count).expect("a part of what is in memory")
}

fn sparse() -> Error {
    invalid("the archive has sparse files, which images do not have: write it without them")
}
