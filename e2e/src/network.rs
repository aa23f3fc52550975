//! A network of the test's own, with one address that is not this machine's: clients treat the machine's own
//! addresses as safe without TLS, so trust shows only at another. Beside it machines, each behind a link of its own.

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::client::Client;

/// The bridge that nodes are linked to, in the network's namespace.
const BRIDGE: &str = "nodes";

/// A network namespace, removed when it is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

/// The namespace of the one address.
#[derive(Debug)]
pub struct Network {
    namespace: Namespace,
}

/// A machine beside a network, with an address of its own.
#[derive(Debug)]
pub struct Node {
    namespace: Namespace,
    /// Its address, at which others reach it.
    pub address: Ipv4Addr,
}

impl Namespace {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = Self {
            name: format!("berth-e2e-{:x}-{count}", std::process::id()),
        };
        ip(&["netns", "add", &namespace.name]);
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// A command that runs in it, under the process id that it was started with.
    pub fn command(&self, program: impl Into<PathBuf>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(self.option()).arg(program.into());
        command
    }

    /// A client that runs in it.
    pub fn client(&self, program: &str) -> Client {
        Client::new("nsenter").argument(self.option()).argument(program)
    }

    fn option(&self) -> String {
        format!("--net=/run/netns/{}", self.name)
    }

    fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.name], arguments].concat());
    }

    /// Bytes that an interface has received and sent.
    fn bytes(&self, interface: &str) -> [u64; 2] {
        let output = self.command("cat").arg("/proc/net/dev").output();
        let table = String::from_utf8(output.expect("`nsenter` can be run").stdout);
        let table = table.expect("the kernel writes ASCII");
        let line = table.lines().find_map(|line| {
            let (name, figures) = line.split_once(':')?;
            (name.trim() == interface).then(|| figures.split_whitespace().collect::<Vec<_>>())
        });
        let figures = line.unwrap_or_else(|| panic!("there is no {interface}:\n{table}"));
        [0, 8].map(|at| figures[at].parse().expect("the kernel writes numbers"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

impl Network {
    /// The one address in it.
    pub const ADDRESS: &str = "10.88.0.1";

    /// Makes a network.
    pub fn new() -> Self {
        let namespace = Namespace::new();
        let address = format!("{}/32", Self::ADDRESS);
        namespace.ip(&["addr", "add", &address, "dev", "lo"]);
        Self { namespace }
    }

    /// Makes machines beside it, each behind a link of so many megabits in a second, both ways.
    pub fn nodes(&self, count: u8, megabits: u32) -> Vec<Node> {
        self.ip(&["link", "add", BRIDGE, "type", "bridge"]);
        self.ip(&["addr", "add", "10.88.255.254/16", "dev", BRIDGE]);
        self.ip(&["link", "set", BRIDGE, "up"]);
        (1..=count).map(|number| self.node(number, megabits)).collect()
    }

    fn node(&self, number: u8, megabits: u32) -> Node {
        let namespace = Namespace::new();
        let address = Ipv4Addr::new(10, 88, 1, number);
        let (port, name) = (format!("node{number}"), namespace.name.as_str());
        self.ip(&[
            "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", name,
        ]);
        self.ip(&["link", "set", &port, "master", BRIDGE, "up"]);
        namespace.ip(&["addr", "add", &format!("{address}/16"), "dev", "eth0"]);
        namespace.ip(&["link", "set", "eth0", "up"]);
        shape(self, &port, megabits);
        shape(&namespace, "eth0", megabits);
        Node { namespace, address }
    }

    /// Bytes that were sent from this network to its nodes.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes(BRIDGE)[1]
    }
}

impl Node {
    /// Bytes that came to it.
    pub fn bytes_received(&self) -> u64 {
        self.bytes("eth0")[0]
    }
}

impl Deref for Network {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl Deref for Node {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// A token bucket that lets whole segments through.
fn shape(namespace: &Namespace, interface: &str, megabits: u32) {
    let rate = format!("{megabits}mbit");
    let bucket = ["tbf", "rate", &rate, "burst", "128kb", "latency", "50ms"];
    run(
        "tc",
        &[
            &["-n", &namespace.name, "qdisc", "add", "dev", interface, "root"],
            &bucket[..],
        ]
        .concat(),
    );
}

fn ip(arguments: &[&str]) {
    run("ip", arguments);
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    let done = status.is_ok_and(|status| status.success());
    assert!(done, "`{program} {}` failed", arguments.join(" "));
}
