//! `berth agent` on a node: the mirror on its localhost that clients ask, and their configuration as it writes it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::client::{Client, curl};
use crate::daemon::Daemon;
use crate::home::Home;
use crate::network::Node;
use crate::server::{Server, binary, free_port};

/// A running agent of a server.
#[derive(Debug)]
pub struct Agent {
    /// Where clients of its node ask it.
    pub listen: String,
    daemon: Daemon,
    curl: Client,
    registry: Vec<String>,
    home: Home,
}

impl Agent {
    /// Starts the agent of a node and waits until it answers.
    pub fn start(node: &Node, server: &Server) -> Self {
        let listen = "127.0.0.1:7000".to_owned();
        let peer = SocketAddr::from((node.address, 7001));
        Self::start_as(
            node.command(binary()),
            node.client("curl"),
            (listen, peer),
            server,
        )
    }

    /// Starts one more agent on this machine and waits until it answers.
    pub fn start_here(server: &Server) -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        let peer = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self::start_as(Command::new(binary()), curl(), (listen, peer), server)
    }

    fn start_as(
        mut command: Command,
        curl: Client,
        (listen, peer): (String, SocketAddr),
        server: &Server,
    ) -> Self {
        let home = Home::new("agent");
        let mut registry = vec!["--registry".to_owned(), server.url()];
        if server.url().starts_with("https:") {
            let authority = server.authority().to_string_lossy().into_owned();
            registry.extend(["--registry-ca".to_owned(), authority]);
        }
        command
            .args(["agent", "run", "--listen", &listen, "--peer-listen"])
            .arg(peer.to_string())
            .args(&registry)
            .arg("--cache")
            .arg(home.folder("cache"));
        let mut daemon = Daemon::spawn("berth agent", &mut command, &home.join("log"));
        let health = format!("http://{listen}/healthz");
        daemon.wait_until(|| curl.run(&["--silent", "--fail", &health]).success);
        Self {
            listen,
            daemon,
            curl,
            registry,
            home,
        }
    }

    /// Writes a client's configuration for images of a registry below a folder, as an administrator does: the folder that
    /// stands for `/etc`.
    pub fn configure(&self, client: &str, host: &str) -> PathBuf {
        let root = self.home.folder("root");
        let output = Command::new(binary())
            .args(["agent", "configure", client, "--write", "--host", host])
            .args(["--agent", &self.listen])
            .args(&self.registry)
            .arg("--root")
            .arg(&root)
            .output()
            .expect("berth can be run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "berth agent configure failed:\n{complaint}"
        );
        root.join("etc")
    }

    /// One of its figures, such as `served_bytes_total`.
    pub fn figure(&self, name: &str) -> u64 {
        let text = self
            .curl
            .ok(&["--silent", &format!("http://{}/metrics", self.listen)]);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("berth_agent_{name} ")));
        let figure = line.unwrap_or_else(|| panic!("the agent has no figure {name}:\n{text}"));
        figure.parse().expect("a figure is a number")
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Everything it printed.
    pub fn log(&self) -> String {
        self.daemon.log()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.daemon.end();
    }
}
