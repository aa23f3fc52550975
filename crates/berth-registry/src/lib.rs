//! What Berth does.
