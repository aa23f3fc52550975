//! `berth admin`: accounts, users, groups, keys, organisations and rights, worked on the store directly, beside a
//! running server or without one. For bootstrap and rescue: who can open the database and the master key is the operator.

mod people;
mod places;
mod quotas;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::str::FromStr;

use berth_registry::{Error, Registry, Upgrade};
use clap::{Args, Subcommand};

use crate::config::{self, Settings, Written};
use crate::table::{Output, Table};

/// The arguments of `berth admin`.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "File with settings [variable: BERTH_CONFIG]"
    )]
    config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        help = "Folder of the server's data [variable: BERTH_DATA_DIR]"
    )]
    data_dir: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "DATABASE",
        help = "Where the metadata are kept [variable: BERTH_DATABASE]"
    )]
    database: Option<String>,
    /// How the answer is printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
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
    /// Print a docker login command that ends by itself
    LoginCommand(places::LoginCommand),
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The settings are not right.
    #[error(transparent)]
    Settings(#[from] config::Problems),
    /// There is nothing to administer.
    #[error(
        "there is no registry at {0} yet: start `berth serve` once, or say where it is with --data-dir or --database"
    )]
    NoRegistry(String),
    /// The registry refuses.
    #[error("{0}")]
    Refused(String),
    /// The password did not arrive.
    #[error("no password could be read from standard input: {0}")]
    Password(std::io::Error),
    /// The program cannot run.
    #[error(transparent)]
    Runtime(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(below) = cause {
            text = format!("{text}: {below}");
            cause = below.source();
        }
        Failure::Refused(text)
    }
}

impl AdminArgs {
    /// Does what was asked and answers what to print.
    pub(crate) fn run(self) -> Result<String, Failure> {
        let flags = [("data_dir", self.data_dir), ("database", self.database)];
        let flags: BTreeMap<&'static str, String> = flags
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        let settings = config::load(&Written::in_this_process(flags, self.config))?.settings;
        // An account is made before the first start only when the server makes none.
        if !matches!(self.verb, Verb::Account(people::AccountVerb::Create { .. })) {
            must_exist(&settings)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Failure::Runtime)?;
        let table = runtime.block_on(async {
            // A look must not upgrade the database under those who serve.
            let opening = settings.opening(Upgrade::Refuse);
            let registry = Registry::open_with(settings.registry(), opening).await?;
            let done = run(&registry, &settings, self.verb).await;
            registry.close().await;
            done
        })?;
        Ok(table.print(self.output))
    }
}

/// Refuses to make a database where none is.
pub(crate) fn must_exist(settings: &Settings) -> Result<(), Failure> {
    let url = settings.database_url();
    match url.strip_prefix("sqlite://") {
        Some(path) if !std::path::Path::new(path).exists() => Err(Failure::NoRegistry(path.to_owned())),
        _ => Ok(()),
    }
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
