//! Which organization stands for what is outside, and the one that stands for all names without one.

use berth_oci::OrganizationName;

use super::Value;
use super::address::image_host;

/// Hosts, each with the organization that stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StandIns(Vec<(String, OrganizationName)>);

impl StandIns {
    /// The organization that stands for a host.
    pub(crate) fn find(&self, host: &str) -> Option<&OrganizationName> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(host));
        found.map(|(_, organization)| organization)
    }

    /// Whether none stands for any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value for StandIns {
    fn kind(&self) -> &'static str {
        "hosts"
    }

    fn allowed(&self) -> String {
        "hosts with organizations, such as docker.io=hub; a list in berth.toml, separated by commas elsewhere"
            .into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        let mut pairs: Vec<(String, OrganizationName)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (host, organization) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?} is no host with an = and an organization"))?;
            let host = image_host(host.trim())?.to_ascii_lowercase();
            if pairs.iter().any(|(known, _)| *known == host) {
                return Err(format!("it names {host} twice"));
            }
            let organization = organization.trim().parse();
            pairs.push((
                host,
                organization.map_err(|_| format!("{part:?} names no organization"))?,
            ));
        }
        self.0 = pairs;
        Ok(())
    }

    fn show(&self) -> String {
        let pairs = self
            .0
            .iter()
            .map(|(host, organization)| format!("{host}={organization}"));
        pairs.collect::<Vec<_>>().join(",")
    }
}

/// An organization that need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StandIn(pub(crate) Option<OrganizationName>);

impl Value for StandIn {
    fn kind(&self) -> &'static str {
        "name"
    }

    fn allowed(&self) -> String {
        "the name of an organization, such as hub".into()
    }

    fn assign(&mut self, text: &str) -> Result<(), String> {
        self.0 = Some(
            text.parse()
                .map_err(|_| "it is no name of an organization".to_owned())?,
        );
        Ok(())
    }

    fn show(&self) -> String {
        self.0.as_deref().unwrap_or_default().to_owned()
    }
}
