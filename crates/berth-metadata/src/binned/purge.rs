//! The end of what is in the bin, in small steps, each safe to do twice.

use crate::Metadata;
use crate::binning::{self, BinKind};
use crate::blobs;
use crate::byte_quotas::{self, Change, HELD_BY_BINNED, HELD_BY_LINK, HELD_BY_MANIFEST};
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change, first};
use sqlx::Row;

pub(crate) const EXPIRED: &str = "SELECT id FROM bin WHERE expires_at <= $1 ORDER BY expires_at, id LIMIT $2";

impl Metadata {
    /// Takes away what has expired, at most `limit` entries, and of an image at most about as many rows; answers
    /// whether there may be more.
    pub async fn purge_bin(&self, now: i64, limit: i64) -> Result<bool, Error> {
        let expired = sqlx::query(EXPIRED).bind(now).bind(limit);
        let expired: Vec<i64> = self
            .list("list what expired in the bin", expired, |row| Ok(row.try_get(0)?))
            .await?;
        let more = !expired.is_empty();
        for id in expired {
            self.pool
                .write("purge the bin", Durability::Durable, (), move |tx, ()| {
                    Box::pin(step(tx, id, now, limit))
                })
                .await?;
        }
        Ok(more)
    }

    /// Purges what the bin holds of the organisation's images, unless it holds live ones:
    /// [`Conflict::OrganizationNotEmpty`].
    pub(crate) async fn purge_bin_images(&self, organization: &str, now: i64) -> Result<(), Error> {
        const IMAGES: &str = "SELECT b.id FROM bin b JOIN organizations o ON o.id = b.organization_id \
             WHERE o.name = $1 AND b.kind = 'image' ORDER BY b.id LIMIT 100";
        loop {
            let images = sqlx::query(IMAGES).bind(organization.to_owned());
            let images: Vec<i64> = self
                .list("list images in the bin", images, |row| Ok(row.try_get(0)?))
                .await?;
            if images.is_empty() {
                return Ok(());
            }
            for id in images {
                self.pool
                    .write(
                        "purge the bin",
                        Durability::Durable,
                        organization.to_owned(),
                        move |tx, organization| {
                            Box::pin(async move {
                                require_empty(tx, organization).await?;
                                let end = sqlx::query("UPDATE bin SET expires_at = 0 WHERE id = $1").bind(id);
                                change(tx, end).await?;
                                step(tx, id, now, ORGANIZATION_STEP).await
                            })
                        },
                    )
                    .await?;
            }
        }
    }
}

/// Rows of one step while somebody waits for the end.
const ORGANIZATION_STEP: i64 = 1000;

async fn require_empty(tx: &mut Tx<'_>, organization: &str) -> Result<(), Failure> {
    const LIVE: &str = "SELECT 1 FROM repositories r JOIN organizations o ON o.id = r.organization_id \
         WHERE o.name = $1 AND r.listed = 1 LIMIT 1";
    match first(tx, sqlx::query(LIVE).bind(organization.to_owned())).await? {
        Some(_) => Err(Conflict::OrganizationNotEmpty.into()),
        None => Ok(()),
    }
}

/// Takes an entry away that has expired, or a part of its image.
async fn step(tx: &mut Tx<'_>, id: i64, now: i64, limit: i64) -> Result<(), Failure> {
    // From the first step on nothing restores it, whatever the time is elsewhere.
    const END: &str = "UPDATE bin SET expires_at = 0 WHERE id = $1 AND expires_at <= $2 \
         RETURNING kind, restored_at";
    const FORGET: &str = "DELETE FROM bin_manifests WHERE entry_id = $1 RETURNING digest";
    let Some(repository_id) = binning::lock_owner(tx, id).await? else {
        return Ok(());
    };
    let Some(row) = first(tx, sqlx::query(END).bind(id).bind(now)).await? else {
        return Ok(());
    };
    let kind = BinKind::read(&row.try_get::<String, _>(0)?)?;
    let is_restored = row.try_get::<Option<i64>, _>(1)?.is_some();
    if kind == BinKind::Image && !is_restored && is_in_bin(tx, repository_id).await? {
        return image(tx, repository_id, now, limit).await;
    }
    let rows = sqlx::query(FORGET).bind(id).fetch_all(&mut *tx).await?;
    let manifests = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    change(tx, sqlx::query("DELETE FROM bin WHERE id = $1").bind(id)).await?;
    binning::drop_unheld(tx, repository_id, manifests, now).await
}

/// Whether the repository, which the caller has locked, is in the bin: what is live is never purged, whatever an entry says.
async fn is_in_bin(tx: &mut Tx<'_>, repository_id: i64) -> Result<bool, Failure> {
    const IN_BIN: &str = "SELECT 1 FROM repositories WHERE id = $1 AND listed = 2";
    Ok(first(tx, sqlx::query(IN_BIN).bind(repository_id))
        .await?
        .is_some())
}

