//! What a journal knows, made files again: by whoever opens a store that a crash or a power cut left, and when syncing all
//! files at once failed. It touches no journal of a process that lives.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;

use super::entry::{self, SEGMENT_BYTES, SEGMENTS};
use super::{NAME_LENGTH, durable, watch};
use crate::Error;
use crate::fs::append;
use crate::fs::layout::Layout;
use crate::fs::whole::{self, Sync};
use crate::fs::{names_in, remove};

/// Goes through the journals whose processes have ended, and removes them.
pub(in crate::fs) fn replay_all(layout: &Layout) -> Result<(), Error> {
    let failed = |source| Error::from_io("go through the journals of small blobs", source);
    let folder = layout.journals();
    let is_ours = |name: &String| name.len() == NAME_LENGTH && name.bytes().all(|b| b.is_ascii_hexdigit());
    for name in names_in(&folder).map_err(failed)?.into_iter().filter(is_ours) {
        let path = folder.join(name);
        let claimed = match append::claim(&path, false) {
            Err(Error::Busy) => continue,
            // Bytes can be read, but some may be missing until the store takes writes again.
            Err(Error::ReadOnly) => {
                tracing::warn!("a journal of small blobs waits until the storage takes writes");
                continue;
            }
            claimed => claimed?,
        };
        if claimed.is_some() {
            replay(layout, &path)?;
            remove(&path)?;
        }
    }
    Ok(())
}

/// Makes every blob of a journal durable that is not there as the journal has it.
fn replay(layout: &Layout, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::from_io("go through a journal of small blobs", source);
    let watch = watch(layout).map_err(failed)?;
    let (mut entries, mut missing) = (0, 0);
    for number in 0..SEGMENTS {
        for_each(path, number, |key, bytes| {
            entries += 1;
            if is_there(&layout.blob(key)?, bytes).map_err(failed)? {
                return Ok(());
            }
            missing += 1;
            store(layout, (key, bytes), Sync::Later)
        })?;
    }
    if entries > 0 {
        tracing::info!(
            entries,
            missing,
            "small blobs of a process that ended were looked at"
        );
        if durable(&watch).is_err() {
            (0..SEGMENTS).try_for_each(|number| {
                for_each(path, number, |key, bytes| store(layout, (key, bytes), Sync::Now))
            })?;
        }
    }
    Ok(())
}

/// Writes and syncs every file of a segment once more that nobody deleted meanwhile.
pub(super) fn store_again(layout: &Layout, path: &Path, number: usize) -> Result<(), Error> {
    for_each(path, number, |key, bytes| match fs::metadata(layout.blob(key)?) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => store(layout, (key, bytes), Sync::Now),
    })
}

fn store(layout: &Layout, (key, bytes): (&str, &[u8]), sync: Sync) -> Result<(), Error> {
    let (_, id) = key.split_once('.').expect("a key ends in the id of an upload");
    let paths = (&*layout.upload(id)?, &*layout.blob(key)?);
    whole::store(layout, paths, (&[Bytes::copy_from_slice(bytes)], sync))
}

/// Whether the file holds these bytes.
fn is_there(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) if found.len() == bytes.len() as u64 => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    // What cannot be read is written again.
    Ok(fs::read(path).is_ok_and(|found| found == bytes))
}

/// Does `work` with every key and its bytes in a segment.
fn for_each(
    path: &Path,
    number: usize,
    mut work: impl FnMut(&str, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let segment =
        read(path, number).map_err(|source| Error::from_io("read a journal of small blobs", source))?;
    entry::all(&segment).try_for_each(|entry| work(entry.key, entry.bytes))
}

/// The bytes of a segment; of one that is not begun, its first block.
fn read(path: &Path, number: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let start = (number * SEGMENT_BYTES) as u64;
    let there = file
        .metadata()?
        .len()
        .saturating_sub(start)
        .min(SEGMENT_BYTES as u64);
    let there = usize::try_from(there).expect("a segment is small");
    let mut segment = vec![0; there.min(entry::BLOCK_BYTES)];
    file.read_exact_at(&mut segment, start)?;
    if segment.iter().any(|byte| *byte != 0) {
        segment.resize(there, 0);
        file.read_exact_at(&mut segment, start)?;
    }
    Ok(segment)
}
