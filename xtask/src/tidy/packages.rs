//! Which package may depend on which, and that every dependency is used.
//!
//! The rules between the crates are the layers of ARCHITECTURE.md; a new crate or edge is a decision to write down there.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;

use super::source::Source;

/// The packages of the workspace, and which others of it each may depend on.
const EDGES: [(&str, &[&str]); 12] = [
    ("berth-oci", &[]),
    ("berth-blob", &["berth-oci"]),
    ("berth-metadata", &["berth-oci"]),
    ("berth-remote", &["berth-oci"]),
    (
        "berth-registry",
        &[
            "berth-oci",
            "berth-blob",
            "berth-metadata",
            "berth-remote",
            "berth-lazy",
        ],
    ),
    ("berth-lazy", &["berth-oci"]),
    // Takes the place of a package that one of others asks for.
    ("openssl", &[]),
    ("berth-console", &[]),
    ("berth-agent", &["berth-oci"]),
    (
        "berth-server",
        &["berth-oci", "berth-registry", "berth-console", "berth-agent"],
    ),
    ("e2e", &["berth-oci", "berth-remote"]),
    ("xtask", &[]),
];

/// What besides only the tests of a package may depend on: they put rows in place that no request makes, by the hundred
/// thousand or broken, and start the servers that the package speaks to.
const TEST_EDGES: [(&str, &str); 3] = [
    ("berth-server", "berth-metadata"),
    ("berth-server", "berth-blob"),
    ("berth-registry", "e2e"),
];

/// What only one crate of the registry knows.
const OWNED: [(&str, &[&str]); 6] = [
    ("berth-metadata", &["sqlx"]),
    ("berth-blob", &["object_store"]),
    (
        "berth-server",
        &[
            "axum",
            "hyper",
            "hyper-util",
            "tower",
            "tower-http",
            "rustls",
            "tokio-rustls",
            "clap",
        ],
    ),
    ("berth-registry", &["argon2", "aes-gcm", "jsonwebtoken"]),
    (
        "berth-lazy",
        &[
            "nydus-api",
            "nydus-builder",
            "nydus-rafs",
            "nydus-storage",
            "nydus-utils",
        ],
    ),
    ("xtask", &["proc-macro2", "spdx"]),
];

/// What of these a second crate knows as well.
const SHARED: [(&str, &[&str]); 3] = [
    (
        "berth-agent",
        &["hyper", "hyper-util", "rustls", "tokio-rustls", "jsonwebtoken"],
    ),
    // Whom directories' certificates are checked with; LDAP is no HTTP.
    ("berth-registry", &["rustls"]),
    // Its tests forge tokens.
    ("berth-server", &["jsonwebtoken"]),
];

/// What a crate without I/O and without a runtime cannot need.
const NOT_IN_OCI: [&str; 5] = ["tokio", "async-trait", "futures-util", "rustix", "tracing"];

/// A package, as `cargo metadata` tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    /// Its name and version.
    pub(crate) name: String,
    pub(crate) version: String,
    /// The licence expression, if it names one.
    pub(crate) license: Option<String>,
    /// Where it comes from; none for the workspace's own.
    pub(crate) source: Option<String>,
    /// Its folder from the root, for the workspace's own.
    pub(crate) folder: String,
    /// The dependencies it lists, of every kind.
    pub(crate) dependencies: Vec<Dependency>,
    /// Dependencies that it lists without naming them in code.
    pub(crate) unnamed: Vec<String>,
}

/// One line of a dependency table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The name in code.
    pub(crate) ident: String,
    /// Only tests, examples and benchmarks use it.
    pub(crate) is_for_tests: bool,
}

/// Asks cargo for the packages of the workspace and all they need on these targets.
pub(crate) fn read(root: &Path, targets: &[String]) -> Result<Vec<Package>, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(root);
    for target in targets {
        command.args(["--filter-platform", target]);
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    Ok(packages.iter().map(|package| package_of(package, root)).collect())
}

fn package_of(package: &Value, root: &Path) -> Package {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let manifest = text(&package["manifest_path"]).unwrap_or_default();
    let folder = Path::new(&manifest)
        .parent()
        .and_then(|folder| folder.strip_prefix(root).ok());
    let dependency = |dependency: &Value| {
        let name = text(&dependency["name"]).unwrap_or_default();
        let ident = text(&dependency["rename"])
            .unwrap_or_else(|| name.clone())
            .replace('-', "_");
        Dependency {
            name,
            ident,
            is_for_tests: dependency["kind"] == "dev",
        }
    };
    Package {
        name: text(&package["name"]).unwrap_or_default(),
        version: text(&package["version"]).unwrap_or_default(),
        license: text(&package["license"]),
        source: text(&package["source"]),
        folder: folder
            .map(|folder| folder.display().to_string())
            .unwrap_or_default(),
        dependencies: list(&package["dependencies"]).iter().map(dependency).collect(),
        unnamed: list(&package["metadata"]["cargo-machete"]["ignored"])
            .iter()
            .filter_map(text)
            .collect(),
    }
}

