//! Checks and chores of the repository: `cargo xtask NAME`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod check;
mod conformance;
mod fuzz;
mod instructions;
mod tidy;

const USAGE: &str = "usage: cargo xtask check | tidy | fuzz [SECONDS] | instructions | conformance PATH-OF-THE-SUITE'S-BINARY [BERTH_SETTING=VALUE]...";

#[expect(clippy::print_stderr, reason = "a command says on the terminal why it failed")]
fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository");
    let done = match words.as_slice() {
        ["check"] => check::run(root),
        ["tidy"] => tidy::run(root),
        ["fuzz"] => fuzz::run(root, 10),
        ["fuzz", seconds] => seconds
            .parse()
            .map_err(Into::into)
            .and_then(|seconds| fuzz::run(root, seconds)),
        ["instructions"] => instructions::run(root),
        ["conformance", suite, settings @ ..] => conformance::run(&PathBuf::from(suite), settings),
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
