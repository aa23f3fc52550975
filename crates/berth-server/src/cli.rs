//! The command line: subcommands, their arguments, and their dispatch. What they do is elsewhere.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Args, Command, CommandFactory as _, FromArgMatches, Parser, Subcommand};
use rustix::fs::Mode;

use crate::admin::AdminArgs;
use crate::agent::AgentVerb;
use crate::backup::{BackupArgs, RestoreArgs};
use crate::client;
use crate::config::{self, Resolved, SETTINGS, Written};
use crate::ledger::LedgerVerb;
use crate::migrate::MigrateArgs;
use crate::rebuild::RebuildArgs;
use crate::reference;
use crate::self_signed;

/// Threads that wait for disks and count passwords, made when they are needed. All uploads that run at one time have theirs, so that
/// none of them is in the way of a read.
const BLOCKING_THREADS_MAX: usize = 1024;

/// A container image registry: push, pull and manage container images.
///
/// `berth serve` starts the server. Without any setting it keeps everything in ./data and answers plain HTTP on port
/// 5000 of this machine.
#[derive(Debug, Parser)]
#[command(name = "berth", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the server
    ///
    /// Every setting is a flag here, a BERTH_* variable, and a key of berth.toml; a flag wins over a variable, a
    /// variable over the file. Secrets have no flag: use the variable or the file.
    Serve(SettingArgs),
    /// Check and document the settings
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Make certificates
    #[command(subcommand)]
    Tls(TlsVerb),
    /// Manage accounts, users, keys, organizations and rights, beside a running server or without one
    ///
    /// Works on the data folder or database itself, as the server's own settings name it.
    Admin(AdminArgs),
    /// Write a snapshot of the metadata into the storage or to a file, while everything runs
    ///
    /// A snapshot holds all but the bytes of blobs, which stay where they are, and the master key: keep a copy of the key
    /// file (setting `master_key_file`) apart from both. Without it the secrets in a snapshot cannot be read.
    Backup(BackupArgs),
    /// Bring the metadata back from a snapshot
    ///
    /// Works on the database that the settings name, of whatever kind; no server may run on it. The database is changed
    /// as a whole or not at all.
    Restore(RestoreArgs),
    /// Recover images from the storage alone, when there is neither database nor snapshot
    ///
    /// Organizations, images, manifests and tags come back as far as the records in the storage tell of them. People and
    /// rights are gone: a new administrator is made and printed, as at a first start, whose account owns everything.
    Rebuild(RebuildArgs),
    /// Copy a running registry into another database and storage
    ///
    /// Blobs first, only those that are missing there, then all metadata of one moment. Run it as often as you like; the
    /// last run is with --finish, after the old server has stopped. A run that was interrupted is run again.
    Migrate(MigrateArgs),
    /// Where the bytes are: what holds them, what a deletion frees, and whether rows and store agree
    #[command(subcommand)]
    Ledger(LedgerVerb),
    /// Run an agent on a node, and let the clients there use it
    #[command(subcommand)]
    Agent(AgentVerb),
    /// Print the document of the management API (`OpenAPI` 3.1), as a server answers it at /openapi.json
    Openapi {
        /// As a page for people, in HTML
        #[arg(long)]
        page: bool,
    },
    /// Print a page of the reference, in Markdown
    #[command(subcommand)]
    Reference(ReferenceVerb),
    /// Read a layer for an index, on behalf of a server
    #[command(hide = true)]
    LazyIndex {
        /// What to do
        order: String,
    },
    /// Print the version
    Version,
    /// Print what makes a shell complete the commands
    #[command(
        after_help = "Example:\n  berth completions bash > ~/.local/share/bash-completion/completions/berth"
    )]
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    #[command(flatten)]
    Client(client::Verb),
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Check the settings and print those in force, with the place each came from
    ///
    /// Ends with 0 when `berth serve` with the same settings would take them, with 1 otherwise. Secrets are not printed.
    Check(SettingArgs),
    /// Print a commented berth.toml with every setting
    Sample,
    /// Print the reference page of the settings, in Markdown
    Reference,
}

#[derive(Debug, Subcommand)]
enum ReferenceVerb {
    /// The commands and their arguments
    Commands,
    /// The codes of refusals
    Errors,
    /// What a server answers at /metrics
    Metrics,
}

#[derive(Debug, Subcommand)]
enum TlsVerb {
    /// Make a local certificate authority and a server certificate
    ///
    /// Writes ca.crt, ca.key, server.crt and server.key, and prints where docker, containerd and podman want the
    /// authority's certificate. For a name that the public can reach use a public authority instead.
    SelfSigned(self_signed::Request),
}

/// One flag for each setting that has one, and `--config`.
#[derive(Debug, Clone)]
pub(crate) struct SettingArgs {
    flags: BTreeMap<&'static str, String>,
    file: Option<PathBuf>,
}

impl SettingArgs {
    /// The settings of these flags, the environment and the file.
    pub(crate) fn load(self) -> Result<Resolved, config::Problems> {
        config::load(&Written::in_this_process(self.flags, self.file))
    }
}

