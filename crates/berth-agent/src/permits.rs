//! Who may have which blob, as the registry said within the last minute.
//!
//! A cached byte is given to nobody whom the registry did not just let have it. What is kept is a yes; a no is asked
//! anew each time, so that it is the registry's own.

use std::time::Duration;

use berth_oci::Digest;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::registry::{Registry, Source, Stat};

/// How long a yes counts.
const FOR: Duration = Duration::from_mins(1);
const COUNT_MAX: u64 = 20_000;

/// Answers of the registry.
pub(crate) struct Permits {
    known: Cache<[u8; 32], u64>,
}

impl Permits {
    pub(crate) fn new() -> Self {
        let known = Cache::builder().max_capacity(COUNT_MAX).time_to_live(FOR).build();
        Self { known }
    }

    /// Whether the client may have the blob, and its size.
    pub(crate) async fn check(&self, registry: &Registry, source: &Source, digest: &Digest) -> Stat {
        let key = key(source, digest);
        if let Some(size) = self.known.get(&key) {
            return Stat::There(size);
        }
        let stat = registry.stat(source, digest).await;
        if let Stat::There(size) = stat {
            self.known.insert(key, size);
        }
        stat
    }
}

/// The login is part of it, and not kept.
fn key(source: &Source, digest: &Digest) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let login = source.authorization.as_ref().map(http::HeaderValue::as_bytes);
    let query = source.query.as_deref().map(str::as_bytes);
    for part in [
        login,
        Some(source.name.as_bytes()),
        query,
        Some(digest.as_str().as_bytes()),
    ] {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hasher.update(length.to_be_bytes());
        hasher.update(part.unwrap_or_default());
    }
    hasher.finalize().into()
}
