//! Where things lie below the root folder, and which keys and ids are allowed to name them.
//! It touches folders only, never what is in the files.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use berth_oci::Digest;

use crate::Error;

const ALGORITHMS: [(&str, usize); 2] = [("sha256", 64), ("sha512", 128)];
/// The file below the root that says whose blobs these are.
const REGISTRY_ID: &str = "registry-id";
const ID_LENGTH_MAX: usize = 128;

/// The folders of one store: `blobs/<algorithm>/<first two digits>/<hex>.<upload id>`, `uploads/<upload id>`, and
/// `journals` with bytes of small blobs.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
    blobs: PathBuf,
    uploads: PathBuf,
    /// Folders of blobs that are known to survive a power failure.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Layout {
    /// Creates what is missing below `root`, and makes it durable.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        let (blobs, uploads) = (root.join("blobs"), root.join("uploads"));
        fs::create_dir_all(root)?;
        create_dir(&uploads)?;
        create_dir(&blobs)?;
        for (algorithm, _) in ALGORITHMS {
            create_dir(&blobs.join(algorithm))?;
        }
        sync_dir(&blobs)?;
        sync_dir(root)?;
        if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_dir(parent)?;
        }
        Ok(Self {
            root: root.to_owned(),
            blobs,
            uploads,
            durable: Mutex::default(),
        })
    }

    /// The id of the registry that was noted first: this one, when there was none.
    pub(super) fn registry_id(&self, id: &str) -> io::Result<String> {
        let path = self.root.join(REGISTRY_ID);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            noted => return Ok(noted?.trim().to_owned()),
        }
        // Whole or not at all: a short note would shut the owner out. Others may note theirs at this moment: each has a
        // draft of its own, and the first name stands.
        let draft = draft_in(&self.root, REGISTRY_ID)?;
        let noted = write_synced(&draft, id).and_then(|()| match fs::hard_link(&draft, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
        fs::remove_file(&draft)?;
        noted?;
        sync_dir(&self.root)?;
        Ok(fs::read_to_string(&path)?.trim().to_owned())
    }

    /// Creates the folder where the blob `path` goes, when it is new, and makes that durable once.
    ///
    /// That it exists is not enough: who created it may have died before syncing it.
    pub(super) fn prepare(&self, path: &Path) -> io::Result<()> {
        let shard = path.parent().expect("a blob lies in a folder");
        if self.durable().contains(shard) {
            return Ok(());
        }
        create_dir(shard)?;
        sync_dir(
            shard
                .parent()
                .expect("a folder of blobs lies in that of its algorithm"),
        )?;
        self.durable().insert(shard.to_owned());
        Ok(())
    }

    /// Whether the folders are there: not so when the disk below them is not mounted.
    pub(super) fn check(&self) -> io::Result<()> {
        for (algorithm, _) in ALGORITHMS {
            fs::metadata(self.blobs.join(algorithm))?;
        }
        Ok(())
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the journals of small blobs, made with the first of them.
    pub(super) fn journals(&self) -> PathBuf {
        self.root.join("journals")
    }

    pub(super) fn blobs(&self) -> &Path {
        &self.blobs
    }

    pub(super) fn uploads(&self) -> &Path {
        &self.uploads
    }

    /// The folders that may hold blobs, each with what precedes the file's name in a key.
    pub(super) fn shards(&self) -> impl Iterator<Item = (String, PathBuf)> + Send + 'static {
        let blobs = self.blobs.clone();
        let algorithms = ALGORITHMS.iter();
        let names =
            algorithms.flat_map(|(name, _)| (0..=u8::MAX).map(move |shard| format!("{name}/{shard:02x}/")));
        names.map(move |name| (name.clone(), blobs.join(name)))
    }

    /// Where the bytes of an unfinished upload lie.
    pub(super) fn upload(&self, id: &str) -> Result<PathBuf, Error> {
        if is_id(id) {
            Ok(self.uploads.join(id))
        } else {
            Err(refused("upload id", id))
        }
    }

    /// Where the bytes of a blob lie.
    pub(super) fn blob(&self, key: &str) -> Result<PathBuf, Error> {
        if is_key(key) {
            Ok(self.blobs.join(key))
        } else {
            Err(refused("key", key))
        }
    }
}

/// The key of a blob: its digest, so that storage alone can rebuild the digests, and the upload that brought it.
pub(super) fn key(digest: &Digest, upload_id: &str) -> String {
    let hex = digest.hex();
    format!("{}/{}/{hex}.{upload_id}", digest.algorithm().as_str(), &hex[..2])
}

/// The digest in a key.
pub(super) fn digest(key: &str) -> Option<Digest> {
    let (algorithm, rest) = key.split_once('/')?;
    let (_, name) = rest.split_once('/')?;
    let (hex, _) = name.split_once('.')?;
    format!("{algorithm}:{hex}").parse().ok()
}

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(allowed)
}

pub(super) fn is_key(key: &str) -> bool {
    let mut parts = key.split('/');
    let (Some(algorithm), Some(shard), Some(name), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some((hex, id)) = name.split_once('.') else {
        return false;
    };
    let hex_length = ALGORITHMS
        .iter()
        .find(|(known, _)| *known == algorithm)
        .map(|(_, length)| *length);
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    Some(hex.len()) == hex_length && hex.bytes().all(lower_hex) && shard == &hex[..2] && is_id(id)
}

/// The path of a new, empty file in `folder` that nobody else has.
fn draft_in(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let process = std::process::id();
    let mut number = 0;
    loop {
        let path = folder.join(format!(".{name}.{process}.{number}"));
        match File::create_new(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

fn write_synced(path: &Path, line: &str) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    writeln!(file, "{line}")?;
    file.sync_all()
}

/// Creates a folder unless it is there.
pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn refused(what: &str, name: &str) -> Error {
    let source = io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is refused"));
    Error::Internal {
        doing: format!("check a {what}"),
        source,
    }
}
