//! `berth rebuild`: the last resort, when there is neither database nor snapshot.

use berth_registry::{Rebuilding, rebuild};
use clap::Args;
use serde_json::json;

use crate::backup::tell_replayed;
use crate::stores::{Failure, StoreArgs, block_on, tell};
use crate::table::{Form, Table};

/// The arguments of `berth rebuild`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  berth rebuild\n  berth rebuild --rehash --replace")]
pub(crate) struct RebuildArgs {
    /// Read all bytes and believe only them, not what the storage notes of their digests
    #[arg(long)]
    rehash: bool,
    /// Rebuild into a database that holds a registry, which is lost
    #[arg(long)]
    replace: bool,
    /// Do without the snapshots in the storage, which know more
    #[arg(long)]
    ignore_snapshots: bool,
    #[command(flatten)]
    stores: StoreArgs,
}

impl RebuildArgs {
    /// Does what was asked and answers what to print.
    pub(crate) fn run(self) -> Result<String, Failure> {
        let settings = self.stores.settings()?;
        let how = Rebuilding {
            replace: self.replace,
            rehash: self.rehash,
            ignore_snapshots: self.ignore_snapshots,
        };
        let report = block_on(async {
            let stores = settings.registry();
            let rebuilding = rebuild(&stores, settings.first_start(), how);
            Box::pin(rebuilding).await.map_err(|error| match error {
                berth_registry::Error::Exists(_) => Failure::Refused(
                    "the database holds a registry already: name another database, or give --replace to lose what it holds"
                        .to_owned(),
                ),
                error => error.into(),
            })
        })?;
        for key in &report.unusable {
            tell(&format!("{key} has no digest or other bytes than those of it"));
        }
        tell_replayed(&report.replayed);
        if report.replayed.records == 0 && report.blobs > 0 {
            tell("there are no records: manifests, and so images, are in the database and in records alone");
        }
        let made = report.credentials.as_ref();
        let password = made.and_then(|made| made.generated_password.clone());
        let key = made.and_then(|made| made.generated_access_key.clone());
        let columns = vec![
            ("images", Form::Plain),
            ("manifests", Form::Plain),
            ("tags", Form::Plain),
            ("blobs", Form::Plain),
            ("blob_bytes", Form::Bytes),
            ("records", Form::Plain),
            ("incomplete", Form::Plain),
            ("user", Form::Plain),
            ("password", Form::Plain),
            ("access_key_id", Form::Plain),
            ("secret_access_key", Form::Plain),
        ];
        let row = vec![
            json!(report.repositories),
            json!(report.manifests),
            json!(report.tags),
            json!(report.blobs),
            json!(report.blob_bytes),
            json!(report.replayed.records),
            json!(report.replayed.incomplete.len()),
            json!(made.map(|made| format!("{}/{}", made.account, made.user))),
            json!(password),
            json!(key.as_ref().map(|key| key.access_key_id.clone())),
            json!(key.as_ref().map(|key| key.secret_key.clone())),
        ];
        Ok(Table::one_of(columns, row).print(self.stores.output))
    }
}
