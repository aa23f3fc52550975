//! What the disk can do before the bytes of a file are all there: take blocks for those that come, and begin with those that
//! came. Both only save time; that a file is durable is said by its sync alone.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd as _;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// Takes blocks for the bytes `range`, also beyond the end of the file, which stays where it is. After an error some of them may
/// be taken.
pub(super) fn reserve(file: &File, range: Range<u64>) -> io::Result<()> {
    let length = range.end - range.start;
    rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, range.start, length).map_err(io::Error::from)
}

/// Has the disk begin with the bytes `range`, without waiting for its end. Where it cannot be told to, its time comes with the
/// sync.
#[expect(unsafe_code, reason = "rustix has no safe name for this call")]
pub(super) fn begin(file: &File, range: Range<u64>) -> io::Result<()> {
    let (Ok(from), Ok(length)) = (
        i64::try_from(range.start),
        i64::try_from(range.end.saturating_sub(range.start)),
    ) else {
        return Ok(());
    };
    // SAFETY: it takes numbers and follows no pointer; the descriptor is open for as long as `file` is borrowed.
    let answer =
        unsafe { libc::sync_file_range(file.as_raw_fd(), from, length, libc::SYNC_FILE_RANGE_WRITE) };
    if answer == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match Errno::from_io_error(&error) {
        Some(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::SPIPE | Errno::INTR) => Ok(()),
        _ => Err(error),
    }
}
