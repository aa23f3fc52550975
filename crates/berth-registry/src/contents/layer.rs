//! The list of a layer's files, made by reading the layer once, and how it is written to be kept. What an archive says that
//! would be dangerous to believe is left out and told.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::archive::{Archive, FileKind, Written};
use super::packages::{self, DATABASE_BYTES_MAX, Database, Package};
use super::path;
use super::unpack::{Packing, Unpacked, refused};

/// How [`LayerIndex::encode`] writes; changes with it.
pub(super) const FORMAT: i64 = 1;
/// Entries of one layer, folders that are only named in paths among them.
const ENTRIES_MAX: usize = 500_000;
/// Bytes of paths and links of one layer.
const PATH_BYTES_TOTAL_MAX: usize = 64 << 20;
/// Bytes that a list is kept in.
const KEPT_BYTES_MAX: usize = 32 << 20;
/// Bytes that a kept list may have unpacked.
const DECODED_BYTES_MAX: u64 = 256 << 20;
/// Sentences about what was left out.
const REMARKS_MAX: usize = 10;
/// What a name begins with that takes away what lower layers have.
const WHITEOUT: &[u8] = b".wh.";
/// The name that takes away all that lower layers have in its folder.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// What the names begin with that only AUFS itself needs.
const AUFS: &[u8] = b".wh..wh.";

/// The beginning of the SHA-256 of a file's bytes: equal when the files are.
pub(super) type Hash = [u8; 16];

/// What a layer has at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) kind: FileKind,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: i64,
    /// Of a symbolic link what it says, of another name the path that it is a name of.
    pub(super) link: Vec<u8>,
    /// Where a file's bytes begin in the unpacked layer.
    pub(super) at: u64,
    pub(super) hash: Hash,
    /// A folder that the archive names only in paths.
    pub(super) is_implied: bool,
    /// A folder that shows nothing of lower layers.
    pub(super) is_opaque: bool,
    /// A file whose holes are left out.
    pub(super) is_sparse: bool,
}

/// A database of packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DatabaseFile {
    pub(super) path: Vec<u8>,
    pub(super) packages: Vec<Package>,
    pub(super) remark: Option<String>,
}

/// The list of a layer's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LayerIndex {
    /// By path; a whiteout after what the layer itself has there.
    pub(super) entries: Vec<Entry>,
    pub(super) packing: Packing,
    pub(super) unpacked_bytes: u64,
    pub(super) databases: Vec<DatabaseFile>,
    /// Whether nothing of lower layers is seen.
    pub(super) is_opaque: bool,
    /// What was left out, and why.
    pub(super) remarks: Vec<String>,
}

impl LayerIndex {
    /// Reads a layer to its end.
    pub(super) fn make(source: Unpacked) -> io::Result<Self> {
        let packing = source.packing();
        let mut archive = Archive::new(source);
        let mut making = Making::default();
        while let Some(written) = archive.next()? {
            making.take(&mut archive, written)?;
        }
        if making.left_out > REMARKS_MAX {
            let more = making.left_out - REMARKS_MAX;
            making
                .remarks
                .push(format!("{more} more entries are left out for such reasons"));
        }
        Ok(Self {
            entries: making.entries.into_values().collect(),
            packing,
            unpacked_bytes: archive.source().count(),
            databases: making.databases.into_values().collect(),
            is_opaque: making.is_opaque,
            remarks: making.remarks,
        })
    }

    /// The list in few bytes.
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let plain = postcard::to_stdvec(self).map_err(io::Error::other)?;
        let packed = zstd::encode_all(plain.as_slice(), 3)?;
        if packed.len() > KEPT_BYTES_MAX || plain.len() as u64 > DECODED_BYTES_MAX {
            return Err(refused("the list of the layer's files is too long to be kept"));
        }
        Ok(packed)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(super) fn decode(packed: &[u8]) -> io::Result<Self> {
        let mut plain = Vec::new();
        let decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
        decoder.take(DECODED_BYTES_MAX).read_to_end(&mut plain)?;
        postcard::from_bytes(&plain).map_err(io::Error::other)
    }

