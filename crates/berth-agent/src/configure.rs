//! The configuration that makes a node's clients ask the agent: what it has to be, and how it gets into files that others
//! write too.
//!
//! Tags are resolved at the registry; only what is named by digest comes through the agent. What others wrote stays, and
//! the first change keeps a copy of the file as it was.

mod containerd;
mod containers;
mod docker;

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::Error;

/// A client of registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// containerd, and Kubernetes with it.
    Containerd,
    /// The docker daemon.
    Docker,
    /// podman, and whatever else reads `registries.conf`.
    Podman,
    /// CRI-O.
    Crio,
}

/// A registry whose images come through the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name in image names, such as `docker.io`.
    pub name: String,
    /// The organization of a mirror that has it; without, the registry knows it by its name or is it itself.
    pub organization: Option<String>,
}

/// What to configure.
#[derive(Debug, Clone)]
pub struct Request {
    /// For whom.
    pub client: Client,
    /// Where the agent listens.
    pub agent: SocketAddr,
    /// Whose images come through it.
    pub hosts: Vec<Host>,
    /// The agent's registry and its authority, when they are said.
    pub registry: Option<Registry>,
    /// What stands for `/`, such as a node's file system in a container.
    pub root: PathBuf,
}

/// The registry of which the agent is a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// Such as `https://registry.example`.
    pub url: String,
    /// File with the authority to trust for it (PEM), which is copied to where the client looks.
    pub ca: Option<PathBuf>,
}

impl Registry {
    /// Whether this is its name in image names.
    fn is(&self, host: &str) -> bool {
        self.url.split_once("://").is_some_and(|(_, name)| name == host)
    }

    /// The certificates of its authority, when that was said.
    fn authority(&self) -> Result<Option<String>, Error> {
        let Some(ca) = &self.ca else { return Ok(None) };
        let text = read(ca)?.filter(|text| text.contains("BEGIN CERTIFICATE"));
        let reason = || Error::Setting(format!("{} has no certificates (PEM)", ca.display()));
        text.map(Some).ok_or_else(reason)
    }
}

/// A file as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Which.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
    /// Whether it is not so already.
    pub is_change: bool,
}

impl FromStr for Registry {
    type Err = String;

    /// Reads `https://registry.example`.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = text.trim_end_matches('/');
        let name = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        if !name.is_some_and(|name| name.parse::<Host>().is_ok_and(|host| host.organization.is_none())) {
            return Err(
                "the registry is named by its scheme, host and port, such as https://registry.example"
                    .to_owned(),
            );
        }
        Ok(Self {
            url: url.to_owned(),
            ca: None,
        })
    }
}

impl FromStr for Host {
    type Err = String;

    /// Reads `docker.io` and `quay.io=quay`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, organization) = match text.split_once('=') {
            Some((name, organization)) => (name, Some(organization)),
            None => (text, None),
        };
        let is_plain = |text: &str, more: &[u8]| {
            let is_fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || more.contains(&b);
            !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_fine)
        };
        if !is_plain(name, b".-:") || organization.is_some_and(|text| !is_plain(text, b".-_")) {
            return Err(
                "a registry is named as in image names, with the organization of its mirror after a =, \
                 such as docker.io or quay.io=quay"
                    .to_owned(),
            );
        }
        Ok(Self {
            name: name.to_owned(),
            organization: organization.map(str::to_owned),
        })
    }
}

/// The files that a client needs, as they have to be.
pub fn plan(request: &Request) -> Result<Vec<Planned>, Error> {
    match request.client {
        Client::Containerd => {
            let hosts = request.hosts.iter();
            let planned: Result<Vec<_>, _> = hosts.map(|host| containerd::plan(request, host)).collect();
            planned.map(|planned| planned.into_iter().flatten().collect())
        }
        Client::Docker => docker::plan(request).map(|planned| vec![planned]),
        Client::Podman | Client::Crio => containers::plan(request).map(|planned| vec![planned]),
    }
}

/// What makes the client read its files.
pub fn afterwards(client: Client) -> &'static str {
    match client {
        Client::Containerd => {
            "containerd reads these files with each pull, when its configuration names their folder:\n  \
             [plugins.\"io.containerd.grpc.v1.cri\".registry]\n    config_path = \"/etc/containerd/certs.d\"\n"
        }
        Client::Docker => "Let docker read it: systemctl reload docker\n",
        Client::Podman => "podman reads it with each pull.\n",
        Client::Crio => "Let CRI-O read it: systemctl reload crio\n",
    }
}

/// Writes a file; what was there before its first change is kept beside it, whose path is returned.
pub fn write(planned: &Planned) -> Result<Option<PathBuf>, Error> {
    if !planned.is_change {
        return Ok(None);
    }
    let path = &planned.path;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file(folder, "made"))?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kept = path.with_file_name(format!("{name}.before-berth-agent"));
    let is_first = path.exists() && !kept.exists();
    if is_first {
        fs::copy(path, &kept).map_err(Error::file(&kept, "written"))?;
    }
    let fresh = path.with_file_name(format!("{name}.new"));
    let written = || -> std::io::Result<()> {
        drop(fs::remove_file(&fresh));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&fresh)?;
        std::io::Write::write_all(&mut file, planned.text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    written().map_err(Error::file(path, "written"))?;
    Ok(is_first.then_some(kept))
}

/// A file's text; none when there is none.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path, "read")(error)),
    }
}

fn occupied(path: &Path, reason: impl Into<String>) -> Error {
    Error::Occupied {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

fn planned(path: PathBuf, before: Option<&str>, text: String) -> Planned {
    Planned {
        is_change: before != Some(&text),
        path,
        text,
    }
}

#[cfg(test)]
mod tests;
