//! A PostgreSQL server of a test's own in a private folder and on a private port: durable as in production, restarted,
//! killed, followed by a standby, promoted. Ends with the value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process, test_kill_process};

use crate::daemon::PATIENCE;
use crate::home::Home;
use crate::server::free_port;

const USER: &str = "berth";
const GLANCE: Duration = Duration::from_millis(10);

/// A server with its data; running unless it was stopped or killed.
#[derive(Debug)]
pub struct Postgres {
    home: Home,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes an empty server and starts it; panics when PostgreSQL is not installed.
    pub fn start() -> Self {
        let server = Self::new();
        let data = server.data();
        run(server.command("initdb").arg("-D").arg(&data).args([
            "-A",
            "trust",
            "-U",
            USER,
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]));
        server.resume();
        server
    }

    fn new() -> Self {
        let programs = programs().expect("PostgreSQL is installed (run scripts/install-test-tools)");
        let home = Home::new("postgres");
        if getuid().is_root() {
            run(Command::new("chown").arg("postgres:").arg(home.path()));
        }
        Self {
            home,
            programs,
            port: free_port(),
        }
    }

    /// Starts it again after its end, whatever that was, and waits until it answers.
    pub fn resume(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c max_connections=200",
            self.port
        );
        let log = self.home.join("log");
        let mut start = self.control();
        start.arg("-w").arg("-l").arg(&log).arg("-o").arg(options);
        let (started, said) = outcome(start.arg("start"));
        assert!(started, "PostgreSQL does not start: {said}\n{}", read(&log));
    }

    /// Ends it and every connection in the middle of what they do, as `pg_ctl -m fast` does; what they did is rolled
    /// back.
    pub fn stop(&self) {
        run(self.control().args(["-m", "fast", "-w", "stop"]));
    }

    /// Kills the server and every process of it with SIGKILL, and waits for their end.
    pub fn kill(&self) {
        let Some(postmaster) = self.postmaster() else {
            return;
        };
        // Stopped first: it would start another process meanwhile.
        let _ = kill_process(postmaster, Signal::STOP);
        let mut processes = children(postmaster);
        processes.insert(0, postmaster);
        for process in &processes {
            // A child may have ended with its parent.
            let _ = kill_process(*process, Signal::KILL);
        }
        let end = Instant::now() + PATIENCE;
        for process in processes {
            while test_kill_process(process).is_ok() && is_alive(process) {
                assert!(Instant::now() < end, "PostgreSQL does not end after SIGKILL");
                thread::sleep(GLANCE);
            }
        }
        // Its process may stay behind as a name that nobody asks for, which the next start would take for a server.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    /// A standby that has everything and follows this server; from now on a commit is acknowledged only when the
    /// standby has it on its disk.
    #[must_use]
    pub fn standby(&self) -> Self {
        let standby = Self::new();
        let port = self.port.to_string();
        run(standby
            .command("pg_basebackup")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                USER,
                "-R",
                "-c",
                "fast",
                "-D",
            ])
            .arg(standby.data()));
        standby.resume();
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.ask("SELECT pg_reload_conf()");
        let end = Instant::now() + PATIENCE;
        while self.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1" {
            assert!(Instant::now() < end, "the standby does not follow");
            thread::sleep(GLANCE);
        }
        standby
    }

    /// Makes a standby the server that takes writes, which waits for no other.
    pub fn promote(&self) {
        run(self.control().args(["-w", "promote"]));
        self.ask("ALTER SYSTEM SET synchronous_standby_names = ''");
        self.ask("SELECT pg_reload_conf()");
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) {
        let port = self.port.to_string();
        run(self
            .command("createdb")
            .args(["-h", "127.0.0.1", "-p", &port, "-U", USER, database]));
    }

    /// Runs a statement and answers what it says.
    pub fn ask(&self, statement: &str) -> String {
        let port = self.port.to_string();
        run(self
            .command("psql")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                USER,
                "-d",
                "postgres",
                "-qAt",
                "-c",
            ])
            .arg(statement))
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn control(&self) -> Command {
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.data());
        command
    }

    fn postmaster(&self) -> Option<Pid> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        Pid::from_raw(file.lines().next()?.parse().ok()?)
    }

    /// A program of the server, run as somebody whom it accepts: it refuses root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if getuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").stdin(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.control().args(["-m", "immediate", "stop"]).output();
    }
}

/// The address of a database behind a port of this machine.
pub fn address(port: u16, database: &str) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/{database}")
}

fn programs() -> Option<PathBuf> {
    let packaged = fs::read_dir("/usr/lib/postgresql");
    let packaged = packaged.into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = packaged.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders
        .into_iter()
        .rev()
        .find(|folder| folder.join("initdb").exists())
}

/// The processes whose parent this is.
fn children(parent: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(Pid::from_raw)
        .filter(|process| stat(*process).is_some_and(|(_, of)| of == parent.as_raw_nonzero().get()))
        .collect()
}

/// Whether a process is more than a name that nobody has asked for yet.
fn is_alive(process: Pid) -> bool {
    stat(process).is_some_and(|(state, _)| state != 'Z')
}

/// A process's state and the id of its parent.
fn stat(process: Pid) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

fn run(command: &mut Command) -> String {
    let (success, said) = outcome(command);
    assert!(success, "{command:?}: {said}");
    said
}

/// Whether a command succeeded, and what it said.
fn outcome(command: &mut Command) -> (bool, String) {
    // A file and no pipe: the server that pg_ctl starts would keep a pipe open.
    let output = tempfile::NamedTempFile::new().expect("a temporary file");
    let handle = || output.reopen().expect("a temporary file can be opened again");
    let status = command.stdout(handle()).stderr(handle()).status();
    let status = status.expect("the command runs");
    (status.success(), read(output.path()).trim().to_owned())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
