//! The seven clients behind one face: log in, push the image of a layout, pull, and say which digest was seen.
//! Each does it with the commands that its users type.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::client::{Client, Outcome, buildah, crane, log_in, oras, podman, skopeo};
use crate::containerd::Containerd;
use crate::docker::Docker;
use crate::image::{Layout, sha256_of};
use crate::login::Login;
use crate::sample::TAG;
use crate::server::Server;

/// A client with its own storage and its own logins.
#[derive(Debug)]
pub enum Peer {
    /// docker with a daemon of its own.
    Docker(Box<Docker>),
    /// containerd's `ctr`, and the login that goes with each command.
    Containerd(Box<Containerd>, Option<Login>),
    /// podman.
    Podman(Client),
    /// buildah.
    Buildah(Client),
    /// skopeo.
    Skopeo(Client),
    /// oras.
    Oras(Client),
    /// crane.
    Crane(Client),
}

impl Peer {
    /// One of each, none logged in.
    pub fn all() -> Vec<Self> {
        vec![
            Self::Docker(Box::new(Docker::start())),
            Self::Containerd(Box::new(Containerd::start()), None),
            Self::Podman(podman()),
            Self::Buildah(buildah()),
            Self::Skopeo(skopeo()),
            Self::Oras(oras()),
            Self::Crane(crane()),
        ]
    }

    /// One of each, logged in.
    pub fn all_logged_in(server: &Server, login: &Login) -> Vec<Self> {
        let mut peers = Self::all();
        for peer in &mut peers {
            peer.log_in(server, login);
        }
        peers
    }

    /// The name of the command.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Docker(_) => "docker",
            Self::Containerd(..) => "ctr",
            Self::Podman(_) => "podman",
            Self::Buildah(_) => "buildah",
            Self::Skopeo(_) => "skopeo",
            Self::Oras(_) => "oras",
            Self::Crane(_) => "crane",
        }
    }

    /// Logs in, in place of any login before.
    pub fn log_in(&mut self, server: &Server, login: &Login) {
        if let Some(outcome) = self.try_log_in(server, login) {
            outcome.ok();
        }
    }

    /// The outcome of the login command, for the clients whose command asks the registry.
    pub fn try_log_in(&mut self, server: &Server, login: &Login) -> Option<Outcome> {
        if let Self::Containerd(_, kept) = self {
            *kept = Some(login.clone());
            return None;
        }
        let outcome = log_in(self.client(), &server.address(), login);
        if let Self::Crane(_) = self {
            // It writes the login down and asks nobody.
            outcome.ok();
            return None;
        }
        Some(outcome)
    }

    /// Pushes the image that a layout calls [`TAG`] under a name that ends in the same tag.
    pub fn push(&self, layout: &Layout, image: &str) -> Outcome {
        let from = format!("oci:{}", layout.name(TAG));
        let to = format!("docker://{image}");
        match self {
            Self::Docker(docker) => {
                let archive = docker.home().join("image.tar");
                let _ = fs::remove_file(&archive);
                let archive = archive.to_string_lossy();
                skopeo().ok(&["copy", &from, &format!("docker-archive:{archive}:{image}")]);
                docker.ok(&["load", "--input", &archive]);
                docker.run(&["push", image])
            }
            Self::Containerd(containerd, login) => {
                let base = image.strip_suffix(TAG).and_then(|name| name.strip_suffix(':'));
                let base = base.expect("the name ends in the layout's tag");
                containerd.import(layout, base);
                containerd.push(login.as_ref(), image)
            }
            Self::Podman(client) | Self::Buildah(client) => {
                let id = client.ok(&["pull", "--quiet", &from]);
                client.run(&["push", "--tls-verify=false", &id, &to])
            }
            Self::Skopeo(client) => client.run(&["copy", "--dest-tls-verify=false", &from, &to]),
            Self::Oras(client) => {
                let from = layout.name(TAG);
                // One at a time: oras 1.2 panics now and then when several of its transfers are refused at once.
                client.run(&[
                    "copy",
                    "--concurrency=1",
                    "--from-oci-layout",
                    "--to-plain-http",
                    &from,
                    image,
                ])
            }
            Self::Crane(client) => client.run(&["push", &layout.path().to_string_lossy(), image]),
        }
    }

    /// Pulls into the client's own storage, or into a folder where it has none.
    pub fn pull(&self, image: &str) -> Outcome {
        match self {
            Self::Docker(docker) => docker.run(&["pull", image]),
            Self::Containerd(containerd, login) => containerd.pull(login.as_ref(), image),
            Self::Podman(client) => client.run(&["pull", "--tls-verify=false", image]),
            Self::Buildah(client) => client.run(&["pull", "--policy=always", "--tls-verify=false", image]),
            Self::Skopeo(client) => {
                let to = format!("dir:{}", fresh_folder(client));
                let from = format!("docker://{image}");
                client.run(&["copy", "--src-tls-verify=false", &from, &to])
            }
            Self::Oras(client) => {
                let to = format!("{}:{TAG}", fresh_folder(client));
                client.run(&["copy", "--to-oci-layout", "--from-plain-http", image, &to])
            }
            Self::Crane(client) => client.run(&["pull", "--format=oci", image, &fresh_folder(client)]),
        }
    }

    /// The digest that the client knows a pulled image by.
    pub fn digest(&self, image: &str) -> String {
        let inspect =
            |client: &Client, format| client.ok(&["inspect", "--type=image", "--format", format, image]);
        match self {
            Self::Docker(docker) => docker.repository_digest(image),
            Self::Containerd(containerd, _) => containerd.digest(image),
            Self::Podman(client) => inspect(client, "{{.Digest}}"),
            Self::Buildah(client) => inspect(client, "{{.FromImageDigest}}"),
            Self::Skopeo(client) => {
                let manifest = client.home().join("pulled/manifest.json");
                sha256_of(&mut fs::File::open(manifest).expect("skopeo wrote a manifest"))
            }
            Self::Oras(client) | Self::Crane(client) => {
                only_manifest(&client.home().join("pulled/index.json"))
            }
        }
    }

    /// Removes a pulled image. podman and buildah know an image by its configuration: without this, one that
    /// was pulled twice, under manifests of two clients, shows the first digest for both.
    pub fn forget(&self, image: &str) {
        if let Self::Podman(client) | Self::Buildah(client) = self {
            client.ok(&["rmi", "--force", image]);
        }
    }

    fn client(&self) -> &Client {
        match self {
            Self::Docker(docker) => docker,
            Self::Containerd(containerd, _) => containerd,
            Self::Podman(client)
            | Self::Buildah(client)
            | Self::Skopeo(client)
            | Self::Oras(client)
            | Self::Crane(client) => client,
        }
    }
}

/// The path of an empty folder to pull into, which is yet to be made.
fn fresh_folder(client: &Client) -> String {
    let folder = client.home().join("pulled");
    let _ = fs::remove_dir_all(&folder);
    folder.to_string_lossy().into_owned()
}

/// The digest of the one manifest in a layout's `index.json`.
fn only_manifest(index: &Path) -> String {
    let index = fs::read(index).expect("the client wrote an index");
    let index: Value = serde_json::from_slice(&index).expect("an index is JSON");
    let manifests = index["manifests"].as_array().expect("an index has manifests");
    assert_eq!(manifests.len(), 1, "{index}");
    let digest = manifests[0]["digest"].as_str();
    digest.expect("a descriptor has a digest").to_owned()
}
