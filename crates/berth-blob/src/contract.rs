//! What every store keeps, clause by clause, for the tests of this crate and of those above it.
