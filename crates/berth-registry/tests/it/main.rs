//! The registry over a temporary folder and SQLite: what its verbs promise, with rights, restarts and failing stores.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod archives;
mod damage;
mod fresh;
mod harness;
mod kept;
mod manifests;
mod mirrors;
#[path = "../../../berth-metadata/tests/contract/postgres.rs"]
mod postgres_server;
mod reclaim;
mod regressions;
mod replicas;
mod scrub;
mod statistics;
mod stress;
mod upkeep;
mod uploads;
