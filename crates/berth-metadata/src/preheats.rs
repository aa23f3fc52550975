//! Images that nodes shall have, and how each node stands to each of them. Refuses to know how nodes are chosen and told.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change, first};

/// Rows of one statement.
const AT_ONCE: usize = 100;

/// An image that nodes shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preheat {
    /// Its id.
    pub id: i64,
    /// The tag that was asked for.
    pub tag: Option<String>,
    /// The manifest.
    pub digest: String,
    /// The nodes that have all of these labels, a JSON object.
    pub labels: String,
    /// Who wants it.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When nobody is told any more.
    pub expires_at: i64,
    /// When it was cancelled.
    pub cancelled_at: Option<i64>,
    /// Nodes by state: waiting, sent, complete, failed.
    pub counts: [i64; 4],
}

/// An image to have on nodes.
#[derive(Clone, Debug)]
pub struct NewPreheat {
    /// The repository.
    pub repository_id: i64,
    /// The tag that was asked for.
    pub tag: Option<String>,
    /// The manifest.
    pub digest: String,
    /// The nodes that have all of these labels, a JSON object.
    pub labels: String,
    /// Who wants it.
    pub creator: (Option<String>, String),
    /// The account of the nodes, and the nodes.
    pub nodes: (String, Vec<String>),
    /// The time, and when nobody is told any more.
    pub times: (i64, i64),
}

/// How a node stands to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreheatNode {
    /// The node.
    pub node: String,
    /// `waiting`, `sent`, `complete` or `failed`.
    pub state: String,
    /// Why it failed.
    pub detail: String,
    /// When it came to that.
    pub updated_at: i64,
}

/// An image that a node is to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreheatWork {
    /// The preheat.
    pub id: i64,
    /// `organization/image`.
    pub repository: String,
    /// The manifest.
    pub digest: String,
}

const COLUMNS: &str = "SELECT p.id, p.tag, p.digest, p.labels, p.creator_name, p.created_at, p.expires_at, p.cancelled_at, \
     (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'waiting'), \
     (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'sent'), \
     (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'complete'), \
     (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'failed') FROM preheats p";

impl Metadata {
    /// Queues an image for nodes; the oldest of the repository beyond `most` go. None when the repository is gone.
    pub async fn create_preheat(&self, new: NewPreheat, most: i64) -> Result<Option<i64>, Error> {
        self.pool
            .write(
                "queue an image for nodes",
                Durability::Durable,
                new,
                move |tx, new| Box::pin(create(tx, new, most)),
            )
            .await
    }

    /// Those of a repository, the newest first, those before `before`.
    pub async fn preheats(
        &self,
        repository_id: i64,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Preheat>, Error> {
        let text = format!("{COLUMNS} WHERE p.repository_id = $1 AND p.id < $2 ORDER BY p.id DESC LIMIT $3");
        let statement = sql::made(text)
            .bind(repository_id)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit);
        self.list("list images for nodes", statement, preheat).await
    }

    /// One of a repository.
    pub async fn preheat(&self, repository_id: i64, id: i64) -> Result<Option<Preheat>, Error> {
        let text = format!("{COLUMNS} WHERE p.repository_id = $1 AND p.id = $2");
        let statement = sql::made(text).bind(repository_id).bind(id);
        self.find("find an image for nodes", statement, preheat).await
    }

