//! containerd's `hosts.toml`, one for each registry: the agent's table stands between two marks, before all others.

use toml_edit::DocumentMut;

use super::{Host, Planned, Request, occupied, planned, read};
use crate::Error;

const BEGIN: &str = "# begin: berth agent";
const END: &str = "# end: berth agent";

pub(super) fn plan(request: &Request, host: &Host) -> Result<Planned, Error> {
    let path = request
        .root
        .join("etc/containerd/certs.d")
        .join(&host.name)
        .join("hosts.toml");
    let before = read(&path)?;
    let (url, block) = block(request, host);
    let Some(text) = &before else {
        return Ok(planned(
            path,
            None,
            format!("server = \"{}\"\n\n{block}", server(host)),
        ));
    };
    let rest =
        without_block(text).ok_or_else(|| occupied(&path, "one of the agent's two marks is missing"))?;
    let parsed: DocumentMut = rest
        .parse()
        .map_err(|error| occupied(&path, format!("it is no TOML: {error}")))?;
    if parsed.get("host").and_then(|hosts| hosts.get(&url)).is_some() {
        return Err(occupied(
            &path,
            format!("it has a table for {url} that is not the agent's"),
        ));
    }
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

fn block(request: &Request, host: &Host) -> (String, String) {
    let (url, more) = match &host.organization {
        Some(organization) => (
            format!("http://{}/v2/{organization}", request.agent),
            "  override_path = true\n",
        ),
        None => (format!("http://{}", request.agent), ""),
    };
    let block = format!("{BEGIN}\n[host.\"{url}\"]\n  capabilities = [\"pull\"]\n{more}{END}\n");
    (url, block)
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
