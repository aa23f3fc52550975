//! Servers of one registry that others reach. How long each is believed to be there is told by the database's clock.

use sqlx::Row as _;

use crate::Metadata;
use crate::error::Error;
use crate::pool::Durability;
use crate::sql;

/// Most replicas that are told of.
const REPLICAS_MAX: i64 = 1000;

/// A server that others reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// What it calls itself since its start.
    pub id: String,
    /// Where it is reached: scheme, host and port.
    pub address: String,
}

impl Metadata {
    /// Notes that a replica is reached at its address for the next `ttl_ms` milliseconds, and forgets those whose time is
    /// over.
    pub async fn announce_replica(&self, replica: &Replica, ttl_ms: i64) -> Result<(), Error> {
        let now = self.pool.now_expression();
        let announce = format!(
            "INSERT INTO replicas (id, address, expires_at) VALUES ($1, $2, {now} + $3) \
             ON CONFLICT (id) DO UPDATE SET address = excluded.address, expires_at = excluded.expires_at"
        );
        let Replica { id, address } = replica.clone();
        let statement = move || {
            sql::made(announce.clone())
                .bind(id.clone())
                .bind(address.clone())
                .bind(ttl_ms)
        };
        self.change("announce a replica", Durability::Relaxed, statement)
            .await?;
        let forget = format!("DELETE FROM replicas WHERE expires_at <= {now}");
        self.change("forget replicas", Durability::Relaxed, move || {
            sql::made(forget.clone())
        })
        .await
        .map(drop)
    }

    /// The replicas that are there, by id.
    pub async fn replicas(&self) -> Result<Vec<Replica>, Error> {
        let now = self.pool.now_expression();
        let text = format!(
            "SELECT id, address FROM replicas WHERE expires_at > {now} ORDER BY id LIMIT {REPLICAS_MAX}"
        );
        self.list("list replicas", sql::made(text), |row| {
            Ok(Replica {
                id: row.try_get(0)?,
                address: row.try_get(1)?,
            })
        })
        .await
    }

    /// Forgets a replica that ends.
    pub async fn retire_replica(&self, id: &str) -> Result<(), Error> {
        const RETIRE: &str = "DELETE FROM replicas WHERE id = $1";
        let id = id.to_owned();
        let statement = move || sqlx::query(RETIRE).bind(id.clone());
        self.change("forget a replica", Durability::Relaxed, statement)
            .await
            .map(drop)
    }
}
