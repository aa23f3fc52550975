//! Leases: what only one process may do at a time. Their end is told by the database's clock, which all share.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Durability;
use crate::sql;

impl Metadata {
    /// Takes or prolongs the lease `name` for `ttl_ms` milliseconds; false when another holder has it.
    pub async fn take_lease(&self, name: &str, holder: &str, ttl_ms: i64) -> Result<bool, Error> {
        let now = self.pool.now_expression();
        let text = format!(
            "INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, {now} + $3) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at \
             WHERE leases.holder = excluded.holder OR leases.expires_at <= {now}"
        );
        let (name, holder) = (name.to_owned(), holder.to_owned());
        let statement = move || {
            sql::made(text.clone())
                .bind(name.clone())
                .bind(holder.clone())
                .bind(ttl_ms)
        };
        Ok(self
            .change("take a lease", Durability::Relaxed, statement)
            .await?
            > 0)
    }

    /// Whether any process is at work: whoever serves holds a lease.
    pub async fn any_lease_is_held(&self) -> Result<bool, Error> {
        let now = self.pool.now_expression();
        let text = format!("SELECT name FROM leases WHERE expires_at > {now} LIMIT 1");
        let held = self.find("look for leases", sql::made(text), |_| Ok(()));
        Ok(held.await?.is_some())
    }

    /// Gives all leases of a holder back.
    pub async fn release_leases(&self, holder: &str) -> Result<(), Error> {
        const RELEASE: &str = "DELETE FROM leases WHERE holder = $1";
        let holder = holder.to_owned();
        let statement = move || sqlx::query(RELEASE).bind(holder.clone());
        self.change("release leases", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// Gives a lease back, if it is still this holder's.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), Error> {
        const RELEASE: &str = "DELETE FROM leases WHERE name = $1 AND holder = $2";
        let (name, holder) = (name.to_owned(), holder.to_owned());
        let statement = move || sqlx::query(RELEASE).bind(name.clone()).bind(holder.clone());
        self.change("release a lease", Durability::Relaxed, statement)
            .await
            .map(drop)
    }
}
