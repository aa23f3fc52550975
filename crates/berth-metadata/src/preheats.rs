//! Images that nodes shall have, and how each node stands to each of them. Refuses to know how nodes are chosen and told.

mod create;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change};

pub(crate) use create::create;

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
    /// When it was cancelled, or something newer took its place.
    pub cancelled_at: Option<i64>,
    /// The one that took its place.
    pub superseded_by: Option<i64>,
    /// What wanted it.
    pub wanted_by: PreheatCause,
    /// Nodes by state: waiting, sent, complete, failed.
    pub counts: [i64; 4],
}

/// What wants an image on nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreheatCause {
    /// Somebody who asked.
    Request,
    /// A rule, when a tag moved. It wants what the tag came to name last: others of the same tag that did not end are
    /// superseded.
    Rule {
        /// The rule.
        rule: i64,
        /// The event's place in the order of what happened to the tag.
        event: i64,
    },
    /// A run of a trigger, which waits for it. Those that earlier runs wait for are superseded.
    Run {
        /// The trigger.
        trigger: i64,
        /// The run.
        run: i64,
        /// The run's place in the order of events.
        event: i64,
    },
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
    /// What wants it.
    pub wanted_by: PreheatCause,
    /// The user who wants it, and their name; the one that the user has now when it is empty.
    pub creator: (Option<String>, String),
    /// The account of the nodes, and the nodes.
    pub nodes: (String, Vec<String>),
    /// The time, and when nobody is told any more.
    pub times: (i64, i64),
    /// How many of the repository are kept; of those that nodes still wait for, ten times as many.
    pub most: i64,
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
    /// Whether it was told of before and is wanted no more.
    pub is_over: bool,
}

const COLUMNS: &str = "SELECT p.id, p.tag, p.digest, p.labels, p.creator_name, p.created_at, p.expires_at, p.cancelled_at, \
     p.superseded_by, p.rule_id, p.event, p.trigger_id, p.run_id, (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'waiting'), \
     (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'sent'), \
     (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'complete'), \
     (SELECT COUNT(*) FROM preheat_nodes n WHERE n.preheat_id = p.id AND n.state = 'failed') FROM preheats p";

/// That the state is one of two says to the database that its index of what is open has all of them.
pub(crate) const AWAITED: &str = "SELECT DISTINCT n.account_id, n.node FROM preheat_nodes n \
     JOIN preheats p ON p.id = n.preheat_id WHERE n.state IN ('waiting', 'sent') \
     AND ((n.state = 'waiting' AND p.cancelled_at IS NULL AND p.expires_at > $1) \
     OR (n.state = 'sent' AND p.cancelled_at IS NOT NULL)) LIMIT $2";

impl Metadata {
    /// Queues an image for nodes. None when the repository or the rule is gone, or something newer was queued already; what
    /// a run waits for is queued once.
    pub async fn create_preheat(&self, new: NewPreheat) -> Result<Option<i64>, Error> {
        self.pool
            .write("queue an image for nodes", Durability::Durable, new, |tx, new| {
                Box::pin(create(tx, new))
            })
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

    /// Nodes that are to be told of something.
    pub async fn awaited_nodes(&self, now: i64, limit: i64) -> Result<Vec<(String, String)>, Error> {
        let statement = sqlx::query(AWAITED).bind(now).bind(limit);
        self.list("list nodes that something waits for", statement, |row| {
            Ok((row.try_get(0)?, row.try_get(1)?))
        })
        .await
    }

    /// What a node shall have and was not told of since `told_before`, and what it was told of and is wanted no more; it is
    /// told of these now.
    pub async fn take_preheats(
        &self,
        (account_id, node): (&str, &str),
        (now, told_before): (i64, i64),
        limit: i64,
    ) -> Result<Vec<PreheatWork>, Error> {
        const LIST: &str = "SELECT p.id, r.full_name, p.digest, \
             CAST(CASE WHEN p.cancelled_at IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM preheat_nodes n \
             JOIN preheats p ON p.id = n.preheat_id JOIN repositories r ON r.id = p.repository_id \
             WHERE n.account_id = $1 AND n.node = $2 AND n.state IN ('waiting', 'sent') \
             AND ((p.cancelled_at IS NULL AND p.expires_at > $3 AND (n.state = 'waiting' OR n.updated_at < $4)) \
             OR (p.cancelled_at IS NOT NULL AND n.state = 'sent')) ORDER BY p.id LIMIT $5";
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
                is_over: row.try_get::<i64, _>(3)? != 0,
            })
        });
        let work = work.await?;
        if !work.is_empty() {
            // Whom a cancelled one waits for is told of it no more.
            let state = |work: &PreheatWork| if work.is_over { "waiting" } else { "sent" };
            let told = work
                .iter()
                .map(|work| (work.id, state(work).to_owned(), String::new()));
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
        superseded_by: row.try_get(8)?,
        wanted_by: cause(row)?,
        counts: [
            row.try_get(13)?,
            row.try_get(14)?,
            row.try_get(15)?,
            row.try_get(16)?,
        ],
    })
}

fn cause(row: &AnyRow) -> Result<PreheatCause, Failure> {
    let number = |column: usize| row.try_get::<Option<i64>, _>(column);
    Ok(match (number(9)?, number(10)?, number(11)?.zip(number(12)?)) {
        (Some(rule), Some(event), _) => PreheatCause::Rule { rule, event },
        (None, Some(event), Some((trigger, run))) => PreheatCause::Run { trigger, run, event },
        _ => PreheatCause::Request,
    })
}
