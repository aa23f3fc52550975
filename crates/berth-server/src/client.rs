//! `berth` as a client: the commands that ask a server, by the management API and nothing else. Knows no store: what is not
//! in the API cannot be done here.

mod answer;
mod audit;
mod bin;
mod clusters;
mod failure;
mod grants;
mod groups;
mod images;
mod immutability;
mod keys;
mod lazy;
mod ledger;
mod login;
mod logins;
mod maintenance;
mod mirrors;
mod names;
mod options;
mod organizations;
mod people;
mod preheats;
mod profile;
mod regions;
mod retentions;
mod search;
mod server;
mod shares;
mod shut_outs;
mod syncs;
mod tags;
mod terminal;
mod triggers;
mod uploads;
mod users;
mod webhooks;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::table::Table;
use failure::Failure;
use options::Options;

pub(crate) use ledger::Verb as LedgerVerb;

/// The commands of the client.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Log in to a server and keep the login
    #[command(after_help = login::EXAMPLES)]
    Login(With<login::Login>),
    /// Forget a login
    #[command(after_help = "Example:\n  berth logout --profile work")]
    Logout(With<login::Logout>),
    /// Say who you are, and where
    #[command(after_help = "Example:\n  berth whoami")]
    Whoami(With<Nothing>),
    /// Logins that are kept
    Profile(Group<login::ProfileVerb>),
    /// Organizations, which hold images
    Org(Group<organizations::Verb>),
    /// Images
    Image(Group<images::Verb>),
    /// Tags of images
    Tag(Group<tags::Verb>),
    /// What was deleted, until it expires
    Bin(Group<bin::Verb>),
    /// Rights on organizations and images
    Grant(Group<grants::Verb>),
    /// Images that other accounts may pull
    Share(Group<shares::Verb>),
    /// What is rolled out when an image is pushed
    Trigger(Group<triggers::Verb>),
    /// Who is told when an image is pushed
    Webhook(Group<webhooks::Verb>),
    /// Clusters that images are rolled out to, and what runs there
    Cluster(Group<clusters::Verb>),
    /// How long images keep their tags
    Retention(Group<retentions::Verb>),
    /// Tags that neither move nor go
    Immutable(Group<immutability::Verb>),
    /// Images that start before they are pulled
    Lazy(Group<lazy::Verb>),
    /// Images that nodes have before anybody asks for them
    Preheat(Group<preheats::Verb>),
    /// Other regions, which images are sent to
    Region(Group<regions::Verb>),
    /// Mirrors of other registries, which are pulled through
    Mirror(Group<mirrors::Verb>),
    /// Copies of images in other regions
    Sync(Group<syncs::Verb>),
    /// Long work of the registry itself, for those who run it
    Maintenance(Group<maintenance::Verb>),
    /// Who is shut out because of too many requests
    ShutOut(Group<shut_outs::Verb>),
    /// Who did what in the account, for its administrators
    Audit(Group<audit::Verb>),
    /// Access keys (AK/SK)
    Key(Group<keys::Verb>),
    /// Users of the account
    User(Group<users::Verb>),
    /// Groups of users
    Group(Group<groups::Verb>),
    /// Find organizations, images, tags and digests
    #[command(after_help = search::EXAMPLES)]
    Search(With<search::Search>),
    /// Upload images that were saved to files
    #[command(after_help = uploads::EXAMPLES)]
    Upload(With<uploads::Upload>),
    /// Print a docker login command that ends by itself
    #[command(after_help = logins::EXAMPLES)]
    LoginCommand(With<logins::LoginCommand>),
    /// Where the bytes are; a part of `berth ledger`
    #[command(skip)]
    Ledger(LedgerVerb),
}

/// A command with the options of all.
#[derive(Debug, Args)]
pub(crate) struct With<A: Args> {
    #[command(flatten)]
    own: A,
    #[command(flatten)]
    options: Options,
}

/// A command without arguments of its own.
#[derive(Debug, Args)]
pub(crate) struct Nothing {}

/// Commands with the options of all.
#[derive(Debug, Args)]
pub(crate) struct Group<S: Subcommand> {
    #[command(subcommand)]
    verb: S,
    #[command(flatten)]
    options: Options,
}

