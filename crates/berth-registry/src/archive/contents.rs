//! What is in a tar archive under which name, links followed within it.

use std::collections::HashMap;

use crate::error::Error;

/// The longest name of an entry.
const NAME_BYTES_MAX: usize = 1024;

/// What is under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A file: where its bytes begin in the unpacked archive, how many there are, and the first of them.
    File(File),
    /// Another name of an entry of the archive.
    Link(String),
    /// What holds no bytes: a folder, a device.
    Nothing,
}

/// Where a file is in the unpacked archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Its first byte; 0 when it has none.
    pub(super) first: u8,
}

/// What an archive holds, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) entries: HashMap<String, Entry>,
    /// Small documents by where they begin.
    pub(super) documents: HashMap<u64, Vec<u8>>,
    pub(super) documents_bytes: usize,
}

impl Contents {
    /// Where the file of that name is, links followed. None when there is no such name, or it is no file.
    pub(super) fn file(&self, name: &str) -> Option<File> {
        let mut name = within("", name.as_bytes()).ok()?;
        // More links in a row are a circle.
        for _ in 0..8 {
            match self.entries.get(&name)? {
                Entry::File(file) => return Some(*file),
                Entry::Link(target) => name.clone_from(target),
                Entry::Nothing => return None,
            }
        }
        None
    }

    /// A document that was kept, by where it begins.
    pub(super) fn document(&self, offset: u64) -> Option<&[u8]> {
        self.documents.get(&offset).map(Vec::as_slice)
    }
}

/// A name in the archive, from a folder of it on. One that leads out of the archive is refused.
pub(super) fn within(folder: &str, name: &[u8]) -> Result<String, Error> {
    let shown = || {
        String::from_utf8_lossy(&name[..name.len().min(100)])
            .escape_debug()
            .to_string()
    };
    if name.len() > NAME_BYTES_MAX {
        return Err(invalid(format!(
            "the name of an entry is too long: '{}...'",
            shown()
        )));
    }
    let text = std::str::from_utf8(name).map_err(|_| invalid(format!("'{}' is no name", shown())))?;
    if text.contains('\0') {
        return Err(invalid(format!("'{}' is no name", shown())));
    }
    let mut parts: Vec<&str> = if text.starts_with('/') {
        return Err(invalid(format!("'{}' leads out of the archive", shown())));
    } else {
        folder.split('/').filter(|part| !part.is_empty()).collect()
    };
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(invalid(format!("'{}' leads out of the archive", shown())));
                }
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The refusal of an archive.
pub(super) fn invalid(why: impl Into<String>) -> Error {
    Error::ArchiveInvalid(why.into())
}
