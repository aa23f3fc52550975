//! Where things lie below the root folder, and which keys and ids are allowed to name them.
//! It touches no file except to lay out the folders at the start.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use berth_oci::Digest;

use crate::Error;

const ALGORITHMS: [(&str, usize); 2] = [("sha256", 64), ("sha512", 128)];
const ID_LENGTH_MAX: usize = 128;

/// The folders of one store: `blobs/<algorithm>/<first two digits>/<hex>.<upload id>` and `uploads/<upload id>`.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    blobs: PathBuf,
    uploads: PathBuf,
}

impl Layout {
    /// Creates what is missing below `root`, and makes it durable, so that later only files need to be.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        let layout = Self {
            blobs: root.join("blobs"),
            uploads: root.join("uploads"),
        };
        fs::create_dir_all(root)?;
        create_dir(&layout.uploads)?;
        create_dir(&layout.blobs)?;
        for (algorithm, _) in ALGORITHMS {
            let folder = layout.blobs.join(algorithm);
            create_dir(&folder)?;
            for shard in 0..=255_u8 {
                create_dir(&folder.join(format!("{shard:02x}")))?;
            }
            File::open(&folder)?.sync_all()?;
        }
        File::open(&layout.blobs)?.sync_all()?;
        File::open(root)?.sync_all()?;
        if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(layout)
    }

    pub(super) fn uploads(&self) -> &Path {
        &self.uploads
    }

    /// The folders that hold blobs, each with what precedes the file's name in a key.
    pub(super) fn shards(&self) -> Vec<(String, PathBuf)> {
        let shards = ALGORITHMS
            .iter()
            .flat_map(|(algorithm, _)| (0..=255_u8).map(move |shard| format!("{algorithm}/{shard:02x}")));
        shards
            .map(|shard| (format!("{shard}/"), self.blobs.join(&shard)))
            .collect()
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

fn create_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        // A store that cannot be written still serves what it holds, if its folders are there.
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem && path.is_dir() => Ok(()),
        other => other,
    }
}

fn refused(what: &str, name: &str) -> Error {
    let source = io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is refused"));
    Error::Internal {
        doing: format!("check a {what}"),
        source,
    }
}
