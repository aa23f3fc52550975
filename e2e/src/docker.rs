//! docker: a daemon of the test's own on a private socket, and the docker command that talks to it.

use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use crate::client::Client;
use crate::daemon::Daemon;
use crate::home::Home;
use crate::network::Network;

/// A docker daemon with its own images, and its client with its own logins.
#[derive(Debug)]
pub struct Docker {
    client: Client,
    host: String,
    daemon: Daemon,
    // Last: removed when the daemon, which has mounts in it, is gone.
    _home: Home,
}

impl Docker {
    /// Starts the daemon and waits until it answers.
    pub fn start() -> Self {
        Self::start_by(Command::new("dockerd"), "{}")
    }

    /// Starts the daemon with mirrors of Docker Hub, by their addresses.
    pub fn start_with_mirrors(mirrors: &[String]) -> Self {
        let settings = serde_json::json!({ "registry-mirrors": mirrors });
        Self::start_with(&settings.to_string())
    }

    /// Starts the daemon with the text of a `daemon.json`.
    pub fn start_with(settings: &str) -> Self {
        Self::start_by(Command::new("dockerd"), settings)
    }

    /// Starts the daemon in a network, with `certs` in place of `/etc/docker/certs.d`.
    pub fn start_in(network: &Network, certs: &Path) -> Self {
        let mut command = network.command("unshare");
        let script =
            "mkdir -p /etc/docker/certs.d && mount --bind \"$0\" /etc/docker/certs.d && exec dockerd \"$@\"";
        command.args(["--mount", "bash", "-c", script]).arg(certs);
        Self::start_by(command, "{}")
    }

    fn start_by(mut command: Command, settings: &str) -> Self {
        let home = Home::new("dockerd");
        let socket = format!("unix://{}", home.join("sock").display());
        command
            .args(["--iptables=false", "--bridge=none", "--storage-driver=overlay2"])
            .arg("--config-file")
            .arg(home.write("daemon.json", settings))
            .arg("--data-root")
            .arg(home.folder("data"))
            .arg("--exec-root")
            .arg(home.folder("exec"))
            .arg("--pidfile")
            .arg(home.join("pid"))
            .args(["--host", &socket]);
        let mut daemon = Daemon::spawn("dockerd", &mut command, &home.join("log"));
        let client = Client::new("docker");
        let config = client.home().folder("docker");
        let client = client
            .variable("DOCKER_HOST", &socket)
            .variable("DOCKER_CONFIG", config)
            // The builder in the daemon's own process: no plugin is needed.
            .variable("DOCKER_BUILDKIT", "0");
        daemon.wait_until(|| client.run(&["version"]).success);
        Self {
            client,
            host: socket,
            daemon,
            _home: home,
        }
    }

    /// Where other clients find the daemon: their `DOCKER_HOST`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Pushes and returns the digest that docker shows.
    pub fn push(&self, image: &str) -> String {
        shown_digest(&self.ok(&["push", image]))
    }

    /// The digest by which docker knows where an image came from.
    pub fn repository_digest(&self, image: &str) -> String {
        let (repository, _) = image.rsplit_once(':').expect("an image name has a tag");
        let format = "{{range .RepoDigests}}{{println .}}{{end}}";
        let digests = self.ok(&["image", "inspect", "--format", format, image]);
        let digest = digests
            .lines()
            .find_map(|line| line.strip_prefix(repository)?.strip_prefix('@'));
        digest
            .unwrap_or_else(|| panic!("docker knows no digest of {image}: {digests}"))
            .to_owned()
    }

    /// Pulls and returns the digest that docker shows.
    pub fn pull(&self, image: &str) -> String {
        shown_digest(&self.ok(&["pull", image]))
    }
}

impl Deref for Docker {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Asked, not killed: it unmounts its containers and ends the containerd it started.
        self.daemon.end();
    }
}

/// The digest in docker's `1: digest: sha256:… size: 528` or `Digest: sha256:…`.
fn shown_digest(output: &str) -> String {
    output
        .split_whitespace()
        .rfind(|word| word.starts_with("sha256:"))
        .unwrap_or_else(|| panic!("docker showed no digest:\n{output}"))
        .to_owned()
}
