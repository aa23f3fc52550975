//! Runs: an image's tags are judged and those that go are deleted into the bin, many at a time, each with a line in the log.
//! Nothing is deleted by a judgement that does not hold any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{
    By, CondemnedTag, CondemnedTags, Conflict, Deletion, EndRetentionRun, Guard, Job, JudgedPlace,
    LedgerView, NewJob, RETENTION, RetentionRun, RetentionWhy, TagChange, Untagged, WantRetentionRun,
};
use berth_oci::RepositoryName;

use super::facts::{Judged, Ruling};
use super::fate::{Fate, KeptBecause};
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::jobs::{JobEnd, JobKind};
use crate::tag::Listed;
use crate::{Error, Registry};

/// Tags of one transaction.
const DELETED_AT_ONCE: usize = 500;
/// Images of one transaction that queues runs.
const QUEUED_AT_ONCE: i64 = 500;
/// The subject of the job that queues all runs.
const ALL: i64 = 0;
/// Why a run stops in the middle.
const CHANGED: &str = "the rules changed meanwhile: the next run goes by the new ones";
/// When a run that waits for a look at a cluster is tried again.
const UNSEEN_AFTER: Duration = Duration::from_mins(5);

/// How many tags stay, by why.
pub(crate) fn kept(fates: &[Fate]) -> BTreeMap<KeptBecause, i64> {
    let mut kept = BTreeMap::new();
    for fate in fates {
        if let Fate::Kept { because, .. } = fate {
            *kept.entry(*because).or_default() += 1;
        }
    }
    kept
}

impl Registry {
    /// Asks for a run of an image's retention now, for those who manage the image, and answers it; the one that waits, when
    /// one does.
    pub async fn run_retention(&self, caller: &Caller, name: &RepositoryName) -> Result<RetentionRun, Error> {
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        let wanted = WantRetentionRun {
            repository_id: held.id,
            why: RetentionWhy::Asked,
            user_id: caller.user_id().map(str::to_owned),
            now: now_ms(),
        };
        let id = self.metadata.want_retention_run(wanted).await?;
        let found = self.metadata.retention_runs(held.id, Some(id + 1), 1).await?;
        self.jobs.queued(JobKind::Retention);
        let found = found.into_iter().find(|run| run.id == id);
        found.ok_or_else(|| Error::Unknown(format!("run {id} of the retention of image '{name}'")))
    }

    /// A page of the runs of an image's retention, newest first, those before the one of id `before`, for those with a right
    /// on the image.
    pub async fn retention_runs(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Listed<RetentionRun>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let page = self
            .metadata
            .retention_runs(held.id, before, i64::from(limit) + 1);
        Ok(Listed::cut(page.await?, limit))
    }

    /// Queues the job that queues regular runs, when there are to be any.
    pub(crate) async fn schedule_retention(&self) -> Result<(), Error> {
        let every = self.limits.retention.every;
        if every.is_zero() {
            return Ok(());
        }
        let job = NewJob {
            kind: RETENTION,
            subject: ALL,
            lane: String::new(),
            due_at: now_ms().saturating_add(i64::try_from(every.as_millis()).unwrap_or(i64::MAX)),
        };
        Ok(self.metadata.queue_job(job).await?)
    }

    /// A job: a run of one image, or one that queues runs of all that a rule is for.
    pub(crate) async fn run_retention_job(&self, job: &Job) -> Result<JobEnd, Error> {
        match job.subject {
            ALL => {
                self.queue_runs(None).await?;
                Ok(match self.limits.retention.every {
                    Duration::ZERO => JobEnd::Done,
                    after => JobEnd::Again { after, pause: None },
                })
            }
            organization if organization < 0 => {
                self.queue_runs(Some(-organization)).await?;
                Ok(JobEnd::Done)
            }
            repository_id => self.retain(repository_id).await,
        }
    }

    async fn queue_runs(&self, organization_id: Option<i64>) -> Result<(), Error> {
        let mut last = 0;
        loop {
            let page = (last, QUEUED_AT_ONCE);
            let queued = self
                .metadata
                .queue_retention_runs(organization_id, page, now_ms());
            match queued.await? {
                Some(reached) => last = reached,
                None => break,
            }
        }
        self.jobs.queued(JobKind::Retention);
        Ok(())
    }

