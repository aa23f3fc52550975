//! `berth backup` and `berth restore`: snapshots of the metadata, made beside a running server or without one, and brought
//! back while none runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use berth_registry::{
    Caller, MaintenanceKind, Registry, Replayed, RestoreFrom, Tally, Upgrade, restore, time_text,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::stores::{Failure, StoreArgs, block_on, must_exist, tell, telling};
use crate::table::{Form, Table};

/// The arguments of `berth backup`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  berth backup\n  berth backup --to /backups/berth-monday.berth\n  berth backup list"
)]
pub(crate) struct BackupArgs {
    /// Write to this file, which must not exist, instead of into the storage
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the snapshots in the storage, newest first
    List,
}

/// The arguments of `berth restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  berth restore\n  berth restore --from /backups/berth-monday.berth\n  berth restore --from \
                  20261121t083000z-1f2e3d4c.berth --replace"
)]
pub(crate) struct RestoreArgs {
    /// What to restore: a file, the name of a snapshot in the storage, or `latest`
    #[arg(long, value_name = "FILE|NAME|latest", default_value = "latest")]
    from: String,
    /// Restore into a database that holds a registry, which is lost
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    stores: StoreArgs,
}

const RESTORED: [&str; 11] = [
    "taken_at",
    "version",
    "users",
    "organizations",
    "images",
    "manifests",
    "tags",
    "blobs",
    "blobs_rekeyed",
    "blobs_missing",
    "records_after",
];

/// What everybody with a backup must know.
const KEY: &str = "The master key is not in it: keep a copy of";

impl BackupArgs {
    /// Does what was asked and answers what to print.
    pub(crate) fn run(self) -> Result<String, Failure> {
        let settings = self.stores.settings()?;
        must_exist(&settings)?;
        let key = settings.master_key_file();
        let table = block_on(async {
            let registry =
                Registry::open_with(settings.registry(), settings.opening(Upgrade::Refuse)).await?;
            let done = match (&self.verb, self.to) {
                (Some(Verb::List), _) => list(&registry).await,
                (None, Some(path)) => to_file(&registry, path).await,
                (None, None) => into_store(&registry).await,
            };
            registry.close().await;
            done
        })?;
        if self.verb.is_none() {
            tell(&format!("{KEY} {} apart from the backups.", key.display()));
        }
        Ok(table.print(self.stores.output))
    }
}

async fn list(registry: &Registry) -> Result<Table, Failure> {
    let columns = vec![
        ("name", Form::Plain),
        ("size", Form::Bytes),
        ("written_at", Form::Plain),
    ];
    let rows = registry.snapshots(&Caller::System).await?.into_iter();
    let rows = rows.map(|one| vec![json!(one.name), json!(one.size), json!(time_text(one.written_at))]);
    Ok(Table::list_of(columns, rows.collect()))
}

async fn to_file(registry: &Registry, path: PathBuf) -> Result<Table, Failure> {
    let tally = Arc::new(Tally::default());
    let writing = registry.backup_to_file(&Caller::System, &path, Arc::clone(&tally));
    let size = telling(Arc::clone(&tally), writing).await?;
    let columns = vec![
        ("file", Form::Plain),
        ("rows", Form::Plain),
        ("size", Form::Bytes),
    ];
    let row = vec![
        json!(path.display().to_string()),
        json!(tally.rows()),
        json!(size),
    ];
    Ok(Table::one_of(columns, row))
}

/// Asks for a backup as everybody does, and makes it unless a server is faster.
async fn into_store(registry: &Registry) -> Result<Table, Failure> {
    const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);
    let kind = MaintenanceKind::Backup;
    let mut run = registry
        .want_maintenance(&Caller::System, kind, &json!({}))
        .await?;
    while run.ended_at.is_none() {
        let mut working = std::pin::pin!(registry.do_one_wanted(kind));
        loop {
            match tokio::time::timeout(3 * LOOKED_AT_EVERY, &mut working).await {
                Ok(done) => break done?,
                Err(_) => tell(&registry.maintenance_run(&Caller::System, run.id).await?.progress),
            }
        }
        run = registry.maintenance_run(&Caller::System, run.id).await?;
        if run.ended_at.is_none() {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
        }
    }
    let report: Value = serde_json::from_str(&run.report).unwrap_or_default();
    if run.state != "done" {
        let why = report["error"].as_str().unwrap_or(&run.state).to_owned();
        return Err(Failure::Refused(format!("the backup failed: {why}")));
    }
    let columns = vec![
        ("snapshot", Form::Plain),
        ("rows", Form::Plain),
        ("size", Form::Bytes),
    ];
    let row = vec![
        report["snapshot"].clone(),
        report["rows"].clone(),
        report["bytes"].clone(),
    ];
    Ok(Table::one_of(columns, row))
}

impl RestoreArgs {
    /// Does what was asked and answers what to print.
    pub(crate) fn run(self) -> Result<String, Failure> {
        let settings = self.stores.settings()?;
        let from = match self.from.as_str() {
            "latest" => RestoreFrom::Latest,
            name if !name.contains('/') && !std::path::Path::new(name).exists() => {
                RestoreFrom::Stored(name.to_owned())
            }
            path => RestoreFrom::File(PathBuf::from(path)),
        };
        let table = block_on(async {
            let tally = Arc::new(Tally::default());
            let stores = settings.registry();
            let restoring = restore(&stores, &from, self.replace, Arc::clone(&tally));
            let report = telling(Arc::clone(&tally), restoring).await.map_err(|error| match error {
                berth_registry::Error::Exists(_) => Failure::Refused(
                    "the database holds a registry already: name another database, or give --replace to lose what it holds"
                        .to_owned(),
                ),
                error => error.into(),
            })?;
            // Opening it proves that the master key fits.
            Registry::open(stores).await?.close().await;
            for one in &report.damaged {
                let tag = one.tag.as_deref().unwrap_or("(no tag)");
                tell(&format!(
                    "{} {tag} needs {}, which is missing",
                    one.repository, one.digest
                ));
            }
            tell_replayed(&report.replayed);
            let count = |table: &str| json!(report.rows.get(table).copied().unwrap_or_default());
            let row = [
                json!(time_text(report.taken_at)),
                json!(report.version),
                count("users"),
                count("organizations"),
                count("repositories"),
                count("manifests"),
                count("tags"),
                count("blobs"),
                json!(report.rekeyed),
                json!(report.missing),
                json!(report.replayed.records),
            ];
            Ok(Table::one(&RESTORED, row))
        })?;
        Ok(table.print(self.stores.output))
    }
}

/// Says what did not come back from records.
pub(crate) fn tell_replayed(replayed: &Replayed) {
    for (image, digests) in &replayed.incomplete {
        let digests: Vec<&str> = digests.iter().map(String::as_str).collect();
        tell(&format!("{image} is incomplete: {} missing", digests.join(", ")));
    }
    for manifest in &replayed.broken_manifests {
        tell(&format!("{manifest} did not come back: its record is damaged"));
    }
    for tag in &replayed.dangling_tags {
        tell(&format!("{tag} did not come back: its manifest is missing"));
    }
    for image in &replayed.binned {
        tell(&format!("{image} was in the bin and did not come back"));
    }
    if replayed.broken_lines > 0 {
        tell(&format!("{} records could not be read", replayed.broken_lines));
    }
}
