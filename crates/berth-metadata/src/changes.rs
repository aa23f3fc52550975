//! What changed, for those who look at it now: noted by the database itself (triggers of the schema) while somebody
//! listens, and kept for minutes. And who stands where to what changed, for all who listen at once.

use crate::Metadata;
use crate::error::Error;
use crate::grants::{OrganizationFacts, Permission, RepositoryFacts, Standing};
use crate::pool::{Durability, Failure};
use crate::sql::{self, Statement, first};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::{HashMap, HashSet};

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Numbers are handed out in the order of changes, but become visible in the order of commits; on PostgreSQL these differ.
    pub id: i64,
    /// Milliseconds since the epoch, by the clock of the database.
    pub at: i64,
    /// What it is: `image`, `tag`, `rights` and so on, as the schema's triggers have it.
    pub kind: String,
    /// What happened, or the state that a run came to.
    pub action: String,
    /// The organisation that it is in.
    pub organization_id: Option<i64>,
    /// The repository that it is in.
    pub repository_id: Option<i64>,
    /// The name of the repository or organisation at that time.
    pub place: Option<String>,
    /// The tag, or what of the place changed.
    pub name: Option<String>,
    /// What the tag names, or what an accessory is for.
    pub digest: Option<String>,
    /// The id of a run.
    pub subject: Option<i64>,
    /// The account that it concerns, where there is no place.
    pub account_id: Option<String>,
    /// The user whom it concerns, where there is no place.
    pub user_id: Option<String>,
}

/// Since when changes are noted without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangesNoted {
    /// Another number for each time that it began.
    pub generation: i64,
    /// Whether it began with this call.
    pub begun: bool,
}

/// Where some users stand to the places that some changes are in, as rows had it at one moment after these changes.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    users: HashSet<String>,
    organizations: HashMap<i64, OrganizationFacts>,
    repositories: HashMap<i64, (RepositoryFacts, i64)>,
    organization_grants: HashMap<(i64, String), Permission>,
    repository_grants: HashMap<(i64, String), Permission>,
    shares: HashSet<(i64, String)>,
}

pub(crate) const AFTER: &str = "SELECT id, at, kind, action, organization_id, repository_id, place, name, digest, subject, \
     account_id, user_id FROM changes WHERE id > $1 ORDER BY id LIMIT $2";

impl Metadata {
    /// Has changes noted for that many milliseconds from now on, by the clock of the database.
    pub async fn note_changes(&self, for_ms: i64) -> Result<ChangesNoted, Error> {
        let now = self.pool.now_expression();
        // The clock is read once: PostgreSQL's goes on within a statement, and the answer compares.
        let text = format!(
            "INSERT INTO change_gate (id, generation, open_until) \
             SELECT 1, clock.now, clock.now + $1 FROM (SELECT {now} AS now) AS clock WHERE TRUE \
             ON CONFLICT (id) DO UPDATE SET open_until = excluded.open_until, generation = CASE \
             WHEN change_gate.open_until <= excluded.open_until - $1 THEN excluded.generation \
             ELSE change_gate.generation END RETURNING generation, open_until - $1"
        );
        self.pool
            .write(
                "have changes noted",
                Durability::Relaxed,
                (text, for_ms),
                |tx, (text, for_ms)| {
                    let note = sql::made(text.clone()).bind(*for_ms);
                    Box::pin(async move {
                        let row = first(tx, note)
                            .await?
                            .ok_or_else(|| Failure::Broken("no gate for changes".to_owned()))?;
                        let (generation, now): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                        Ok(ChangesNoted {
                            generation,
                            begun: generation == now,
                        })
                    })
                },
            )
            .await
    }

    /// The largest id of a change, 0 for none.
    pub async fn newest_change(&self) -> Result<i64, Error> {
        let statement = sqlx::query("SELECT id FROM changes ORDER BY id DESC LIMIT 1");
        let found = self.find("find the newest change", statement, |row| Ok(row.try_get(0)?));
        Ok(found.await?.unwrap_or(0))
    }

