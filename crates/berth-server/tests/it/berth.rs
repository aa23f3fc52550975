//! Starts the binary, in a folder of its own and without this process's settings.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// What a command that has ended left behind.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder to run commands in.
pub(crate) struct Place(pub(crate) TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
        let own = std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("BERTH_"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .envs(own)
            .envs(variables.iter().copied());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let output = self.command(arguments, variables).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            status: output.status,
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Starts a server on a free port, with these flags, and waits until it says where it listens.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        self.serve_with(arguments, &[])
    }

    /// The same with variables.
    pub(crate) fn serve_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let fixed = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
            "--log-level",
            "info",
        ];
        let all: Vec<&str> = fixed.iter().chain(arguments).copied().collect();
        Server::start(self.command(&all, variables))
    }
}

/// A running server; ended with the test if the test did not end it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts a command that serves and logs in JSON, and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let start = said.len();
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "the server ended: {said}");
            let line: serde_json::Value =
                serde_json::from_str(&said[start..]).unwrap_or_else(|_| panic!("the server says {said}"));
            if line["message"] == "listening" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        // Read all the time: a server whose log nobody takes stands still.
        let rest = std::thread::spawn(move || {
            log.read_to_string(&mut said).unwrap();
            said
        });
        Self {
            child,
            address,
            log: Some(rest),
        }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How long it has computed, in hundredths of a second.
    pub(crate) fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        let ticks = |field: usize| after_name.split(' ').nth(field).unwrap().parse::<u64>().unwrap();
        ticks(11) + ticks(12)
    }

    /// Bytes of memory that are its own: of no file, and shared with nobody.
    pub(crate) fn own_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        own.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap()
            << 10
    }

    /// Waits for the end, which somebody must have asked for. The texts are those of the whole run.
    pub(crate) fn end(mut self) -> Ended {
        let err = self.log.take().unwrap().join().unwrap();
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        Ended {
            status: self.child.wait().unwrap(),
            out,
            err,
        }
    }

    /// Asks for the end and waits for it.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
