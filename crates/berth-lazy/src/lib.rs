//! Indexes that let a node start an image before its layers are there: for Nydus, over the original gzip layers, of which
//! no byte is stored again ([decision 18](../../../docs/decisions/0018-lazy-index.md)).
//!
//! Owns how an index is made and what it looks like in a registry. Layers are strangers' bytes, read by libraries that
//! were not made against them: so each is read in a child process with bounds. Knows no rows, no store, no reason why.

mod artifact;
mod check;
pub mod child;
mod make;
mod work;

pub use artifact::{ARTIFACT_TYPE, CONFIG, IndexedLayer, manifest};
pub use work::{Bounds, Indexer, Made, Work};

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The layers are such that none can be made, however often it is tried; a sentence for people.
    #[error("{0}")]
    Unfit(String),
    /// The layers' bytes could not be read to their end.
    #[error("reading a layer")]
    Source(#[source] std::io::Error),
    /// The machine did not let it happen.
    #[error("{doing}")]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// What came of it.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn internal(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Internal { doing, source }
    }
}
