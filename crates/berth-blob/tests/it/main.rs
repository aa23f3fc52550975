//! The file store on real media: full, read-only, killed, without power. Some of it mounts, so it runs as root.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod busy;
mod cached;
mod contract;
mod damaged;
mod faulty;
mod full;
mod kill;
mod mount;
mod power;
mod properties;
mod s3;
