//! One process of a registry that may have several: they share a database and a storage, and each has a port of its
//! own. It is started, killed and started again; what it keeps between is the registry's, not its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::daemon::{Daemon, PATIENCE};
use crate::server::{binary, free_port, unattended};

const GLANCE: Duration = Duration::from_millis(5);

/// A process of a registry, running or not.
#[derive(Debug)]
pub struct Replica {
    name: String,
    port: u16,
    folder: PathBuf,
    log: PathBuf,
    variables: Vec<(String, String)>,
    before: Vec<String>,
    daemon: Option<Daemon>,
}

impl Replica {
    /// A replica that is not started yet, with its data folder below `folder` and these variables (`BERTH_...`) besides
    /// those of an unattended first start.
    pub fn new(name: &str, folder: &Path, variables: &[(&str, String)]) -> Self {
        let owned = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Self {
            name: name.to_owned(),
            port: free_port(),
            folder: folder.to_owned(),
            log: folder.join(format!("{name}.log")),
            variables: owned.collect(),
            before: Vec::new(),
            daemon: None,
        }
    }

    /// Sets a variable for the starts that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(set, _)| set != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Runs the starts that follow under another program, such as a tracer that leaves the process its place; nothing for
    /// none.
    pub fn run_under(&mut self, program: &[String]) {
        self.before = program.to_vec();
    }

    /// `http://127.0.0.1:<port>`.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the process without waiting until it answers.
    pub fn spawn(&mut self) {
        let program = binary();
        let mut command = match self.before.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        unattended(&mut command, &self.folder)
            .arg("serve")
            .env("BERTH_LISTEN", format!("127.0.0.1:{}", self.port))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        self.daemon = Some(Daemon::spawn(&self.name, &mut command, &self.log));
    }

    /// Starts the process and waits until it is ready; panics with its log when it does not become so.
    pub async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Waits until the started process is ready; panics with its log when it does not become so.
    pub async fn ready(&mut self) {
        let http = reqwest::Client::new();
        let address = format!("{}/readyz", self.origin());
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = http.get(&address).timeout(PATIENCE).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            if let Some(status) = self.daemon.as_mut().and_then(Daemon::exited) {
                panic!("{} ended at its start, {status}:\n{}", self.name, self.log());
            }
            assert!(
                Instant::now() < end,
                "{} was not ready in time:\n{}",
                self.name,
                self.log()
            );
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Sends a signal to the running process.
    pub fn signal(&self, signal: Signal) {
        if let Some(daemon) = &self.daemon {
            daemon.signal(signal);
        }
    }

    /// Kills the process with SIGKILL and waits for its end; what it had in memory is gone.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill();
        }
    }

    /// Stops the process with SIGTERM; panics with its log when it does not end cleanly.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.ask_to_stop();
            let status = daemon.wait();
            assert!(
                status.success(),
                "{} stopped with {status}:\n{}",
                self.name,
                daemon.log()
            );
        }
    }

    /// Whether the process that was started has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.daemon
            .as_mut()
            .is_some_and(|daemon| daemon.exited().is_some())
    }

    /// The id of the running process.
    pub fn process_id(&self) -> Option<u32> {
        self.daemon.as_ref().map(Daemon::process_id)
    }

    /// Everything that it printed, over all its starts.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