    /// A run of one image.
    async fn retain(&self, repository_id: i64) -> Result<JobEnd, Error> {
        let Some(place) = self.metadata.judged_place(repository_id).await? else {
            return Ok(JobEnd::Done);
        };
        let begun = self.metadata.begin_retention_run(repository_id, now_ms()).await?;
        let Some(run_id) = begun else {
            return Ok(JobEnd::Done);
        };
        let mut end = EndRetentionRun {
            id: run_id,
            kept: "{}".to_owned(),
            ..EndRetentionRun::default()
        };
        let done = self.delete_by_rules(&place, &mut end).await;
        end.failed = match &done {
            Ok(stopped) => stopped.clone(),
            Err(error) => Some(told(error).to_owned()),
        };
        end.now = now_ms();
        self.metadata.end_retention_run(end).await?;
        match done {
            Ok(None) => Ok(JobEnd::Done),
            Ok(Some(stopped)) => Ok(JobEnd::Again {
                after: if stopped == CHANGED {
                    Duration::ZERO
                } else {
                    UNSEEN_AFTER
                },
                pause: None,
            }),
            // Logged, and tried again after pauses that grow.
            Err(error) => Err(error),
        }
    }

    /// Judges and deletes; answers why it stopped before its end, if it did.
    async fn delete_by_rules(
        &self,
        place: &JudgedPlace,
        end: &mut EndRetentionRun,
    ) -> Result<Option<String>, Error> {
        let stored = self.stored_rules(place).await?;
        let turn = self.retention_turns.take().await;
        let ruling = stored.ruling()?;
        let judged = self.judged(place, &ruling).await?;
        end.tags = i64::try_from(judged.fates.len()).unwrap_or(i64::MAX);
        let kept: BTreeMap<&str, i64> = kept(&judged.fates)
            .into_iter()
            .map(|(because, count)| (because.as_str(), count))
            .collect();
        end.kept =
            serde_json::to_string(&kept).map_err(|error| Error::internal("telling of a run", error))?;
        let guard = judged.guard.clone();
        let known = Arc::new(judged.facts.known());
        let mut left = condemned(&ruling, judged);
        drop(turn);
        if !left.is_empty()
            && let Some(unseen) = self.unseen_cluster(place).await?
        {
            return Ok(Some(unseen));
        }
        while !left.is_empty() {
            if self.stored_rules(place).await? != stored {
                return Ok(Some(CHANGED.to_owned()));
            }
            let few = left[..left.len().min(DELETED_AT_ONCE)].to_vec();
            let done = self.metadata.delete_condemned_tags(CondemnedTags {
                repository_id: place.repository_id,
                run_id: end.id,
                retention_id: ruling.own.unwrap_or_default(),
                known: known.clone(),
                tags: few,
                deletion: self.retention_deletion(guard.clone()),
                // Runs are told to the account's people, who must not learn what strangers hold.
                view: LedgerView::Account(place.account_id.clone()),
            });
            match done.await {
                Err(berth_metadata::Error::Conflict(Conflict::RulesChanged)) => {
                    return Ok(Some(CHANGED.to_owned()));
                }
                done => {
                    let done = done?;
                    self.record_deleted(place, end.id, done.deleted).await;
                    left.drain(..done.dealt_with)
                }
            };
        }
        Ok(None)
    }

    async fn record_deleted(&self, place: &JudgedPlace, run_id: i64, tags: i64) {
        if tags > 0 {
            let image = format!("{}/{} run={run_id} tags={tags}", place.organization, place.image);
            self.record_rule(&place.account_id, "retention_delete_tags", &image)
                .await;
        }
    }

    fn retention_deletion(&self, guard: Guard) -> Deletion {
        Deletion {
            by: By {
                user_id: None,
                now: now_ms(),
            },
            why: TagChange::Retention,
            untagged: Untagged::Goes,
            kept_ms: self.limits.bin_ttl_ms(),
            guard,
        }
    }
}

/// The tags that go, oldest first.
fn condemned(ruling: &Ruling, judged: Judged) -> Vec<CondemnedTag> {
    let texts: Vec<Arc<str>> = ruling
        .rules
        .iter()
        .map(|rule| rule.text.as_str().into())
        .collect();
    let tags = judged.facts.tags.into_iter().zip(judged.fates);
    let goes = tags.filter_map(|(tag, fate)| match fate {
        Fate::Goes { rule, reason } => Some(CondemnedTag {
            tag: tag.tag,
            digest: tag.digest,
            pushed_at: tag.pushed_at,
            rule: texts.get(rule).cloned().unwrap_or_default(),
            reason,
        }),
        Fate::Kept { .. } => None,
    });
    let mut goes: Vec<CondemnedTag> = goes.collect();
    goes.sort_unstable_by(|one, other| (one.pushed_at, &one.tag).cmp(&(other.pushed_at, &other.tag)));
    goes
}

/// What people are told of a failure; details are for the log of the service.
fn told(error: &Error) -> &'static str {
    match error {
        Error::Invalid(_) => "a rule cannot be read: set it anew",
        _ => "the registry failed in the middle; it tries again",
    }
}
