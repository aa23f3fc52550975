//! What the databases of package managers in an image say is installed. Knows the formats of dpkg and apk; those of rpm are
//! told to be there.

use serde::{Deserialize, Serialize};

/// Largest database that is read; Debian with everything has 10 MiB.
pub(super) const DATABASE_BYTES_MAX: u64 = 16 << 20;
/// Packages of one database.
const PACKAGES_MAX: usize = 20_000;
/// Characters that are kept of one value.
const VALUE_LENGTH_MAX: usize = 300;

/// Who installed a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PackageManager {
    /// dpkg, of Debian and its like.
    Dpkg,
    /// apk, of Alpine and its like.
    Apk,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is built for.
    pub architecture: Option<String>,
    /// The source that it was built from, when that has another name.
    pub source: Option<String>,
    /// Its licence, as far as the database says.
    pub licence: Option<String>,
    /// Who installed it.
    pub manager: PackageManager,
}

/// What a file with a certain path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Database {
    /// A database that is read.
    Read(PackageManager),
    /// One of rpm's.
    Rpm,
}

/// Whether a file is a database of packages, by its path.
pub(super) fn database(path: &[u8]) -> Option<Database> {
    const STATUS_FOLDER: &[u8] = b"var/lib/dpkg/status.d/";
    Some(match path {
        b"var/lib/dpkg/status" => Database::Read(PackageManager::Dpkg),
        b"lib/apk/db/installed" | b"usr/lib/apk/db/installed" => Database::Read(PackageManager::Apk),
        b"var/lib/rpm/rpmdb.sqlite"
        | b"var/lib/rpm/Packages"
        | b"var/lib/rpm/Packages.db"
        | b"usr/lib/sysimage/rpm/rpmdb.sqlite"
        | b"usr/lib/sysimage/rpm/Packages"
        | b"usr/lib/sysimage/rpm/Packages.db" => Database::Rpm,
        path if path.starts_with(STATUS_FOLDER) && !path.ends_with(b".md5sums") => {
            Database::Read(PackageManager::Dpkg)
        }
        _ => return None,
    })
}

/// The packages that a database lists, and whether those are all.
pub(super) fn read(manager: PackageManager, bytes: &[u8]) -> (Vec<Package>, bool) {
    let text = String::from_utf8_lossy(bytes);
    let mut packages = Vec::new();
    let mut stanza: Vec<(&str, &str)> = Vec::new();
    for line in text.lines().chain([""]) {
        if !line.trim().is_empty() {
            // What begins with a space goes on with the value before, which nobody asks for.
            if !line.starts_with([' ', '\t'])
                && let Some((key, value)) = line.split_once(':')
            {
                stanza.push((key, value.trim()));
            }
            continue;
        }
        if packages.len() == PACKAGES_MAX {
            return (packages, stanza.is_empty());
        }
        packages.extend(package(manager, &stanza));
        stanza.clear();
    }
    (packages, true)
}

fn package(manager: PackageManager, stanza: &[(&str, &str)]) -> Option<Package> {
    let value = |wanted: &str| {
        let found = stanza.iter().find(|(key, _)| *key == wanted)?;
        let value: String = found
            .1
            .chars()
            .filter(|c| !c.is_control())
            .take(VALUE_LENGTH_MAX)
            .collect();
        (!value.is_empty()).then_some(value)
    };
    match manager {
        PackageManager::Dpkg => {
            // The folder of images without a package manager has no status: what is in it is installed.
            if value("Status").is_some_and(|status| !status.ends_with(" installed")) {
                return None;
            }
            // Written with its version where that differs.
            let source =
                value("Source").map(|source| source.split(' ').next().unwrap_or_default().to_owned());
            Some(Package {
                name: value("Package")?,
                version: value("Version")?,
                architecture: value("Architecture"),
                source,
                licence: None,
                manager,
            })
        }
        PackageManager::Apk => {
            let name = value("P")?;
            Some(Package {
                version: value("V")?,
                architecture: value("A"),
                source: value("o").filter(|source| *source != name),
                licence: value("L"),
                manager,
                name,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PackageManager, read};

    #[test]
    fn the_databases_are_read_as_their_owners_write_them() {
        let dpkg = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\nDescription: shell\n \
            that: goes on\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
            Package: libc6\nSource: glibc (2.36)\nVersion: 2.36-9\n";
        let (packages, whole) = read(PackageManager::Dpkg, dpkg.as_bytes());
        let names: Vec<_> = packages
            .iter()
            .map(|p| (p.name.as_str(), p.version.as_str(), p.source.as_deref()))
            .collect();
        assert_eq!(
            names,
            [("bash", "5.2-1", None), ("libc6", "2.36-9", Some("glibc"))]
        );
        assert!(whole);
        let apk = "C:Q1abc=\nP:musl-utils\nV:1.2.5-r0\nA:x86_64\nL:MIT AND BSD-2-Clause\no:musl\nF:sbin\n\nP:busybox\nV:1.36\n\n";
        let (packages, _) = read(PackageManager::Apk, apk.as_bytes());
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[0].licence.as_deref(), Some("MIT AND BSD-2-Clause"));
        assert_eq!(packages[0].source.as_deref(), Some("musl"));
        assert_eq!(read(PackageManager::Apk, b"\xff\0nonsense").0, []);
    }
}
