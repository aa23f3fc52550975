//! Permissions of users on organisations and repositories, and where a caller stands. Decides nothing.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change};
use futures_util::FutureExt as _;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What a grant allows; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// See and pull.
    Read = 1,
    /// Push and edit as well.
    Write = 3,
    /// Delete and grant as well.
    Manage = 7,
}

impl Permission {
    /// 1, 3 or 7, as the management API writes it.
    pub fn bits(self) -> i64 {
        self as i64
    }

    /// The word for it: read, write or manage.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Read => "read",
            Permission::Write => "write",
            Permission::Manage => "manage",
        }
    }

    /// The permission of those bits, none for other numbers.
    pub fn from_bits(bits: i64) -> Option<Permission> {
        match bits {
            1 => Some(Permission::Read),
            3 => Some(Permission::Write),
            7 => Some(Permission::Manage),
            _ => None,
        }
    }

    pub(crate) fn read(bits: i64) -> Result<Permission, Failure> {
        Permission::from_bits(bits).ok_or_else(|| Failure::Broken(format!("permission {bits}")))
    }
}

/// A user's permission on something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// What it may do.
    pub permission: Permission,
}

/// What a decision needs to know of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationFacts {
    /// Its id.
    pub id: i64,
    /// The account it belongs to.
    pub account_id: String,
}

/// What a decision needs to know of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepositoryFacts {
    /// Its id.
    pub id: i64,
    /// Whether everybody may pull from it.
    pub is_public: bool,
}

/// Everything a decision needs to know about an organisation, a repository in it and a viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The organisation, none when it does not exist.
    pub organization: Option<OrganizationFacts>,
    /// The repository, none when it does not exist or was not asked for.
    pub repository: Option<RepositoryFacts>,
    /// The viewer's permission on the organisation.
    pub organization_permission: Option<Permission>,
    /// The viewer's permission on the repository itself.
    pub repository_permission: Option<Permission>,
    /// Whether the repository is shared with the viewer's account now.
    pub shared: bool,
    /// Counts the changes of the organisation's rules about immutable tags; 0: it never had one.
    pub rules_version: i64,
    /// Whether a quota of bytes counts what the organisation holds.
    pub under_quota: bool,
    /// The other registry that the organisation stands for, if it does.
    pub mirror: Option<MirrorFacts>,
}

/// What a decision needs to know about the mirror that an organisation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorFacts {
    /// Whether everybody may pull what it stands for.
    pub open: bool,
    /// Seconds for which a tag is taken to name what it named there, if the mirror has its own.
    pub recheck_seconds: Option<i64>,
}

impl Standing {
    /// Whether the organisation stands for another registry from which everybody may pull.
    pub fn is_open_mirror(&self) -> bool {
        self.mirror.is_some_and(|mirror| mirror.open)
    }
}

/// What grants are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantTarget {
    /// The organisation of that id, with all its repositories.
    Organization(i64),
    /// The repository of that id.
    Repository(i64),
}

impl GrantTarget {
    fn id(self) -> i64 {
        match self {
            GrantTarget::Organization(id) | GrantTarget::Repository(id) => id,
        }
    }

    fn statements(self) -> &'static Statements {
        match self {
            GrantTarget::Organization(_) => &ON_ORGANIZATION,
            GrantTarget::Repository(_) => &ON_REPOSITORY,
        }
    }
}

/// The statements over one kind of thing that is granted on.
struct Statements {
    list: &'static str,
    add: &'static str,
    update: &'static str,
    remove: &'static str,
}

const ON_ORGANIZATION: Statements = Statements {
    list: "SELECT g.user_id, u.name, g.permission FROM organization_grants g JOIN users u ON u.id = g.user_id \
           WHERE g.organization_id = $1 ORDER BY g.user_id",
    add: "INSERT INTO organization_grants (organization_id, user_id, permission) VALUES ($1, $2, $3)",
    update: "UPDATE organization_grants SET permission = $3 WHERE organization_id = $1 AND user_id = $2",
    remove: "DELETE FROM organization_grants WHERE organization_id = $1 AND user_id = $2",
};

