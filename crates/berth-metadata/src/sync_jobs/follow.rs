//! What is signed or described after it was sent: a manifest that refers to others queues copies of the tags that reach
//! those, in the transaction that stores it.

use crate::jobs;
use crate::pool::{Failure, Tx};
use crate::sql::{first, lists, made, markers};
use crate::tag_events::sync_job;
use sqlx::Row;
use std::collections::BTreeSet;

/// Manifests that are looked at on the way to tags.
const REACHED_MAX: usize = 64;
/// Tags that are sent because of one manifest.
const TAGS_MAX: usize = 100;

/// A new manifest that refers to another.
pub(crate) struct Referring<'a> {
    /// The repository that both are in.
    pub(crate) repository_id: i64,
    /// The digest that it refers to.
    pub(crate) subject: &'a str,
    /// Who pushed it.
    pub(crate) user_id: Option<&'a str>,
    /// The ids of the registries that it came through, by commas.
    pub(crate) origin: &'a str,
    /// Milliseconds since the epoch.
    pub(crate) now: i64,
}

/// Queues copies, by the repository's automatic rules, of the tags whose images a new manifest belongs to.
pub(crate) async fn queue_for_subject(tx: &mut Tx<'_>, put: &Referring<'_>) -> Result<(), Failure> {
    const RULES: &str = "SELECT id FROM sync_rules WHERE repository_id = $1 AND automatic = 1";
    let rules = sqlx::query(RULES)
        .bind(put.repository_id)
        .fetch_all(&mut *tx)
        .await?;
    if rules.is_empty() {
        return Ok(());
    }
    let reached = reached(tx, put.repository_id, put.subject).await?;
    for (tag, digest) in tags(tx, put.repository_id, &reached).await? {
        for rule in &rules {
            queue(tx, put, rule.try_get(0)?, (&tag, &digest)).await?;
        }
    }
    Ok(())
}

/// The subject, what that is about, and the indexes that list any of these.
async fn reached(tx: &mut Tx<'_>, repository_id: i64, subject: &str) -> Result<Vec<String>, Failure> {
    const ABOVE: &str = "SELECT subject FROM manifests WHERE repository_id = $1 AND digest = $2 AND subject IS NOT NULL \
         UNION SELECT manifest FROM manifest_references WHERE repository_id = $1 AND digest = $2 LIMIT 64";
    let mut known = BTreeSet::from([subject.to_owned()]);
    let mut reached = vec![subject.to_owned()];
    let mut looked_at = 0;
    while let Some(digest) = reached.get(looked_at).cloned() {
        looked_at += 1;
        let above = sqlx::query(ABOVE).bind(repository_id).bind(digest);
        for row in above.fetch_all(&mut *tx).await? {
            let digest: String = row.try_get(0)?;
            if reached.len() < REACHED_MAX && known.insert(digest.clone()) {
                reached.push(digest);
            }
        }
    }
    Ok(reached)
}

async fn tags(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digests: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for list in lists(digests) {
        let markers = markers(2, list.len());
        let text = format!(
            "SELECT tag, digest FROM tags WHERE repository_id = $1 AND digest IN ({markers}) ORDER BY tag LIMIT {TAGS_MAX}"
        );
        let select = list
            .into_iter()
            .fold(made(text).bind(repository_id), sqlx::query::Query::bind);
        for row in select.fetch_all(&mut *tx).await? {
            found.push((row.try_get(0)?, row.try_get(1)?));
        }
    }
    found.truncate(TAGS_MAX);
    Ok(found)
}

async fn queue(
    tx: &mut Tx<'_>,
    put: &Referring<'_>,
    rule: i64,
    (tag, digest): (&str, &str),
) -> Result<(), Failure> {
    // What waits takes this along; it goes even to where the image came from when this was pushed here.
    const INSERT: &str = "INSERT INTO sync_jobs (repository_id, tag, region, region_id, remote_organization, overwrite, \
         status, operator_id, operator_name, created_at, updated_at, digest, origin, pushed_at) \
         SELECT s.repository_id, CAST($2 AS TEXT), s.region, r.region_id, s.remote_organization, s.overwrite, 'waiting', \
         COALESCE(CAST($3 AS TEXT), ''), COALESCE(u.name, ''), CAST($4 AS BIGINT), CAST($4 AS BIGINT), \
         CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($4 AS BIGINT) FROM sync_rules s JOIN regions r ON r.id = s.region \
         LEFT JOIN users u ON u.id = $3 WHERE s.id = $1 \
         ON CONFLICT (repository_id, tag, region, remote_organization) WHERE status = 'waiting' \
         DO UPDATE SET overwrite = excluded.overwrite, \
         origin = CASE WHEN excluded.origin = sync_jobs.origin THEN sync_jobs.origin ELSE '' END, \
         pushed_at = COALESCE(sync_jobs.pushed_at, excluded.pushed_at), updated_at = excluded.updated_at \
         RETURNING id, region";
    let insert = sqlx::query(INSERT)
        .bind(rule)
        .bind(tag.to_owned())
        .bind(put.user_id.map(str::to_owned))
        .bind(put.now)
        .bind(digest.to_owned())
        .bind(put.origin.to_owned());
    let Some(row) = first(tx, insert).await? else {
        return Ok(());
    };
    jobs::queue(tx, &sync_job(row.try_get(0)?, row.try_get(1)?, put.now)).await
}
