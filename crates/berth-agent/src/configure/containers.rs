//! `registries.conf` of podman, CRI-O, buildah and skopeo: a file of the agent's own beside those of others.
//!
//! A registry that another file speaks of is left to that file: of two entries one wins, and not by saying so.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::{Host, Planned, Request, occupied, planned, read};
use crate::Error;

const MARK: &str = "# written by: berth agent configure\n";

pub(super) fn plan(request: &Request) -> Result<Planned, Error> {
    let folder = request.root.join("etc/containers");
    let path = folder.join("registries.conf.d/050-berth-agent.conf");
    let before = read(&path)?;
    if before.as_deref().is_some_and(|text| !text.starts_with(MARK)) {
        return Err(occupied(&path, "somebody else wrote it"));
    }
    for other in others(&folder, &path) {
        let text = read(&other)?.unwrap_or_default();
        let parsed: DocumentMut = text
            .parse()
            .map_err(|error| occupied(&other, format!("it is no TOML: {error}")))?;
        if let Some(host) = request.hosts.iter().find(|host| names(&parsed, host)) {
            let location = location(request, host);
            let reason = format!(
                "it has an entry for {} already; add to that entry:\n  [[registry.mirror]]\n  location = \"{location}\"\n  \
                 insecure = true\n  pull-from-mirror = \"digest-only\"",
                host.name
            );
            return Err(occupied(&other, reason));
        }
    }
    let mut text = MARK.to_owned();
    for host in &request.hosts {
        let (name, location) = (&host.name, location(request, host));
        // Writing into a text does not fail.
        let _ = write!(
            text,
            "\n[[registry]]\nprefix = \"{name}\"\nlocation = \"{name}\"\n\n[[registry.mirror]]\nlocation = \"{location}\"\n\
             insecure = true\npull-from-mirror = \"digest-only\"\n"
        );
    }
    Ok(planned(path, before.as_deref(), text))
}

fn location(request: &Request, host: &Host) -> String {
    match &host.organization {
        Some(organization) => format!("{}/{organization}", request.agent),
        None => request.agent.to_string(),
    }
}

/// The files of others that are read besides.
fn others(folder: &Path, own: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join("registries.conf.d"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf") && path != own)
        .collect();
    files.sort();
    files.insert(0, folder.join("registries.conf"));
    files
}

fn names(file: &DocumentMut, host: &Host) -> bool {
    let registries = file
        .get("registry")
        .and_then(|registries| registries.as_array_of_tables());
    registries.into_iter().flatten().any(|registry| {
        let text = |key| {
            registry
                .get(key)
                .and_then(|value: &toml_edit::Item| value.as_str())
        };
        text("prefix").or_else(|| text("location")) == Some(&host.name)
    })
}
