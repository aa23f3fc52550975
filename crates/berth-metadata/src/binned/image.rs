//! Images on their way into the bin: a new name and an entry, however much they hold.

use crate::Metadata;
use crate::binning::{self, BinKind, Entry};
use crate::by::Deletion;
use crate::error::{Conflict, Error};
use crate::immutability::{Check, Guard};
use crate::pool::{Durability, Failure, Tx};
use crate::repository_lock::lock;
use crate::sql::{change, first};
use crate::tags;
use sqlx::Row;

/// Tags looked through at a time.
const PAGE: i64 = 1000;

impl Metadata {
    /// Moves a repository with all that it holds into the bin; its name is free at once. False when there is none of
    /// that id; [`Conflict::TagImmutable`].
    pub async fn delete_repository(&self, id: i64, deletion: Deletion) -> Result<bool, Error> {
        self.pool
            .write(
                "delete a repository",
                Durability::Durable,
                deletion,
                move |tx, deletion| Box::pin(delete(tx, id, deletion)),
            )
            .await
    }
}

async fn delete(tx: &mut Tx<'_>, id: i64, deletion: &Deletion) -> Result<bool, Failure> {
    const FIND: &str = "SELECT image, size_bytes FROM repositories WHERE id = $1";
    // No name that a client may write holds a colon.
    const HIDE: &str = "UPDATE repositories SET listed = 2, image = ':bin:' || CAST(id AS TEXT), \
         full_name = ':bin:' || CAST(id AS TEXT) WHERE id = $1";
    match lock(tx, id).await {
        Err(Failure::Conflict(Conflict::RepositoryGone)) => return Ok(false),
        other => other?,
    }
    permit(tx, id, &deletion.guard).await?;
    let found = first(tx, sqlx::query(FIND).bind(id)).await?;
    let found = found.ok_or(Conflict::RepositoryGone)?;
    let image: String = found.try_get(0)?;
    let entry = Entry {
        repository_id: id,
        kind: BinKind::Image,
        name: &image,
        digest: None,
        size_bytes: found.try_get(1)?,
    };
    binning::enter(tx, deletion, entry).await?;
    change(tx, sqlx::query(HIDE).bind(id)).await?;
    Ok(true)
}

/// Lets a repository be deleted: none of its tags is immutable. [`Conflict::TagImmutable`], [`Conflict::RulesChanged`].
async fn permit(tx: &mut Tx<'_>, id: i64, guard: &Guard) -> Result<(), Failure> {
    let check = Check::of(tx, id, guard).await?;
    if check.is_open()? {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let page = tags::page(tx, id, &after, PAGE).await?;
        for tag in &page {
            if check.permit(tag, "").is_err() {
                let digest = tags::named_by(tx, id, tag, None).await?;
                check.permit(tag, digest.as_deref().unwrap_or_default())?;
            }
        }
        match page.into_iter().next_back() {
            Some(tag) => after = tag,
            None => return Ok(()),
        }
    }
}
