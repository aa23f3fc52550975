//! One node with its agent: containerd and podman pull through it as `berth agent configure` told them to, and nobody gets
//! more from it than from the registry.

use std::process::Command;

use e2e::client::{curl, log_in, podman, skopeo};
use e2e::containerd::Containerd;
use e2e::daemon::Daemon;
use e2e::home::Home;
use e2e::sample::{self, TAG};
use e2e::server::{Server, binary, free_port};

/// The agent of this node.
struct Agent {
    listen: String,
    daemon: Daemon,
    home: Home,
}

impl Agent {
    fn start(server: &Server) -> Self {
        let home = Home::new("agent");
        let listen = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(binary());
        command
            .args(["agent", "run", "--listen", &listen])
            .args(["--peer-listen", &format!("127.0.0.1:{}", free_port())])
            .args(["--registry", &format!("http://{}", server.address())])
            .arg("--cache")
            .arg(home.folder("cache"));
        let mut daemon = Daemon::spawn("berth agent", &mut command, &home.join("log"));
        let health = format!("http://{listen}/healthz");
        daemon.wait_until(|| curl().run(&["--fail", &health]).success);
        Self { listen, daemon, home }
    }

    /// Writes a client's configuration below a folder, as an administrator does.
    fn configure(&self, client: &str, server: &Server) {
        let output = Command::new(binary())
            .args(["agent", "configure", client, "--write"])
            .args(["--agent", &self.listen, "--host", &server.address()])
            .arg("--root")
            .arg(self.home.folder("root"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn figure(&self, name: &str) -> u64 {
        let text = curl().ok(&[&format!("http://{}/metrics", self.listen)]);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("berth_agent_{name} ")));
        line.unwrap_or_else(|| panic!("no {name}:\n{text}"))
            .parse()
            .unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.daemon.end();
    }
}

#[test]
fn containerd_and_podman_pull_through_the_agent_of_their_node() {
    let server = Server::start();
    server.create_organization("team");
    let login = server.long_term_login();
    let credentials = format!("{}:{}", login.user, login.password);
    let layout = sample::small_image();
    let image = server.image(&format!("team/app:{TAG}"));
    let by_digest = format!("{}@{}", server.image("team/app"), layout.digest(TAG));
    let (from, to) = (format!("oci:{}", layout.name(TAG)), format!("docker://{image}"));
    skopeo().ok(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        &credentials,
        &from,
        &to,
    ]);

    let agent = Agent::start(&server);
    // The server of this test speaks plain HTTP, which its administrator wrote down before.
    let certs = agent
        .home
        .folder(format!("root/etc/containerd/certs.d/{}", server.address()));
    std::fs::write(
        certs.join("hosts.toml"),
        format!("server = 'http://{}'\n", server.address()),
    )
    .unwrap();
    agent.configure("containerd", &server);
    let hosts = certs.parent().unwrap().to_string_lossy().into_owned();
    let pull = ["image", "pull", "--all-platforms", "--hosts-dir", &hosts];
    let containerd = Containerd::start();
    containerd.ok(&[&pull[..], &["--user", &credentials, &image]].concat());
    assert_eq!(containerd.digest(&image), layout.digest(TAG));
    let (given, fetched) = (
        agent.figure("served_bytes_total"),
        agent.figure("registry_bytes_total"),
    );
    assert!(given > 0 && fetched > 0, "{given} {fetched}");
    // Without a login the agent gives what the registry gives: nothing, cached or not.
    let stranger = Containerd::start();
    stranger.refused("", &[&pull[..], &[&image]].concat());
    stranger.refused("", &[&pull[..], &["--user", "nobody:wrong", &by_digest]].concat());
    assert_eq!(agent.figure("served_bytes_total"), given);

    agent.configure("podman", &server);
    let file = agent
        .home
        .join("root/etc/containers/registries.conf.d/050-berth-agent.conf");
    let podman = podman().variable("CONTAINERS_REGISTRIES_CONF", file);
    // podman looks for a login by the address that it asks.
    for address in [&server.address(), &agent.listen] {
        log_in(&podman, address, &login).ok();
    }
    podman.ok(&["pull", "--tls-verify=false", &by_digest]);
    assert!(agent.figure("served_bytes_total") > given);
    assert_eq!(
        agent.figure("registry_bytes_total"),
        fetched,
        "podman's bytes were in the cache"
    );
}
