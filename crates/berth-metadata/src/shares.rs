//! Repositories that other accounts may pull from.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::Durability;
use crate::sql::{Meaning, change};

impl Metadata {
    /// Shares a repository with an account until `expires_at`, for ever when none, in place of an earlier share;
    /// [`Conflict::RepositoryGone`] when it or the account does not exist.
    pub async fn share_repository(
        &self,
        repository_id: i64,
        account_id: &str,
        expires_at: Option<i64>,
        now: i64,
    ) -> Result<(), Error> {
        const SHARE: &str = "INSERT INTO shares (repository_id, account_id, expires_at, created_at) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account_id, repository_id) DO UPDATE SET expires_at = excluded.expires_at";
        let account_id = account_id.to_owned();
        self.pool
            .write(
                "share a repository",
                Durability::Durable,
                account_id,
                move |tx, account_id| {
                    let share = sqlx::query(SHARE).bind(repository_id).bind(account_id.clone());
                    Box::pin(async move {
                        change(tx, share.bind(expires_at).bind(now))
                            .await
                            .reference(Conflict::RepositoryGone)?;
                        Ok(())
                    })
                },
            )
            .await
    }

    /// Ends a share; false when there is none.
    pub async fn unshare_repository(&self, repository_id: i64, account_id: &str) -> Result<bool, Error> {
        const UNSHARE: &str = "DELETE FROM shares WHERE repository_id = $1 AND account_id = $2";
        let account_id = account_id.to_owned();
        let statement = move || sqlx::query(UNSHARE).bind(repository_id).bind(account_id.clone());
        Ok(self.change("end a share", Durability::Durable, statement).await? > 0)
    }
}
