//! What is accepted as a manifest, what is refused, and what it refers to.
