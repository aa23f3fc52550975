//! Runs of triggers for people: what came of them, running one now, undoing one.

use berth_metadata::{TriggerRow, TriggerRun, WantTriggerRun};
use berth_oci::{Reference, RepositoryName, Tag};

use super::image::Pushed;
use super::run::{BY_HAND, UNDO, job};
use super::state::{Ahead, ImageChange, PutBack, RunState};
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::{Error, Registry};

/// A run of a trigger, and what it changed.
#[derive(Clone, Debug)]
pub struct TriggerRunView {
    /// The run.
    pub run: TriggerRun,
    /// The image that the workload was given.
    pub image: Option<String>,
    /// The images of the containers that were set.
    pub changes: Vec<ImageChange>,
    /// How nodes stand to it that were to have it first.
    pub ahead: Option<Ahead>,
}

impl Registry {
    /// At most `limit` runs of a trigger, newest first, those before the one of id `before`; for those with a right on the
    /// image.
    pub async fn trigger_runs(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        (before, limit): (Option<i64>, i64),
    ) -> Result<Vec<TriggerRunView>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        let runs = self.metadata.trigger_runs(row.id, before, limit).await?;
        runs.into_iter().map(view).collect()
    }

    /// A run of a trigger; for those with a right on the image.
    pub async fn trigger_run(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        run: i64,
    ) -> Result<TriggerRunView, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        view(self.run_of(&row, run).await?)
    }

    /// Rolls a tag out now, as if it were pushed, also when the trigger is switched off or waits for other tags; for those
    /// who may push.
    pub async fn run_trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        tag: &Tag,
    ) -> Result<TriggerRunView, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        let found = self.metadata.tag_row(held.id, tag.as_str()).await?;
        let found = found.ok_or_else(|| Error::ManifestUnknown(Reference::Tag(tag.clone())))?;
        let wanted = wanted(caller, &row, (found.tag, found.digest));
        self.want_run_of(&row, wanted).await
    }

    /// Puts back the images that the containers had before a run, as a run of its own; `Invalid` for one that changed
    /// nothing or has not ended. For those who may push.
    pub async fn undo_trigger_run(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        run: i64,
    ) -> Result<TriggerRunView, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        let undone = self.run_of(&row, run).await?;
        if undone.is_open() {
            return Err(Error::Invalid(format!(
                "run {run} has not ended: switch the trigger off or push another image to end it"
            )));
        }
        if undone.status == "undone" {
            return Err(Error::Invalid(format!("run {run} was undone when it failed")));
        }
        let state = RunState::read(&undone.state)?;
        if state.cluster.is_some() && state.cluster != row.cluster {
            return Err(Error::Invalid(format!(
                "run {run} changed a workload of another cluster than the trigger has now"
            )));
        }
        let set = state.set.filter(|set| set.change.is_sent);
        let Some(set) = set else {
            return Err(Error::Invalid(format!(
                "run {run} changed nothing that could be undone"
            )));
        };
        let pushed = Pushed {
            hosts: &self.limits.image_hosts,
            repository: name.as_str(),
            tag: &undone.tag,
            digest: undone.digest.as_deref().unwrap_or_default(),
        };
        let previous = undone.previous.as_deref();
        let state = RunState {
            puts_back: Some(PutBack {
                change: set.change,
                instead: previous.and_then(|digest| pushed.by_digest(digest)),
            }),
            cluster: state.cluster,
            ..RunState::default()
        };
        let mut wanted = wanted(caller, &row, (undone.tag, undone.digest.unwrap_or_default()));
        wanted.why = UNDO;
        wanted.undoes = Some((undone.id, state.written()));
        self.want_run_of(&row, wanted).await
    }

    async fn run_of(&self, row: &TriggerRow, run: i64) -> Result<TriggerRun, Error> {
        let found = self.metadata.trigger_run(row.id, run).await?;
        found.ok_or_else(|| Error::Unknown(format!("run {run} of trigger '{}'", row.name)))
    }

    async fn want_run_of(&self, row: &TriggerRow, wanted: WantTriggerRun) -> Result<TriggerRunView, Error> {
        let id = self
            .metadata
            .want_trigger_run(wanted)
            .await
            .map_err(|error| match error {
                berth_metadata::Error::Conflict(_) => super::unknown(&row.name),
                other => other.into(),
            })?;
        self.jobs.queued(job(row).0);
        view(self.run_of(row, id).await?)
    }
}

fn wanted(caller: &Caller, row: &TriggerRow, (tag, digest): (String, String)) -> WantTriggerRun {
    let (kind, lane) = job(row);
    WantTriggerRun {
        trigger_id: row.id,
        tag,
        digest,
        why: BY_HAND,
        user_id: caller.user_id().map(str::to_owned),
        undoes: None,
        kind: kind.as_str(),
        lane,
        now: now_ms(),
    }
}

fn view(run: TriggerRun) -> Result<TriggerRunView, Error> {
    let state = RunState::read(&run.state)?;
    Ok(TriggerRunView {
        changes: state.changes(),
        image: state.image,
        ahead: state.ahead,
        run,
    })
}
