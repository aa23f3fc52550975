//! Attacks, tried against the real binary and refused. What each area's own tests try already is not repeated here;
//! docs/explanation/threat-model.md names all of them.

mod bombs;
mod names;
mod operations;
mod outbound;
mod raw;
mod scopes;
mod scripts;
mod sessions;
mod smuggling;
mod tenants;
mod tokens;
mod users;