    /// The first changes after that of id `after`.
    pub async fn changes_after(&self, after: i64, limit: i64) -> Result<Vec<Change>, Error> {
        let statement = sqlx::query(AFTER).bind(after).bind(limit);
        self.list("list changes", statement, change).await
    }

    /// Those of these changes that are there.
    pub async fn changes_among(&self, ids: &[i64]) -> Result<Vec<Change>, Error> {
        let of = |list: &[i64]| {
            format!(
                "SELECT id, at, kind, action, organization_id, repository_id, place, name, digest, subject, \
                 account_id, user_id FROM changes WHERE id IN ({})",
                sql::markers(1, list.len())
            )
        };
        let mut found = Vec::new();
        for list in sql::lists(ids) {
            let statement = list.iter().fold(sql::made(of(&list)), |made, id| made.bind(*id));
            found.extend(self.list("list changes", statement, change).await?);
        }
        Ok(found)
    }

    /// Forgets changes older than that many milliseconds by the clock of the database.
    pub async fn forget_changes(&self, kept_ms: i64) -> Result<u64, Error> {
        // Reads the old ones alone: their ids are the smallest.
        let text = format!(
            "DELETE FROM changes WHERE id < COALESCE((SELECT c.id FROM changes c WHERE c.at >= {} - $1 \
             ORDER BY c.id LIMIT 1), 9223372036854775807)",
            self.pool.now_expression()
        );
        let statement = move || sql::made(text.clone()).bind(kept_ms);
        self.change("forget changes", Durability::Relaxed, statement)
            .await
    }

    /// Until this process has written something since the last call. For one at a time.
    pub async fn a_write(&self) {
        self.pool.a_write().await;
    }

