//! A small blob in one step: one thread writes, syncs and names its file without a hand-over in between.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::append;
use super::layout::{self, Layout};
use crate::Error;

/// When a blob survives a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// When it is stored.
    Now,
    /// When the caller has synced the whole file system.
    Later,
}

/// Writes the file `from` and gives it its final name `to`.
pub(super) fn store(
    layout: &Layout,
    (from, to): (&Path, &Path),
    (parts, sync): (&[Bytes], Sync),
) -> Result<(), Error> {
    let failed = |source| Error::from_io("store a blob", source);
    let file = append::claim(from, true)?.ok_or(Error::NotFound)?;
    let named = || {
        if file.metadata()?.len() > 0 {
            file.set_len(0)?;
        }
        append::write_all_at(&file, parts, 0)?;
        // Before it has its name: what lies under a key is whole, whatever happens.
        if sync == Sync::Now {
            file.sync_data()?;
        }
        layout.prepare(to)?;
        fs::rename(from, to)
    };
    if let Err(error) = named() {
        // What cannot be removed now is swept with what crashes leave.
        let _removed = fs::remove_file(from);
        return Err(failed(error));
    }
    match sync {
        Sync::Now => layout::sync_dir(to.parent().expect("a blob lies in a folder")).map_err(failed),
        Sync::Later => Ok(()),
    }
}

/// Writes a blob that a journal has under its final name, without a sync; false when there is a file of that name.
pub(super) fn name_unsynced(layout: &Layout, to: &Path, parts: &[Bytes]) -> io::Result<bool> {
    let create = || OpenOptions::new().write(true).create_new(true).open(to);
    let created = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => layout.prepare(to).and_then(|()| create()),
        created => created,
    };
    let file = match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        created => created?,
    };
    if let Err(error) = append::write_all_at(&file, parts, 0) {
        // What stays of it is made whole from the journal, or swept.
        let _removed = fs::remove_file(to);
        return Err(error);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attempt_before_left_is_not_in_the_blob() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let from = layout.upload("upload").unwrap();
        let to = layout
            .blob(&format!("sha256/00/{}.upload", "0".repeat(64)))
            .unwrap();
        // Once more as after an answer that was lost.
        for sync in [Sync::Now, Sync::Later] {
            fs::write(&from, b"longer than what comes").unwrap();
            let parts = [Bytes::from("what "), Bytes::from("comes")];
            store(&layout, (&from, &to), (&parts, sync)).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"what comes");
            assert!(!from.exists());
        }
        assert!(!name_unsynced(&layout, &to, &[Bytes::from("other")]).unwrap());
        assert_eq!(fs::read(&to).unwrap(), b"what comes");
    }

    #[test]
    fn a_blob_that_cannot_be_named_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let from = layout.upload("upload").unwrap();
        let to = layout
            .blob(&format!("sha256/00/{}.upload", "0".repeat(64)))
            .unwrap();
        fs::create_dir_all(&to).unwrap();
        store(&layout, (&from, &to), (&[Bytes::from("bytes")], Sync::Now)).unwrap_err();
        assert!(!from.exists());
    }
}