    /// Its nodes by name, those after `last`.
    pub async fn preheat_nodes(
        &self,
        id: i64,
        last: Option<&str>,
        limit: i64,
    ) -> Result<Vec<PreheatNode>, Error> {
        const LIST: &str = "SELECT node, state, detail, updated_at FROM preheat_nodes \
             WHERE preheat_id = $1 AND node > $2 ORDER BY node LIMIT $3";
        let statement = sqlx::query(LIST)
            .bind(id)
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list nodes of an image", statement, |row| {
            Ok(PreheatNode {
                node: row.try_get(0)?,
                state: row.try_get(1)?,
                detail: row.try_get(2)?,
                updated_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// Tells no node of it any more; false when there is no such one that goes on.
    pub async fn cancel_preheat(&self, repository_id: i64, id: i64, now: i64) -> Result<bool, Error> {
        const CANCEL: &str = "UPDATE preheats SET cancelled_at = $3 \
             WHERE repository_id = $1 AND id = $2 AND cancelled_at IS NULL";
        let statement = move || sqlx::query(CANCEL).bind(repository_id).bind(id).bind(now);
        let changed = self.change("cancel an image for nodes", Durability::Durable, statement);
        Ok(changed.await? > 0)
    }

    /// Nodes that something waits for.
    pub async fn awaited_nodes(&self, now: i64, limit: i64) -> Result<Vec<(String, String)>, Error> {
        const LIST: &str = "SELECT DISTINCT n.account_id, n.node FROM preheat_nodes n \
             JOIN preheats p ON p.id = n.preheat_id \
             WHERE n.state = 'waiting' AND p.cancelled_at IS NULL AND p.expires_at > $1 LIMIT $2";
        let statement = sqlx::query(LIST).bind(now).bind(limit);
        self.list("list nodes that something waits for", statement, |row| {
            Ok((row.try_get(0)?, row.try_get(1)?))
        })
        .await
    }

    /// What a node shall have and was not told of since `told_before`; it is told of these now.
    pub async fn take_preheats(
        &self,
        (account_id, node): (&str, &str),
        (now, told_before): (i64, i64),
        limit: i64,
    ) -> Result<Vec<PreheatWork>, Error> {
        const LIST: &str = "SELECT p.id, r.full_name, p.digest FROM preheat_nodes n \
             JOIN preheats p ON p.id = n.preheat_id JOIN repositories r ON r.id = p.repository_id \
             WHERE n.account_id = $1 AND n.node = $2 AND n.state IN ('waiting', 'sent') \
             AND (n.state = 'waiting' OR n.updated_at < $4) \
             AND p.cancelled_at IS NULL AND p.expires_at > $3 ORDER BY p.id LIMIT $5";
        let statement = sqlx::query(LIST)
            .bind(account_id.to_owned())
            .bind(node.to_owned())
            .bind(now)
            .bind(told_before)
            .bind(limit);
        let work = self.list("find images for a node", statement, |row| {
            Ok(PreheatWork {
                id: row.try_get(0)?,
                repository: row.try_get(1)?,
                digest: row.try_get(2)?,
            })
        });
        let work = work.await?;
        if !work.is_empty() {
            let told = work
                .iter()
                .map(|work| (work.id, "sent".to_owned(), String::new()));
            self.settle_preheats(account_id, node, told.collect(), now)
                .await?;
        }
        Ok(work)
    }

    /// How a node stands to images that it was told of; what has ended stays as it is.
    pub async fn settle_preheats(
        &self,
        account_id: &str,
        node: &str,
        states: Vec<(i64, String, String)>,
        now: i64,
    ) -> Result<(), Error> {
        let input = (account_id.to_owned(), node.to_owned(), states);
        self.pool
            .write(
                "note how a node stands to images",
                Durability::Relaxed,
                input,
                move |tx, (account_id, node, states)| Box::pin(settle(tx, (account_id, node), states, now)),
            )
            .await
    }

    /// Forgets those that ended before `before`.
    pub async fn forget_preheats(&self, before: i64) -> Result<u64, Error> {
        const FORGET: &str = "DELETE FROM preheats WHERE expires_at < $1";
        let statement = move || sqlx::query(FORGET).bind(before);
        self.change("forget images for nodes", Durability::Relaxed, statement)
            .await
    }
}

async fn create(tx: &mut Tx<'_>, new: &NewPreheat, most: i64) -> Result<Option<i64>, Failure> {
    const CREATE: &str = "INSERT INTO preheats \
         (repository_id, tag, digest, labels, creator_id, creator_name, created_at, expires_at) \
         SELECT r.id, $2, $3, $4, $5, $6, $7, $8 FROM repositories r WHERE r.id = $1 RETURNING id";
    const OLDEST: &str = "DELETE FROM preheats WHERE repository_id = $1 AND id <= \
         (SELECT p.id FROM preheats p WHERE p.repository_id = $1 ORDER BY p.id DESC LIMIT 1 OFFSET $2)";
    let (now, expires_at) = new.times;
    let create = sqlx::query(CREATE)
        .bind(new.repository_id)
        .bind(new.tag.clone())
        .bind(new.digest.clone())
        .bind(new.labels.clone())
        .bind(new.creator.0.clone())
        .bind(new.creator.1.clone())
        .bind(now)
        .bind(expires_at);
    let Some(row) = first(tx, create).await? else {
        return Ok(None);
    };
    let id: i64 = row.try_get(0)?;
    let (account_id, nodes) = &new.nodes;
    for some in nodes.chunks(AT_ONCE) {
        let rows: Vec<String> = (0..some.len())
            .map(|row| format!("($1, $2, ${}, 'waiting', '', $3)", row + 4))
            .collect();
        let text = format!(
            "INSERT INTO preheat_nodes (preheat_id, account_id, node, state, detail, updated_at) VALUES {}",
            rows.join(", ")
        );
        let statement = sql::made(text).bind(id).bind(account_id.clone()).bind(now);
        change(tx, some.iter().cloned().fold(statement, sqlx::query::Query::bind)).await?;
    }
    change(tx, sqlx::query(OLDEST).bind(new.repository_id).bind(most)).await?;
    Ok(Some(id))
}

async fn settle(
    tx: &mut Tx<'_>,
    (account_id, node): (&str, &str),
    states: &[(i64, String, String)],
    now: i64,
) -> Result<(), Failure> {
    const SETTLE: &str = "UPDATE preheat_nodes SET state = $4, detail = $5, updated_at = $6 \
         WHERE preheat_id = $1 AND account_id = $2 AND node = $3 AND state IN ('waiting', 'sent')";
    for (id, state, detail) in states {
        let statement = sqlx::query(SETTLE)
            .bind(*id)
            .bind(account_id.to_owned())
            .bind(node.to_owned())
            .bind(state.clone())
            .bind(detail.clone())
            .bind(now);
        change(tx, statement).await?;
    }
    Ok(())
}

fn preheat(row: &AnyRow) -> Result<Preheat, Failure> {
    Ok(Preheat {
        id: row.try_get(0)?,
        tag: row.try_get(1)?,
        digest: row.try_get(2)?,
        labels: row.try_get(3)?,
        creator_name: row.try_get(4)?,
        created_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
        cancelled_at: row.try_get(7)?,
        counts: [
            row.try_get(8)?,
            row.try_get(9)?,
            row.try_get(10)?,
            row.try_get(11)?,
        ],
    })
}
