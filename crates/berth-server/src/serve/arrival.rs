//! What a request tells of how it came: its connection, who is at the other end, and what runs on it.

use std::sync::Arc;

use http::{HeaderValue, Version};
use tokio_util::sync::CancellationToken;

use super::Peer;
use super::requests::Requests;
use super::sendfile::Bypass;

/// What the requests of one connection have in common.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) requests: Arc<Requests>,
    /// None where the bytes that are sent must be read before, to encrypt them.
    bypass: Option<Bypass>,
    stopping: CancellationToken,
}

/// How a request came; every request carries it as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(super) connection: Arc<Connection>,
    pub(super) id: HeaderValue,
    pub(super) version: Version,
}

impl Arrival {
    /// Who is at the other end.
    pub(crate) fn peer(&self) -> Peer {
        self.connection.peer
    }

    /// The id of the request, in log lines and answers.
    pub(crate) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
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
            connection: Arc::new(Connection::new(
                (peer, Arc::default()),
                None,
                CancellationToken::new(),
            )),
            id: HeaderValue::from_static("an-id"),
            version: Version::HTTP_11,
        }
    }
}

impl Connection {
    pub(super) fn new(
        (peer, requests): (Peer, Arc<Requests>),
        bypass: Option<Bypass>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            peer,
            requests,
            bypass,
            stopping,
        }
    }
}
