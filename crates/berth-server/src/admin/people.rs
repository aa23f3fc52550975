//! `berth admin account|user|group|key`: words of the command line to calls of the registry, and answers to columns.

use berth_registry::{
    AccessKey, AccessType, Account, Caller, Group, GroupRole, NewPerson, Registry, Switch, User,
    generate_password, time_text,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, Person, password_from_stdin};
use crate::table::Table;

const OPERATOR: &Caller = &Caller::System;

#[derive(Debug, Subcommand)]
pub(super) enum AccountVerb {
    /// Make an account
    Create {
        /// The account's name
        name: String,
    },
    /// List the accounts
    List,
}

const ACCOUNT_COLUMNS: &[&str; 3] = &["account", "id", "created_at"];

fn account_row(account: &Account) -> [Value; 3] {
    [
        json!(account.name),
        json!(account.id),
        json!(time_text(account.created_at)),
    ]
}

pub(super) async fn account(registry: &Registry, verb: AccountVerb) -> Result<Table, Failure> {
    Ok(match verb {
        AccountVerb::Create { name } => Table::one(
            ACCOUNT_COLUMNS,
            account_row(&registry.create_account(OPERATOR, &name).await?),
        ),
        AccountVerb::List => {
            let accounts = registry.list_accounts(OPERATOR).await?;
            Table::list(ACCOUNT_COLUMNS, accounts.iter().map(account_row))
        }
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum UserVerb {
    /// Make a user; without --password-stdin the password is made up and shown once
    Create(NewUser),
    /// Give a user a new password; without --password-stdin it is made up and shown once
    ResetPassword {
        /// The user, ACCOUNT/NAME
        user: Person,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change where a user may log in
    SetAccess {
        /// The user, ACCOUNT/NAME
        user: Person,
        /// Where the user may log in
        #[arg(value_enum)]
        access: Access,
    },
    /// List the users of an account
    List {
        /// The account's name
        account: String,
    },
    /// Keep a user out from their next request on
    Disable {
        /// The user, ACCOUNT/NAME
        user: Person,
    },
    /// Let a user in again
    Enable {
        /// The user, ACCOUNT/NAME
        user: Person,
    },
    /// Delete a user with their keys, logins and rights
    Delete {
        /// The user, ACCOUNT/NAME
        user: Person,
    },
}

#[derive(Debug, Args)]
pub(super) struct NewUser {
    /// The user, ACCOUNT/NAME
    user: Person,
    /// Make the user an administrator of the account
    #[arg(long)]
    administrator: bool,
    /// Where the user may log in
    #[arg(long, value_enum, default_value_t = Access::Both)]
    access: Access,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

impl NewUser {
    /// Who is made.
    pub(super) fn user(&self) -> &Person {
        &self.user
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Access {
    /// In the console only
    Console,
    /// With access keys, login commands and clients only
    Programmatic,
    /// Everywhere
    Both,
}

impl From<Access> for AccessType {
    fn from(access: Access) -> Self {
        match access {
            Access::Console => Self::Console,
            Access::Programmatic => Self::Programmatic,
            Access::Both => Self::Both,
        }
    }
}

pub(super) async fn user(registry: &Registry, verb: UserVerb) -> Result<Table, Failure> {
    match verb {
        UserVerb::Create(new) => create_user(registry, new).await,
        UserVerb::ResetPassword { user, password_stdin } => {
            let (password, shown) = password(password_stdin)?;
            registry
                .reset_password(OPERATOR, &user.account, &user.name, &password)
                .await?;
            Ok(Table::one(
                &["user", "password"],
                [json!(user.to_string()), shown],
            ))
        }
        UserVerb::SetAccess { user, access } => {
            let access = AccessType::from(access);
            registry
                .set_access(OPERATOR, &user.account, &user.name, access)
                .await?;
            Ok(Table::one(
                &["user", "access"],
                [json!(user.to_string()), json!(access.as_str())],
            ))
        }
        UserVerb::List { account } => {
            let users = registry.list_users(OPERATOR, &account).await?;
            Ok(Table::list(USER_COLUMNS, users.iter().map(user_row)))
        }
        UserVerb::Disable { user } => switch(registry, &user, Switch::Disabled).await,
        UserVerb::Enable { user } => switch(registry, &user, Switch::Enabled).await,
        UserVerb::Delete { user } => {
            registry.delete_user(OPERATOR, &user.account, &user.name).await?;
            Ok(Table::one(
                &["user", "deleted"],
                [json!(user.to_string()), json!(true)],
            ))
        }
    }
}

const USER_COLUMNS: &[&str; 6] = &["user", "id", "access", "administrator", "enabled", "created_at"];

fn user_row(user: &User) -> [Value; 6] {
    [
        json!(format!("{}/{}", user.account_name, user.name)),
        json!(user.id),
        json!(user.access.as_str()),
        json!(user.administrator),
        json!(user.enabled),
        json!(time_text(user.created_at)),
    ]
}

async fn create_user(registry: &Registry, new: NewUser) -> Result<Table, Failure> {
    let (password, shown) = password(new.password_stdin)?;
    let person = NewPerson {
        name: new.user.name,
        password: Some(password),
        access: new.access.into(),
        administrator: new.administrator,
        description: String::new(),
    };
    let user = registry.create_user(OPERATOR, &new.user.account, person).await?;
    let [name, id, access, administrator, ..] = user_row(&user);
    let columns = &["user", "id", "access", "administrator", "password"];
    Ok(Table::one(columns, [name, id, access, administrator, shown]))
}

/// The password to set, and what may be shown of it: only one that was made up.
fn password(from_stdin: bool) -> Result<(String, Value), Failure> {
    if from_stdin {
        return Ok((password_from_stdin()?, Value::Null));
    }
    let password = generate_password();
    let shown = json!(password);
    Ok((password, shown))
}

async fn switch(registry: &Registry, user: &Person, switch: Switch) -> Result<Table, Failure> {
    registry
        .switch_user(OPERATOR, &user.account, &user.name, switch)
        .await?;
    let enabled = json!(switch == Switch::Enabled);
    Ok(Table::one(
        &["user", "enabled"],
        [json!(user.to_string()), enabled],
    ))
}

#[derive(Debug, Subcommand)]
pub(super) enum GroupVerb {
    /// Make a group
    Create {
        /// The group, ACCOUNT/NAME
        group: Person,
        /// Make its members administrators of the account
        #[arg(long)]
        administrator: bool,
    },
    /// Add a user to a group
    Add {
        /// The group, ACCOUNT/NAME
        group: Person,
        /// The user's name in the same account
        user: String,
    },
    /// Take a user out of a group
    Remove {
        /// The group, ACCOUNT/NAME
        group: Person,
        /// The user's name in the same account
        user: String,
    },
    /// List the groups of an account
    List {
        /// The account's name
        account: String,
    },
}

const GROUP_COLUMNS: &[&str; 3] = &["group", "administrators", "created_at"];

fn group_row(account: &str, group: &Group) -> [Value; 3] {
    let name = format!("{account}/{}", group.name);
    [
        json!(name),
        json!(group.administrator),
        json!(time_text(group.created_at)),
    ]
}

pub(super) async fn group(registry: &Registry, verb: GroupVerb) -> Result<Table, Failure> {
    let member = |group: &Person, user: &str, is_member: bool| {
        Table::one(
            &["group", "user", "member"],
            [json!(group.to_string()), json!(user), json!(is_member)],
        )
    };
    Ok(match verb {
        GroupVerb::Create { group, administrator } => {
            let role = if administrator {
                GroupRole::Administrators
            } else {
                GroupRole::Members
            };
            let made = registry
                .create_group(OPERATOR, &group.account, &group.name, role)
                .await?;
            Table::one(GROUP_COLUMNS, group_row(&group.account, &made))
        }
        GroupVerb::Add { group, user } => {
            registry
                .add_member(OPERATOR, &group.account, &group.name, &user)
                .await?;
            member(&group, &user, true)
        }
        GroupVerb::Remove { group, user } => {
            registry
                .remove_member(OPERATOR, &group.account, &group.name, &user)
                .await?;
            member(&group, &user, false)
        }
        GroupVerb::List { account } => {
            let groups = registry.list_groups(OPERATOR, &account).await?;
            Table::list(
                GROUP_COLUMNS,
                groups.iter().map(|group| group_row(&account, group)),
            )
        }
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// Make an access key; its secret is shown once
    Create {
        /// The user, ACCOUNT/NAME
        user: Person,
    },
    /// List the access keys of a user
    List {
        /// The user, ACCOUNT/NAME
        user: Person,
    },
    /// Refuse a key and every login made with it from the next request on
    Disable {
        /// The access key id
        access_key_id: String,
    },
    /// Make a key good again
    Enable {
        /// The access key id
        access_key_id: String,
    },
    /// Delete a key and every login made with it
    Delete {
        /// The access key id
        access_key_id: String,
    },
}

const KEY_COLUMNS: &[&str; 5] = &[
    "access_key_id",
    "enabled",
    "created_at",
    "last_used_at",
    "expires_at",
];

fn key_row(key: &AccessKey) -> [Value; 5] {
    [
        json!(key.access_key_id),
        json!(key.enabled),
        json!(time_text(key.created_at)),
        json!(key.last_used_at.map(time_text)),
        json!(key.expires_at.map(time_text)),
    ]
}

pub(super) async fn key(registry: &Registry, verb: KeyVerb) -> Result<Table, Failure> {
    match verb {
        KeyVerb::Create { user } => {
            let pair = registry
                .create_access_key(OPERATOR, &user.account, &user.name)
                .await?;
            let login_key = json!(pair.login_key());
            let columns = &["user", "access_key_id", "secret_access_key", "login_key"];
            let row = [
                json!(user.to_string()),
                json!(pair.access_key_id),
                json!(pair.secret_key),
                login_key,
            ];
            Ok(Table::one(columns, row))
        }
        KeyVerb::List { user } => {
            let keys = registry
                .list_access_keys(OPERATOR, &user.account, &user.name)
                .await?;
            Ok(Table::list(KEY_COLUMNS, keys.iter().map(key_row)))
        }
        KeyVerb::Disable { access_key_id } => switch_key(registry, &access_key_id, Switch::Disabled).await,
        KeyVerb::Enable { access_key_id } => switch_key(registry, &access_key_id, Switch::Enabled).await,
        KeyVerb::Delete { access_key_id } => {
            registry.delete_access_key(OPERATOR, &access_key_id).await?;
            Ok(Table::one(
                &["access_key_id", "deleted"],
                [json!(access_key_id), json!(true)],
            ))
        }
    }
}

async fn switch_key(registry: &Registry, access_key_id: &str, switch: Switch) -> Result<Table, Failure> {
    registry
        .switch_access_key(OPERATOR, access_key_id, switch)
        .await?;
    let enabled = json!(switch == Switch::Enabled);
    Ok(Table::one(
        &["access_key_id", "enabled"],
        [json!(access_key_id), enabled],
    ))
}
