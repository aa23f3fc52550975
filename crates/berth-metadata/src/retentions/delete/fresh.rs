//! What came up since tags were judged and needs them: a workload that runs them, a signature or an index that nobody knew of.

use super::{CondemnedTag, CondemnedTags};
use crate::pool::{Failure, Tx};
use crate::references::listing;
use crate::sql;
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};

/// Tags, and manifests whose tags, stay.
#[derive(Debug, Default)]
pub(super) struct Needed {
    tags: BTreeSet<String>,
    digests: BTreeSet<String>,
}

impl Needed {
    pub(super) fn has(&self, tag: &str, digest: &str) -> bool {
        self.tags.contains(tag) || self.digests.contains(digest)
    }
}

/// Manifests that list some, with these.
const LISTED: &str = "SELECT r.manifest, r.digest FROM manifest_references r \
     JOIN manifest_facts f ON f.repository_id = r.repository_id AND f.digest = r.manifest AND f.is_index = 1 \
     WHERE r.repository_id = $1 AND r.digest IN";
/// Manifests that refer to some, with these.
const SUBJECTS: &str =
    "SELECT m.digest, m.subject FROM manifests m WHERE m.repository_id = $1 AND m.subject IN";
const TAGS: &str = "SELECT tag, tag FROM tags WHERE repository_id = $1 AND tag IN";

/// What of the tags is needed by what their judgement did not know.
pub(super) async fn needed(
    tx: &mut Tx<'_>,
    condemned: &CondemnedTags,
    tags: &[CondemnedTag],
) -> Result<Needed, Failure> {
    let (repository_id, known) = (condemned.repository_id, &condemned.known);
    let mut needed = running(tx, repository_id).await?;
    let digests: BTreeSet<&String> = tags.iter().map(|tag| &tag.digest).collect();
    let digests: Vec<String> = digests.into_iter().cloned().collect();
    for statement in [LISTED, SUBJECTS] {
        let links = pairs(tx, statement, repository_id, &digests).await?;
        let new = links
            .into_iter()
            .filter(|(from, _)| !known.manifests.contains(from));
        needed.digests.extend(new.map(|(_, to)| to));
    }
    let names = digests.iter().flat_map(|digest| {
        let stem = digest.replacen(':', "-", 1);
        let endings = known.endings.iter();
        endings.map(move |ending| (format!("{stem}{ending}"), digest))
    });
    let about: BTreeMap<String, &String> = names.collect();
    let names: Vec<String> = about.keys().cloned().collect();
    for (tag, _) in pairs(tx, TAGS, repository_id, &names).await? {
        if let Some(digest) = about.get(&tag).filter(|_| !known.tags.contains(&tag)) {
            needed.digests.insert((*digest).clone());
        }
    }
    Ok(needed)
}

/// What workloads run now.
async fn running(tx: &mut Tx<'_>, repository_id: i64) -> Result<Needed, Failure> {
    const RUNNING: &str = "SELECT tag, digest FROM running_images WHERE repository_id = $1";
    let mut needed = Needed::default();
    for row in sqlx::query(RUNNING)
        .bind(repository_id)
        .fetch_all(&mut *tx)
        .await?
    {
        needed.tags.insert(row.try_get(0)?);
        needed.digests.insert(row.try_get(1)?);
    }
    let run: Vec<String> = needed.digests.iter().cloned().collect();
    needed.digests.extend(listing(tx, repository_id, run).await?);
    Ok(needed)
}

async fn pairs(
    tx: &mut Tx<'_>,
    statement: &str,
    repository_id: i64,
    among: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for list in sql::lists(among) {
        let text = format!("{statement} ({})", sql::markers(2, list.len()));
        let statement = sql::made(text).bind(repository_id);
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            found.push((row.try_get(0)?, row.try_get(1)?));
        }
    }
    Ok(found)
}
