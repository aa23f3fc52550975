//! A long-running process that a test started: its log, its readiness and its end. Ends only what it started.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to start or to stop.
pub const PATIENCE: Duration = Duration::from_mins(2);

const GLANCE: Duration = Duration::from_millis(50);

/// A process that is killed when it is dropped, unless it was ended before.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts the command with its output appended to the file `log`.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a daemon's log can be opened");
        let errors = output.try_clone().expect("a file handle can be cloned");
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start: {error} (run scripts/install-test-tools)"));
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    /// Waits until `ready` says so; panics with the log when the process ends first or the time is over.
    pub fn wait_until(&mut self, mut ready: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !ready() {
            if let Some(status) = self.exited() {
                panic!("{} ended at its start, {status}:\n{}", self.name, self.log());
            }
            assert!(
                Instant::now() < end,
                "{} was not ready in time:\n{}",
                self.name,
                self.log()
            );
            thread::sleep(GLANCE);
        }
    }

    /// The exit status, when the process has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends SIGTERM and does not wait.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal and does not wait.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids fit into 31 bits");
        let pid = Pid::from_raw(id).expect("a child's process id is not zero");
        kill_process(pid, signal).expect("a child can be signalled");
    }

    /// The process's id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of the process; panics with the log when it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            assert!(
                Instant::now() < end,
                "{} did not stop in time:\n{}",
                self.name,
                self.log()
            );
            thread::sleep(GLANCE);
        }
    }

    /// Sends SIGKILL and waits: what the process had in memory is gone.
    pub fn kill(&mut self) {
        if self.exited().is_none() {
            self.child.kill().expect("a running child can be killed");
            self.child.wait().expect("a killed child ends");
        }
    }

    /// Ends the process without a complaint: asked first, killed when it does not listen.
    pub fn end(&mut self) {
        if self.exited().is_none() {
            self.ask_to_stop();
            let end = Instant::now() + PATIENCE;
            while self.exited().is_none() && Instant::now() < end {
                thread::sleep(GLANCE);
            }
        }
        self.kill();
    }

    /// Everything the process printed.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
