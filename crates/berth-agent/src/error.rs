//! What goes wrong in the agent itself; what goes wrong with one blob is answered to its client.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why an agent does not start, or a client is not configured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be.
    #[error("{0}")]
    Setting(String),
    /// A file that cannot be read or written.
    #[error("{} cannot be {verb}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read`, `written` and so on.
        verb: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// An address that cannot be listened on.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration of a client that is there already and says something else.
    #[error("{}: {reason}", path.display())]
    Occupied {
        /// Its file.
        path: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// The cryptography or the HTTP client could not be set up.
    #[error("the agent cannot be set up: {0}")]
    Internal(String),
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>, verb: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, verb, source }
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}
