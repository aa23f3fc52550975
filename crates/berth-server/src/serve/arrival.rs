//! What a request tells of how it came: its connection, who is at the other end, and what runs on it.

use std::sync::Arc;

use http::Version;
use tokio_util::sync::CancellationToken;

use super::Peer;
use super::requests::Requests;
use super::sendfile::Bypass;
use crate::logging::RequestName;
use crate::metrics::Traffic;

/// What the requests of one connection have in common.
pub(super) struct Connection {
    pub(super) peer: Peer,
    /// Whether the other end is a proxy whose word is taken.
    pub(super) is_trusted: bool,
    pub(super) requests: Arc<Requests>,
    pub(super) traffic: Arc<Traffic>,
    /// None where the bytes that are sent must be read before, to encrypt them.
    pub(super) bypass: Option<Bypass>,
    pub(super) stopping: CancellationToken,
}

/// How a request came; every request carries it as an extension.
#[derive(Clone)]
pub(crate) struct Arrival {
    pub(super) connection: Arc<Connection>,
    pub(super) name: RequestName,
    pub(super) version: Version,
}

impl Arrival {
    /// Who is at the other end.
    pub(crate) fn peer(&self) -> Peer {
        self.connection.peer
    }

    /// The id of the request, in log lines and answers.
    pub(crate) fn id(&self) -> &str {
        self.name.id()
    }

    /// How bytes of files may go out without being read.
    pub(crate) fn bypass(&self) -> Option<&Bypass> {
        // The frames of HTTP/2 take their bytes out of what they are given.
        let is_plain = self.version <= Version::HTTP_11;
        self.connection.bypass.as_ref().filter(|_| is_plain)
    }

    /// Cancelled when the server is about to end: for answers without an end of their own.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.connection.stopping
    }

    #[cfg(test)]
    pub(crate) fn of(peer: Peer) -> Self {
        Self {
            connection: Arc::new(Connection {
                peer,
                is_trusted: false,
                requests: Arc::default(),
                traffic: Arc::new(Traffic::new("")),
                bypass: None,
                stopping: CancellationToken::new(),
            }),
            name: RequestName::fixed(),
            version: Version::HTTP_11,
        }
    }
}
