//! `berth admin`: accounts, users, groups, keys, organisations and rights, worked on the store directly, beside a
//! running server or without one. For bootstrap and rescue: who can open the database and the master key is the operator.

mod audit;
mod deed;
mod people;
mod places;
mod quotas;

use std::io::Read as _;
use std::str::FromStr;

use berth_registry::{Registry, Upgrade};
use clap::{Args, Subcommand};

use crate::config::Settings;
use crate::stores::{Failure, StoreArgs, block_on, must_exist};
use crate::table::Table;

/// The arguments of `berth admin`.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[command(flatten)]
    stores: StoreArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Accounts, the tenants
    #[command(subcommand)]
    Account(people::AccountVerb),
    /// Users of an account
    #[command(subcommand)]
    User(people::UserVerb),
    /// Groups of users
    #[command(subcommand)]
    Group(people::GroupVerb),
    /// Access keys (AK/SK)
    #[command(subcommand)]
    Key(people::KeyVerb),
    /// Organizations, which hold images
    #[command(subcommand)]
    Org(places::OrganizationVerb),
    /// Images
    #[command(subcommand)]
    Image(places::ImageVerb),
    /// Rights of users on organizations and images
    #[command(subcommand)]
    Grant(places::GrantVerb),
    /// What an account may have at most
    #[command(subcommand)]
    Quota(quotas::QuotaVerb),
    /// The audit trail
    #[command(subcommand)]
    Audit(audit::AuditVerb),
    /// Print a docker login command that ends by itself
    LoginCommand(places::LoginCommand),
}

impl AdminArgs {
    /// Does what was asked, and answers what to print and whether all is as it should be.
    pub(crate) fn run(self) -> Result<(String, bool), Failure> {
        let settings = self.stores.settings()?;
        // An account is made before the first start only when the server makes none.
        if !matches!(self.verb, Verb::Account(people::AccountVerb::Create { .. })) {
            must_exist(&settings)?;
        }
        let (table, well) = block_on(async {
            // A look must not upgrade the database under those who serve.
            let opening = settings.opening(Upgrade::Refuse);
            let registry = Registry::open_with(settings.registry(), opening).await?;
            let done = run_noted(&registry, &settings, self.verb).await;
            registry.close().await;
            done
        })?;
        Ok((table.print(self.stores.output), well))
    }
}

/// Does it, and notes a change in the trail of the account that it is made to.
async fn run_noted(registry: &Registry, settings: &Settings, verb: Verb) -> Result<(Table, bool), Failure> {
    let verb = match verb {
        Verb::Audit(verb) => return audit::audit(registry, verb).await,
        verb => verb,
    };
    let Some(deed) = deed::of(&verb) else {
        return Ok((run(registry, settings, verb).await?, true));
    };
    // Before it is done, because it may delete what names the account; and after it, because it may make it.
    let before = registry.trail_of(&deed.of).await?;
    let table = run(registry, settings, verb).await?;
    let account = match before {
        Some(account) => Some(account),
        None => registry.trail_of(&deed.of).await?,
    };
    if let Some(account) = account {
        registry
            .record_operator(&account, deed.action, &deed.resource)
            .await;
    }
    Ok((table, true))
}

async fn run(registry: &Registry, settings: &Settings, verb: Verb) -> Result<Table, Failure> {
    match verb {
        Verb::Account(verb) => people::account(registry, verb).await,
        Verb::User(verb) => people::user(registry, verb).await,
        Verb::Group(verb) => people::group(registry, verb).await,
        Verb::Key(verb) => people::key(registry, verb).await,
        Verb::Org(verb) => places::organization(registry, verb).await,
        Verb::Image(verb) => places::image(registry, verb).await,
        Verb::Grant(verb) => places::grant(registry, verb).await,
        Verb::Quota(verb) => quotas::quota(registry, verb).await,
        Verb::Audit(verb) => audit::audit(registry, verb).await.map(|(table, _)| table),
        Verb::LoginCommand(wanted) => places::login_command(registry, settings, &wanted).await,
    }
}

/// A user as named on the command line.
#[derive(Clone, Debug)]
struct Person {
    account: String,
    name: String,
}

impl FromStr for Person {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((account, name)) if !account.is_empty() && !name.is_empty() => Ok(Self {
                account: account.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("a user is written ACCOUNT/NAME".to_owned()),
        }
    }
}

impl std::fmt::Display for Person {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.account, self.name)
    }
}

/// The first line of standard input: a password there shows in no list of processes and no history.
fn password_from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .map_err(Failure::Password)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
