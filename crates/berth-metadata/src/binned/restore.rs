//! What comes back from the bin. Two that restore the same entry at once wait for each other, and both are told that it is
//! back.

use crate::Metadata;
use crate::binning;
use crate::by::{By, TagChange};
use crate::error::{Conflict, Error};
use crate::immutability::{Check, Guard};
use crate::pool::{Durability, Failure, Tx};
use crate::quotas;
use crate::repository_lock::{self, Counts};
use crate::sql::{Meaning, change, first};
use crate::tags::{self, Target};
use sqlx::Row;

/// An entry to restore.
#[derive(Clone, Debug)]
pub struct BinRestore {
    /// The entry.
    pub id: i64,
    /// Whether tags that name something else now are moved back.
    pub overwrite: bool,
    /// Of an image: the name in its organisation and the full name that it gets.
    pub image: Option<(String, String)>,
    /// Who restores.
    pub by: By,
    /// Which tags do not move.
    pub guard: Guard,
}

/// What is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinRestored {
    /// The tags that name the manifest again.
    pub tags: Vec<String>,
    /// Whether another request had restored it already.
    pub already: bool,
}

/// What a restore would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinObstacle {
    /// The tag.
    pub tag: String,
    /// What it names now.
    pub digest: String,
}

/// The entry as its row says it.
struct Found {
    repository_id: i64,
    digest: Option<String>,
    is_restored: bool,
}

impl Metadata {
    /// Restores an entry, none when it expired or was purged; durable. [`Conflict::TagsTaken`] when tags name something
    /// else now, [`Conflict::RepositoryExists`] when the image's name is taken, [`Conflict::RepositoryQuota`],
    /// [`Conflict::TagQuota`], [`Conflict::BytesQuota`], [`Conflict::RepositoryGone`] when the image is in the bin itself.
    pub async fn restore_from_bin(&self, wanted: BinRestore) -> Result<Option<BinRestored>, Error> {
        self.pool
            .write(
                "restore from the bin",
                Durability::Durable,
                wanted,
                |tx, wanted| Box::pin(restore(tx, wanted)),
            )
            .await
    }

    /// The tags of an entry that name something else now, the first ten.
    pub async fn bin_obstacles(&self, id: i64) -> Result<Vec<BinObstacle>, Error> {
        const FIND: &str = "SELECT t.tag, t.digest FROM bin b JOIN bin_tags bt ON bt.entry_id = b.id \
             JOIN tags t ON t.repository_id = b.repository_id AND t.tag = bt.tag AND t.digest <> b.digest \
             WHERE b.id = $1 ORDER BY t.tag LIMIT 10";
        self.list("look what is in the way", sqlx::query(FIND).bind(id), |row| {
            Ok(BinObstacle {
                tag: row.try_get(0)?,
                digest: row.try_get(1)?,
            })
        })
        .await
    }
}

async fn restore(tx: &mut Tx<'_>, wanted: &BinRestore) -> Result<Option<BinRestored>, Failure> {
    const FIND: &str = "SELECT repository_id, digest, restored_at FROM bin \
         WHERE id = $1 AND (restored_at IS NOT NULL OR expires_at > $2)";
    if binning::lock_owner(tx, wanted.id).await?.is_none() {
        return Ok(None);
    }
    let find = sqlx::query(FIND).bind(wanted.id).bind(wanted.by.now);
    let Some(row) = first(tx, find).await? else {
        return Ok(None);
    };
    let found = Found {
        repository_id: row.try_get(0)?,
        digest: row.try_get(1)?,
        is_restored: row.try_get::<Option<i64>, _>(2)?.is_some(),
    };
    match &found.digest {
        Some(digest) => manifest(tx, wanted, &found, digest).await,
        None => image(tx, wanted, &found).await,
    }
}

async fn image(tx: &mut Tx<'_>, wanted: &BinRestore, found: &Found) -> Result<Option<BinRestored>, Failure> {
    const SHOW: &str = "UPDATE repositories SET listed = 1, image = $2, full_name = $3, updated_at = $4 \
         WHERE id = $1 AND listed = 2 RETURNING organization_id";
    const LIVE: &str = "SELECT 1 FROM repositories WHERE id = $1 AND listed <> 2";
    let restored = |already| BinRestored {
        tags: Vec::new(),
        already,
    };
    if found.is_restored {
        let live = first(tx, sqlx::query(LIVE).bind(found.repository_id)).await?;
        return Ok(live.map(|_| restored(true)));
    }
    let (image, full_name) = wanted.image.clone().ok_or(Conflict::RepositoryGone)?;
    let show = sqlx::query(SHOW)
        .bind(found.repository_id)
        .bind(image)
        .bind(full_name);
    let shown = first(tx, show.bind(wanted.by.now)).await;
    let Some(row) = shown.unique(Conflict::RepositoryExists)? else {
        return Ok(None);
    };
    quotas::admit_repository(tx, row.try_get(0)?).await?;
    binning::close(tx, found.repository_id, &[wanted.id], wanted.by.now).await?;
    Ok(Some(restored(false)))
}

