//! Real clients against a real berth.
