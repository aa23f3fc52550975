//! What deleting tags and images would free: the same steps as a deletion takes, on one state of the database, and nothing
//! is changed. Sets are united, so what two of them share counts once, and what something else holds not at all.

use super::{LedgerView, is_live};
use crate::Metadata;
use crate::error::Error;
use crate::pool::{Failure, Tx};
use crate::sql;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};

/// What of an image is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// All of it.
    Image,
    /// These tags, with what nothing names without them.
    Tags(BTreeSet<String>),
}

/// What a deletion frees, once nothing can be restored any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Blobs that leave the store.
    pub blobs: i64,
    /// Their bytes.
    pub blob_bytes: i64,
    /// Manifests that go.
    pub manifests: i64,
    /// Their bytes, in the database.
    pub manifest_bytes: i64,
    /// Bytes that quotas get back: blobs for each image that lets go of them, and manifests.
    pub held_bytes: i64,
    /// Bytes of blobs that are let go of, each once, and stay because something else holds them.
    pub kept_bytes: i64,
    /// Wanted tags that are not there, each with its repository.
    pub unknown_tags: Vec<(i64, String)>,
}

/// What a tag holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagFigures {
    /// Blobs of what it names, each once.
    pub blob_bytes: i64,
    /// Manifests of what it names.
    pub manifest_bytes: i64,
    /// Of the blobs, what would be freed with the tag.
    pub exclusive_bytes: i64,
    /// Of the blobs, what other tags and manifests of the image use too, or nobody else does but the manifest stays.
    pub shared_image_bytes: i64,
    /// Of the others, what other images of the organisation hold too, and nobody outside.
    pub shared_organization_bytes: i64,
    /// Of the others, what is held outside the organisation too.
    pub shared_outside_bytes: i64,
}

/// What a repository lets go of.
#[derive(Debug, Default)]
struct LetGo {
    blobs: BTreeSet<String>,
    manifests: i64,
    manifest_bytes: i64,
}

/// A blob and who needs it.
struct Holders {
    size: i64,
    /// Repositories that something live needs it in.
    all: i64,
    /// Those of one organisation.
    inside: i64,
}

impl Metadata {
    /// What deleting this of each repository would free, as seen by `view`. The caller bounds their number.
    pub async fn freed(&self, deleted: &BTreeMap<i64, Deleted>, view: &LedgerView) -> Result<Freed, Error> {
        let (deleted, view) = (deleted.clone(), view.clone());
        self.pool
            .snapshot("count what would be freed", move |tx| {
                Box::pin(async move { freed(tx, &deleted, &view).await })
            })
            .await
    }

    /// What a tag holds, as seen by `view`; none when there is no such tag.
    pub async fn tag_ledger(
        &self,
        repository_id: i64,
        tag: &str,
        view: &LedgerView,
    ) -> Result<Option<TagFigures>, Error> {
        let (tag, view) = (tag.to_owned(), view.clone());
        self.pool
            .snapshot("count what a tag holds", move |tx| {
                Box::pin(async move { tag_figures(tx, repository_id, &tag, &view).await })
            })
            .await
    }
}

pub(crate) async fn freed(
    tx: &mut Tx<'_>,
    deleted: &BTreeMap<i64, Deleted>,
    view: &LedgerView,
) -> Result<Freed, Failure> {
    let mut freed = Freed::default();
    // How many of the repositories let go of each blob.
    let mut let_go: BTreeMap<String, i64> = BTreeMap::new();
    for (repository_id, what) in deleted {
        let gone = match what {
            Deleted::Image => of_image(tx, *repository_id).await?,
            Deleted::Tags(tags) => {
                let (gone, unknown) = of_tags(tx, *repository_id, tags).await?;
                let unknown = unknown.into_iter().map(|tag| (*repository_id, tag));
                freed.unknown_tags.extend(unknown);
                gone
            }
        };
        freed.manifests += gone.manifests;
        freed.manifest_bytes += gone.manifest_bytes;
        for blob in gone.blobs {
            *let_go.entry(blob).or_default() += 1;
        }
    }
    freed.held_bytes = freed.manifest_bytes;
    let digests: Vec<String> = let_go.keys().cloned().collect();
    for (digest, holders) in holders(tx, &digests, 0, view).await? {
        let by = let_go.get(&digest).copied().unwrap_or_default();
        freed.held_bytes += holders.size * by;
        if holders.all <= by {
            freed.blobs += 1;
            freed.blob_bytes += holders.size;
        } else {
            freed.kept_bytes += holders.size;
        }
    }
    Ok(freed)
}

