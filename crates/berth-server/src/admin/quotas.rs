//! `berth admin quota`: what an account may have at most.

use berth_registry::{Caller, Quotas, Registry};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Failure;
use crate::table::Table;

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
}

const COLUMNS: &[&str; 4] = &["account", "organizations", "images", "tags"];

pub(super) async fn quota(registry: &Registry, verb: QuotaVerb) -> Result<Table, Failure> {
    let account = match verb {
        QuotaVerb::Show { account } => account,
        QuotaVerb::Set(wanted) => {
            let quotas = Quotas {
                organizations_per_user: wanted.organizations.map(i64::from),
                repositories: wanted.images.map(i64::from),
                tags_per_repository: wanted.tags.map(i64::from),
            };
            registry
                .set_account_quotas(OPERATOR, &wanted.account, quotas)
                .await?;
            wanted.account
        }
    };
    let quotas = registry.account_quotas(OPERATOR, &account).await?;
    Ok(Table::one(COLUMNS, row(&account, quotas)))
}

fn row(account: &str, quotas: Quotas) -> [Value; 4] {
    [
        json!(account),
        json!(quotas.organizations_per_user),
        json!(quotas.repositories),
        json!(quotas.tags_per_repository),
    ]
}
