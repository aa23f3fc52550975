//! The tests of the distribution API and of agents once more, over PostgreSQL and a real S3 server: this program starts
//! itself with other stores.

use std::path::Path;
use std::process::Command;

use crate::postgres;
use crate::stores::{POSTGRES, S3};

/// What needs files to damage them; and thousands of rows put in place, whose lists the metadata's own tests page
/// through over both databases.
const NOT_HERE: &[&str] = &[
    "distribution::failures::",
    "distribution::lists::",
    "a_long_list",
    "swarm::a_damaged_blob",
    // Over PostgreSQL by themselves.
    "replicas::",
];
/// How many run at once.
const THREADS: &str = "4";

#[test]
fn the_distribution_api_and_agents_hold_over_postgresql_and_s3() {
    let database = postgres::Server::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/test-s3");
    let s3 = Command::new(script).output().unwrap();
    assert!(s3.status.success(), "{}", String::from_utf8_lossy(&s3.stderr));
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["distribution::", "swarm::", "manage::preheats::"])
        .args(["--test-threads", THREADS])
        .args(NOT_HERE.iter().flat_map(|name| ["--skip", name]))
        .env(POSTGRES, database.url(""))
        .env(S3, String::from_utf8(s3.stdout).unwrap())
        .output()
        .unwrap();
    let (said, complaint) = (
        String::from_utf8_lossy(&again.stdout),
        String::from_utf8_lossy(&again.stderr),
    );
    assert!(again.status.success(), "{said}{complaint}");
    // A filter that matches nothing succeeds too.
    let passed = said.lines().filter(|line| line.ends_with("... ok")).count();
    assert!(passed > 60, "{passed} tests ran: {said}");
}
