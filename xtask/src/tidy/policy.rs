//! What may come in from outside: licences, sources and banned packages, as `deny.toml` says.
//!
//! Reads the file that `cargo deny` reads, so that there is one list; that tool looks for advisories besides.

use std::error::Error;

use spdx::{Expression, LicenseReq, Licensee, ParseMode};
use toml_edit::{DocumentMut, Item};

use super::packages::Package;

/// The parts of `deny.toml` that are checked here.
pub(crate) struct Policy {
    /// The targets whose dependencies count.
    pub(crate) targets: Vec<String>,
    licenses: Vec<Licensee>,
    banned: Vec<String>,
}

impl Policy {
    /// Reads the text of `deny.toml`.
    pub(crate) fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let document: DocumentMut = text.parse()?;
        let strings = |item: &Item| -> Vec<String> {
            let array = item.as_array().into_iter().flatten();
            array
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect()
        };
        let table = |name: &str, key: &str| {
            document
                .get(name)
                .and_then(|table| table.get(key))
                .cloned()
                .unwrap_or_default()
        };
        let licenses = strings(&table("licenses", "allow"));
        let banned = table("bans", "deny");
        let banned = banned.as_array().into_iter().flatten().filter_map(|entry| {
            let name = entry
                .as_inline_table()
                .and_then(|entry| entry.get("crate"))
                .unwrap_or(entry);
            name.as_str().map(str::to_owned)
        });
        Ok(Self {
            targets: strings(&table("graph", "targets")),
            licenses: licenses
                .iter()
                .map(|name| Licensee::parse(name))
                .collect::<Result<_, _>>()?,
            banned: banned.collect(),
        })
    }

    /// Every package that may not come in.
    pub(crate) fn check(&self, packages: &[Package]) -> Vec<String> {
        packages
            .iter()
            .filter_map(|package| self.refusal(package))
            .collect()
    }

    fn refusal(&self, package: &Package) -> Option<String> {
        let Package { name, version, .. } = package;
        if package
            .source
            .as_ref()
            .is_some_and(|source| !source.starts_with("registry+"))
        {
            return Some(format!(
                "{name} {version}: comes from elsewhere than the registry"
            ));
        }
        // One of ours may stand where others ask for a banned one.
        if package.source.is_some() && self.banned.contains(name) {
            return Some(format!("{name} {version}: is banned by deny.toml"));
        }
        let Some(license) = &package.license else {
            return Some(format!("{name} {version}: names no licence"));
        };
        let allowed = |required: &LicenseReq| self.licenses.iter().any(|license| license.satisfies(required));
        match Expression::parse_mode(license, ParseMode::LAX) {
            Ok(expression) if expression.evaluate(allowed) => None,
            Ok(_) => Some(format!(
                "{name} {version}: the licence {license} is not in deny.toml"
            )),
            Err(error) => Some(format!(
                "{name} {version}: the licence {license:?} cannot be read: {}",
                error.reason
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Package, Policy};

    const POLICY: &str = r#"
        [graph]
        targets = ["x86_64-unknown-linux-gnu"]
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        [bans]
        deny = ["openssl", { crate = "native-tls", reason = "why" }]
    "#;

    fn found(name: &str, license: Option<&str>, source: &str) -> Vec<String> {
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: Some(source.to_owned()),
            ..Package::default()
        };
        Policy::parse(POLICY).unwrap().check(&[package])
    }

    #[test]
    fn what_may_come_in() {
        for license in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "MIT/Apache-2.0",
            "(GPL-2.0-only OR MIT) AND Apache-2.0",
        ] {
            assert_eq!(found("a", Some(license), "registry+x"), [""; 0], "{license}");
        }
        let refuses = |name: &str, license: Option<&str>, source: &str, part: &str| {
            let found = found(name, license, source);
            assert!(
                found.len() == 1 && found[0].contains(part),
                "{name} {license:?} {source}: {found:?}"
            );
        };
        refuses("a", Some("GPL-3.0-only"), "registry+x", "is not in deny.toml");
        refuses(
            "a",
            Some("MIT AND GPL-3.0-only"),
            "registry+x",
            "is not in deny.toml",
        );
        refuses("a", Some("made up"), "registry+x", "cannot be read");
        refuses("a", None, "registry+x", "names no licence");
        refuses(
            "a",
            Some("MIT"),
            "git+https://example.org/a",
            "comes from elsewhere",
        );
        refuses("openssl", Some("MIT"), "registry+x", "is banned");
        refuses("native-tls", Some("MIT"), "registry+x", "is banned");
    }

    #[test]
    fn targets_are_read() {
        assert_eq!(
            Policy::parse(POLICY).unwrap().targets,
            ["x86_64-unknown-linux-gnu"]
        );
        assert!(Policy::parse("[licenses").is_err());
    }
}
