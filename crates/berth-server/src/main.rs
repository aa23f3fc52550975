//! The `berth` binary: a container image registry with everything in it.

mod app;
mod body;
mod cli;
mod config;
mod console;
mod health;
mod logging;
mod origin;
mod self_signed;
mod serve;
mod state;
mod unknown_path;

fn main() -> std::process::ExitCode {
    cli::run()
}
