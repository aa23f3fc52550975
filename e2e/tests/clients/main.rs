//! The proof with real clients, one module per client and one per promise that holds for all.
