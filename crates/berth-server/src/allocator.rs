//! What the allocator keeps of memory that is free again. Knows nothing of who needed it.

use std::ffi::c_int;
use std::time::Duration;

/// Blocks of this many bytes and more are taken from the system and given back to it one by one. Checking a password takes 19 MiB.
const ALONE_FROM: c_int = 1 << 20;
/// Free bytes that each of the allocator's arenas keeps at its end: some buffers of uploads, so that they are not
/// taken and given back all the time.
const KEPT_MAX: c_int = 8 << 20;
/// Arenas for each processor: enough that threads which work at one time seldom share one. Left to itself, glibc makes eight,
/// and each thread that ever waited for a disk leaves its garbage in another one.
const ARENAS_PER_PROCESSOR: usize = 3;

/// How often it is looked at whether memory has come to rest.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So many KiB more than at the last time are worth giving back.
const WORTH_KIB: u64 = 8 << 10;
/// Whose memory has changed by less than these KiB between two looks is at rest.
const REST_KIB: u64 = 1 << 10;

/// Sets the limits for good, before there is a second thread.
///
/// Left to itself, glibc moves the first two with the largest block that was ever freed: after the first login that is the
/// memory of a password's check, and every arena keeps twice that.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc has no other way to set its limits from inside")]
pub(crate) fn limit() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let arenas = c_int::try_from(processors * ARENAS_PER_PROCESSOR).unwrap_or(c_int::MAX);
    for (limit, most) in [
        (libc::M_MMAP_THRESHOLD, ALONE_FROM),
        (libc::M_TRIM_THRESHOLD, KEPT_MAX),
        (libc::M_ARENA_MAX, arenas),
    ] {
        // SAFETY: it takes two numbers and follows no pointer; it holds the lock of the arena that it changes, and no other
        // thread runs yet. An answer of 0 says that a limit was not taken, which leaves it as it was.
        unsafe { libc::mallopt(limit, most) };
    }
}

/// Other allocators have limits of their own.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn limit() {}

/// Gives the system back what is free: at once, as a start leaves two thirds of its memory free, and whenever there is more
/// memory than then and it has come to rest, after a burst of uploads. Goes on for ever.
pub(crate) async fn tidy() {
    let mut kept = 0;
    let mut seen = None;
    loop {
        // A system that does not tell is asked again, at no cost.
        if let Some(now) = anonymous_kib() {
            kept = now.min(kept);
            let rests = seen.is_none_or(|before| now.abs_diff(before) < REST_KIB);
            seen = Some(now);
            if rests && now >= kept + WORTH_KIB {
                // It takes a few milliseconds, and the lock of one arena after the other.
                let _given_back = tokio::task::spawn_blocking(give_back).await;
                seen = anonymous_kib();
                kept = seen.unwrap_or(now);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The memory of this process that no file backs, in KiB. Telling it takes the system some microseconds and no disk.
fn anonymous_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc is asked in no other way")]
fn give_back() {
    // SAFETY: it takes a number and follows no pointer of ours; what is given back is what nobody has, and it holds the
    // lock of each arena while it looks.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn give_back() {}
