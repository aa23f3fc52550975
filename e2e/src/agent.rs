//! `berth agent` on a node: the mirror on its localhost that containerd asks.

use std::fs;

use crate::containerd::Containerd;
use crate::daemon::Daemon;
use crate::home::Home;
use crate::network::Node;
use crate::server::{Server, binary};

const LISTEN: &str = "127.0.0.1:7000";

/// A running agent of a server.
#[derive(Debug)]
pub struct Agent {
    daemon: Daemon,
    _home: Home,
}

impl Agent {
    /// Starts the agent of a node and waits until it answers.
    pub fn start(node: &Node, server: &Server) -> Self {
        let home = Home::new("agent");
        let mut command = node.command(binary());
        command
            .args(["agent", "run", "--listen", LISTEN, "--registry"])
            .arg(format!("https://{}", server.address()))
            .arg("--registry-ca")
            .arg(server.authority())
            .arg("--peer-listen")
            .arg(format!("{}:7001", node.address))
            .arg("--cache")
            .arg(home.folder("cache"));
        let mut daemon = Daemon::spawn("berth agent", &mut command, &home.join("log"));
        let curl = node.client("curl");
        let health = format!("http://{LISTEN}/healthz");
        daemon.wait_until(|| curl.run(&["--silent", "--fail", &health]).success);
        Self { daemon, _home: home }
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

/// Makes containerd ask the agent on its node for what it pulls by digest, and resolve tags at the server: the folder of
/// its `hosts.toml`. The authority stands there twice: what the agent's challenge names is asked as what the agent's section says.
pub fn hosts(containerd: &Containerd, server: &Server) -> String {
    let home = containerd.home();
    let (address, authority) = (server.address(), home.join("ca.crt"));
    fs::copy(server.authority(), &authority).expect("the authority's certificate can be copied");
    home.folder(format!("hosts/{address}"));
    let text = format!(
        "server = 'https://{address}'\nca = '{authority}'\n\
         [host.'http://{LISTEN}']\ncapabilities = ['pull']\nca = '{authority}'\n",
        authority = authority.display(),
    );
    home.write(&format!("hosts/{address}/hosts.toml"), text);
    home.join("hosts").to_string_lossy().into_owned()
}
