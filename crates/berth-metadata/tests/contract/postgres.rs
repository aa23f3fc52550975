//! A PostgreSQL server of the tests' own: private folder and port, stopped when dropped.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const MISSING: &str = "these tests start a PostgreSQL server of their own and found no initdb: install it \
     (Debian: apt-get install postgresql)";

/// A running server.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Server {
    /// Makes a cluster and starts it; fails when PostgreSQL is not installed.
    pub(crate) fn start() -> Server {
        let programs = programs().expect(MISSING);
        let folder = tempfile::Builder::new()
            .prefix("berth-postgres")
            .tempdir()
            .expect("a temporary folder");
        let port = free_port();
        let server = Server {
            folder,
            programs,
            port,
        };
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(server.folder.path()));
        }
        let data = server.folder.path().join("data");
        run(server.command("initdb").arg("-D").arg(&data).args([
            "-A",
            "trust",
            "-U",
            "berth",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]));
        server.resume();
        server
    }

    /// Starts it again after [`Server::stop`].
    pub(crate) fn resume(&self) {
        let folder = self.folder.path();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c max_connections=300 \
             -c fsync=off -c full_page_writes=off",
            self.port,
            folder.display()
        );
        run(self
            .command("pg_ctl")
            .arg("-D")
            .arg(folder.join("data"))
            .arg("-w")
            .arg("-l")
            .arg(folder.join("log"))
            .arg("-o")
            .arg(options)
            .arg("start"));
    }

    /// Ends it and every connection at once.
    pub(crate) fn stop(&self) {
        let data = self.folder.path().join("data");
        let _stopped = self
            .command("pg_ctl")
            .arg("-D")
            .arg(data)
            .args(["-m", "immediate", "stop"])
            .output();
    }

    /// The address of a database of that name.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://berth@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and answers its address.
    pub(crate) fn create(&self, database: &str) -> String {
        let port = self.port.to_string();
        run(self
            .command("createdb")
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "berth", database]));
        self.url(database)
    }

    /// A program of the server, run as somebody whom it accepts: it refuses root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if is_root() {
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

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn programs() -> Option<PathBuf> {
    let packaged = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<PathBuf> = packaged.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("createdb").exists())
}

fn is_root() -> bool {
    let owner = Command::new("id").arg("-u").output().expect("id runs");
    owner.stdout == b"0\n"
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn run(command: &mut Command) {
    // A file and no pipe: the server started by pg_ctl would keep a pipe open.
    let output = tempfile::NamedTempFile::new().expect("a temporary file");
    let handle = || output.reopen().expect("the temporary file");
    let status = command
        .stdout(handle())
        .stderr(handle())
        .status()
        .expect("the command runs");
    assert!(status.success(), "{command:?}: {}", read(output.path()));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
