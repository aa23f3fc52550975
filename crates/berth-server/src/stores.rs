//! Commands that work on database and storage as a whole: their settings, their runtime, and the lines that tell how far
//! they are.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use berth_registry::Tally;
use clap::Args;

use crate::admin::Failure;
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