    /// What the layer itself has at a path.
    pub(super) fn get(&self, path: &[u8]) -> Option<&Entry> {
        let at = self.entries.partition_point(|entry| entry.path.as_slice() < path);
        let entry = self.entries.get(at).filter(|entry| entry.path == path)?;
        (entry.kind != FileKind::Whiteout).then_some(entry)
    }

    /// About the bytes of memory that it takes.
    pub(super) fn weight(&self) -> u64 {
        let entry = |entry: &Entry| size_of::<Entry>() + entry.path.len() + entry.link.len();
        let packages: usize = self.databases.iter().map(|file| file.packages.len()).sum();
        let bytes = self.entries.iter().map(entry).sum::<usize>() + packages * 250;
        bytes as u64
    }
}

#[derive(Default)]
struct Making {
    /// By path, whiteouts after what is there.
    entries: BTreeMap<(Vec<u8>, bool), Entry>,
    path_bytes: usize,
    databases: BTreeMap<Vec<u8>, DatabaseFile>,
    is_opaque: bool,
    remarks: Vec<String>,
    left_out: usize,
}

impl Making {
    fn take(&mut self, archive: &mut Archive, written: Written) -> io::Result<()> {
        let path = match path::clean(&written.path) {
            Ok(path) => path,
            Err(why) => {
                self.leave_out(&written.path, why);
                return Ok(());
            }
        };
        // The root has no name.
        if path.is_empty() {
            return Ok(());
        }
        let (folder, name) = path::split(&path);
        if name == OPAQUE {
            return self.hide_lower(folder.to_vec());
        }
        if name.starts_with(AUFS) {
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            let hidden = [folder, if folder.is_empty() { b"" } else { b"/" }, hidden].concat();
            return match path::clean(&hidden) {
                Ok(hidden) if hidden != folder => self.add_whiteout(hidden, &written),
                _ => {
                    self.leave_out(&path, "takes away nothing that has a name");
                    Ok(())
                }
            };
        }
        self.add(archive, path, written)
    }

    fn add(&mut self, archive: &mut Archive, path: Vec<u8>, written: Written) -> io::Result<()> {
        let mut entry = entry(path, &written);
        match written.kind {
            FileKind::HardLink => match path::clean(&written.link) {
                Ok(link) => entry.link = link,
                Err(why) => {
                    self.leave_out(&written.path, why);
                    return Ok(());
                }
            },
            FileKind::Symlink => {
                entry.link = written.link;
                entry.link.truncate(path::PATH_BYTES_MAX);
            }
            FileKind::File => {
                entry.hash = self.look_into(archive, &entry, written.stored)?;
            }
            _ => {}
        }
        if !self.add_folders_of(&entry.path)? {
            self.leave_out(&written.path, "lies below what is no folder");
            return Ok(());
        }
        let key = (entry.path.clone(), false);
        let before = self.entries.get(&key);
        if entry.kind == FileKind::Directory {
            entry.is_opaque = before.is_some_and(|before| before.is_opaque);
        } else if before.is_some_and(|before| before.kind == FileKind::Directory) {
            self.remove_below(&key.0);
        }
        self.insert(key, entry)
    }

    /// The hash of a file's bytes; a database of packages is read on the way.
    fn look_into(&mut self, archive: &mut Archive, entry: &Entry, stored: u64) -> io::Result<Hash> {
        let mut hasher = Sha256::new();
        self.databases.remove(&entry.path);
        let file = |packages, remark| DatabaseFile {
            path: entry.path.clone(),
            packages,
            remark,
        };
        match packages::database(&entry.path) {
            Some(Database::Read(manager)) if stored <= DATABASE_BYTES_MAX && !entry.is_sparse => {
                let bytes = archive.data(stored)?;
                hasher.update(&bytes);
                let (packages, is_whole) = packages::read(manager, &bytes);
                let remark = (!is_whole)
                    .then(|| format!("{} lists more packages than are shown", path::shown(&entry.path)));
                self.databases.insert(entry.path.clone(), file(packages, remark));
            }
            known => {
                let remark = known.map(|known| match known {
                    Database::Rpm => format!(
                        "{} is a database of rpm, which this registry does not read",
                        path::shown(&entry.path)
                    ),
                    Database::Read(_) => format!("{} is too large to be read", path::shown(&entry.path)),
                });
                if remark.is_some() {
                    self.databases
                        .insert(entry.path.clone(), file(Vec::new(), remark));
                }
                archive.each_piece(stored, |piece| hasher.update(piece))?;
            }
        }
        let mut hash = Hash::default();
        hash.copy_from_slice(&hasher.finalize()[..16]);
        Ok(hash)
    }

