//! Node with the official SDK, installed once from the lock file and kept beside the build.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Client;
use crate::server::build_folder;

/// The folder of a script of `e2e/sdk/node` beside the packages that it needs, and Node to run it with.
pub fn node(name: &str) -> (Client, String) {
    script_of("sdk/node", name)
}

/// A script of a folder of `e2e` beside the packages that it needs, and Node to run it with.
pub(crate) fn script_of(place: &str, name: &str) -> (Client, String) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    let folder = build_folder().join(format!("e2e-{}", place.rsplit('/').next().unwrap_or(place)));
    fs::create_dir_all(&folder).expect("the build folder can be written");
    // Tests run as processes of their own: one installs, the others wait.
    let lock = File::create(folder.with_extension("lock")).expect("the build folder can be written");
    lock.lock().expect("a file of the build folder can be locked");
    install(&source, &folder);
    let script = folder.join(name);
    fs::copy(source.join(name), &script).expect("the script is in the repository");
    (Client::new("node"), script.to_string_lossy().into_owned())
}

fn install(source: &Path, folder: &PathBuf) {
    let (wanted, installed) = (source.join("package-lock.json"), folder.join("package-lock.json"));
    let wanted = fs::read(wanted).expect("the lock file is in the repository");
    let is_complete = folder.join("node_modules/.package-lock.json").exists();
    if is_complete && fs::read(&installed).unwrap_or_default() == wanted {
        return;
    }
    fs::copy(source.join("package.json"), folder.join("package.json"))
        .expect("the build folder can be written");
    fs::write(&installed, wanted).expect("the build folder can be written");
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .expect("npm is installed (run scripts/install-test-tools)");
    assert!(
        output.status.success(),
        "npm ci failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
