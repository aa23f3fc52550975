//! A Debian root file system made on this machine, once, cut into the layers of a realistic image.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::build_folder;

/// The tar files of the Debian layers, lowest first: the rest, `/usr/share`, `/usr/lib`.
#[derive(Debug)]
pub struct Debian {
    /// The whole root file system as one tar file.
    pub root: PathBuf,
    /// The same in three parts, none empty.
    pub layers: [PathBuf; 3],
}

/// The root file system: made by the first test that asks, kept beside the built tests.
pub fn debian() -> Debian {
    let folder = build_folder().join("e2e-debian");
    fs::create_dir_all(&folder).expect("a folder can be made beside the tests");
    let lock = File::create(folder.join("lock")).expect("a lock file can be made");
    lock.lock().expect("a file can be locked");
    let debian = Debian {
        root: folder.join("root.tar"),
        layers: ["rest", "share", "lib"].map(|part| folder.join(part).with_extension("tar")),
    };
    let done = folder.join("done");
    if !done.exists() {
        bootstrap(&debian.root);
        cut(&debian).expect("the root file system can be cut into layers");
        fs::write(done, "").expect("a mark can be written");
    }
    debian
}

fn bootstrap(root: &Path) {
    let (mirror, suite) = mirror();
    let output = Command::new("mmdebstrap")
        .args(["--variant=minbase", "--quiet", "--mode=root"])
        .arg("--dpkgopt=path-exclude=/usr/share/doc/*")
        .arg("--dpkgopt=path-exclude=/usr/share/locale/*")
        .arg(&suite)
        .arg(root)
        .arg(mirror)
        .output()
        .expect("mmdebstrap is installed (run scripts/install-test-tools)");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mmdebstrap failed:\n{errors}");
}

/// The Debian mirror and the suite that this machine itself is installed from.
fn mirror() -> (String, String) {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(REPO_URI) $(RELEASE)"])
        .arg("Created-By: Packages")
        .output()
        .expect("apt-get is there");
    let sources = String::from_utf8_lossy(&output.stdout);
    sources
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(mirror, suite)| !mirror.contains("security") && !suite.contains(['-', '/']))
        .map(|(mirror, suite)| (mirror.to_owned(), suite.to_owned()))
        .expect("the machine's package sources name a Debian suite")
}

fn cut(debian: &Debian) -> io::Result<()> {
    let mut parts = Vec::new();
    for path in &debian.layers {
        parts.push(tar::Builder::new(io::BufWriter::new(File::create(path)?)));
    }
    let mut archive = tar::Archive::new(io::BufReader::new(File::open(&debian.root)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let clean = path.strip_prefix(".").unwrap_or(&path);
        let part = match clean.components().nth(1) {
            Some(folder) if clean.starts_with("usr") && folder.as_os_str() == "share" => 1,
            Some(folder) if clean.starts_with("usr") && folder.as_os_str() == "lib" => 2,
            _ => 0,
        };
        let mut header = entry.header().clone();
        match entry.link_name()? {
            Some(link) => {
                let link = link.into_owned();
                parts[part].append_link(&mut header, &path, link)?;
            }
            None => parts[part].append_data(&mut header, &path, &mut entry)?,
        }
    }
    for part in parts {
        part.into_inner()?;
    }
    Ok(())
}