async fn manifest(
    tx: &mut Tx<'_>,
    wanted: &BinRestore,
    found: &Found,
    digest: &str,
) -> Result<Option<BinRestored>, Failure> {
    const STORED: &str = "SELECT 1 FROM manifests WHERE repository_id = $1 AND digest = $2";
    const TAGS: &str = "SELECT tag, tag_id, created_at FROM bin_tags WHERE entry_id = $1 ORDER BY tag";
    let repository_id = found.repository_id;
    repository_lock::lock(tx, repository_id).await?;
    let tags = sqlx::query(TAGS).bind(wanted.id).fetch_all(&mut *tx).await?;
    let mut gone = Vec::with_capacity(tags.len());
    for row in &tags {
        let tag: (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let now = tags::named_by(tx, repository_id, &tag.0, None).await?;
        gone.push((tag, now));
    }
    if found.is_restored {
        return again(tx, found, digest, &gone).await;
    }
    if !wanted.overwrite {
        free(digest, &gone)?;
    }
    let back = binning::bring_back(tx, repository_id, digest).await?;
    let mut counts = Counts {
        tags: 0,
        bytes: back.used_bytes,
    };
    let stored = sqlx::query(STORED).bind(repository_id).bind(digest.to_owned());
    if first(tx, stored).await?.is_none() {
        return Err(Failure::Broken(format!(
            "entry {} of the bin lost manifest {digest}",
            wanted.id
        )));
    }
    let target = Target {
        repository_id,
        digest,
        by: &wanted.by,
        why: TagChange::BinRestore,
        origin: Some(""),
        check: Check::of(tx, repository_id, &wanted.guard).await?,
    };
    for (tag, now) in &gone {
        tags::point(tx, target, &tag.0, now.as_deref()).await?;
        if now.is_none() {
            counts.tags += 1;
            keep_age(tx, repository_id, tag).await?;
        }
    }
    binning::close(tx, repository_id, &[wanted.id], wanted.by.now).await?;
    counts.touch(tx, repository_id, wanted.by.now).await?;
    Ok(Some(BinRestored {
        tags: names(&gone),
        already: false,
    }))
}

type Gone = [((String, i64, i64), Option<String>)];

fn names(gone: &Gone) -> Vec<String> {
    gone.iter().map(|(tag, _)| tag.0.clone()).collect()
}

/// The answer for an entry that was restored before, none when it was undone since.
async fn again(
    tx: &mut Tx<'_>,
    found: &Found,
    digest: &str,
    gone: &Gone,
) -> Result<Option<BinRestored>, Failure> {
    const STORED: &str = "SELECT 1 FROM manifests WHERE repository_id = $1 AND digest = $2";
    let stored = sqlx::query(STORED)
        .bind(found.repository_id)
        .bind(digest.to_owned());
    let is_back =
        first(tx, stored).await?.is_some() && gone.iter().all(|(_, now)| now.as_deref() == Some(digest));
    Ok(is_back.then(|| BinRestored {
        tags: names(gone),
        already: true,
    }))
}

/// That no tag names something else now.
fn free(digest: &str, gone: &Gone) -> Result<(), Failure> {
    let others = gone.iter().filter_map(|(tag, now)| {
        let now = now.as_deref().filter(|now| *now != digest)?;
        Some((tag.0.clone(), now.to_owned()))
    });
    let taken: Vec<(String, String)> = others.take(10).collect();
    if taken.is_empty() {
        return Ok(());
    }
    Err(Conflict::TagsTaken(taken).into())
}

/// A tag that comes back is the one that it was: its id and age are those from before.
async fn keep_age(
    tx: &mut Tx<'_>,
    repository_id: i64,
    (tag, tag_id, created_at): &(String, i64, i64),
) -> Result<(), Failure> {
    const KEEP: &str = "UPDATE tags SET id = $3, created_at = $4 WHERE repository_id = $1 AND tag = $2";
    let keep = sqlx::query(KEEP).bind(repository_id).bind(tag.clone());
    change(tx, keep.bind(*tag_id).bind(*created_at)).await?;
    Ok(())
}
