//! Counts on their way into the rows, and what keeps those few.

use std::collections::BTreeMap;

use super::{Counts, PulledManifest, RepositoryCounts};
use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Statement, change};

/// Adds to the row of a day, for as long as what it belongs to exists.
macro_rules! add_to_day {
    ($days:literal, $key:literal, $owners:literal) => {
        concat!(
            "INSERT INTO ",
            $days,
            " (",
            $key,
            ", day, pulls, pushes, bytes_out, bytes_in) \
             SELECT id, $2, $3, $4, $5, $6 FROM ",
            $owners,
            " WHERE id = $1 \
             ON CONFLICT (",
            $key,
            ", day) DO UPDATE SET pulls = ",
            $days,
            ".pulls + excluded.pulls, \
             pushes = ",
            $days,
            ".pushes + excluded.pushes, bytes_out = ",
            $days,
            ".bytes_out + excluded.bytes_out, \
             bytes_in = ",
            $days,
            ".bytes_in + excluded.bytes_in"
        )
    };
}
const ADD_TO_ACCOUNT: &str = add_to_day!("account_days", "account_id", "accounts");
const ADD_TO_ORGANIZATION: &str = add_to_day!("organization_days", "organization_id", "organizations");
const ADD_TO_REPOSITORY: &str = add_to_day!("repository_days", "repository_id", "repositories");

impl Metadata {
    /// Adds what was counted on a day, all or none; a power cut may undo it. What belongs to a repository or
    /// organisation that is gone counts for its account alone.
    pub async fn add_counts(&self, day: i64, counted: Vec<RepositoryCounts>) -> Result<(), Error> {
        self.pool
            .write(
                "add counts",
                Durability::Relaxed.of_contents(),
                counted,
                move |tx, counted| Box::pin(add(tx, day, counted)),
            )
            .await
    }

    /// Notes on a day how many bytes every organisation and account holds.
    pub async fn note_stored_bytes(&self, day: i64) -> Result<(), Error> {
        const ORGANIZATIONS: &str = "INSERT INTO organization_days (organization_id, day, stored_bytes) \
             SELECT o.id, $1, CAST(COALESCE(SUM(r.size_bytes), 0) AS BIGINT) FROM organizations o \
             LEFT JOIN repositories r ON r.organization_id = o.id AND r.listed = 1 WHERE o.id > 0 GROUP BY o.id \
             ON CONFLICT (organization_id, day) DO UPDATE SET stored_bytes = excluded.stored_bytes";
        const ACCOUNTS: &str = "INSERT INTO account_days (account_id, day, stored_bytes) \
             SELECT a.id, $1, CAST(COALESCE(SUM(r.size_bytes), 0) AS BIGINT) FROM accounts a \
             LEFT JOIN organizations o ON o.account_id = a.id \
             LEFT JOIN repositories r ON r.organization_id = o.id AND r.listed = 1 WHERE a.id <> '' GROUP BY a.id \
             ON CONFLICT (account_id, day) DO UPDATE SET stored_bytes = excluded.stored_bytes";
        self.pool
            .write("note what is stored", Durability::Relaxed, day, |tx, day| {
                Box::pin(async move {
                    for note in [ORGANIZATIONS, ACCOUNTS] {
                        change(tx, sqlx::query(note).bind(*day))
                            .await
                            .map_err(|error| Failure::from(error).reference_collides())?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Forgets the days of repositories before a day, at most `limit` rows, and answers how many. Those of
    /// organisations and accounts are kept.
    pub async fn forget_repository_days(&self, before: i64, limit: i64) -> Result<u64, Error> {
        const FORGET: &str = "DELETE FROM repository_days WHERE (repository_id, day) IN \
             (SELECT repository_id, day FROM repository_days WHERE day < $1 ORDER BY day LIMIT $2)";
        self.change("forget old counts", Durability::Relaxed, move || {
            sqlx::query(FORGET).bind(before).bind(limit)
        })
        .await
    }
}

async fn add(tx: &mut Tx<'_>, day: i64, counted: &[RepositoryCounts]) -> Result<(), Failure> {
    const PULL: &str = "UPDATE repositories SET pull_count = pull_count + $2, \
         pulled_at = CASE WHEN pulled_at >= $3 THEN pulled_at ELSE COALESCE($3, pulled_at) END WHERE id = $1";
    // In the order of their ids everywhere, so that two replicas never wait for one another in a circle.
    let mut organizations: BTreeMap<i64, Counts> = BTreeMap::new();
    let mut accounts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut repositories: Vec<&RepositoryCounts> = counted.iter().collect();
    repositories.sort_by_key(|counted| counted.repository_id);
    for counted in repositories {
        let counts = counted.counts;
        organizations
            .entry(counted.organization_id)
            .or_default()
            .add(counts);
        accounts.entry(&counted.account_id).or_default().add(counts);
        if counts.pulls > 0 {
            let last = counted.pulled.iter().map(|manifest| manifest.at).max();
            let pull = sqlx::query(PULL).bind(counted.repository_id);
            change(tx, pull.bind(counts.pulls).bind(last)).await?;
        }
        let repository = sqlx::query(ADD_TO_REPOSITORY).bind(counted.repository_id);
        add_to_day(tx, repository, day, counts).await?;
        add_pulls(tx, counted.repository_id, &counted.pulled).await?;
    }
    for (id, counts) in organizations {
        add_to_day(tx, sqlx::query(ADD_TO_ORGANIZATION).bind(id), day, counts).await?;
    }
    for (id, counts) in accounts {
        add_to_day(tx, sqlx::query(ADD_TO_ACCOUNT).bind(id.to_owned()), day, counts).await?;
    }
    Ok(())
}

async fn add_to_day(tx: &mut Tx<'_>, statement: Statement, day: i64, counts: Counts) -> Result<(), Failure> {
    let statement = statement
        .bind(day)
        .bind(counts.pulls)
        .bind(counts.pushes)
        .bind(counts.bytes_out)
        .bind(counts.bytes_in);
    // Deleted between the look and the insertion: the next attempt does not find it.
    let added = change(tx, statement).await;
    added.map_err(|error| Failure::from(error).reference_collides())?;
    Ok(())
}

async fn add_pulls(tx: &mut Tx<'_>, repository_id: i64, pulled: &[PulledManifest]) -> Result<(), Failure> {
    const ADD: &str = "INSERT INTO manifest_pulls (repository_id, digest, pulls, pulled_at) \
         SELECT repository_id, digest, $3, $4 FROM manifests WHERE repository_id = $1 AND digest = $2 \
         ON CONFLICT (repository_id, digest) DO UPDATE SET pulls = manifest_pulls.pulls + excluded.pulls, \
         pulled_at = CASE WHEN excluded.pulled_at > manifest_pulls.pulled_at THEN excluded.pulled_at \
           ELSE manifest_pulls.pulled_at END";
    for manifest in pulled {
        let statement = sqlx::query(ADD)
            .bind(repository_id)
            .bind(manifest.digest.clone())
            .bind(manifest.pulls)
            .bind(manifest.at);
        let added = change(tx, statement).await;
        added.map_err(|error| Failure::from(error).reference_collides())?;
    }
    Ok(())
}

impl Counts {
    fn add(&mut self, more: Counts) {
        self.pulls += more.pulls;
        self.pushes += more.pushes;
        self.bytes_out += more.bytes_out;
        self.bytes_in += more.bytes_in;
    }
}
