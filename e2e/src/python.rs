//! Python with the official SDKs, in a virtual environment that is made once and kept beside the build.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Client;
use crate::server::build_folder;

/// Python that can import what `e2e/sdk/requirements.txt` names.
pub fn python() -> Client {
    let requirements = sdk_folder().join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).expect("the requirements are in the repository");
    let folder = build_folder().join("e2e-python");
    let installed = folder.join("installed");
    // Tests run as processes of their own: one installs, the others wait.
    let lock = File::create(folder.with_extension("lock")).expect("the build folder can be written");
    lock.lock().expect("a file of the build folder can be locked");
    if fs::read_to_string(&installed).unwrap_or_default() != wanted {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder));
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements));
        fs::write(&installed, wanted).expect("the build folder can be written");
    }
    // The scripts import one another; nothing is left beside them.
    Client::new(&folder.join("bin/python").to_string_lossy()).argument("-B")
}

/// A script of `e2e/sdk`.
pub fn script(name: &str) -> String {
    sdk_folder().join(name).to_string_lossy().into_owned()
}

fn sdk_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk")
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .expect("python3 is installed (run scripts/install-test-tools)");
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
