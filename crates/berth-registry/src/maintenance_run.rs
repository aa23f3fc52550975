//! Long work of the registry itself: asked for or due, done by one process at a time, with its progress and its report
//! for the people who run the registry. What the work is, others know.

use std::fmt;
use std::str::FromStr;

use berth_metadata::{Conflict, EndRun, MaintenanceRun, WantRun};
use serde_json::{Value, json};

use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;

/// A kind of long work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaintenanceKind {
    /// Deletes bytes that nothing names any more.
    Reclaim,
    /// Reads what is stored and compares it with its digests.
    Scrub,
    /// Writes a snapshot of the metadata into the store.
    Backup,
}

impl MaintenanceKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Reclaim, Self::Scrub, Self::Backup];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reclaim => "reclaim",
            Self::Scrub => "scrub",
            Self::Backup => "backup",
        }
    }
}

impl fmt::Display for MaintenanceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MaintenanceKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Error::Invalid(format!("the kinds of maintenance are {known}"))
        })
    }
}

/// A run under way, as its work sees it.
pub(crate) struct Running<'a> {
    registry: &'a Registry,
    run: MaintenanceRun,
}

impl Running<'_> {
    /// Whether somebody asked for it, and not the schedule.
    pub(crate) fn is_wanted(&self) -> bool {
        self.run.wanted_by.is_some()
    }

    /// Whether this was asked for.
    pub(crate) fn wants(&self, option: &str) -> bool {
        let options: Value = serde_json::from_str(&self.run.options).unwrap_or_default();
        options.get(option).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Notes how far the work is; an error when it is another process's now.
    pub(crate) async fn progress(&self, progress: &Value) -> Result<(), Error> {
        let text = progress.to_string();
        let saved = self
            .registry
            .metadata
            .save_run(self.run.id, &self.registry.process, &text);
        if saved.await? {
            return Ok(());
        }
        Err(Error::InUse(format!(
            "run {} was taken over by another process",
            self.run.id
        )))
    }
}

impl Registry {
    /// Asks for maintenance now, for the operator and the administrators of the operator's account, and answers the run; the
    /// one that waits or is under way, when there is one of that kind.
    pub async fn want_maintenance(
        &self,
        caller: &Caller,
        kind: MaintenanceKind,
        options: &Value,
    ) -> Result<MaintenanceRun, Error> {
        self.require_operating_account(caller).await?;
        loop {
            if let Some(run) = self.want_run(kind, options, name_of(caller)).await? {
                return Ok(run);
            }
            let newest = self.metadata.list_runs(Some(kind.as_str()), None, 1).await?;
            // It ends between the two questions at most once in a while.
            if let Some(open) = newest.into_iter().find(|run| run.ended_at.is_none()) {
                return Ok(open);
            }
        }
    }

    /// At most `limit` runs, newest first, those before the one of id `before`; for the operator and the administrators
    /// of the operator's account.
    pub async fn maintenance_runs(
        &self,
        caller: &Caller,
        kind: Option<MaintenanceKind>,
        (before, limit): (Option<i64>, i64),
    ) -> Result<Vec<MaintenanceRun>, Error> {
        self.require_operating_account(caller).await?;
        let kind = kind.map(MaintenanceKind::as_str);
        Ok(self.metadata.list_runs(kind, before, limit).await?)
    }

    /// One run; for the operator and the administrators of the operator's account.
    pub async fn maintenance_run(&self, caller: &Caller, id: i64) -> Result<MaintenanceRun, Error> {
        self.require_operating_account(caller).await?;
        let found = self.metadata.run(id).await?;
        found.ok_or_else(|| Error::Unknown(format!("maintenance run {id}")))
    }

    /// Does `work` as a run when one was asked for, or when it is due, unless another process does.
    pub(crate) async fn carry_out<W>(&self, kind: MaintenanceKind, is_due: bool, work: W) -> Result<(), Error>
    where
        W: AsyncFnOnce(&Running<'_>) -> Result<Value, Error>,
    {
        let lease = format!("maintenance/{kind}");
        let done = self.under_lease(&lease, async {
            let begin = || self.metadata.begin_run(kind.as_str(), &self.process, now_ms());
            let run = match begin().await? {
                None if is_due => {
                    self.want_run(kind, &json!({}), None).await?;
                    begin().await?
                }
                run => run,
            };
            let Some(run) = run else { return Ok(()) };
            let id = run.id;
            let running = Running { registry: self, run };
            let done = work(&running).await;
            self.end_run(id, &done).await?;
            done.map(drop)
        });
        done.await.map(drop)
    }

    /// A new run that waits, none when one of its kind waits or is under way.
    async fn want_run(
        &self,
        kind: MaintenanceKind,
        options: &Value,
        wanted_by: Option<String>,
    ) -> Result<Option<MaintenanceRun>, Error> {
        let wanted = WantRun {
            kind: kind.as_str().to_owned(),
            options: options.to_string(),
            wanted_by,
            now: now_ms(),
        };
        match self.metadata.want_run(wanted).await {
            Err(berth_metadata::Error::Conflict(Conflict::RunExists)) => Ok(None),
            run => Ok(Some(run?)),
        }
    }

    async fn end_run(&self, id: i64, done: &Result<Value, Error>) -> Result<(), Error> {
        let (state, report) = match done {
            Ok(report) => ("done", report.clone()),
            Err(error) => ("failed", json!({ "error": error.to_string() })),
        };
        let end = EndRun {
            id,
            holder: self.process.clone(),
            state,
            report: report.to_string(),
            now: now_ms(),
        };
        self.metadata.end_run(end).await?;
        Ok(())
    }
}

fn name_of(caller: &Caller) -> Option<String> {
    match caller {
        Caller::User(user) => Some(user.user_name.clone()),
        Caller::Anonymous | Caller::System => None,
    }
}