async fn of_image(tx: &mut Tx<'_>, repository_id: i64) -> Result<LetGo, Failure> {
    const BLOBS: &str = concat!(
        "SELECT l.digest FROM blob_links l JOIN repositories r ON r.id = l.repository_id \
         WHERE l.repository_id = $1 AND ",
        is_live!("l", "r")
    );
    const MANIFESTS: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(m.size), 0) AS BIGINT) FROM manifests m \
         WHERE m.repository_id = $1";
    let rows = sqlx::query(BLOBS).bind(repository_id).fetch_all(&mut *tx).await?;
    let blobs = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let sum = sqlx::query(MANIFESTS).bind(repository_id).fetch_one(tx).await?;
    Ok(LetGo {
        blobs,
        manifests: sum.try_get(0)?,
        manifest_bytes: sum.try_get(1)?,
    })
}

/// What goes with tags, as [`crate::binning::take`] takes it; and the tags that are not there.
async fn of_tags(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tags: &BTreeSet<String>,
) -> Result<(LetGo, Vec<String>), Failure> {
    const NAMED: &str = "SELECT t.tag, t.digest FROM tags t WHERE t.repository_id = $1 AND t.tag IN (IN)";
    let wanted: Vec<String> = tags.iter().cloned().collect();
    let named = pairs(tx, NAMED, repository_id, &wanted).await?;
    let found: BTreeSet<&String> = named.iter().map(|(tag, _)| tag).collect();
    let unknown = wanted
        .iter()
        .filter(|tag| !found.contains(tag))
        .cloned()
        .collect();
    let mut untagged: BTreeMap<String, i64> = BTreeMap::new();
    for (_, digest) in &named {
        *untagged.entry(digest.clone()).or_default() += 1;
    }
    let (manifests, manifest_bytes) = unnamed_without(tx, repository_id, &untagged).await?;
    let blobs = unused_without(tx, repository_id, &manifests).await?;
    let let_go = LetGo {
        blobs,
        manifests: i64::try_from(manifests.len()).unwrap_or(i64::MAX),
        manifest_bytes,
    };
    Ok((let_go, unknown))
}

