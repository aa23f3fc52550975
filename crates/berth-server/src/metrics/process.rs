//! What the system says of this process. What it does not say is left out.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

/// What the system counts time of processors in, on every machine that Linux runs on (time(7), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// The process as it is now.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) open_files_max: Option<u64>,
    pub(super) started_at_seconds: f64,
}

impl Process {
    /// Reads it.
    pub(super) fn now(started_at: SystemTime) -> Self {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        let files = std::fs::read_dir("/proc/self/fd").ok();
        Self {
            // One of them is the folder itself.
            open_files: files.map(|files| files.count().saturating_sub(1) as u64),
            open_files_max: getrlimit(Resource::Nofile).current,
            started_at_seconds: started_at
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64(),
            ..Self::of(&read("/proc/self/stat"), &read("/proc/self/status"))
        }
    }

    /// What the files of proc(5) say. The name in the first may hold anything, so its fields are counted from behind that.
    fn of(stat: &str, status: &str) -> Self {
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let ticks = |field: usize| fields.split(' ').nth(field)?.parse::<u32>().ok();
        let number = |name: &str| {
            let mut lines = status.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            value.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        let cpu = ticks(11).zip(ticks(12));
        Self {
            cpu_seconds: cpu.map(|(user, system)| (f64::from(user) + f64::from(system)) / TICKS_PER_SECOND),
            threads: number("Threads"),
            resident_bytes: number("VmRSS").map(|kibibytes| kibibytes << 10),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read_whatever_the_name_is() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 12 0 99 8192 3\n";
        let status = "Name:\ta ) b\nVmRSS:\t     12 kB\nThreads:\t3\n";
        let process = Process::of(stat, status);
        assert_eq!(process.cpu_seconds, Some(2.0));
        assert_eq!(
            (process.threads, process.resident_bytes),
            (Some(3), Some(12 << 10))
        );
        assert_eq!(Process::of("", "").cpu_seconds, None);
    }

    #[test]
    fn this_process_is_told_of() {
        let process = Process::now(SystemTime::now());
        assert!(process.resident_bytes.unwrap() > 1 << 20);
        assert!(process.cpu_seconds.is_some() && process.threads.is_some());
        assert!(process.open_files.unwrap() >= 3);
        assert!(process.open_files_max.unwrap() >= process.open_files.unwrap());
    }
}
