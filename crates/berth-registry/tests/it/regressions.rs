//! What went wrong once, named by it.

mod organizations;
mod uploads;
mod upkeep;