const ON_REPOSITORY: Statements = Statements {
    list: "SELECT g.user_id, u.name, g.permission FROM repository_grants g JOIN users u ON u.id = g.user_id \
           WHERE g.repository_id = $1 ORDER BY g.user_id",
    add: "INSERT INTO repository_grants (repository_id, user_id, permission) VALUES ($1, $2, $3)",
    update: "UPDATE repository_grants SET permission = $3 WHERE repository_id = $1 AND user_id = $2",
    remove: "DELETE FROM repository_grants WHERE repository_id = $1 AND user_id = $2",
};

impl Metadata {
    /// The grants on an organisation or a repository itself by user id.
    pub async fn grants(&self, on: GrantTarget) -> Result<Vec<Grant>, Error> {
        let statement = sqlx::query(on.statements().list).bind(on.id());
        self.list("list grants", statement, grant).await
    }

    /// Adds grants, all or none; [`Conflict::GrantExists`], [`Conflict::UserGone`] when a user or the target does not
    /// exist.
    pub async fn add_grants(&self, on: GrantTarget, grants: &[(String, Permission)]) -> Result<(), Error> {
        self.pool
            .write(
                "add grants",
                Durability::Durable,
                grants.to_vec(),
                move |tx, grants| {
                    Box::pin(async move {
                        for (user_id, permission) in grants {
                            let exists = Conflict::GrantExists {
                                user_id: user_id.clone(),
                            };
                            let add = sqlx::query(on.statements().add)
                                .bind(on.id())
                                .bind(user_id.clone())
                                .bind(permission.bits());
                            change(tx, add)
                                .await
                                .unique(exists)
                                .reference(Conflict::UserGone)?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }

    /// Changes grants, all or none; [`Conflict::GrantMissing`].
    pub async fn update_grants(&self, on: GrantTarget, grants: &[(String, Permission)]) -> Result<(), Error> {
        self.pool
            .write(
                "change grants",
                Durability::Durable,
                grants.to_vec(),
                move |tx, grants| {
                    Box::pin(async move {
                        for (user_id, permission) in grants {
                            let update = sqlx::query(on.statements().update)
                                .bind(on.id())
                                .bind(user_id.clone());
                            must_change(tx, update.bind(permission.bits()), user_id).await?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }

    /// Removes the grants of users, all or none; [`Conflict::GrantMissing`].
    pub async fn remove_grants(&self, on: GrantTarget, users: &[String]) -> Result<(), Error> {
        self.pool
            .write(
                "remove grants",
                Durability::Durable,
                users.to_vec(),
                move |tx, users| {
                    Box::pin(async move {
                        for user_id in users {
                            let remove = sqlx::query(on.statements().remove)
                                .bind(on.id())
                                .bind(user_id.clone());
                            must_change(tx, remove, user_id).await?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }

    /// Whether a user has a grant on a repository of the organisation.
    pub async fn has_grant_within(&self, organization: &str, user_id: &str) -> Result<bool, Error> {
        const FIND: &str = "SELECT rg.repository_id FROM repository_grants rg \
             JOIN repositories r ON r.id = rg.repository_id JOIN organizations o ON o.id = r.organization_id \
             WHERE rg.user_id = $1 AND o.name = $2 LIMIT 1";
        let statement = sqlx::query(FIND)
            .bind(user_id.to_owned())
            .bind(organization.to_owned());
        let found = self.find("find a grant", statement, |_| Ok(())).await?;
        Ok(found.is_some())
    }

    /// Where a viewer, a user's id and its account's id, stands to an organisation and a repository of it; what does
    /// not exist is none. One statement.
    pub async fn standing(
        &self,
        organization: &str,
        image: Option<&str>,
        viewer: Option<(&str, &str)>,
        now: i64,
    ) -> Result<Standing, Error> {
        let (user_id, account_id) = viewer.unwrap_or_default();
        // No name holds a zero byte; without an image or a viewer there is nothing between two of them.
        let key = [organization, image.unwrap_or_default(), user_id, account_id].join("\0");
        let read = || {
            let statement = sqlx::query(STANDING)
                .bind(organization.to_owned())
                .bind(image.map(str::to_owned))
                .bind(viewer.map(|(user_id, _)| user_id.to_owned()))
                .bind(viewer.map(|(_, account_id)| account_id.to_owned()));
            self.find("find where a caller stands", statement, stood).boxed()
        };
        let found = self.memory.standings.get(&self.pool, &key, read).await?;
        Ok(found.map(|stood| stood.at(now)).unwrap_or_default())
    }
}

pub(crate) const STANDING: &str = "SELECT o.id, o.account_id, r.id, r.is_public, og.permission, rg.permission, s.repository_id, o.rules_version, s.expires_at, \
     CASE WHEN EXISTS (SELECT 1 FROM byte_quotas q WHERE q.organization_id = o.id) \
       OR EXISTS (SELECT 1 FROM byte_quotas q WHERE q.account_id = o.account_id) THEN 1 ELSE 0 END, \
     m.public, m.recheck_seconds \
     FROM organizations o \
     LEFT JOIN mirrors m ON m.organization_id = o.id \
     LEFT JOIN repositories r ON r.organization_id = o.id AND r.image = $2 \
     LEFT JOIN organization_grants og ON og.organization_id = o.id AND og.user_id = $3 \
     LEFT JOIN repository_grants rg ON rg.repository_id = r.id AND rg.user_id = $3 \
     LEFT JOIN shares s ON s.repository_id = r.id AND s.account_id = $4 \
     WHERE o.name = $1";

async fn must_change(
    tx: &mut Tx<'_>,
    statement: crate::sql::Statement,
    user_id: &str,
) -> Result<(), Failure> {
    if change(tx, statement).await? == 0 {
        return Err(Conflict::GrantMissing {
            user_id: user_id.to_owned(),
        }
        .into());
    }
    Ok(())
}

fn grant(row: &AnyRow) -> Result<Grant, Failure> {
    Ok(Grant {
        user_id: row.try_get(0)?,
        user_name: row.try_get(1)?,
        permission: Permission::read(row.try_get(2)?)?,
    })
}

/// A standing as it is stored, whatever the time.
#[derive(Clone, Debug)]
pub(crate) struct Stood {
    standing: Standing,
    share_expires_at: Option<i64>,
}

impl Stood {
    /// The standing at a time.
    fn at(mut self, now: i64) -> Standing {
        self.standing.shared &= self.share_expires_at.is_none_or(|end| end > now);
        self.standing
    }
}

fn stood(row: &AnyRow) -> Result<Stood, Failure> {
    let permission = |column: usize| {
        row.try_get::<Option<i64>, _>(column)?
            .map(Permission::read)
            .transpose()
    };
    let repository = match row.try_get::<Option<i64>, _>(2)? {
        Some(id) => Some(RepositoryFacts {
            id,
            is_public: row.try_get::<i64, _>(3)? != 0,
        }),
        None => None,
    };
    let mirror = match row.try_get::<Option<i64>, _>(10)? {
        Some(public) => Some(MirrorFacts {
            open: public != 0,
            recheck_seconds: row.try_get(11)?,
        }),
        None => None,
    };
    let standing = Standing {
        organization: Some(OrganizationFacts {
            id: row.try_get(0)?,
            account_id: row.try_get(1)?,
        }),
        repository,
        organization_permission: permission(4)?,
        repository_permission: permission(5)?,
        shared: row.try_get::<Option<i64>, _>(6)?.is_some(),
        rules_version: row.try_get(7)?,
        under_quota: row.try_get::<i64, _>(9)? != 0,
        mirror,
    };
    Ok(Stood {
        standing,
        share_expires_at: row.try_get(8)?,
    })
}
