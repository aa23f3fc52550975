//! Manifests that come back from the bin, whole: with the manifests they list, what was taken along with them, and the
//! links to their blobs.

use super::{digests, over};
use crate::pool::{Failure, Tx};
use crate::references::set_used;
use crate::sql::{self, change, first};
use crate::{facts, kept};
use std::collections::BTreeSet;

/// Whether the bin holds the manifest.
pub(crate) async fn is_binned(tx: &mut Tx<'_>, repository_id: i64, digest: &str) -> Result<bool, Failure> {
    const BINNED: &str = "SELECT 1 FROM binned_manifests WHERE repository_id = $1 AND digest = $2";
    let binned = sqlx::query(BINNED).bind(repository_id).bind(digest.to_owned());
    Ok(first(tx, binned).await?.is_some())
}

/// What coming back changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Back {
    /// Bytes of blobs that manifests use again.
    pub(crate) used_bytes: i64,
}

/// Makes a manifest live again, with what deletions of it took along and what these list, as far as the bin holds them.
pub(crate) async fn bring_back(tx: &mut Tx<'_>, repository_id: i64, digest: &str) -> Result<Back, Failure> {
    const TAKEN_ALONG: &str = "SELECT DISTINCT other.digest FROM bin_manifests own \
         JOIN bin b ON b.id = own.entry_id AND b.digest = own.digest \
         JOIN bin_manifests other ON other.entry_id = own.entry_id \
         WHERE own.repository_id = $1 AND own.digest IN (IN)";
    const DEAD: &str = "SELECT b.digest FROM binned_manifests b WHERE b.repository_id = $1 AND b.digest IN (IN) \
         AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.repository_id = $1 AND m.digest = b.digest)";
    const NAMED: &str =
        "SELECT DISTINCT digest FROM binned_references WHERE repository_id = $1 AND manifest IN (IN)";
    let own = digest.to_owned();
    let mut wanted = digests(tx, TAKEN_ALONG, repository_id, std::slice::from_ref(&own)).await?;
    wanted.push(own);
    let (mut back, mut named) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let mut dead = digests(tx, DEAD, repository_id, &wanted).await?;
        dead.retain(|digest| back.insert(digest.clone()));
        if dead.is_empty() {
            break;
        }
        wanted = digests(tx, NAMED, repository_id, &dead).await?;
        named.extend(wanted.iter().cloned());
    }
    let (back, named): (Vec<String>, Vec<String>) = (back.into_iter().collect(), named.into_iter().collect());
    let held = kept::bytes(tx, repository_id, &named).await?;
    let moved = move_out(tx, repository_id, &back, &named).await?;
    for digest in &back {
        facts::sum_up(tx, repository_id, digest).await?;
    }
    let less = kept::bytes(tx, repository_id, &named).await? - held;
    kept::add(tx, repository_id, less).await?;
    Ok(moved)
}

/// Makes the manifests live.
async fn move_out(
    tx: &mut Tx<'_>,
    repository_id: i64,
    manifests: &[String],
    named: &[String],
) -> Result<Back, Failure> {
    const MANIFESTS: &str = "INSERT INTO manifests \
         (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes) \
         SELECT repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes \
         FROM binned_manifests WHERE repository_id = $1 AND digest IN (IN)";
    const REFERENCES: &str = "INSERT INTO manifest_references (repository_id, manifest, digest) \
         SELECT repository_id, manifest, digest FROM binned_references WHERE repository_id = $1 AND manifest IN (IN)";
    const FACTS: &str = "INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes) \
         SELECT repository_id, digest, is_index, config_digest, image_bytes FROM binned_manifests \
         WHERE repository_id = $1 AND digest IN (IN)";
    const PULLS: &str = "INSERT INTO manifest_pulls (repository_id, digest, pulls, pulled_at) \
         SELECT repository_id, digest, pulls, pulled_at FROM binned_manifests \
         WHERE repository_id = $1 AND digest IN (IN) AND pulls > 0";
    const DELETE: &str = "DELETE FROM binned_manifests WHERE repository_id = $1 AND digest IN (IN)";
    for text in [MANIFESTS, REFERENCES, FACTS, PULLS] {
        over(tx, text, repository_id, manifests).await?;
    }
    relink(tx, repository_id, manifests, named).await?;
    over(tx, DELETE, repository_id, manifests).await?;
    Ok(Back {
        used_bytes: set_used(tx, repository_id, named).await?,
    })
}

/// Links the blobs that the bin kept for the manifests, idle as yet; quotas counted them all the time.
async fn relink(
    tx: &mut Tx<'_>,
    repository_id: i64,
    manifests: &[String],
    named: &[String],
) -> Result<(), Failure> {
    const LINK: &str = "INSERT INTO blob_links (repository_id, digest, idle_since) \
         SELECT DISTINCT r.repository_id, r.blob, 0 FROM binned_references r \
         WHERE r.repository_id = $1 AND r.manifest IN (IN) AND r.blob IS NOT NULL \
         ON CONFLICT (repository_id, digest) DO NOTHING";
    // Whoever adds a link holds the blob's row.
    for list in sql::lists(named) {
        let text = format!(
            "UPDATE blobs SET created_at = created_at WHERE digest IN ({})",
            sql::markers(1, list.len())
        );
        let lock = list.into_iter().fold(sql::made(text), sqlx::query::Query::bind);
        change(tx, lock).await?;
    }
    over(tx, LINK, repository_id, manifests).await
}
