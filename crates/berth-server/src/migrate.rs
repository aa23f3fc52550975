//! `berth migrate`: a running registry copied into other stores, again and again until the last run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use berth_registry::{Migration, MigrationProgress, migrate};
use clap::Args;
use serde_json::json;

use crate::config::{self, Settings, Written};
use crate::stores::{Failure, StoreArgs, block_on, must_exist, tell};
use crate::table::{Form, Table, in_units};

/// The arguments of `berth migrate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  berth migrate --to new.toml\n  berth migrate --to new.toml --finish\n  berth migrate \
                  --to-database postgres://berth@db/berth --to-storage /srv/blobs"
)]
pub(crate) struct MigrateArgs {
    /// The settings of the new server: a berth.toml with its database and storage
    #[arg(long, value_name = "FILE", required_unless_present = "to_database")]
    to: Option<PathBuf>,
    /// The new database, in place of the one in the file
    #[arg(long, value_name = "DATABASE")]
    to_database: Option<String>,
    /// The new storage, in place of the one in the file
    #[arg(long, value_name = "STORAGE")]
    to_storage: Option<String>,
    /// The last run: the old server has stopped, the new one starts after it
    #[arg(long)]
    finish: bool,
    /// Lose a registry that the new database holds
    #[arg(long)]
    replace: bool,
    /// Blobs that are copied at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
    #[command(flatten)]
    stores: StoreArgs,
}

impl MigrateArgs {
    /// Does what was asked and answers what to print.
    pub(crate) fn run(self) -> Result<String, Failure> {
        let old = self.stores.settings()?;
        must_exist(&old)?;
        let new = self.new_settings()?;
        let how = Migration {
            finish: self.finish,
            replace: self.replace,
            parallel: usize::from(self.parallel),
        };
        let progress = Arc::new(MigrationProgress::default());
        let report = block_on(async {
            let (old, new) = (old.registry(), new.registry());
            let migrating = migrate(&old, &new, how, Arc::clone(&progress));
            telling(&progress, migrating).await.map_err(|error| match error {
                berth_registry::Error::Exists(_) => Failure::Refused(
                    "the new database holds a registry that no migration put there: name another one, or give --replace to \
                     lose what it holds"
                        .to_owned(),
                ),
                error => error.into(),
            })
        })?;
        for digest in &report.damaged {
            tell(&format!("{digest} is missing or damaged in the old storage"));
        }
        tell(if self.finish {
            "the copy is whole: start the new server with the settings `database` and `storage` of the new place, and with \
             the same master key file"
        } else {
            "run it again at any time to copy what came since; to change over, stop the old server and run it once more with \
             --finish"
        });
        let columns = vec![
            ("blobs_copied", Form::Plain),
            ("bytes_copied", Form::Bytes),
            ("rows", Form::Plain),
            ("manifests", Form::Plain),
            ("tags", Form::Plain),
            ("tables_compared", Form::Plain),
            ("blobs_damaged", Form::Plain),
            ("finished", Form::Plain),
        ];
        let count = |table: &str| json!(report.rows.get(table).copied().unwrap_or_default());
        let row = vec![
            json!(report.copied),
            json!(report.bytes_copied),
            json!(report.rows.values().sum::<u64>()),
            count("manifests"),
            count("tags"),
            json!(report.tables_compared),
            json!(report.damaged.len()),
            json!(self.finish),
        ];
        Ok(Table::one_of(columns, row).print(self.stores.output))
    }

    /// The settings of the new server. Of the variables only those count that do not say where the old one is.
    fn new_settings(&self) -> Result<Settings, Failure> {
        const OF_THE_OLD: [&str; 4] = [
            "BERTH_CONFIG",
            "BERTH_DATA_DIR",
            "BERTH_DATABASE",
            "BERTH_STORAGE",
        ];
        let flags = [("database", &self.to_database), ("storage", &self.to_storage)];
        let flags: BTreeMap<&'static str, String> = flags
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?)))
            .collect();
        let mut written = Written::in_this_process(flags, self.to.clone());
        written
            .variables
            .retain(|name, _| !OF_THE_OLD.contains(&name.as_str()));
        let new = match &self.to {
            Some(_) => config::load(&written),
            None => config::resolve(None, &written),
        };
        Ok(new?.settings)
    }
}

/// Does `work` and says every few seconds how far it is, and how long it will take at this pace.
async fn telling<T>(progress: &MigrationProgress, work: impl Future<Output = T>) -> T {
    const TOLD_EVERY: Duration = Duration::from_secs(3);
    let began = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(TOLD_EVERY, &mut work).await {
            return done;
        }
        let ((blobs, blobs_all), (bytes, bytes_all)) = (progress.blobs(), progress.bytes());
        let seconds = began.elapsed().as_secs().max(1);
        let pace = progress.bytes_copied() / seconds;
        let left = bytes_all.saturating_sub(bytes);
        let left = left
            .checked_div(pace)
            .map_or_else(String::new, |left| format!(", {left} s left"));
        tell(&format!(
            "{blobs} of {blobs_all} blobs, {} of {}, {}/s{left}; {} rows",
            in_units(bytes),
            in_units(bytes_all),
            in_units(pace),
            progress.rows()
        ));
    }
}
