//! The registry over a temporary folder and SQLite: what its verbs promise, with rights, restarts and failing stores.

mod damage;
mod harness;
mod manifests;
mod regressions;
mod statistics;
mod upkeep;
mod uploads;