/// The manifests that nothing live names once so many tags of each digest are gone, and their bytes.
async fn unnamed_without(
    tx: &mut Tx<'_>,
    repository_id: i64,
    untagged: &BTreeMap<String, i64>,
) -> Result<(BTreeSet<String>, i64), Failure> {
    const MANIFESTS: &str = "SELECT m.digest, m.subject, m.size, \
         (SELECT COUNT(*) FROM tags t WHERE t.repository_id = m.repository_id AND t.digest = m.digest), \
         (SELECT COUNT(*) FROM manifests s WHERE s.repository_id = m.repository_id AND s.digest = m.subject) \
         FROM manifests m WHERE m.repository_id = $1 AND m.digest IN (IN)";
    const PARENTS: &str = "SELECT r.digest, r.manifest FROM manifest_references r \
         WHERE r.repository_id = $1 AND r.digest IN (IN)";
    const CHILDREN: &str = "SELECT m.digest, m.digest FROM manifest_references r \
         JOIN manifests m ON m.repository_id = r.repository_id AND m.digest = r.digest \
         WHERE r.repository_id = $1 AND r.manifest IN (IN)";
    const REFERRERS: &str = "SELECT m.digest, m.digest FROM manifests m \
         WHERE m.repository_id = $1 AND m.subject IN (IN)";
    let (mut gone, mut bytes) = (BTreeSet::new(), 0);
    let mut candidates: BTreeSet<String> = untagged.keys().cloned().collect();
    while !candidates.is_empty() {
        let level: Vec<String> = candidates.iter().cloned().collect();
        let mut parents: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (child, parent) in pairs(tx, PARENTS, repository_id, &level).await? {
            parents.entry(child).or_default().push(parent);
        }
        let mut fresh: Vec<String> = Vec::new();
        for row in rows(tx, MANIFESTS, repository_id, &level).await? {
            let (digest, subject): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
            let is_tagged = row.try_get::<i64, _>(3)? > untagged.get(&digest).copied().unwrap_or_default();
            let has_subject = row.try_get::<i64, _>(4)? > 0;
            let refers = has_subject && subject.is_some_and(|subject| !gone.contains(&subject));
            let is_listed = parents
                .get(&digest)
                .is_some_and(|parents| parents.iter().any(|parent| !gone.contains(parent)));
            if !is_tagged && !refers && !is_listed && gone.insert(digest.clone()) {
                bytes += row.try_get::<i64, _>(2)?;
                fresh.push(digest);
            }
        }
        candidates = BTreeSet::new();
        for text in [CHILDREN, REFERRERS] {
            let below = pairs(tx, text, repository_id, &fresh).await?;
            candidates.extend(below.into_iter().map(|(digest, _)| digest));
        }
        // One that was looked at in the same level as what named it is looked at once more.
        candidates.retain(|digest| !gone.contains(digest));
    }
    Ok((gone, bytes))
}