    /// Where these users, and with them their accounts, stand to the places of these changes at a moment after them.
    pub async fn audience(
        &self,
        changes: &[Change],
        users: &[(String, String)],
        now: i64,
    ) -> Result<Audience, Error> {
        let mut repositories: Vec<i64> = changes.iter().filter_map(|change| change.repository_id).collect();
        let mut organizations: Vec<i64> = changes
            .iter()
            .filter_map(|change| change.organization_id)
            .collect();
        for ids in [&mut repositories, &mut organizations] {
            ids.sort_unstable();
            ids.dedup();
        }
        let names: Vec<String> = users.iter().map(|(user, _)| user.clone()).collect();
        let mut accounts: Vec<String> = users.iter().map(|(_, account)| account.clone()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        Ok(Audience {
            organizations: self.organizations_among(&organizations).await?,
            repositories: self.repositories_among(&repositories).await?,
            organization_grants: self
                .grants_among(ORGANIZATION_GRANTS, (&organizations, &names))
                .await?,
            repository_grants: self
                .grants_among(REPOSITORY_GRANTS, (&repositories, &names))
                .await?,
            shares: self.shares_among((&repositories, &accounts), now).await?,
            users: names.into_iter().collect(),
        })
    }

    async fn organizations_among(&self, ids: &[i64]) -> Result<HashMap<i64, OrganizationFacts>, Error> {
        let mut found = HashMap::new();
        for list in sql::lists(ids) {
            let text = format!(
                "SELECT id, account_id FROM organizations WHERE id IN ({})",
                sql::markers(1, list.len())
            );
            let rows = self.list("find organisations", numbers(text, &list), |row| {
                let (id, account_id) = (row.try_get(0)?, row.try_get(1)?);
                Ok((id, OrganizationFacts { id, account_id }))
            });
            found.extend(rows.await?);
        }
        Ok(found)
    }

    async fn repositories_among(&self, ids: &[i64]) -> Result<HashMap<i64, (RepositoryFacts, i64)>, Error> {
        let mut found = HashMap::new();
        for list in sql::lists(ids) {
            let text = format!(
                "SELECT id, is_public, organization_id FROM repositories WHERE id IN ({})",
                sql::markers(1, list.len())
            );
            let rows = self.list("find repositories", numbers(text, &list), |row| {
                let (id, is_public): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                let is_public = is_public != 0;
                Ok((id, (RepositoryFacts { id, is_public }, row.try_get(2)?)))
            });
            found.extend(rows.await?);
        }
        Ok(found)
    }

    async fn grants_among(
        &self,
        text: &'static str,
        (places, users): (&[i64], &[String]),
    ) -> Result<HashMap<(i64, String), Permission>, Error> {
        let mut found = HashMap::new();
        for list in sql::lists(places) {
            for people in sql::lists(users) {
                let statement = people.iter().fold(
                    numbers(among(text, (list.len(), people.len())), &list),
                    |made, user| made.bind(user.clone()),
                );
                let rows = self.list("find grants", statement, |row| {
                    let permission = Permission::read(row.try_get(2)?)?;
                    Ok(((row.try_get(0)?, row.try_get(1)?), permission))
                });
                found.extend(rows.await?);
            }
        }
        Ok(found)
    }

    async fn shares_among(
        &self,
        (repositories, accounts): (&[i64], &[String]),
        now: i64,
    ) -> Result<HashSet<(i64, String)>, Error> {
        let mut found = HashSet::new();
        for list in sql::lists(repositories) {
            for sharing in sql::lists(accounts) {
                let text = format!(
                    "{} AND (expires_at IS NULL OR expires_at > ${})",
                    among(SHARES, (list.len(), sharing.len())),
                    1 + list.len() + sharing.len()
                );
                let statement = sharing
                    .iter()
                    .fold(numbers(text, &list), |made, account| made.bind(account.clone()))
                    .bind(now);
                let rows = self.list("find shares", statement, |row| {
                    Ok((row.try_get(0)?, row.try_get(1)?))
                });
                found.extend(rows.await?);
            }
        }
        Ok(found)
    }
}

const ORGANIZATION_GRANTS: &str = "SELECT organization_id, user_id, permission FROM organization_grants \
     WHERE organization_id IN (PLACES) AND user_id IN (PEOPLE)";
const REPOSITORY_GRANTS: &str = "SELECT repository_id, user_id, permission FROM repository_grants \
     WHERE repository_id IN (PLACES) AND user_id IN (PEOPLE)";
const SHARES: &str =
    "SELECT repository_id, account_id FROM shares WHERE repository_id IN (PLACES) AND account_id IN (PEOPLE)";

/// One of the texts above with as many markers as there are places and people.
fn among(text: &'static str, (places, people): (usize, usize)) -> String {
    text.replace("PLACES", &sql::markers(1, places))
        .replace("PEOPLE", &sql::markers(1 + places, people))
}

fn numbers(text: String, values: &[i64]) -> Statement {
    values
        .iter()
        .fold(sql::made(text), |made, value| made.bind(*value))
}

impl Audience {
    /// Whether it was asked where this user stands.
    pub fn knows(&self, user_id: &str) -> bool {
        self.users.contains(user_id)
    }

    /// Where a user of an account stands to an organisation; nowhere, when it is gone.
    pub fn at_organization(&self, id: i64, user_id: &str) -> Standing {
        Standing {
            organization: self.organizations.get(&id).cloned(),
            organization_permission: self.organization_grants.get(&(id, user_id.to_owned())).copied(),
            ..Standing::default()
        }
    }

    /// Where a user of an account stands to a repository and its organisation; nowhere, when it is gone.
    pub fn at_repository(&self, id: i64, (user_id, account_id): (&str, &str)) -> Standing {
        let Some((repository, organization_id)) = self.repositories.get(&id) else {
            return Standing::default();
        };
        Standing {
            repository: Some(*repository),
            repository_permission: self.repository_grants.get(&(id, user_id.to_owned())).copied(),
            shared: self.shares.contains(&(id, account_id.to_owned())),
            ..self.at_organization(*organization_id, user_id)
        }
    }
}

fn change(row: &AnyRow) -> Result<Change, Failure> {
    Ok(Change {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        kind: row.try_get(2)?,
        action: row.try_get(3)?,
        organization_id: row.try_get(4)?,
        repository_id: row.try_get(5)?,
        place: row.try_get(6)?,
        name: row.try_get(7)?,
        digest: row.try_get(8)?,
        subject: row.try_get(9)?,
        account_id: row.try_get(10)?,
        user_id: row.try_get(11)?,
    })
}
