//! Paths and queries, accepted and refused.
