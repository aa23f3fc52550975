//! containerd's `hosts.toml`, one for each registry: the agent's table stands between two marks, before all others.
//!
//! containerd asks the token service that the agent's relayed challenge names, which is the registry's, with the trust of
//! the agent's table. Without the registry's authority there it goes past the agent, and says so to nobody.

use std::fmt::Write as _;
use std::path::PathBuf;

use toml_edit::{DocumentMut, Item, TableLike};

use super::{Host, Planned, Request, occupied, planned, read};
use crate::Error;

const BEGIN: &str = "# begin: berth agent";
const END: &str = "# end: berth agent";

/// The registry's authority beside the `hosts.toml`, whose folder containerd takes a name for to be in.
const AUTHORITY: &str = "berth-agent-ca.crt";

pub(super) fn plan(request: &Request, host: &Host) -> Result<Vec<Planned>, Error> {
    let folder = request.root.join("etc/containerd/certs.d").join(&host.name);
    let authority = match &request.registry {
        Some(registry) => registry.authority()?,
        None => None,
    };
    let mut files = Vec::new();
    if let Some(authority) = authority {
        let path = folder.join(AUTHORITY);
        let before = read(&path)?;
        files.push(planned(path, before.as_deref(), authority));
    }
    files.push(hosts_file(request, host, folder.join("hosts.toml"))?);
    Ok(files)
}

fn hosts_file(request: &Request, host: &Host, path: PathBuf) -> Result<Planned, Error> {
    let before = read(&path)?;
    let url = url(request, host);
    let Some(text) = &before else {
        return Ok(planned(path, None, fresh(request, host)));
    };
    let rest =
        without_block(text).ok_or_else(|| occupied(&path, "one of the agent's two marks is missing"))?;
    let parsed: DocumentMut = rest
        .parse()
        .map_err(|error| occupied(&path, format!("it is no TOML: {error}")))?;
    let tables = parsed.get("host").and_then(Item::as_table_like);
    if tables.is_some_and(|tables| tables.contains_key(&url)) {
        return Err(occupied(
            &path,
            format!("it has a table for {url} that is not the agent's"),
        ));
    }
    let server = parsed.get("server").and_then(Item::as_str);
    let own_table = server
        .and_then(|server| tables?.get(server))
        .and_then(Item::as_table_like);
    let trust = trust(request, host, own_table.unwrap_or(parsed.as_table()));
    let block = block(host, &url, &trust);
    // Hosts are asked in the order of the file; what belongs to the file itself stands before all tables.
    let first_table = rest.lines().position(|line| line.trim_start().starts_with('['));
    let lines: Vec<&str> = rest.lines().collect();
    let (head, tables) = lines.split_at(first_table.unwrap_or(lines.len()));
    let mut text = String::new();
    for line in head {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(&block);
    for line in tables {
        text.push_str(line);
        text.push('\n');
    }
    if let Err(error) = text.parse::<DocumentMut>() {
        return Err(occupied(
            &path,
            format!("the agent's table does not fit in: {error}"),
        ));
    }
    Ok(planned(path, before.as_deref(), text))
}

/// A file that was not there.
fn fresh(request: &Request, host: &Host) -> String {
    let mut text = match &request.registry {
        Some(registry) if registry.is(&host.name) => {
            let ca = registry.ca.as_ref().map(|_| ca_line()).unwrap_or_default();
            format!("server = \"{}\"\n{ca}", registry.url)
        }
        _ => format!("server = \"{}\"\n", server(host)),
    };
    let trust = trust(request, host, DocumentMut::new().as_table());
    let _ = write!(text, "\n{}", block(host, &url(request, host), &trust));
    text
}

fn url(request: &Request, host: &Host) -> String {
    match &host.organization {
        Some(organization) => format!("http://{}/v2/{organization}", request.agent),
        None => format!("http://{}", request.agent),
    }
}

fn block(host: &Host, url: &str, trust: &str) -> String {
    let mut block = format!("{BEGIN}\n[host.\"{url}\"]\n  capabilities = [\"pull\"]\n");
    if host.organization.is_some() {
        block.push_str("  override_path = true\n");
    }
    for line in trust.lines() {
        let _ = writeln!(block, "  {line}");
    }
    block + END + "\n"
}

/// What the agent's table says of the registry's trust: the authority that was named, or what the file says of the registry itself.
fn trust(request: &Request, host: &Host, theirs: &dyn TableLike) -> String {
    let registry = request.registry.as_ref();
    if registry.is_some_and(|registry| registry.ca.is_some()) {
        return ca_line();
    }
    let is_other = registry.is_some_and(|registry| !registry.is(&host.name));
    if is_other || host.name == "docker.io" || host.organization.is_some() {
        // What is trusted for a registry that is mirrored says nothing of the mirror.
        return String::new();
    }
    let mut text = String::new();
    for key in ["ca", "client", "skip_verify"] {
        if let Some(value) = theirs.get(key).and_then(Item::as_value) {
            let value = value.clone().decorated(" ", "");
            let _ = writeln!(text, "{key} ={value}");
        }
    }
    text
}

fn ca_line() -> String {
    format!("ca = \"{AUTHORITY}\"\n")
}

/// Where the images are, of which the agent is a mirror.
fn server(host: &Host) -> String {
    match host.name.as_str() {
        "docker.io" => "https://registry-1.docker.io".to_owned(),
        name => format!("https://{name}"),
    }
}

/// The text without what the agent wrote before; none when the marks do not match.
fn without_block(text: &str) -> Option<String> {
    let Some(begin) = text.find(BEGIN) else {
        return (!text.contains(END)).then(|| text.to_owned());
    };
    let end = begin + text[begin..].find(END)? + END.len();
    let after = text[end..].strip_prefix('\n').unwrap_or(&text[end..]);
    Some(format!("{}{after}", &text[..begin]))
}
