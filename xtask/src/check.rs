//! The whole static check in one command: `cargo xtask check`.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use crate::tidy;

const STEPS: [&[&str]; 3] = [
    &["fmt", "--all", "--check"],
    &[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ],
    &[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
        "--quiet",
    ],
];

/// Formatting, lints, documentation and the house checks; stops at the first that fails.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for arguments in STEPS {
        let mut command = Command::new(&cargo);
        command
            .args(arguments)
            .env("RUSTDOCFLAGS", "-D warnings")
            .current_dir(root);
        if !command.status()?.success() {
            return Err(format!("cargo {} failed", arguments[0]).into());
        }
    }
    tidy::run(root)
}
