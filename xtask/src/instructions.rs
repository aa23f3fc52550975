//! Writes anew how many instructions the hot paths take: `cargo xtask instructions`. What is counted, and how, the test knows.

use std::error::Error;
use std::path::Path;
use std::process::Command;

/// The whole workspace, as `make test` has it: which features crates are built with depends on what is built beside them.
const MEASURE: &[&str] = &[
    "nextest",
    "run",
    "--workspace",
    "--locked",
    "--no-capture",
    "--filterset",
    "package(berth-server) & test(/^instructions::/)",
];

/// Counts, and writes the table that the test compares with.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(MEASURE)
        .env("INSTRUCTIONS_RENEW", "1")
        .current_dir(root);
    if command.status()?.success() {
        Ok(())
    } else {
        Err("the instructions were not counted".into())
    }
}
