//! The docker daemon's `daemon.json`, of which the agent's is one line in one list.

use serde_json::{Map, Value};

use super::{Planned, Request, occupied, planned, read};
use crate::Error;

const MIRRORS: &str = "registry-mirrors";

pub(super) fn plan(request: &Request) -> Result<Planned, Error> {
    if request
        .hosts
        .iter()
        .any(|host| host.name != "docker.io" || host.organization.is_some())
    {
        let reason = "docker asks a mirror for images of docker.io only, and by their own names";
        return Err(Error::Setting(reason.to_owned()));
    }
    let path = request.root.join("etc/docker/daemon.json");
    let before = read(&path)?;
    let mut settings: Map<String, Value> = match before.as_deref().map(str::trim) {
        None | Some("") => Map::new(),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| occupied(&path, format!("it is no JSON object: {error}")))?,
    };
    let agent = Value::from(format!("http://{}", request.agent));
    let mirrors = settings
        .entry(MIRRORS)
        .or_insert_with(|| Value::Array(Vec::new()));
    let Some(mirrors) = mirrors.as_array_mut() else {
        return Err(occupied(&path, format!("{MIRRORS} is no list")));
    };
    if mirrors.contains(&agent) {
        let text = before.clone().unwrap_or_default();
        return Ok(planned(path, before.as_deref(), text));
    }
    mirrors.insert(0, agent);
    let text = serde_json::to_string_pretty(&settings).map_err(Error::internal)?;
    Ok(planned(path, before.as_deref(), text + "\n"))
}
