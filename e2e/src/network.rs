//! A network of the test's own, with one address that is not this machine's: clients treat the machine's own
//! addresses as safe without TLS, so trust shows only at another.

use std::path::PathBuf;
use std::process::Command;

use crate::client::Client;

/// A network namespace, removed when it is dropped.
#[derive(Debug)]
pub struct Network {
    name: String,
}

impl Network {
    /// The one address in it.
    pub const ADDRESS: &str = "10.88.0.1";

    /// Makes a network.
    pub fn new() -> Self {
        let network = Self {
            name: format!("berth-e2e-{:x}", std::process::id()),
        };
        let name = network.name.as_str();
        let address = format!("{}/32", Self::ADDRESS);
        ip(&["netns", "add", name]);
        ip(&["-n", name, "link", "set", "lo", "up"]);
        ip(&["-n", name, "addr", "add", &address, "dev", "lo"]);
        network
    }

    /// A command that runs in it, under the process id that it was started with.
    pub fn command(&self, program: impl Into<PathBuf>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.name))
            .arg(program.into());
        command
    }

    /// A client that runs in it.
    pub fn client(&self, program: &str) -> Client {
        Client::new("nsenter")
            .argument(format!("--net=/run/netns/{}", self.name))
            .argument(program)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status();
    let done = status.is_ok_and(|status| status.success());
    assert!(done, "`ip {}` failed", arguments.join(" "));
}
