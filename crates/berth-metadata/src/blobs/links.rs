//! The links that a push makes, one or many in few statements.

use sqlx::Row;

use super::use_bytes;
use crate::byte_quotas::HELD_BY_LINK;
use crate::error::Conflict;
use crate::pool::{Failure, Tx};
use crate::sql::{self, Meaning, Statement, change};

/// Links a blob whose row the transaction holds locked; a link that is there and idle becomes young. Answers the bytes that
/// the caller charges to quotas.
pub(crate) async fn link(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    now: i64,
) -> Result<i64, Failure> {
    let link = Link {
        repository_id,
        digest,
        now,
    };
    let made = link_all(tx, &[link]).await?;
    linked(tx, link, made.first()).await
}

/// A link that is to be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link<'a> {
    pub(crate) repository_id: i64,
    pub(crate) digest: &'a str,
    pub(crate) now: i64,
}

/// A link that was not there before.
#[derive(Clone, Debug)]
pub(crate) struct MadeLink {
    pub(crate) digest: String,
    is_used: bool,
    held: i64,
}

/// Makes those of the links that are not there, no digest twice, and answers them; [`linked`] must follow for each of `links`.
pub(crate) async fn link_all(tx: &mut Tx<'_>, links: &[Link<'_>]) -> Result<Vec<MadeLink>, Failure> {
    let mut made = Vec::with_capacity(links.len());
    for list in sql::lists(links) {
        let row = |n: usize| {
            let (repository, digest, now) = (3 * n + 1, 3 * n + 2, 3 * n + 3);
            format!(
                "(${repository}, ${digest}, CASE WHEN EXISTS (SELECT 1 FROM manifest_references m \
                 WHERE m.repository_id = ${repository} AND m.digest = ${digest}) THEN NULL ELSE ${now} END)"
            )
        };
        let rows: Vec<_> = (0..list.len()).map(row).collect();
        let text = format!(
            "INSERT INTO blob_links (repository_id, digest, idle_since) VALUES {} \
             ON CONFLICT (repository_id, digest) DO NOTHING RETURNING digest, idle_since, {HELD_BY_LINK}",
            rows.join(", ")
        );
        let bind = |statement: Statement, link: Link<'_>| {
            let statement = statement.bind(link.repository_id);
            statement.bind(link.digest.to_owned()).bind(link.now)
        };
        let insert = list.into_iter().fold(sql::made(text), bind);
        let rows = insert.fetch_all(&mut *tx).await;
        for row in rows.reference(Conflict::RepositoryGone)? {
            made.push(MadeLink {
                digest: row.try_get(0)?,
                is_used: row.try_get::<Option<i64>, _>(1)?.is_none(),
                held: row.try_get(2)?,
            });
        }
    }
    Ok(made)
}

/// Ends the making of a link: `made` when it was not there before. Answers the bytes that the caller charges to quotas.
pub(crate) async fn linked(tx: &mut Tx<'_>, link: Link<'_>, made: Option<&MadeLink>) -> Result<i64, Failure> {
    const YOUNG: &str = "UPDATE blob_links SET idle_since = $3 \
         WHERE repository_id = $1 AND digest = $2 AND idle_since IS NOT NULL";
    let Some(made) = made else {
        // Linked before; whoever takes that link away waits for the blob's row.
        let young = sqlx::query(YOUNG).bind(link.repository_id);
        change(tx, young.bind(link.digest.to_owned()).bind(link.now)).await?;
        return Ok(0);
    };
    // A manifest that was let in without it references it.
    if made.is_used {
        use_bytes(tx, link.repository_id, link.digest, 1).await?;
    }
    Ok(made.held)
}
