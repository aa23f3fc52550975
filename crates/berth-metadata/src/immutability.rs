//! Rules that make tags immutable: their rows, and the check in the transactions that move and delete tags. What a
//! pattern means is the caller's, who reads the rules before such a transaction; it finds out whether they changed since.

mod guard;

pub(crate) use guard::Check;
pub use guard::{Covers, Guard};

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImmutabilityTerms {
    /// Of an organisation's rule: which images, as a pattern of names; none for all.
    pub images: Option<String>,
    /// How the pattern is read.
    pub kind: String,
    /// Which tags.
    pub pattern: String,
    /// Which of those are left out.
    pub except: Option<String>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImmutabilityRule {
    /// Never used again.
    pub id: i64,
    /// The repository that it is about, none for the whole organisation.
    pub repository_id: Option<i64>,
    /// What it says.
    pub terms: ImmutabilityTerms,
    /// The user that made it, who may be gone.
    pub creator_id: String,
    /// That user's name at the time, empty when the registry's operator made it.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// A rule to make.
#[derive(Clone, Debug)]
pub struct NewImmutabilityRule {
    /// The organisation.
    pub organization_id: i64,
    /// The repository, none for the whole organisation.
    pub repository_id: Option<i64>,
    /// What it says.
    pub terms: ImmutabilityTerms,
    /// The user that makes it, empty for the registry's operator.
    pub creator_id: String,
    /// That user's name.
    pub creator_name: String,
    /// Rules that there may be at most, this one included.
    pub limit: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

macro_rules! rule_columns {
    () => {
        "SELECT i.id, i.repository_id, i.images, i.kind, i.pattern, i.except_pattern, i.creator_id, i.creator_name, \
         i.created_at FROM immutability_rules i WHERE "
    };
}

pub(crate) const OF_ORGANIZATION: &str = concat!(
    rule_columns!(),
    "i.organization_id = $1 AND i.repository_id IS NULL"
);
pub(crate) const OF_REPOSITORY: &str = concat!(
    rule_columns!(),
    "i.organization_id = $1 AND i.repository_id IS NULL UNION ALL ",
    rule_columns!(),
    "i.repository_id = $2"
);

impl Metadata {
    /// The rules of an organisation itself, or with a repository those that apply to it: its organisation's and its own.
    /// The oldest first; [`NewImmutabilityRule::limit`] bounds them.
    pub async fn immutability_rules(
        &self,
        organization_id: i64,
        repository_id: Option<i64>,
    ) -> Result<Vec<ImmutabilityRule>, Error> {
        let statement = match repository_id {
            None => sqlx::query(OF_ORGANIZATION).bind(organization_id),
            Some(repository_id) => sqlx::query(OF_REPOSITORY)
                .bind(organization_id)
                .bind(repository_id),
        };
        let mut rules = self.list("list immutability rules", statement, read).await?;
        rules.sort_unstable_by_key(|rule| rule.id);
        Ok(rules)
    }

    /// Makes a rule; [`Conflict::Taken`] when there is the same one, [`Conflict::TooMany`],
    /// [`Conflict::OrganizationGone`], [`Conflict::RepositoryGone`].
    pub async fn create_immutability_rule(
        &self,
        new: NewImmutabilityRule,
    ) -> Result<ImmutabilityRule, Error> {
        self.pool
            .write(
                "make an immutability rule",
                Durability::Durable,
                new,
                |tx, new| Box::pin(create(tx, new)),
            )
            .await
    }

    /// Deletes a rule of an organisation or a repository of it; false when there is none of that id there.
    pub async fn delete_immutability_rule(
        &self,
        organization_id: i64,
        repository_id: Option<i64>,
        id: i64,
    ) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM immutability_rules \
             WHERE id = $1 AND organization_id = $2 AND COALESCE(repository_id, 0) = $3";
        self.pool
            .write(
                "delete an immutability rule",
                Durability::Durable,
                (),
                move |tx, ()| {
                    Box::pin(async move {
                        count_change(tx, organization_id).await?;
                        let delete = sqlx::query(DELETE).bind(id).bind(organization_id);
                        Ok(change(tx, delete.bind(repository_id.unwrap_or(0))).await? > 0)
                    })
                },
            )
            .await
    }

    /// A page of an organisation's repositories in the order of their ids, those after one: ids and names within it.
    pub async fn repository_names(
        &self,
        organization_id: i64,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, String)>, Error> {
        const LIST: &str = "SELECT r.id, r.image FROM repositories r \
             WHERE r.organization_id = $1 AND r.listed = 1 AND r.id > $2 ORDER BY r.id LIMIT $3";
        let statement = sqlx::query(LIST).bind(organization_id).bind(after).bind(limit);
        self.list("list the repositories of an organisation", statement, |row| {
            Ok((row.try_get(0)?, row.try_get(1)?))
        })
        .await
    }
}

/// Notes that the rules in an organisation change, of immutability or of retention, which orders this with other changes
/// of them, and stops what goes by those that were read before.
pub(crate) async fn count_change(tx: &mut Tx<'_>, organization_id: i64) -> Result<(), Failure> {
    const COUNT: &str = "UPDATE organizations SET rules_version = rules_version + 1 WHERE id = $1";
    if change(tx, sqlx::query(COUNT).bind(organization_id)).await? == 0 {
        return Err(Conflict::OrganizationGone.into());
    }
    Ok(())
}

async fn create(tx: &mut Tx<'_>, new: &NewImmutabilityRule) -> Result<ImmutabilityRule, Failure> {
    const BESIDE: &str = "SELECT images, kind, pattern, except_pattern FROM immutability_rules \
         WHERE organization_id = $1 AND COALESCE(repository_id, 0) = $2";
    const INSERT: &str = "INSERT INTO immutability_rules \
         (organization_id, repository_id, images, kind, pattern, except_pattern, creator_id, creator_name, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    count_change(tx, new.organization_id).await?;
    let beside = sqlx::query(BESIDE)
        .bind(new.organization_id)
        .bind(new.repository_id.unwrap_or(0));
    let beside = beside.fetch_all(&mut *tx).await?;
    for row in &beside {
        if read_terms(row, 0)? == new.terms {
            return Err(Conflict::Taken.into());
        }
    }
    if i64::try_from(beside.len()).unwrap_or(i64::MAX) >= new.limit {
        return Err(Conflict::TooMany.into());
    }
    let insert = sqlx::query(INSERT)
        .bind(new.organization_id)
        .bind(new.repository_id)
        .bind(new.terms.images.clone())
        .bind(new.terms.kind.clone())
        .bind(new.terms.pattern.clone())
        .bind(new.terms.except.clone())
        .bind(new.creator_id.clone())
        .bind(new.creator_name.clone());
    let made = first(tx, insert.bind(new.now)).await;
    let made = made.reference(Conflict::RepositoryGone)?;
    let made = made.ok_or_else(|| Failure::Broken("an immutability rule without an id".to_owned()))?;
    Ok(ImmutabilityRule {
        id: made.try_get(0)?,
        repository_id: new.repository_id,
        terms: new.terms.clone(),
        creator_id: new.creator_id.clone(),
        creator_name: new.creator_name.clone(),
        created_at: new.now,
    })
}

fn read_terms(row: &AnyRow, column: usize) -> Result<ImmutabilityTerms, Failure> {
    Ok(ImmutabilityTerms {
        images: row.try_get(column)?,
        kind: row.try_get(column + 1)?,
        pattern: row.try_get(column + 2)?,
        except: row.try_get(column + 3)?,
    })
}

fn read(row: &AnyRow) -> Result<ImmutabilityRule, Failure> {
    Ok(ImmutabilityRule {
        id: row.try_get(0)?,
        repository_id: row.try_get(1)?,
        terms: read_terms(row, 2)?,
        creator_id: row.try_get(6)?,
        creator_name: row.try_get(7)?,
        created_at: row.try_get(8)?,
    })
}
