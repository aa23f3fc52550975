//! A small blob in one step: one thread writes, syncs and names its file without a hand-over in between.

use std::fs;
use std::path::Path;

use bytes::Bytes;

use super::append;
use super::layout::{self, Layout};
use crate::Error;

/// Writes the file `from` and gives it its final name `to`.
pub(super) fn store(layout: &Layout, (from, to): (&Path, &Path), parts: &[Bytes]) -> Result<(), Error> {
    let failed = |source| Error::from_io("store a blob", source);
    let file = append::claim(from, true)?.ok_or(Error::NotFound)?;
    let named = || {
        if file.metadata()?.len() > 0 {
            file.set_len(0)?;
        }
        append::write_all_at(&file, parts, 0)?;
        // Before it has its name: what lies under a key is whole, whatever happens.
        file.sync_data()?;
        layout.prepare(to)?;
        fs::rename(from, to)
    };
    if let Err(error) = named() {
        // What cannot be removed now is swept with what crashes leave.
        let _removed = fs::remove_file(from);
        return Err(failed(error));
    }
    layout::sync_dir(to.parent().expect("a blob lies in a folder")).map_err(failed)
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
        for _ in 0..2 {
            fs::write(&from, b"longer than what comes").unwrap();
            store(
                &layout,
                (&from, &to),
                &[Bytes::from("what "), Bytes::from("comes")],
            )
            .unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"what comes");
            assert!(!from.exists());
        }
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
        store(&layout, (&from, &to), &[Bytes::from("bytes")]).unwrap_err();
        assert!(!from.exists());
    }
}