/// The blobs that no manifest of the repository uses without these.
async fn unused_without(
    tx: &mut Tx<'_>,
    repository_id: i64,
    gone: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Failure> {
    const USED: &str = "SELECT r.digest, r.manifest FROM manifest_references r JOIN blob_links l \
         ON l.repository_id = r.repository_id AND l.digest = r.digest \
         WHERE r.repository_id = $1 AND r.manifest IN (IN)";
    const COUNT: &str = "SELECT r.digest, COUNT(*) FROM manifest_references r \
         WHERE r.repository_id = $1 AND r.digest IN (IN) GROUP BY r.digest";
    let manifests: Vec<String> = gone.iter().cloned().collect();
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (blob, manifest) in pairs(tx, USED, repository_id, &manifests).await? {
        uses.entry(blob).or_default().insert(manifest);
    }
    let blobs: Vec<String> = uses.keys().cloned().collect();
    let mut unused = BTreeSet::new();
    for row in rows(tx, COUNT, repository_id, &blobs).await? {
        let (blob, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let by_these = uses.get(&blob).map_or(0, BTreeSet::len);
        if i64::try_from(by_these).unwrap_or(i64::MAX) >= count {
            unused.insert(blob);
        }
    }
    Ok(unused)
}

/// Who needs each of the blobs.
async fn holders(
    tx: &mut Tx<'_>,
    digests: &[String],
    organization_id: i64,
    view: &LedgerView,
) -> Result<Vec<(String, Holders)>, Failure> {
    const HOLDERS: &str = concat!(
        "SELECT l.digest, MAX(b.size), COUNT(*), \
         CAST(SUM(CASE WHEN r.organization_id = $1 THEN 1 ELSE 0 END) AS BIGINT) \
         FROM blob_links l JOIN blobs b ON b.digest = l.digest JOIN repositories r ON r.id = l.repository_id \
         JOIN organizations o ON o.id = r.organization_id \
         WHERE l.digest IN (IN) AND (VIEW IS NULL OR o.account_id = VIEW) AND ",
        is_live!("l", "r"),
        " GROUP BY l.digest"
    );
    let mut found = Vec::with_capacity(digests.len());
    for list in sql::lists(digests) {
        let text = HOLDERS
            .replace("(IN)", &format!("({})", sql::markers(3, list.len())))
            .replace("VIEW", "$2");
        let statement = sql::made(text).bind(organization_id).bind(view.account());
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            let holders = Holders {
                size: row.try_get(1)?,
                all: row.try_get(2)?,
                inside: row.try_get(3)?,
            };
            found.push((row.try_get(0)?, holders));
        }
    }
    Ok(found)
}

async fn tag_figures(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tag: &str,
    view: &LedgerView,
) -> Result<Option<TagFigures>, Failure> {
    const ORGANIZATION: &str = "SELECT organization_id FROM repositories WHERE id = $1";
    let tags = BTreeSet::from([tag.to_owned()]);
    let (gone, unknown) = of_tags(tx, repository_id, &tags).await?;
    let organization = sqlx::query(ORGANIZATION)
        .bind(repository_id)
        .fetch_optional(&mut *tx)
        .await?;
    let Some(organization) = organization.filter(|_| unknown.is_empty()) else {
        return Ok(None);
    };
    let (blobs, manifest_bytes) = named_by(tx, repository_id, tag).await?;
    let mut figures = TagFigures {
        manifest_bytes,
        ..TagFigures::default()
    };
    let blobs: Vec<String> = blobs.into_iter().collect();
    for (digest, holders) in holders(tx, &blobs, organization.try_get(0)?, view).await? {
        figures.blob_bytes += holders.size;
        let figure = if !gone.blobs.contains(&digest) {
            &mut figures.shared_image_bytes
        } else if holders.all > holders.inside {
            &mut figures.shared_outside_bytes
        } else if holders.inside > 1 {
            &mut figures.shared_organization_bytes
        } else {
            &mut figures.exclusive_bytes
        };
        *figure += holders.size;
    }
    Ok(Some(figures))
}

/// The blobs of all that a tag names, and the bytes of its manifests.
async fn named_by(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tag: &str,
) -> Result<(BTreeSet<String>, i64), Failure> {
    const MANIFESTS: &str = "WITH RECURSIVE named(digest) AS (\
           SELECT t.digest FROM tags t WHERE t.repository_id = $1 AND t.tag = $2 \
           UNION SELECT m.digest FROM named n JOIN manifest_references r \
             ON r.repository_id = $1 AND r.manifest = n.digest \
             JOIN manifests m ON m.repository_id = $1 AND m.digest = r.digest) \
         SELECT m.digest, m.size FROM named n JOIN manifests m ON m.repository_id = $1 AND m.digest = n.digest";
    const BLOBS: &str = "SELECT l.digest, l.digest FROM manifest_references r JOIN blob_links l \
         ON l.repository_id = r.repository_id AND l.digest = r.digest \
         WHERE r.repository_id = $1 AND r.manifest IN (IN)";
    let named = sqlx::query(MANIFESTS)
        .bind(repository_id)
        .bind(tag.to_owned())
        .fetch_all(&mut *tx)
        .await?;
    let (mut manifests, mut bytes) = (Vec::with_capacity(named.len()), 0);
    for row in &named {
        manifests.push(row.try_get(0)?);
        bytes += row.try_get::<i64, _>(1)?;
    }
    let blobs = pairs(tx, BLOBS, repository_id, &manifests).await?;
    Ok((blobs.into_iter().map(|(blob, _)| blob).collect(), bytes))
}

/// The rows that a statement over `$1` and the list `(IN)` answers.
async fn rows(
    tx: &mut Tx<'_>,
    text: &str,
    repository_id: i64,
    among: &[String],
) -> Result<Vec<AnyRow>, Failure> {
    let mut found = Vec::new();
    let among: BTreeSet<&String> = among.iter().collect();
    let among: Vec<String> = among.into_iter().cloned().collect();
    for list in sql::lists(&among) {
        let text = text.replace("(IN)", &format!("({})", sql::markers(2, list.len())));
        let statement = sql::made(text).bind(repository_id);
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        found.extend(statement.fetch_all(&mut *tx).await?);
    }
    Ok(found)
}

/// Like [`rows`], of two texts each.
async fn pairs(
    tx: &mut Tx<'_>,
    text: &str,
    repository_id: i64,
    among: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let rows = rows(tx, text, repository_id, among).await?;
    let pair = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(pair).collect()
}