impl Verb {
    /// Does what was asked, prints the answer or why there is none, and says how it went.
    pub(crate) fn run(self) -> ExitCode {
        let options = self.options().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = match runtime {
            Ok(runtime) => runtime.block_on(self.answer(&options)),
            Err(error) => Err(Failure::Here(error.to_string())),
        };
        match done.and_then(|answer| print(&answer.print(options.output))) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                // Standard error may be closed; there is nobody left to tell then.
                let _ = std::io::stderr().write_all(failure.print(options.output).as_bytes());
                failure.exit_code()
            }
        }
    }

    fn options(&self) -> &Options {
        match self {
            Self::Login(command) => &command.options,
            Self::Logout(command) => &command.options,
            Self::Whoami(command) => &command.options,
            Self::Profile(group) => &group.options,
            Self::Org(group) => &group.options,
            Self::Image(group) => &group.options,
            Self::Tag(group) => &group.options,
            Self::Bin(group) => &group.options,
            Self::Grant(group) => &group.options,
            Self::Share(group) => &group.options,
            Self::Trigger(group) => &group.options,
            Self::Webhook(group) => &group.options,
            Self::Cluster(group) => &group.options,
            Self::Retention(group) => &group.options,
            Self::Immutable(group) => &group.options,
            Self::Lazy(group) => &group.options,
            Self::Preheat(group) => &group.options,
            Self::Region(group) => &group.options,
            Self::Mirror(group) => &group.options,
            Self::Sync(group) => &group.options,
            Self::Maintenance(group) => &group.options,
            Self::ShutOut(group) => &group.options,
            Self::Audit(group) => &group.options,
            Self::Key(group) => &group.options,
            Self::User(group) => &group.options,
            Self::Group(group) => &group.options,
            Self::Search(command) => &command.options,
            Self::Upload(command) => &command.options,
            Self::LoginCommand(command) => &command.options,
            Self::Ledger(LedgerVerb::Show(command)) => &command.options,
            Self::Ledger(LedgerVerb::Frees(command)) => &command.options,
        }
    }

    async fn answer(self, options: &Options) -> Result<Table, Failure> {
        match self {
            Self::Login(command) => login::login(options, command.own).await,
            Self::Logout(_) => login::logout(options),
            Self::Whoami(_) => login::whoami(options).await,
            Self::Profile(group) => login::profile(options, group.verb),
            Self::Org(group) => organizations::run(&options.server()?, group.verb).await,
            Self::Image(group) => images::run(&options.server()?, group.verb).await,
            Self::Tag(group) => tags::run(&options.server()?, group.verb).await,
            Self::Bin(group) => bin::run(&options.server()?, group.verb).await,
            Self::Grant(group) => grants::run(&options.server()?, group.verb).await,
            Self::Share(group) => shares::run(&options.server()?, group.verb).await,
            Self::Trigger(group) => triggers::run(&options.server()?, group.verb).await,
            Self::Webhook(group) => webhooks::run(&options.server()?, group.verb).await,
            Self::Cluster(group) => clusters::run(&options.server()?, group.verb).await,
            Self::Retention(group) => retentions::run(&options.server()?, group.verb).await,
            Self::Immutable(group) => immutability::run(&options.server()?, group.verb).await,
            Self::Lazy(group) => lazy::run(&options.server()?, group.verb).await,
            Self::Preheat(group) => preheats::run(&options.server()?, group.verb).await,
            Self::Region(group) => regions::run(&options.server()?, group.verb).await,
            Self::Mirror(group) => mirrors::run(&options.server()?, group.verb).await,
            Self::Sync(group) => syncs::run(&options.server()?, group.verb).await,
            Self::Maintenance(group) => maintenance::run(&options.server()?, group.verb).await,
            Self::ShutOut(group) => shut_outs::run(&options.server()?, group.verb).await,
            Self::Audit(group) => audit::run(&options.server()?, group.verb).await,
            Self::Key(group) => keys::run(&options.server()?, group.verb).await,
            Self::User(group) => users::run(&options.server()?, group.verb).await,
            Self::Group(group) => groups::run(&options.server()?, group.verb).await,
            Self::Search(command) => search::run(&options.server()?, command.own).await,
            Self::Upload(command) => uploads::run(&options.server()?, command.own).await,
            Self::LoginCommand(command) => logins::run(&options.server()?, command.own).await,
            Self::Ledger(verb) => ledger::run(&options.server()?, verb).await,
        }
    }
}

/// Writes to standard output; a reader that has gone away (`berth org list | head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Here(format!("the answer cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
