//! Node agents as any replica met them, and what they said of the bytes they got. Refuses to know who shares what.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change};

/// Nodes of one statement.
const AT_ONCE: usize = 50;

/// A node agent that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetNode {
    /// The account of the login it has.
    pub account_id: String,
    /// What it calls itself.
    pub id: String,
    /// Whose login it has.
    pub user_name: String,
    /// Where other nodes reach it.
    pub address: String,
    /// What it is called by, a JSON object.
    pub labels: String,
    /// Blobs that it has whole.
    pub seeds: i64,
    /// Bytes from other nodes since it was met last.
    pub peers_bytes: i64,
    /// Bytes from the registry since then.
    pub registry_bytes: i64,
}

/// A node agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// As it was met, its bytes in all.
    pub met: MetNode,
    /// When it was met first, milliseconds since the epoch.
    pub first_at: i64,
    /// When it was met last.
    pub seen_at: i64,
}

/// What agents said while they joined, in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwarmTotals {
    /// How often an agent joined or renewed.
    pub joins: i64,
    /// Bytes that came from other nodes.
    pub peers_bytes: i64,
    /// Bytes that came from the registry.
    pub registry_bytes: i64,
}

impl Metadata {
    /// Notes nodes that were met, and what agents said since; may be lost in a power cut.
    pub async fn note_nodes(
        &self,
        mut nodes: Vec<MetNode>,
        totals: SwarmTotals,
        now: i64,
    ) -> Result<(), Error> {
        // One order for all, so that two replicas do not wait for each other.
        nodes.sort_by(|a, b| (&a.account_id, &a.id).cmp(&(&b.account_id, &b.id)));
        self.pool
            .write(
                "note node agents",
                Durability::Relaxed,
                (nodes, totals),
                move |tx, (nodes, totals)| Box::pin(note(tx, nodes, *totals, now)),
            )
            .await
    }

    /// Nodes met since `since`, of an account or of all, by account and id, those after `last`.
    pub async fn nodes(
        &self,
        account_id: Option<&str>,
        since: i64,
        last: Option<(&str, &str)>,
        limit: i64,
    ) -> Result<Vec<Node>, Error> {
        macro_rules! list {
            ($which:literal) => {
                concat!(
                    "SELECT account_id, id, user_name, address, labels, seeds, peers_bytes, registry_bytes, first_at, \
                     seen_at FROM nodes WHERE seen_at >= $1 AND ",
                    $which,
                    " ORDER BY account_id, id LIMIT $4"
                )
            };
        }
        const ALL: &str = list!("(account_id > $2 OR (account_id = $2 AND id > $3))");
        const OF_ACCOUNT: &str = list!("account_id = $2 AND id > $3");
        let (last_account, id) = last.unwrap_or_default();
        let (text, account) = account_id.map_or((ALL, last_account), |account| (OF_ACCOUNT, account));
        let statement = sqlx::query(text)
            .bind(since)
            .bind(account.to_owned())
            .bind(id.to_owned())
            .bind(limit);
        self.list("list node agents", statement, node).await
    }

    /// How many nodes were met since `since`.
    pub async fn count_nodes(&self, since: i64) -> Result<i64, Error> {
        let statement = sqlx::query("SELECT COUNT(*) FROM nodes WHERE seen_at >= $1").bind(since);
        let counted = self.find("count node agents", statement, |row| Ok(row.try_get(0)?));
        Ok(counted.await?.unwrap_or(0))
    }

    /// What agents said in all.
    pub async fn swarm_totals(&self) -> Result<SwarmTotals, Error> {
        const TOTALS: &str = "SELECT joins, peers_bytes, registry_bytes FROM swarm_totals WHERE id = 1";
        let found = self.find("add up what agents said", sqlx::query(TOTALS), |row| {
            Ok(SwarmTotals {
                joins: row.try_get(0)?,
                peers_bytes: row.try_get(1)?,
                registry_bytes: row.try_get(2)?,
            })
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Forgets nodes that were not met since `before`.
    pub async fn forget_nodes(&self, before: i64) -> Result<u64, Error> {
        const FORGET: &str = "DELETE FROM nodes WHERE seen_at < $1";
        let statement = move || sqlx::query(FORGET).bind(before);
        self.change("forget node agents", Durability::Relaxed, statement)
            .await
    }
}

async fn note(tx: &mut Tx<'_>, nodes: &[MetNode], totals: SwarmTotals, now: i64) -> Result<(), Failure> {
    const TOTALS: &str = "UPDATE swarm_totals SET joins = joins + $1, peers_bytes = peers_bytes + $2, \
         registry_bytes = registry_bytes + $3 WHERE id = 1";
    if totals != SwarmTotals::default() {
        let add = sqlx::query(TOTALS)
            .bind(totals.joins)
            .bind(totals.peers_bytes)
            .bind(totals.registry_bytes);
        change(tx, add).await?;
    }
    for some in nodes.chunks(AT_ONCE) {
        let rows: Vec<String> = (0..some.len())
            .map(|row| {
                let first = 2 + row * 8;
                let [account, id, user, address, labels, seeds, peers, registry] =
                    std::array::from_fn(|at| format!("${}", first + at));
                // The account may be gone since.
                format!(
                    "SELECT a.id, {id}, {user}, {address}, {labels}, {seeds}, {peers}, {registry}, $1, $1 \
                     FROM accounts a WHERE a.id = {account}"
                )
            })
            .collect();
        let text = format!(
            "INSERT INTO nodes (account_id, id, user_name, address, labels, seeds, peers_bytes, registry_bytes, \
             first_at, seen_at) {} ON CONFLICT (account_id, id) DO UPDATE SET user_name = excluded.user_name, \
             address = excluded.address, labels = excluded.labels, seeds = excluded.seeds, \
             peers_bytes = nodes.peers_bytes + excluded.peers_bytes, \
             registry_bytes = nodes.registry_bytes + excluded.registry_bytes, seen_at = excluded.seen_at",
            rows.join(" UNION ALL ")
        );
        let statement = some.iter().fold(sql::made(text).bind(now), |statement, node| {
            statement
                .bind(node.account_id.clone())
                .bind(node.id.clone())
                .bind(node.user_name.clone())
                .bind(node.address.clone())
                .bind(node.labels.clone())
                .bind(node.seeds)
                .bind(node.peers_bytes)
                .bind(node.registry_bytes)
        });
        change(tx, statement).await?;
    }
    Ok(())
}

fn node(row: &AnyRow) -> Result<Node, Failure> {
    Ok(Node {
        met: MetNode {
            account_id: row.try_get(0)?,
            id: row.try_get(1)?,
            user_name: row.try_get(2)?,
            address: row.try_get(3)?,
            labels: row.try_get(4)?,
            seeds: row.try_get(5)?,
            peers_bytes: row.try_get(6)?,
            registry_bytes: row.try_get(7)?,
        },
        first_at: row.try_get(8)?,
        seen_at: row.try_get(9)?,
    })
}
