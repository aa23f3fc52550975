//! Manifests and tags that go into the bin together: what many deletions cost is statements over lists, not over each.

use super::{BinKind, TAKEN_MAX, UNNAMED, digests, drop_unheld, move_in};
use crate::by::Deletion;
use crate::pool::{Failure, Tx};
use crate::references::set_idle;
use crate::sql::{self, Statement, change};
use crate::{kept, repository_lock};
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};

/// A tag that a deletion took away, with what its entry in the bin says.
#[derive(Clone, Debug)]
pub(crate) struct Gone {
    pub(crate) tag: String,
    pub(crate) tag_id: i64,
    pub(crate) created_at: i64,
    pub(crate) digest: String,
    pub(crate) size_bytes: i64,
}

/// Which manifests were taken for which: each of those that were asked for, and what went along, itself first.
pub(crate) type TakenFor = BTreeMap<String, Vec<String>>;

/// Those of the manifests that nothing live names.
pub(crate) async fn unnamed(
    tx: &mut Tx<'_>,
    repository_id: i64,
    among: &[String],
) -> Result<Vec<String>, Failure> {
    let text = format!(
        "SELECT m.digest FROM manifests m WHERE m.repository_id = $1 AND m.digest IN (IN) AND {UNNAMED}"
    );
    let mut found = digests(tx, &text, repository_id, among).await?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Moves manifests that no tag names into the bin; with each what nothing live names without them: the manifests of an
/// index, and those that refer to what is moved. Answers what went for which, and the bytes that are idle now, which the
/// caller counts.
pub(crate) async fn take_all(
    tx: &mut Tx<'_>,
    repository_id: i64,
    roots: &[String],
    now: i64,
) -> Result<(TakenFor, i64), Failure> {
    const REFERENCED: &str = "SELECT manifest, digest FROM manifest_references m WHERE m.repository_id = $1 AND m.manifest IN (IN)";
    const CHILDREN: &str = "SELECT m.digest FROM manifests m WHERE m.repository_id = $1 AND m.digest IN (IN)";
    const REFERRERS: &str =
        "SELECT m.subject, m.digest FROM manifests m WHERE m.repository_id = $1 AND m.subject IN (IN)";
    let mut taken: TakenFor = BTreeMap::new();
    // Which roots a manifest goes for.
    let mut owners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for root in roots {
        owners.insert(root.clone(), BTreeSet::from([root.clone()]));
    }
    let (mut named, mut held, mut count) = (BTreeSet::new(), 0, 0);
    let mut level: Vec<String> = owners.keys().cloned().collect();
    while !level.is_empty() {
        for digest in &level {
            for root in &owners[digest] {
                taken.entry(root.clone()).or_default().push(digest.clone());
            }
        }
        count += level.len();
        let listing = pairs(tx, REFERENCED, repository_id, &level).await?;
        let referenced: BTreeSet<String> = listing.iter().map(|(_, digest)| digest.clone()).collect();
        let fresh: Vec<String> = referenced
            .iter()
            .filter(|digest| named.insert((*digest).clone()))
            .cloned()
            .collect();
        held += kept::bytes(tx, repository_id, &fresh).await?;
        move_in(tx, repository_id, &level).await?;
        let referenced: Vec<String> = referenced.into_iter().collect();
        let children = format!("{CHILDREN} AND {UNNAMED}");
        let children = digests(tx, &children, repository_id, &referenced).await?;
        let children: BTreeSet<String> = children.into_iter().collect();
        let referrers = pairs(tx, &format!("{REFERRERS} AND {UNNAMED}"), repository_id, &level).await?;
        let listed = listing.into_iter().filter(|(_, child)| children.contains(child));
        let mut next: BTreeSet<String> = BTreeSet::new();
        for (above, below) in listed.chain(referrers) {
            if count + next.len() >= TAKEN_MAX.max(roots.len()) && !next.contains(&below) {
                continue;
            }
            let of = owners.get(&above).cloned().unwrap_or_default();
            owners.entry(below.clone()).or_default().extend(of);
            next.insert(below);
        }
        level = next.into_iter().collect();
    }
    let named: Vec<String> = named.into_iter().collect();
    let idle_bytes = set_idle(tx, repository_id, &named, now).await?;
    let more = kept::bytes(tx, repository_id, &named).await? - held;
    kept::add(tx, repository_id, more).await?;
    Ok((taken, idle_bytes))
}

/// Ends a deletion of tags: each is kept under an entry of the bin of its own, with what was taken for its manifest; or
/// all is gone at once.
pub(crate) async fn keep_all(
    tx: &mut Tx<'_>,
    deletion: &Deletion,
    repository_id: i64,
    gone: &[Gone],
    taken: &TakenFor,
) -> Result<(), Failure> {
    if !deletion.is_kept() {
        let manifests: BTreeSet<&String> = taken.values().flatten().collect();
        let manifests = manifests.into_iter().cloned().collect();
        return drop_unheld(tx, repository_id, manifests, deletion.by.now).await;
    }
    let entries = enter_all(tx, deletion, repository_id, gone).await?;
    let (mut tags, mut manifests) = (Vec::new(), Vec::new());
    for one in gone {
        let entry = *entries
            .get(&one.tag)
            .ok_or_else(|| Failure::Broken(format!("no entry of the bin for tag {}", one.tag)))?;
        tags.push((entry, one));
        let own = std::iter::once(&one.digest);
        let named: BTreeSet<&String> = taken.get(&one.digest).into_iter().flatten().chain(own).collect();
        manifests.extend(named.into_iter().map(|digest| (entry, digest.clone())));
    }
    insert(
        tx,
        "INSERT INTO bin_tags (entry_id, tag, tag_id, created_at)",
        &tags,
        4,
        |text, (entry, one)| {
            text.bind(*entry)
                .bind(one.tag.clone())
                .bind(one.tag_id)
                .bind(one.created_at)
        },
    )
    .await?;
    insert(
        tx,
        "INSERT INTO bin_manifests (entry_id, repository_id, digest)",
        &manifests,
        3,
        |text, (entry, digest)| text.bind(*entry).bind(repository_id).bind(digest.clone()),
    )
    .await
}

/// Makes an entry of the bin for each tag and answers their ids.
async fn enter_all(
    tx: &mut Tx<'_>,
    deletion: &Deletion,
    repository_id: i64,
    gone: &[Gone],
) -> Result<BTreeMap<String, i64>, Failure> {
    let organization_id = repository_lock::organization(tx, repository_id).await?;
    let mut entries = BTreeMap::new();
    for chunk in gone.chunks(ROWS_AT_ONCE) {
        let text = format!(
            "INSERT INTO bin (organization_id, repository_id, kind, name, digest, size_bytes, at, user_id, why, \
             expires_at) VALUES {} RETURNING id, name",
            rows(chunk.len(), 10)
        );
        let statement = chunk.iter().fold(sql::made(text), |statement, one| {
            statement
                .bind(organization_id)
                .bind(repository_id)
                .bind(BinKind::Tag.as_str())
                .bind(one.tag.clone())
                .bind(one.digest.clone())
                .bind(one.size_bytes)
                .bind(deletion.by.now)
                .bind(deletion.by.user_id.clone())
                .bind(deletion.why.as_str())
                .bind(deletion.expires_at())
        });
        for row in statement.fetch_all(&mut *tx).await? {
            entries.insert(row.try_get(1)?, row.try_get(0)?);
        }
    }
    Ok(entries)
}

/// Rows that one statement inserts.
const ROWS_AT_ONCE: usize = 128;

/// Inserts rows of so many columns, many with each statement.
pub(crate) async fn insert<T>(
    tx: &mut Tx<'_>,
    into: &'static str,
    values: &[T],
    columns: usize,
    bind: impl Fn(Statement, &T) -> Statement,
) -> Result<(), Failure> {
    for chunk in values.chunks(ROWS_AT_ONCE) {
        let text = format!("{into} VALUES {}", rows(chunk.len(), columns));
        let statement = chunk.iter().fold(sql::made(text), &bind);
        change(tx, statement).await?;
    }
    Ok(())
}

/// `($1,$2),($3,$4)`: markers for so many rows of so many columns.
fn rows(rows: usize, columns: usize) -> String {
    let row = |n: usize| format!("({})", sql::markers(n * columns + 1, columns));
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

/// The pairs of texts that a statement over `$1` and the list `(IN)` answers.
async fn pairs(
    tx: &mut Tx<'_>,
    text: &str,
    repository_id: i64,
    among: &[String],
) -> Result<BTreeSet<(String, String)>, Failure> {
    let mut found = BTreeSet::new();
    for list in sql::lists(among) {
        let text = text.replace("(IN)", &format!("({})", sql::markers(2, list.len())));
        let statement = sql::made(text).bind(repository_id);
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            found.insert((row.try_get(0)?, row.try_get(1)?));
        }
    }
    Ok(found)
}
