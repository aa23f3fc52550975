//! `berth admin org|image|grant|login-command`: words of the command line to calls of the registry, and answers to columns.

use berth_oci::{OrganizationName, RepositoryName};
use berth_registry::{
    Caller, Error, Grant, GrantPlace, Organization, Permission, Registry, Visibility, WantedGrant,
    WantedLogin, time_text,
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, Person};
use crate::config::Settings;
use crate::table::Table;

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
pub(super) enum ImageVerb {
    /// Let everybody pull an image, also without logging in
    Publish {
        /// The image, ORGANIZATION/NAME
        image: RepositoryName,
    },
    /// Let only those with a right pull an image
    Withdraw {
        /// The image, ORGANIZATION/NAME
        image: RepositoryName,
    },
}

pub(super) async fn image(registry: &Registry, verb: ImageVerb) -> Result<Table, Failure> {
    let (image, visibility) = match verb {
        ImageVerb::Publish { image } => (image, Visibility::Public),
        ImageVerb::Withdraw { image } => (image, Visibility::Private),
    };
    registry.set_visibility(OPERATOR, &image, visibility).await?;
    let is_public = json!(visibility == Visibility::Public);
    Ok(Table::one(
        &["image", "public"],
        [json!(image.as_str()), is_public],
    ))
}

#[derive(Debug, Subcommand)]
pub(super) enum GrantVerb {
    /// Give a user a right on an organization or an image, in place of the one they have there
    Set {
        /// ORGANIZATION or ORGANIZATION/IMAGE
        place: GrantPlace,
        /// The user, ACCOUNT/NAME
        user: Person,
        /// The right
        permission: Right,
    },
    /// Take a user's right on an organization or an image away
    Remove {
        /// ORGANIZATION or ORGANIZATION/IMAGE
        place: GrantPlace,
        /// The user, ACCOUNT/NAME
        user: Person,
    },
    /// List who has a right on an organization or an image
    List {
        /// ORGANIZATION or ORGANIZATION/IMAGE
        place: GrantPlace,
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

const GRANT_COLUMNS: &[&str; 4] = &["place", "user", "user_id", "permission"];

pub(super) async fn grant(registry: &Registry, verb: GrantVerb) -> Result<Table, Failure> {
    match verb {
        GrantVerb::Set {
            place,
            user,
            permission,
        } => set_grant(registry, &place, &user, permission).await,
        GrantVerb::Remove { place, user } => {
            let found = registry.show_user(OPERATOR, &user.account, &user.name).await?;
            registry.remove_grants(OPERATOR, &place, &[found.id]).await?;
            let row = [json!(name_of(&place)), json!(user.to_string()), json!(true)];
            Ok(Table::one(&["place", "user", "removed"], row))
        }
        GrantVerb::List { place } => {
            let grants = registry.list_grants(OPERATOR, &place).await?;
            let row = |grant: &Grant| {
                let permission = json!(grant.permission.as_str());
                [
                    json!(name_of(&place)),
                    json!(grant.user_name),
                    json!(grant.user_id),
                    permission,
                ]
            };
            Ok(Table::list(GRANT_COLUMNS, grants.iter().map(row)))
        }
    }
}

async fn set_grant(
    registry: &Registry,
    place: &GrantPlace,
    user: &Person,
    right: Right,
) -> Result<Table, Failure> {
    let found = registry.show_user(OPERATOR, &user.account, &user.name).await?;
    let permission = match right {
        Right::Read => Permission::Read,
        Right::Write => Permission::Write,
        Right::Manage => Permission::Manage,
    };
    let wanted = [WantedGrant {
        user_id: found.id.clone(),
        permission,
    }];
    match registry.add_grants(OPERATOR, place, &wanted).await {
        Err(Error::Exists(_)) => registry.update_grants(OPERATOR, place, &wanted).await?,
        done => done?,
    }
    let row = [
        json!(name_of(place)),
        json!(found.name),
        json!(found.id),
        json!(permission.as_str()),
    ];
    Ok(Table::one(GRANT_COLUMNS, row))
}

fn name_of(place: &GrantPlace) -> &str {
    match place {
        GrantPlace::Organization(name) => name.as_str(),
        GrantPlace::Repository(name) => name.as_str(),
    }
}

#[derive(Debug, Args)]
pub(super) struct LoginCommand {
    /// The user, ACCOUNT/NAME
    user: Person,
    /// How long the login is good, 900 to 86400 seconds
    #[arg(long, value_name = "SECONDS")]
    duration_seconds: Option<i64>,
}

impl LoginCommand {
    /// Whose login it is.
    pub(super) fn user(&self) -> &Person {
        &self.user
    }
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
