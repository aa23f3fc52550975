//! Lists through a mirror: whose they are, what they may take, and what their failures have to do with anything else.

use std::sync::Arc;
use std::time::Duration;

use berth_oci::endpoint::Page;
use berth_oci::{Descriptor, Digest};
use berth_registry::{Error, PulledList, Registry, UpstreamKind};

use super::upstream::Manner;
use super::{APP, Mirrored, THERE, failure};
use crate::harness::{admin, image, name, sha256};

/// Far more than any of this takes: who waits so long waits for ever.
const HANGS: Duration = Duration::from_mins(1);

const LIMITED: UpstreamKind = UpstreamKind::RateLimited {
    retry_after_seconds: 600,
};

fn lists(status: u16, headers: &'static str) -> Manner {
    Manner {
        lists: Some((status, headers)),
        ..Manner::default()
    }
}

async fn tags(registry: &Arc<Registry>, image: &str) -> Result<Vec<String>, Error> {
    let (caller, name, page) = (admin(), name(image), Page::default());
    let listed = registry.list_tags(&caller, &name, &page);
    let listed = tokio::time::timeout(HANGS, listed).await.expect("an answer");
    Ok(listed?.listed.entries)
}

async fn referrers(mirrored: &Mirrored, subject: &Digest) -> Result<PulledList<Descriptor>, Error> {
    let (caller, name) = (admin(), name(APP));
    let registry = &mirrored.test.registry;
    registry
        .list_referrers(&caller, &name, subject, (None, None))
        .await
}

#[tokio::test]
async fn a_limit_on_lists_holds_up_no_manifest() {
    let mirrored = Mirrored::new().await;
    let registry = &mirrored.test.registry;
    let digest = mirrored.upstream.has_manifest(THERE, "v1", &image(b"{}", &[]));
    mirrored.upstream.behaves(lists(429, "retry-after: 600\r\n"));
    let refused = tags(registry, APP).await.unwrap_err();
    assert_eq!(failure(refused), LIMITED);
    mirrored.upstream.lines();
    assert_eq!(mirrored.digest("v1").await, digest.as_str());
    let standing = registry.mirror_figures(&admin(), "hub").await.unwrap();
    assert_eq!(standing.limited_until, None, "it limits no manifests");
    // Lists of all kinds wait until the limit ends.
    let refused = tags(registry, "team/library/tool").await.unwrap_err();
    assert_eq!(failure(refused), LIMITED);
    let refused = referrers(&mirrored, &sha256(b"other")).await.unwrap();
    assert!(refused.stale.is_some() && refused.listed.entries.is_empty());
    assert_eq!(mirrored.upstream.lines(), ["GET library/app/manifests/v1"]);
}
