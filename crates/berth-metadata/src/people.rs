//! Changes of an account's people that could leave it without an administrator: refused when they would.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::groups::GroupRole;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change};
use crate::users::{self, AccessType};
use sqlx::Row;

/// What to change of a user; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct UserUpdate {
    /// Whose.
    pub user_id: String,
    /// Unique in the account.
    pub name: Option<String>,
    /// The new password's hash.
    pub password_hash: Option<String>,
    /// How it may sign in.
    pub access: Option<AccessType>,
    /// Whether it may sign in at all.
    pub enabled: Option<bool>,
    /// What it is for.
    pub description: Option<String>,
}

/// What to change of a group; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct GroupUpdate {
    /// Which.
    pub group_id: String,
    /// Unique in the account.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// One change of an account's people.
#[derive(Clone, Debug)]
pub enum PeopleChange {
    /// Change a user.
    UpdateUser(UserUpdate),
    /// Delete a user with its keys, logins, memberships and grants, by its id.
    DeleteUser(String),
    /// Change a group.
    UpdateGroup(GroupUpdate),
    /// Delete a group with its roles, by its id; its members stay users.
    DeleteGroup(String),
    /// Take a user out of a group.
    RemoveMember {
        /// The group's id.
        group_id: String,
        /// The user's id.
        user_id: String,
    },
    /// Take a role from a group.
    RemoveRole {
        /// The group's id.
        group_id: String,
        /// What it is to lose.
        role: GroupRole,
    },
}

impl Metadata {
    /// Makes a change in an account, false when there is nothing to change; [`Conflict::LastAdministrator`] when the
    /// account had an enabled administrator and would have none, [`Conflict::UserExists`], [`Conflict::GroupExists`].
    pub async fn change_people(&self, account_id: &str, wanted: PeopleChange) -> Result<bool, Error> {
        let wanted = (account_id.to_owned(), wanted);
        self.pool
            .write(
                "change an account's people",
                Durability::Durable,
                wanted,
                |tx, (account, wanted)| {
                    Box::pin(async move {
                        // One change of an account's people at a time: two could each count on the other's administrator.
                        const LOCK: &str = "UPDATE accounts SET name = name WHERE id = $1";
                        change(tx, sqlx::query(LOCK).bind(account.clone())).await?;
                        let before = administrators(tx, account).await?;
                        let changed = apply(tx, account, wanted).await?;
                        if before > 0 && administrators(tx, account).await? == 0 {
                            return Err(Conflict::LastAdministrator.into());
                        }
                        Ok(changed)
                    })
                },
            )
            .await
    }
}

/// How many enabled administrators the account has.
async fn administrators(tx: &mut Tx<'_>, account_id: &str) -> Result<i64, Failure> {
    const COUNT: &str = "SELECT COUNT(*) FROM users u WHERE u.account_id = $1 AND u.enabled = 1 \
         AND (u.administrator = 1 OR EXISTS (SELECT 1 FROM group_members m \
           JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = u.id AND g.administrator = 1))";
    let row = sqlx::query(COUNT)
        .bind(account_id.to_owned())
        .fetch_one(tx)
        .await?;
    Ok(row.try_get(0)?)
}

async fn apply(tx: &mut Tx<'_>, account_id: &str, wanted: &PeopleChange) -> Result<bool, Failure> {
    const DELETE_USER: &str = "DELETE FROM users WHERE id = $1 AND account_id = $2";
    const DELETE_GROUP: &str = "DELETE FROM user_groups WHERE id = $1 AND account_id = $2";
    const REMOVE_MEMBER: &str = "DELETE FROM group_members WHERE group_id = $1 AND user_id = $2";
    let two = |text: &'static str, one: &str, other: &str| {
        sqlx::query(text).bind(one.to_owned()).bind(other.to_owned())
    };
    Ok(match wanted {
        PeopleChange::UpdateUser(update) => update_user(tx, account_id, update).await?,
        PeopleChange::UpdateGroup(update) => update_group(tx, account_id, update).await?,
        PeopleChange::DeleteUser(id) => change(tx, two(DELETE_USER, id, account_id)).await? > 0,
        PeopleChange::DeleteGroup(id) => change(tx, two(DELETE_GROUP, id, account_id)).await? > 0,
        PeopleChange::RemoveMember { group_id, user_id } => {
            change(tx, two(REMOVE_MEMBER, group_id, user_id)).await? > 0
        }
        PeopleChange::RemoveRole { group_id, role } => remove_role(tx, group_id, role).await?,
    })
}

async fn update_user(tx: &mut Tx<'_>, account_id: &str, user: &UserUpdate) -> Result<bool, Failure> {
    const UPDATE: &str = "UPDATE users SET name = COALESCE($3, name), \
         password_hash = COALESCE($4, password_hash), access = COALESCE($5, access), \
         enabled = COALESCE($6, enabled), description = COALESCE($7, description) \
         WHERE id = $1 AND account_id = $2";
    let update = sqlx::query(UPDATE)
        .bind(user.user_id.clone())
        .bind(account_id.to_owned())
        .bind(user.name.clone())
        .bind(user.password_hash.clone())
        .bind(user.access.map(AccessType::as_str))
        .bind(user.enabled.map(i64::from))
        .bind(user.description.clone());
    let changed = change(tx, update).await.unique(Conflict::UserExists)? > 0;
    if changed && user.enabled.is_some() {
        users::decided_here(tx, &user.user_id).await?;
    }
    Ok(changed)
}

async fn update_group(tx: &mut Tx<'_>, account_id: &str, group: &GroupUpdate) -> Result<bool, Failure> {
    const UPDATE: &str = "UPDATE user_groups SET name = COALESCE($3, name), \
         description = COALESCE($4, description) WHERE id = $1 AND account_id = $2";
    let update = sqlx::query(UPDATE)
        .bind(group.group_id.clone())
        .bind(account_id.to_owned())
        .bind(group.name.clone())
        .bind(group.description.clone());
    Ok(change(tx, update).await.unique(Conflict::GroupExists)? > 0)
}

/// A group without a role is no administrators' group any more.
async fn remove_role(tx: &mut Tx<'_>, group_id: &str, role: &GroupRole) -> Result<bool, Failure> {
    const DELETE: &str = "DELETE FROM group_roles WHERE group_id = $1 AND role = $2 AND place = $3";
    const TELL: &str = "UPDATE user_groups SET administrator = \
         CASE WHEN EXISTS (SELECT 1 FROM group_roles r WHERE r.group_id = $1) THEN 1 ELSE 0 END WHERE id = $1";
    let delete = sqlx::query(DELETE)
        .bind(group_id.to_owned())
        .bind(role.role.clone())
        .bind(role.place.clone());
    let removed = change(tx, delete).await? > 0;
    change(tx, sqlx::query(TELL).bind(group_id.to_owned())).await?;
    Ok(removed)
}
