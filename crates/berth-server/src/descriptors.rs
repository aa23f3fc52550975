//! File descriptors: every connection takes one, and one more while a blob goes over it. Asks the system for as many as it
//! gives, and knows how many connections that is.

use std::num::NonZeroU32;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the database, the log, and what goes on beside requests.
const RESERVED: u64 = 256;

/// Raises this process's limit to the most it may be; how many of the wanted connections it allows.
pub(crate) fn connections(wanted: NonZeroU32) -> NonZeroU32 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let Some(descriptors) = getrlimit(Resource::Nofile).current else {
        return wanted;
    };
    let possible = possible(descriptors);
    if possible >= wanted {
        return wanted;
    }
    tracing::warn!(
        wanted,
        connections = possible,
        descriptors,
        "this process may open fewer files than limits.connections_max needs: it takes fewer connections; \
         raise the limit (LimitNOFILE= of systemd, ulimit -n)"
    );
    possible
}

fn possible(descriptors: u64) -> NonZeroU32 {
    let connections = descriptors.saturating_sub(RESERVED) / 2;
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    NonZeroU32::new(connections).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_two_descriptors_and_some_are_kept() {
        for (descriptors, connections) in [
            (0, 1),
            (256, 1),
            (1024, 384),
            (20_256, 10_000),
            (u64::MAX, u32::MAX),
        ] {
            assert_eq!(possible(descriptors).get(), connections, "{descriptors}");
        }
    }
}
