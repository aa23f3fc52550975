//! `berth admin org|grant|login-command`: words of the command line to calls of the registry, and answers to columns.

use berth_oci::OrganizationName;
use berth_registry::{
    Caller, Error, Organization, Permission, Registry, WantedGrant, WantedLogin, time_text,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::table::Table;
use super::{Failure, Person};
use crate::config::Settings;

const OPERATOR: &Caller = &Caller::System;

#[derive(Debug, Subcommand)]
pub(super) enum OrganizationVerb {
    /// Make an organization
    Create {
        /// The organization's name
        name: OrganizationName,
        /// The account it belongs to
        #[arg(long)]
        account: String,
        /// The user who manages it [default: the first administrator of the account]
        #[arg(long)]
        owner: Option<String>,
    },
    /// List the organizations of an account
    List {
        /// The account's name
        account: String,
    },
    /// Delete an organization that holds no image
    Delete {
        /// The organization's name
        name: OrganizationName,
    },
}

const ORGANIZATION_COLUMNS: &[&str; 4] = &["organization", "account", "creator", "created_at"];

fn organization_row(organization: &Organization) -> [Value; 4] {
    [
        json!(organization.name),
        json!(organization.account_name),
        json!(organization.creator_name),
        json!(time_text(organization.created_at)),
    ]
}

pub(super) async fn organization(registry: &Registry, verb: OrganizationVerb) -> Result<Table, Failure> {
    Ok(match verb {
        OrganizationVerb::Create { name, account, owner } => {
            let owner = match owner {
                Some(owner) => owner,
                None => first_administrator(registry, &account).await?,
            };
            let made = registry
                .create_organization_for(OPERATOR, &name, &account, &owner)
                .await?;
            Table::one(ORGANIZATION_COLUMNS, organization_row(&made))
        }
        OrganizationVerb::List { account } => {
            let found = registry.list_organizations_of(OPERATOR, &account).await?;
            Table::list(ORGANIZATION_COLUMNS, found.iter().map(organization_row))
        }
        OrganizationVerb::Delete { name } => {
            registry.delete_organization(OPERATOR, &name).await?;
            Table::one(&["organization", "deleted"], [json!(name.as_str()), json!(true)])
        }
    })
}

async fn first_administrator(registry: &Registry, account: &str) -> Result<String, Failure> {
    let users = registry.list_users(OPERATOR, account).await?;
    let administrators = users.into_iter().filter(|user| user.administrator);
    let first = administrators.min_by_key(|user| user.created_at);
    first.map(|user| user.name).ok_or_else(|| {
        Failure::Refused(format!(
            "account '{account}' has no administrator: say with --owner who manages the organization"
        ))
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum GrantVerb {
    /// Give a user a right on an organization, in place of the one they have
    Set {
        /// The organization's name
        organization: OrganizationName,
        /// The user, ACCOUNT/NAME
        user: Person,
        /// The right
        permission: Right,
    },
    /// Take a user's right on an organization away
    Remove {
        /// The organization's name
        organization: OrganizationName,
        /// The user, ACCOUNT/NAME
        user: Person,
    },
    /// List who has a right on an organization
    List {
        /// The organization's name
        organization: OrganizationName,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Right {
    /// Pull
    Read,
    /// Pull and push
    Write,
    /// Everything, also deleting and granting rights
    Manage,
}

const GRANT_COLUMNS: &[&str; 4] = &["organization", "user", "user_id", "permission"];

pub(super) async fn grant(registry: &Registry, verb: GrantVerb) -> Result<Table, Failure> {
    Ok(match verb {
        GrantVerb::Set {
            organization,
            user,
            permission,
        } => {
            let found = registry.show_user(OPERATOR, &user.account, &user.name).await?;
            let permission = match permission {
                Right::Read => Permission::Read,
                Right::Write => Permission::Write,
                Right::Manage => Permission::Manage,
            };
            let wanted = [WantedGrant {
                user_id: found.id.clone(),
                permission,
            }];
            match registry
                .add_organization_grants(OPERATOR, &organization, &wanted)
                .await
            {
                Err(Error::Exists(_)) => {
                    registry
                        .update_organization_grants(OPERATOR, &organization, &wanted)
                        .await?;
                }
                done => done?,
            }
            let row = [
                json!(organization.as_str()),
                json!(found.name),
                json!(found.id),
                json!(permission.as_str()),
            ];
            Table::one(GRANT_COLUMNS, row)
        }
        GrantVerb::Remove { organization, user } => {
            let found = registry.show_user(OPERATOR, &user.account, &user.name).await?;
            registry
                .remove_organization_grants(OPERATOR, &organization, &[found.id])
                .await?;
            let row = [json!(organization.as_str()), json!(user.to_string()), json!(true)];
            Table::one(&["organization", "user", "removed"], row)
        }
        GrantVerb::List { organization } => {
            let (view, grants) = registry.organization_grants(OPERATOR, &organization).await?;
            let name = view.organization.name;
            let row = |grant: &berth_registry::Grant| {
                [
                    json!(name),
                    json!(grant.user_name),
                    json!(grant.user_id),
                    json!(grant.permission.as_str()),
                ]
            };
            Table::list(GRANT_COLUMNS, grants.iter().map(row))
        }
    })
}

#[derive(Debug, Args)]
pub(super) struct LoginCommand {
    /// The user, ACCOUNT/NAME
    user: Person,
    /// How long the login is good, 900 to 86400 seconds
    #[arg(long, value_name = "SECONDS")]
    duration_seconds: Option<i64>,
}

pub(super) async fn login_command(
    registry: &Registry,
    settings: &Settings,
    wanted: &LoginCommand,
) -> Result<Table, Failure> {
    let user = &wanted.user;
    let login = WantedLogin {
        project: None,
        duration_seconds: wanted.duration_seconds,
    };
    let made = registry
        .create_secret_for(OPERATOR, &user.account, &user.name, &login)
        .await?;
    let url = settings.local_url(settings.listen.0);
    let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
    let command = format!("docker login -u {} -p {} {host}", made.user, made.key);
    Ok(Table::one(
        &["command", "user", "password", "expires_at"],
        [
            json!(command),
            json!(made.user),
            json!(made.key),
            json!(time_text(made.expires_at)),
        ],
    ))
}
