//! What a caller was told to be stored is there, whatever happens to the process, the disk or the power. SQLite's half:
//! a PostgreSQL server has its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps an error fails, as it should"
)]

#[path = "survival/full.rs"]
mod full;
#[path = "survival/kill.rs"]
mod kill;
#[path = "survival/load.rs"]
mod load;
#[path = "../../berth-blob/tests/it/mount.rs"]
#[expect(
    dead_code,
    reason = "shared with the blob store's tests, which break file systems in more ways"
)]
mod mount;
#[path = "survival/power.rs"]
mod power;
