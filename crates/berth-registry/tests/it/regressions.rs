//! What went wrong once, named by it.

mod uploads;
mod upkeep;