    fn add_whiteout(&mut self, hidden: Vec<u8>, written: &Written) -> io::Result<()> {
        if !self.add_folders_of(&hidden)? {
            self.leave_out(&written.path, "lies below what is no folder");
            return Ok(());
        }
        let entry = Entry {
            kind: FileKind::Whiteout,
            size: 0,
            ..entry(hidden.clone(), written)
        };
        self.insert((hidden, true), entry)
    }

    fn hide_lower(&mut self, folder: Vec<u8>) -> io::Result<()> {
        let mut inside = folder.clone();
        inside.extend_from_slice(b"/x");
        if folder.is_empty() {
            self.is_opaque = true;
        } else if self.add_folders_of(&inside)? {
            let entry = self.entries.get_mut(&(folder, false));
            entry.expect("the folder was just looked at").is_opaque = true;
        }
        Ok(())
    }

    /// Adds the folders above a path that are not there; false when something there is none.
    fn add_folders_of(&mut self, path: &[u8]) -> io::Result<bool> {
        let mut missing = Vec::new();
        let (mut folder, _) = path::split(path);
        while !folder.is_empty() {
            match self.entries.get(&(folder.to_vec(), false)) {
                Some(entry) if entry.kind == FileKind::Directory => break,
                Some(_) => return Ok(false),
                None => missing.push(folder.to_vec()),
            }
            (folder, _) = path::split(folder);
        }
        for folder in missing {
            self.insert((folder.clone(), false), implied(folder))?;
        }
        Ok(true)
    }

    fn insert(&mut self, key: (Vec<u8>, bool), entry: Entry) -> io::Result<()> {
        self.path_bytes += entry.path.len() + entry.link.len();
        self.entries.insert(key, entry);
        if self.entries.len() > ENTRIES_MAX {
            return Err(refused(format!(
                "the layer has more than {ENTRIES_MAX} files, so this registry does not list them"
            )));
        }
        if self.path_bytes > PATH_BYTES_TOTAL_MAX {
            return Err(refused(format!(
                "the paths in the layer have more than {PATH_BYTES_TOTAL_MAX} bytes, so this registry does not list them"
            )));
        }
        Ok(())
    }

    fn remove_below(&mut self, folder: &[u8]) {
        let (from, to) = below(folder);
        let gone: Vec<_> = self
            .entries
            .range((from, false)..(to, false))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.databases.remove(&key.0);
            self.entries.remove(&key);
        }
    }

    fn leave_out(&mut self, written: &[u8], why: &str) {
        self.left_out += 1;
        if self.left_out <= REMARKS_MAX {
            let shown: String = path::shown(written).chars().take(200).collect();
            self.remarks
                .push(format!("an entry is left out: its path {why}: {shown}"));
        }
    }
}

/// The first path below a folder, and the first one after all of them.
pub(super) fn below(folder: &[u8]) -> (Vec<u8>, Vec<u8>) {
    ([folder, b"/"].concat(), [folder, b"0"].concat())
}

fn entry(path: Vec<u8>, written: &Written) -> Entry {
    Entry {
        path,
        kind: written.kind,
        size: written.size,
        mode: written.mode,
        uid: written.uid,
        gid: written.gid,
        mtime: written.mtime,
        link: Vec::new(),
        at: written.at,
        hash: Hash::default(),
        is_implied: false,
        is_opaque: false,
        is_sparse: written.is_sparse,
    }
}

fn implied(path: Vec<u8>) -> Entry {
    Entry {
        path,
        kind: FileKind::Directory,
        size: 0,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 0,
        link: Vec::new(),
        at: 0,
        hash: Hash::default(),
        is_implied: true,
        is_opaque: false,
        is_sparse: false,
    }
}
