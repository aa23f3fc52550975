//! Commands that work on the stores themselves: their settings, their runtime, and the lines that tell how far
//! they are.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use berth_registry::{Error, Tally};
use clap::Args;

use crate::config::{self, Settings, Written};
use crate::table::{Output, in_units};

/// Where the stores are.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
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
    #[arg(
        long,
        global = true,
        value_name = "STORAGE",
        help = "Where the blobs are kept [variable: BERTH_STORAGE]"
    )]
    storage: Option<String>,
    /// How the answer is printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
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

impl StoreArgs {
    /// The settings of these flags, the environment and the file.
    pub(crate) fn settings(&self) -> Result<Settings, config::Problems> {
        let flags = [
            ("data_dir", &self.data_dir),
            ("database", &self.database),
            ("storage", &self.storage),
        ];
        let flags: BTreeMap<&'static str, String> = flags
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?)))
            .collect();
        Ok(config::load(&Written::in_this_process(flags, self.config.clone()))?.settings)
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

/// Runs `work` to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(work)
}

/// Does `work` and says every few seconds how far it is, on standard error.
pub(crate) async fn telling<T>(tally: Arc<Tally>, work: impl Future<Output = T>) -> T {
    const TOLD_EVERY: Duration = Duration::from_secs(3);
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(TOLD_EVERY, &mut work).await {
            return done;
        }
        tell(&format!("{} rows, {}", tally.rows(), in_units(tally.bytes())));
    }
}

/// A line for who waits; nobody may be there.
pub(crate) fn tell(line: &str) {
    let _told = writeln!(std::io::stderr(), "{line}");
}
