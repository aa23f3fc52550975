//! The programs of `e2e/faults`, a few rounds of each: what they do, how, and more of it, is in docs/reliability.md.

use std::process::Command;

/// Runs a program, which must find nothing.
fn faults(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(arguments)
        .output();
    let output = output.expect("the program is built with its tests");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "faults {arguments:?}\n{said}\n{errors}");
    assert!(said.contains("lost: nothing"), "faults {arguments:?}\n{said}");
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
