//! The settings of what goes on beside requests, and of the log.

use super::NONE;
use crate::config::setting::Setting;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "reclaim.delay",
        default: "1h",
        otherwise: NONE,
        help: "How long the bytes of a deleted blob are kept. Downloads that began before it was deleted end in this time.",
        field: |s| &mut s.reclaim.delay,
    },
    Setting {
        key: "reclaim.rate",
        default: "1000",
        otherwise: NONE,
        help: "Most blobs whose bytes are deleted in a second, 0 for any number. A disk that is busy deleting answers later.",
        field: |s| &mut s.reclaim.rate,
    },
    Setting {
        key: "reclaim.orphans_after",
        default: "24h",
        otherwise: NONE,
        help: "Age at which bytes in the storage are deleted that no blob and no upload names. Only a crash leaves such bytes.",
        field: |s| &mut s.reclaim.orphans_after,
    },
    Setting {
        key: "scrub.enabled",
        default: "true",
        otherwise: NONE,
        help: "Whether all that is stored is read again and compared with its digest in the background.",
        field: |s| &mut s.scrub.enabled,
    },
    Setting {
        key: "scrub.rate",
        default: "50MiB",
        otherwise: NONE,
        help: "Most bytes that the scrub reads in a second.",
        field: |s| &mut s.scrub.rate,
    },
    Setting {
        key: "scrub.interval",
        default: "30d",
        otherwise: NONE,
        help: "How often all that is stored is compared with its digest. A blob that was not in this time is when it is pulled whole, too.",
        field: |s| &mut s.scrub.interval,
    },
    Setting {
        key: "scrub.quarantine_ttl",
        default: "7d",
        otherwise: NONE,
        help: "How long bytes that were found damaged are kept, to be looked at, after their blob was pushed again or deleted.",
        field: |s| &mut s.scrub.quarantine_ttl,
    },
    Setting {
        key: "backup.every",
        default: "24h",
        otherwise: NONE,
        help: "Time between two snapshots of the metadata that the server writes into its storage by itself. 0: none but those that `berth backup` makes.",
        field: |s| &mut s.backup.every,
    },
    Setting {
        key: "backup.keep",
        default: "7",
        otherwise: NONE,
        help: "How many snapshots are kept in the storage; older ones are deleted after each new one.",
        field: |s| &mut s.backup.keep,
    },
    Setting {
        key: "bin.ttl",
        default: "7d",
        otherwise: NONE,
        help: "How long deleted tags, manifests and images can be restored. 0s: they are gone at once.",
        field: |s| &mut s.bin.ttl,
    },
    Setting {
        key: "clusters.look_every",
        default: "5m",
        otherwise: NONE,
        help: "Time between two looks at which images run in a registered cluster. 0: nobody looks, and retention does not know what runs.",
        field: |s| &mut s.clusters.look_every,
    },
    Setting {
        key: "outbound.allow",
        default: NONE,
        otherwise: "webhooks reach public addresses only; registered clusters and regions private networks too",
        help: "Networks that webhooks, clusters and regions may be in though they are not public: private, loopback, link-local.",
        field: |s| &mut s.outbound.allow,
    },
    Setting {
        key: "outbound.deny",
        default: NONE,
        otherwise: "only special addresses are refused",
        help: "Networks that webhooks, clusters and regions may not be in, whatever outbound.allow says: such as public addresses of the service's own network.",
        field: |s| &mut s.outbound.deny,
    },
    Setting {
        key: "log.level",
        default: "info",
        otherwise: NONE,
        help: "What is logged to standard error.",
        field: |s| &mut s.log.level,
    },
    Setting {
        key: "log.format",
        default: "text",
        otherwise: NONE,
        help: "How log lines look.",
        field: |s| &mut s.log.format,
    },
];
