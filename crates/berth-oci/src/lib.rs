//! What the specifications say, as types.