/// Deletes a part of what an image in the bin holds, and in the end the image.
async fn image(tx: &mut Tx<'_>, repository_id: i64, now: i64, limit: i64) -> Result<(), Failure> {
    const ROWS: [&str; 2] = [
        "DELETE FROM tags WHERE repository_id = $1 AND tag IN \
         (SELECT t.tag FROM tags t WHERE t.repository_id = $1 ORDER BY t.tag LIMIT $2)",
        "DELETE FROM tag_history WHERE id IN \
         (SELECT h.id FROM tag_history h WHERE h.repository_id = $1 ORDER BY h.tag, h.id LIMIT $2)",
    ];
    for text in ROWS {
        let rows = sqlx::query(text).bind(repository_id).bind(limit);
        if change(tx, rows).await? > 0 {
            return Ok(());
        }
    }
    if manifests(tx, repository_id, limit).await?
        || binned(tx, repository_id, now, limit).await?
        || unlink(tx, repository_id, now, limit).await?
    {
        return Ok(());
    }
    end(tx, repository_id).await
}

/// Deletes manifests; whether there were any.
async fn manifests(tx: &mut Tx<'_>, repository_id: i64, limit: i64) -> Result<bool, Failure> {
    const DELETE: &str = "DELETE FROM manifests WHERE repository_id = $1 AND digest IN \
         (SELECT m.digest FROM manifests m WHERE m.repository_id = $1 ORDER BY m.digest LIMIT $2) RETURNING ";
    let delete = sql::made(format!("{DELETE}{HELD_BY_MANIFEST}"));
    let rows = delete.bind(repository_id).bind(limit).fetch_all(&mut *tx).await?;
    let mut held = 0;
    for row in &rows {
        held += row.try_get::<i64, _>(0)?;
    }
    byte_quotas::charge(tx, repository_id, Change::used(-held)).await?;
    Ok(!rows.is_empty())
}

/// Deletes the row of an image that holds nothing any more, and its unfinished uploads.
async fn end(tx: &mut Tx<'_>, repository_id: i64) -> Result<(), Failure> {
    const UPLOADS: &str = "DELETE FROM uploads WHERE repository_id = $1 RETURNING reserved_bytes";
    const DELETE: &str = "DELETE FROM repositories WHERE id = $1";
    let uploads = sqlx::query(UPLOADS)
        .bind(repository_id)
        .fetch_all(&mut *tx)
        .await?;
    let mut reserved = 0;
    for row in &uploads {
        reserved += row.try_get::<i64, _>(0)?;
    }
    byte_quotas::charge(tx, repository_id, Change::reserved(-reserved)).await?;
    // A link made meanwhile, which needs no lock, stands in the way: then all of it runs again.
    change(tx, sqlx::query(DELETE).bind(repository_id))
        .await
        .map_err(|error| Failure::from(error).reference_collides())?;
    Ok(())
}

/// Deletes manifests that were in the bin before their image; whether there were any.
async fn binned(tx: &mut Tx<'_>, repository_id: i64, now: i64, limit: i64) -> Result<bool, Failure> {
    const SOME: &str =
        "SELECT digest FROM binned_manifests WHERE repository_id = $1 ORDER BY digest LIMIT $2";
    let some = sqlx::query(SOME).bind(repository_id).bind(limit);
    let some = some.fetch_all(&mut *tx).await?;
    let some: Vec<String> = some.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let (mut blobs, mut held) = (Vec::new(), 0);
    for list in sql::lists(&some) {
        let markers = sql::markers(2, list.len());
        let unreference = format!(
            "DELETE FROM binned_references WHERE repository_id = $1 AND manifest IN ({markers}) RETURNING blob"
        );
        let delete = format!(
            "DELETE FROM binned_manifests WHERE repository_id = $1 AND digest IN ({markers}) RETURNING {HELD_BY_BINNED}"
        );
        let unreference = sql::made(unreference).bind(repository_id);
        let unreference = list.iter().cloned().fold(unreference, sqlx::query::Query::bind);
        for row in unreference.fetch_all(&mut *tx).await? {
            blobs.extend(row.try_get::<Option<String>, _>(0)?);
        }
        let delete = sql::made(delete).bind(repository_id);
        let delete = list.into_iter().fold(delete, sqlx::query::Query::bind);
        for row in delete.fetch_all(&mut *tx).await? {
            held += row.try_get::<i64, _>(0)?;
        }
    }
    blobs.sort_unstable();
    blobs.dedup();
    held += byte_quotas::let_go(tx, repository_id, &blobs).await?;
    blobs::release(tx, blobs, now).await?;
    byte_quotas::charge(tx, repository_id, Change::used(-held)).await?;
    Ok(!some.is_empty())
}

/// Takes links to blobs away; whether there were any.
async fn unlink(tx: &mut Tx<'_>, repository_id: i64, now: i64, limit: i64) -> Result<bool, Failure> {
    const UNLINK: &str = "DELETE FROM blob_links WHERE repository_id = $1 AND digest IN \
         (SELECT l.digest FROM blob_links l WHERE l.repository_id = $1 ORDER BY l.digest LIMIT $2) RETURNING digest, ";
    let unlink = sql::made(format!("{UNLINK}{HELD_BY_LINK}"));
    let rows = unlink.bind(repository_id).bind(limit).fetch_all(&mut *tx).await?;
    let (mut digests, mut held) = (Vec::with_capacity(rows.len()), 0);
    for row in &rows {
        digests.push(row.try_get(0)?);
        held += row.try_get::<i64, _>(1)?;
    }
    blobs::release(tx, digests, now).await?;
    byte_quotas::charge(tx, repository_id, Change::used(-held)).await?;
    Ok(!rows.is_empty())
}
