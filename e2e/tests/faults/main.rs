//! The programs of `e2e/faults`, a few rounds of each: what they do, how, and more of it, is in docs/reliability.md.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use e2e::home::Home;
use e2e::server::binary;

/// Runs a program, which must find nothing.
fn faults(arguments: &[&str]) {
    let output = run(Command::new(env!("CARGO_BIN_EXE_faults")).args(arguments));
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "faults {arguments:?}\n{said}\n{errors}");
    assert!(said.contains("lost: nothing"), "faults {arguments:?}\n{said}");
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program is built with its tests")
}

/// A proof that can fail: a server whose disk only says that it syncs is found out.
#[test]
fn a_server_that_does_not_sync_is_found_out() {
    let home = Home::new("liar");
    let server = binary().display().to_string();
    let lie = "inject=fsync,fdatasync:retval=0";
    let script = format!(
        "#!/bin/sh\nexec strace -D -f -qq -o /dev/null --seccomp-bpf -e signal=none -e {lie} {server} \"$@\"\n"
    );
    let liar = home.write("liar", script);
    fs::set_permissions(&liar, fs::Permissions::from_mode(0o755)).expect("a file can be made a program");
    let mut command = Command::new(env!("CARGO_BIN_EXE_faults"));
    let output = run(command.args(["power", "--rounds", "2"]).env("BERTH_BIN", &liar));
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}\n{errors}");
    // Even what was there before the load may be gone.
    let is_found = said.contains("LOST") || errors.contains("no organization is named");
    assert!(is_found, "{said}\n{errors}");
}

#[test]
fn a_killed_server_keeps_all_that_it_acknowledged() {
    faults(&["kill", "--rounds", "10"]);
}

#[test]
fn a_killed_replica_costs_nothing_but_a_retry() {
    faults(&["kill", "--rounds", "5", "--stores", "postgres"]);
}

#[test]
fn a_database_that_restarts_dies_or_fails_over_keeps_all_that_was_acknowledged() {
    faults(&["postgres", "--rounds", "3"]);
}

#[test]
fn cut_networks_lose_nothing() {
    faults(&["partition", "--rounds", "5"]);
}

#[test]
fn a_power_cut_takes_nothing_that_was_acknowledged() {
    faults(&["power", "--rounds", "8"]);
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    faults(&["full", "--rounds", "6"]);
}

#[test]
fn rotten_bytes_are_never_served_whole_and_heal() {
    faults(&["flip", "--rounds", "1"]);
}

#[test]
fn a_clock_that_jumps_takes_nothing() {
    faults(&["clock", "--rounds", "2"]);
}

#[test]
fn a_killed_replica_over_s3_costs_nothing_but_a_retry() {
    faults(&["kill", "--rounds", "3", "--stores", "s3"]);
}

#[test]
fn a_store_that_fails_loses_nothing() {
    faults(&["s3", "--rounds", "4"]);
}
