//! What went wrong once, named by it.

mod organizations;
mod scopes;
mod sizes;
mod upkeep;
mod uploads;
