//! Which images go to nodes with every push: one rule for each organization and image. Refuses to know which tags a
//! pattern means and which nodes there are.

use sqlx::Row as _;

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change};

/// What a rule wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreheatTerms {
    /// Whether it is heeded.
    pub enabled: bool,
    /// Which tags, a pattern; empty: all.
    pub tags: String,
    /// The nodes that have all of these labels, a JSON object.
    pub labels: String,
}

/// A rule: pushes of these tags go to these nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreheatRule {
    /// Never used again; a rule that is set in the place of another keeps its id.
    pub id: i64,
    /// The repository; none: all of the organization.
    pub repository_id: Option<i64>,
    /// What it wants.
    pub terms: PreheatTerms,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

impl Metadata {
    /// Sets the rule of an organization or of a repository, in the place of the one that it has.
    /// [`Conflict::OrganizationGone`] when the place is gone.
    pub async fn put_preheat_rule(
        &self,
        place: (i64, Option<i64>),
        terms: PreheatTerms,
        now: i64,
    ) -> Result<(), Error> {
        let input = (place, terms, now);
        self.pool
            .write(
                "set a rule for nodes",
                Durability::Durable,
                input,
                |tx, (place, terms, now)| Box::pin(put(tx, *place, terms, *now)),
            )
            .await
    }

    /// The rules for a repository: its own, that of its organization. Of the organization alone without a repository.
    pub async fn preheat_rules(
        &self,
        organization_id: i64,
        repository_id: Option<i64>,
    ) -> Result<Vec<PreheatRule>, Error> {
        const LIST: &str = "SELECT id, repository_id, enabled, tags, labels, created_at, updated_at FROM preheat_rules \
             WHERE organization_id = $1 AND (repository_id IS NULL OR repository_id = $2) ORDER BY id";
        // No row has that id.
        let list = sqlx::query(LIST)
            .bind(organization_id)
            .bind(repository_id.unwrap_or(-1));
        self.list("list rules for nodes", list, |row| {
            Ok(PreheatRule {
                id: row.try_get(0)?,
                repository_id: row.try_get(1)?,
                terms: PreheatTerms {
                    enabled: row.try_get::<i64, _>(2)? != 0,
                    tags: row.try_get(3)?,
                    labels: row.try_get(4)?,
                },
                created_at: row.try_get(5)?,
                updated_at: row.try_get(6)?,
            })
        })
        .await
    }

    /// Deletes the rule of a repository, or of an organization; false when it has none.
    pub async fn delete_preheat_rule(
        &self,
        organization_id: i64,
        repository_id: Option<i64>,
    ) -> Result<bool, Error> {
        const OF_IMAGE: &str = "DELETE FROM preheat_rules WHERE organization_id = $1 AND repository_id = $2";
        const OF_ALL: &str = "DELETE FROM preheat_rules WHERE organization_id = $1 AND repository_id IS NULL";
        let statement = move || match repository_id {
            Some(id) => sqlx::query(OF_IMAGE).bind(organization_id).bind(id),
            None => sqlx::query(OF_ALL).bind(organization_id),
        };
        let deleted = self.change("delete a rule for nodes", Durability::Durable, statement);
        Ok(deleted.await? > 0)
    }
}

async fn put(
    tx: &mut Tx<'_>,
    (organization_id, repository_id): (i64, Option<i64>),
    terms: &PreheatTerms,
    now: i64,
) -> Result<(), Failure> {
    const OF_IMAGE: &str = "INSERT INTO preheat_rules \
         (organization_id, repository_id, enabled, tags, labels, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (repository_id) WHERE repository_id IS NOT NULL \
         DO UPDATE SET enabled = excluded.enabled, tags = excluded.tags, labels = excluded.labels, \
         updated_at = excluded.updated_at";
    const OF_ALL: &str = "INSERT INTO preheat_rules \
         (organization_id, repository_id, enabled, tags, labels, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (organization_id) WHERE repository_id IS NULL \
         DO UPDATE SET enabled = excluded.enabled, tags = excluded.tags, labels = excluded.labels, \
         updated_at = excluded.updated_at";
    let text = if repository_id.is_some() { OF_IMAGE } else { OF_ALL };
    let put = sqlx::query(text)
        .bind(organization_id)
        .bind(repository_id)
        .bind(i64::from(terms.enabled))
        .bind(terms.tags.clone())
        .bind(terms.labels.clone())
        .bind(now);
    change(tx, put).await.reference(Conflict::OrganizationGone)?;
    Ok(())
}
