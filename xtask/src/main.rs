//! Checks and chores of the repository: `cargo xtask NAME`.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

mod conformance;

const USAGE: &str = "usage: cargo xtask conformance PATH-OF-THE-SUITE'S-BINARY";

#[expect(clippy::print_stderr, reason = "a command says on the terminal why it failed")]
fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["conformance", suite] => conformance::run(&PathBuf::from(suite)),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