impl Args for SettingArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("File with settings [default: berth.toml, if it is there] [variable: BERTH_CONFIG]");
        SETTINGS.iter().fold(command.arg(file), |command, setting| {
            let Some(flag) = setting.flag() else {
                return command;
            };
            let default = if setting.default.is_empty() {
                setting.otherwise
            } else {
                setting.default
            };
            let help = format!(
                "{}\n[allowed: {}]\n[default: {}] [variable: {}]",
                setting.help,
                setting.allowed(),
                default.replace('`', ""),
                setting.variable()
            );
            let name = setting.kind().to_uppercase().replace(' ', "_");
            command.arg(
                Arg::new(setting.key)
                    .long(flag)
                    .value_name(name)
                    .help(help)
                    .next_line_help(true),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let with_flag = SETTINGS.iter().filter(|setting| setting.flag().is_some());
        let given =
            with_flag.filter_map(|s| matches.get_one::<String>(s.key).map(|text| (s.key, text.clone())));
        Ok(Self {
            flags: given.collect(),
            file: matches.get_one::<PathBuf>("config").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What ends the program with a message and an exit code other than 0.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Verb::Serve(settings) => serve(settings),
        Verb::Config(ConfigVerb::Check(settings)) => settings
            .load()
            .map_err(Failure::from)
            .and_then(|resolved| print(&config::effective(&resolved))),
        Verb::Config(ConfigVerb::Sample) => print(&config::sample()),
        Verb::Config(ConfigVerb::Reference) => print(&config::reference()),
        Verb::Tls(TlsVerb::SelfSigned(request)) => self_signed::make(&request)
            .map_err(Failure::from)
            .and_then(|text| print(&text)),
        Verb::Admin(args) => {
            keep_to_owner();
            return compared(args.run().map_err(Failure::from));
        }
        Verb::Backup(args) => {
            keep_to_owner();
            args.run().map_err(Failure::from).and_then(|text| print(&text))
        }
        Verb::Restore(args) => {
            keep_to_owner();
            args.run().map_err(Failure::from).and_then(|text| print(&text))
        }
        Verb::Rebuild(args) => {
            keep_to_owner();
            args.run().map_err(Failure::from).and_then(|text| print(&text))
        }
        Verb::Migrate(args) => {
            keep_to_owner();
            args.run().map_err(Failure::from).and_then(|text| print(&text))
        }
        Verb::Ledger(LedgerVerb::Ask(verb)) => return client::Verb::Ledger(verb).run(),
        Verb::Ledger(LedgerVerb::Verify(args)) => {
            keep_to_owner();
            return compared(args.run().map_err(Failure::from));
        }
        Verb::Client(verb) => return verb.run(),
        Verb::Agent(verb) => {
            if matches!(verb, AgentVerb::Run(_)) {
                keep_to_owner();
            }
            verb.run().and_then(|text| print(&text))
        }
        Verb::LazyIndex { order } => return berth_registry::read_lazy_layer(&order),
        Verb::Completions { shell } => print(&completions(shell)),
        Verb::Openapi { page: true } => print(&crate::api::page()),
        Verb::Openapi { page: false } => print(&crate::api::document()),
        Verb::Reference(ReferenceVerb::Commands) => print(&reference::commands(&Cli::command())),
        Verb::Reference(ReferenceVerb::Errors) => print(&reference::errors()),
        Verb::Reference(ReferenceVerb::Metrics) => print(&crate::metrics::reference()),
        Verb::Version => print(concat!("berth ", env!("CARGO_PKG_VERSION"), "\n")),
    };
    ended(done)
}

fn ended(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Standard error may be closed; there is nobody left to tell then.
            let _ = writeln!(std::io::stderr(), "berth: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what was found; the command fails when that is not as it should be.
fn compared(found: Result<(String, bool), Failure>) -> ExitCode {
    match found {
        Ok((text, true)) => ended(print(&text)),
        Ok((text, false)) => {
            // Whether it can be printed or not.
            let _printed = print(&text);
            ExitCode::FAILURE
        }
        Err(failure) => ended(Err(failure)),
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "berth", &mut script);
    String::from_utf8(script).expect("scripts are made of the texts of this program")
}

fn serve(args: SettingArgs) -> Result<(), Failure> {
    let Resolved {
        settings, ignored, ..
    } = args.load()?;
    keep_to_owner();
    let _logging = crate::logging::start(&settings.log)?;
    for variable in ignored {
        tracing::warn!(variable, "no setting reads this variable");
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()?;
    runtime.block_on(crate::app::run(settings)).map_err(Failure::from)
}

/// Makes every file that this process creates its owner's alone: a data folder that was there before may be open to
/// others, and the database holds password hashes.
fn keep_to_owner() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Writes to standard output; a reader that has gone away (`berth config sample | head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands without subcommands, each by its whole name.
    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        for below in command
            .get_subcommands()
            .filter(|below| below.get_name() != "help")
        {
            let path = format!("{path} {}", below.get_name());
            if below.has_subcommands() {
                leaves(below, &path, found);
            } else {
                found.push((path, below.clone()));
            }
        }
    }

    fn all() -> Vec<(String, Command)> {
        let mut found = Vec::new();
        let mut command = Cli::command();
        command.build();
        leaves(&command, "berth", &mut found);
        found
    }

    #[test]
    fn the_command_line_has_no_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_client_shows_an_example_of_itself() {
        let of_the_client = |command: &Command| command.get_arguments().any(|arg| arg.get_id() == "profile");
        let clients: Vec<_> = all()
            .into_iter()
            .filter(|(_, command)| of_the_client(command))
            .collect();
        assert!(clients.len() > 20, "{clients:?}");
        for (path, command) in clients {
            let example = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(example.contains(&path), "{path}: {example:?}");
        }
    }

    #[test]
    fn no_secret_is_an_argument() {
        for (path, command) in all() {
            for argument in command
                .get_arguments()
                .filter(|arg| arg.get_action().takes_values())
            {
                let name = argument.get_id().as_str();
                let is_secret = ["secret", "password", "token", "key"]
                    .iter()
                    .any(|word| name.ends_with(word));
                // The settings' file of a key, and the name of one.
                let is_named = ["tls.key"].contains(&name);
                assert!(!is_secret || is_named, "{path} {name}");
            }
        }
    }
}
