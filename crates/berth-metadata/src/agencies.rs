//! Which accounts let their triggers act on clusters.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::Durability;
use crate::sql::{Meaning, change};

impl Metadata {
    /// Whether the account's triggers may act on clusters.
    pub async fn has_agency(&self, account_id: &str) -> Result<bool, Error> {
        const FIND: &str = "SELECT account_id FROM agencies WHERE account_id = $1";
        let statement = sqlx::query(FIND).bind(account_id.to_owned());
        let found = self.find("find an agency", statement, |_| Ok(())).await?;
        Ok(found.is_some())
    }

    /// Lets the account's triggers act on clusters; [`Conflict::AgencyExists`], [`Conflict::AccountGone`].
    pub async fn create_agency(&self, account_id: &str, creator_id: &str, now: i64) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO agencies (account_id, creator_id, created_at) VALUES ($1, $2, $3)";
        let input = (account_id.to_owned(), creator_id.to_owned());
        self.pool
            .write(
                "create an agency",
                Durability::Durable,
                input,
                move |tx, (account_id, creator_id)| {
                    let insert = sqlx::query(INSERT)
                        .bind(account_id.clone())
                        .bind(creator_id.clone());
                    Box::pin(async move {
                        change(tx, insert.bind(now))
                            .await
                            .unique(Conflict::AgencyExists)
                            .reference(Conflict::AccountGone)?;
                        Ok(())
                    })
                },
            )
            .await
    }
}
