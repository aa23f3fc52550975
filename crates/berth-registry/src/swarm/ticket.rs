//! Tickets: what lets one agent fetch chunks of one blob from others for a few minutes. Signed with the key of tokens, for
//! an audience of their own, so that a ticket is no token and no token a ticket.

use berth_oci::Digest;
use serde::Serialize;

use super::crowd::SwarmPeer;
use crate::error::Error;
use crate::signer::{SERVICE, Signer};

/// The audience of tickets.
pub(crate) const AUDIENCE: &str = "berth-swarm";
/// How long a ticket is good for; a peer that fetches renews sooner.
const LIFE_SECONDS: i64 = 600;

#[derive(Serialize)]
struct Ticket<'a> {
    iss: &'a str,
    aud: &'a str,
    digest: &'a str,
    peer: &'a str,
    fingerprint: &'a str,
    exp: i64,
}

/// A ticket for this blob that is good with the peer's certificate alone.
pub(super) fn issue(signer: &Signer, now: i64, digest: &Digest, peer: &SwarmPeer) -> Result<String, Error> {
    signer.sign(&Ticket {
        iss: SERVICE,
        aud: AUDIENCE,
        digest: digest.as_str(),
        peer: &peer.id,
        fingerprint: &peer.fingerprint,
        exp: now / 1000 + LIFE_SECONDS,
    })
}
