//! `berth admin quota`: what an account may have at most.

use berth_oci::OrganizationName;
use berth_registry::{Caller, Quotas, Registry};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Failure;
use crate::config::bytes;
use crate::table::{Form, Table};

const OPERATOR: &Caller = &Caller::System;

#[derive(Debug, Subcommand)]
pub(super) enum QuotaVerb {
    /// Show what an account may have at most
    Show {
        /// The account's name
        account: String,
    },
    /// Set what an account may have at most, in place of all that was set before
    Set(SetQuotas),
    /// Show how many bytes an organization may hold, and holds
    ShowOrg {
        /// The organization's name
        name: OrganizationName,
    },
    /// Set how many bytes an organization may hold
    SetOrg {
        /// The organization's name
        name: OrganizationName,
        /// Such as 50GiB [default: as many as its account may]
        #[arg(long, value_name = "SIZE", value_parser = bytes)]
        bytes: Option<i64>,
    },
}

#[derive(Debug, Args)]
pub(super) struct SetQuotas {
    /// The account's name
    account: String,
    /// Organizations that one of its users may create [default: the setting `limits.organizations_per_user`]
    #[arg(long, value_name = "NUMBER")]
    organizations: Option<u32>,
    /// Images in all its organizations [default: as many as it likes]
    #[arg(long, value_name = "NUMBER")]
    images: Option<u32>,
    /// Tags of one image [default: as many as it likes]
    #[arg(long, value_name = "NUMBER")]
    tags: Option<u32>,
    /// Bytes of all its images, such as 500GiB [default: as many as it likes]
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    bytes: Option<i64>,
}

impl SetQuotas {
    /// The account's name.
    pub(super) fn account(&self) -> &str {
        &self.account
    }
}

const COLUMNS: [(&str, Form); 5] = [
    ("account", Form::Plain),
    ("organizations", Form::Plain),
    ("images", Form::Plain),
    ("tags", Form::Plain),
    ("bytes", Form::Bytes),
];
const ORGANIZATION_COLUMNS: [(&str, Form); 4] = [
    ("organization", Form::Plain),
    ("bytes", Form::Bytes),
    ("used_bytes", Form::Bytes),
    ("reserved_bytes", Form::Bytes),
];

pub(super) async fn quota(registry: &Registry, verb: QuotaVerb) -> Result<Table, Failure> {
    let account = match verb {
        QuotaVerb::Show { account } => account,
        QuotaVerb::Set(wanted) => {
            let quotas = Quotas {
                organizations_per_user: wanted.organizations.map(i64::from),
                repositories: wanted.images.map(i64::from),
                tags_per_repository: wanted.tags.map(i64::from),
                bytes: wanted.bytes,
            };
            registry
                .set_account_quotas(OPERATOR, &wanted.account, quotas)
                .await?;
            wanted.account
        }
        QuotaVerb::ShowOrg { name } => return organization(registry, &name).await,
        QuotaVerb::SetOrg { name, bytes } => {
            registry
                .set_organization_byte_quota(OPERATOR, &name, bytes)
                .await?;
            return organization(registry, &name).await;
        }
    };
    let quotas = registry.account_quotas(OPERATOR, &account).await?;
    Ok(Table::one_of(COLUMNS.into(), row(&account, quotas)))
}

async fn organization(registry: &Registry, name: &OrganizationName) -> Result<Table, Failure> {
    let quota = registry.organization_byte_quota(OPERATOR, name).await?;
    let row = vec![
        json!(name.as_str()),
        json!(quota.map(|quota| quota.limit)),
        json!(quota.map(|quota| quota.used)),
        json!(quota.map(|quota| quota.reserved)),
    ];
    Ok(Table::one_of(ORGANIZATION_COLUMNS.into(), row))
}

fn row(account: &str, quotas: Quotas) -> Vec<Value> {
    vec![
        json!(account),
        json!(quotas.organizations_per_user),
        json!(quotas.repositories),
        json!(quotas.tags_per_repository),
        json!(quotas.bytes),
    ]
}