/// Every violation of the rules between packages.
pub(crate) fn check(packages: &[Package], sources: &[Source]) -> Vec<String> {
    let own: Vec<&Package> = packages
        .iter()
        .filter(|package| package.source.is_none())
        .collect();
    let names: BTreeSet<&str> = own.iter().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in &own {
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            found.push(format!(
                "{}: a new package needs a decision record and a row in the tidy check",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let is_allowed = allowed.contains(&name)
                || dependency.is_for_tests && TEST_EDGES.contains(&(package.name.as_str(), name));
            if names.contains(name) && !is_allowed {
                found.push(format!("{}: may not depend on {name}", package.name));
            }
            let owner = OWNED
                .iter()
                .find(|(_, owned)| owned.contains(&name))
                .map(|(owner, _)| *owner);
            let is_shared = SHARED
                .iter()
                .any(|(sharer, shared)| *sharer == package.name && shared.contains(&name));
            let is_bound = package.name.starts_with("berth-") && !is_shared;
            if let Some(owner) = owner.filter(|owner| is_bound && *owner != package.name) {
                found.push(format!(
                    "{}: may not depend on {name}: only {owner} knows it",
                    package.name
                ));
            }
            if package.name == "berth-oci" && NOT_IN_OCI.contains(&name) {
                found.push(format!("berth-oci: may not depend on {name}: it does no I/O"));
            }
        }
        found.extend(unused(package, sources));
    }
    found
}

fn unused(package: &Package, sources: &[Source]) -> Vec<String> {
    let folder = format!("{}/", package.folder);
    let mut words = BTreeSet::new();
    for source in sources.iter().filter(|source| source.path.starts_with(&folder)) {
        collect_words(&source.tokens, &mut words);
    }
    let dependencies = package.dependencies.iter();
    let unused = dependencies.filter(|dependency| !words.contains(&dependency.ident));
    unused
        .filter(|dependency| !package.unnamed.contains(&dependency.name))
        .map(|dependency| format!("{}: lists {} and does not use it", package.name, dependency.name))
        .collect()
}

fn collect_words(tokens: &TokenStream, words: &mut BTreeSet<String>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(ident) => drop(words.insert(ident.to_string())),
            TokenTree::Group(group) => collect_words(&group.stream(), words),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Package, Source, check};

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency {
            name: (*name).to_owned(),
            ident: name.replace('-', "_"),
            is_for_tests: false,
        };
        Package {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            dependencies: dependencies.iter().map(dependency).collect(),
            ..Package::default()
        }
    }

    fn found(packages: &[Package]) -> Vec<String> {
        let source = |package: &Package| {
            let uses: Vec<String> = package
                .dependencies
                .iter()
                .map(|used| format!("use {};", used.ident))
                .collect();
            Source::parse(&format!("{}/src/lib.rs", package.folder), &uses.join("\n")).unwrap()
        };
        check(packages, &packages.iter().map(source).collect::<Vec<_>>())
    }

    #[test]
    fn the_layers_hold() {
        let oci = || package("berth-oci", &["serde"]);
        assert_eq!(
            found(&[oci(), package("berth-blob", &["berth-oci", "tokio"])]),
            [""; 0]
        );
        let cases = [
            (
                package("berth-metadata", &["berth-blob"]),
                "berth-metadata: may not depend on berth-blob",
            ),
            (
                package("berth-server", &["berth-blob"]),
                "berth-server: may not depend on berth-blob",
            ),
            (package("berth-server", &["sqlx"]), "only berth-metadata knows it"),
            (package("berth-registry", &["axum"]), "only berth-server knows it"),
            (package("berth-other", &[]), "berth-other: a new package"),
        ];
        for (bad, part) in cases {
            let found = found(&[package("berth-blob", &[]), bad.clone()]);
            assert!(found.len() == 1 && found[0].contains(part), "{bad:?}: {found:?}");
        }
        let metadata = package("berth-metadata", &[]);
        let mut server = package("berth-server", &["berth-metadata"]);
        assert_eq!(found(&[metadata.clone(), server.clone()]).len(), 1);
        server.dependencies[0].is_for_tests = true;
        assert_eq!(found(&[metadata, server]), [""; 0]);
        assert_eq!(
            found(&[package("berth-oci", &["tokio"])]),
            ["berth-oci: may not depend on tokio: it does no I/O"]
        );
    }

    #[test]
    fn unused_dependencies_are_found() {
        let mut lonely = package("berth-oci", &["serde-json", "hex"]);
        let source = Source::parse(
            "crates/berth-oci/src/lib.rs",
            "fn f() { hex::encode(b\"serde_json\") }",
        )
        .unwrap();
        let sources = [source];
        assert_eq!(
            check(&[lonely.clone()], &sources),
            ["berth-oci: lists serde-json and does not use it"]
        );
        lonely.unnamed.push("serde-json".to_owned());
        assert_eq!(check(&[lonely], &sources), [""; 0]);
    }
}
