//! What the allocator keeps of memory that is free again. Knows nothing of who needed it.

use std::ffi::c_int;

/// Blocks of this many bytes and more are taken from the system and given back to it one by one. Checking a password takes 19 MiB.
const ALONE_FROM: c_int = 1 << 20;
/// Free bytes that each of the allocator's arenas keeps at its end: some buffers of uploads, so that they are not
/// taken and given back all the time.
const KEPT_MAX: c_int = 8 << 20;

/// Sets both limits for good, before there is a second thread.
///
/// Left to itself, glibc moves them with the largest block that was ever freed: after the first login that is the memory
/// of a password's check, and every arena keeps twice that.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc has no other way to set its limits from inside")]
pub(crate) fn limit() {
    for (limit, bytes) in [
        (libc::M_MMAP_THRESHOLD, ALONE_FROM),
        (libc::M_TRIM_THRESHOLD, KEPT_MAX),
    ] {
        // SAFETY: it takes two numbers and follows no pointer; it holds the lock of the arena that it changes, and no other
        // thread runs yet. An answer of 0 says that a limit was not taken, which leaves it as it was.
        unsafe { libc::mallopt(limit, bytes) };
    }
}

/// Other allocators have limits of their own.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn limit() {}
