//! Whether somebody may have chunks of a blob: the registry's signature says so.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use berth_oci::Digest;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use crate::registry::Registry;
use crate::wire::{TICKET_AUDIENCE, Ticket};

/// How often at most the registry is asked for its keys because a ticket names one that is not known.
const KEYS_EVERY: Duration = Duration::from_secs(5);
/// Longer texts are no tickets.
const TICKET_BYTES_MAX: usize = 4096;
/// How far the clocks of registry and node may differ.
const LEEWAY_SECONDS: u64 = 60;

/// The registry's public keys, as far as known.
#[derive(Default)]
pub(crate) struct Keys {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    set: Option<JwkSet>,
    asked: Option<Instant>,
}

/// Why a ticket does not help its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No ticket of this registry, or not any more.
    Invalid,
    /// One of somebody else, or for another blob.
    Foreign,
}

impl Keys {
    /// Takes the keys that the registry told.
    pub(crate) fn learn(&self, keys: serde_json::Value) {
        if let Ok(set) = serde_json::from_value::<JwkSet>(keys) {
            self.known().set = Some(set);
        }
    }

    /// Whether the holder of the certificate with this fingerprint may have chunks of the blob.
    pub(crate) async fn check(
        &self,
        registry: &Registry,
        ticket: &str,
        fingerprint: &str,
        digest: &Digest,
    ) -> Result<(), Refusal> {
        let ticket = match self.read(ticket) {
            Some(ticket) => ticket,
            None if self.may_ask() => {
                if let Some(keys) = registry.keys().await {
                    self.learn(keys);
                }
                self.read(ticket).ok_or(Refusal::Invalid)?
            }
            None => return Err(Refusal::Invalid),
        };
        let is_right = ticket.fingerprint == fingerprint && ticket.digest == *digest;
        is_right.then_some(()).ok_or(Refusal::Foreign)
    }

    fn read(&self, ticket: &str) -> Option<Ticket> {
        if ticket.len() > TICKET_BYTES_MAX {
            return None;
        }
        let header = jsonwebtoken::decode_header(ticket).ok()?;
        let known = self.known();
        let set = known.set.as_ref()?;
        let key = match &header.kid {
            Some(kid) => set.find(kid)?,
            None => set.keys.first()?,
        };
        let key = DecodingKey::from_jwk(key).ok()?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[TICKET_AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        validation.leeway = LEEWAY_SECONDS;
        let read = jsonwebtoken::decode::<Ticket>(ticket, &key, &validation).ok()?;
        Some(read.claims)
    }

    fn may_ask(&self) -> bool {
        let mut known = self.known();
        let may = known.asked.is_none_or(|asked| asked.elapsed() > KEYS_EVERY);
        if may {
            known.asked = Some(Instant::now());
        }
        may
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
