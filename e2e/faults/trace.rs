//! A server whose every step on its disk is slowed down and counted by a tracer, so that something can happen exactly
//! behind the nth; or whose nth step fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// System calls that change what a disk holds. `write` is not among them: it also wakes threads.
const STEPS: &str = "fsync,fdatasync,syncfs,pwrite64,pwritev,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat";
/// Microseconds before each step is done.
const DELAY: u32 = 12_000;
const GLANCE: Duration = Duration::from_millis(1);

/// What the tracer wrote.
#[derive(Debug)]
pub(crate) struct Trace {
    file: PathBuf,
}

impl Trace {
    /// The program and arguments that run a server slowly and write its steps to a file in this folder.
    pub(crate) fn slow(folder: &Path) -> (Self, Vec<String>) {
        Self::with(folder, &format!("{STEPS}:delay_enter={DELAY}"))
    }

    /// Those that let the nth call of one kind in each thread fail with this error.
    pub(crate) fn failing(folder: &Path, call: &str, error: &str, nth: u64) -> (Self, Vec<String>) {
        Self::with(folder, &format!("{call}:error={error}:when={nth}"))
    }

    fn with(folder: &Path, injection: &str) -> (Self, Vec<String>) {
        let file = folder.join("trace");
        let _ = fs::remove_file(&file);
        let injection = format!("inject={injection}");
        let shown = file.display().to_string();
        // -D: the server keeps the process id that it was started with.
        let words = [
            "strace",
            "-D",
            "-f",
            "-qq",
            "-o",
            &shown,
            "-e",
            "signal=none",
            "-e",
            &injection,
        ];
        let mut words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        words.push("--seccomp-bpf".to_owned());
        (Self { file }, words)
    }

    /// How many steps were tampered with so far.
    pub(crate) fn steps(&self) -> usize {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let tampered = |line: &&str| line.ends_with("(DELAYED)") || line.ends_with("(INJECTED)");
        text.lines().filter(tampered).count()
    }

    /// Waits until there were so many steps.
    pub(crate) async fn reach(&self, steps: usize) {
        while self.steps() < steps {
            tokio::time::sleep(GLANCE).await;
        }
    }
}
