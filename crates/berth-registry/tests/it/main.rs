//! The registry over a temporary folder and SQLite: what its verbs promise, with rights, restarts and failing stores.

mod damage;
mod harness;
mod manifests;
mod reclaim;
mod regressions;
mod replicas;
mod scrub;
mod statistics;
mod upkeep;
mod uploads;
