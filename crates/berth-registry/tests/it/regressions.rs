//! What went wrong once, named by it.

mod organizations;
mod scopes;
mod uploads;
mod upkeep;
