//! Nodes that have the image before a run sets it: begun once, then waited for until they have it or the time is over. The
//! rollout goes on whatever comes of it.

use berth_metadata::{TriggerRun, TriggerStepKind};

use crate::clock::now_ms;
use crate::error::Error;
use crate::swarm::AheadOfRollout;
use crate::trigger::state::{Ahead, AheadEnd, RunState};

use super::{EARLIER_MAX, Halt, Turn};

impl Turn<'_> {
    /// Halts as long as nodes are waited for.
    pub(super) async fn wait_for_nodes(&mut self) -> Result<(), Halt> {
        let ahead = match self.state.ahead.clone() {
            Some(ahead) if ahead.ended.is_some() => return Ok(()),
            Some(ahead) => ahead,
            None if self.task.trigger.preheat.is_none() || self.state.puts_back.is_some() => return Ok(()),
            None => self.begin_ahead().await?,
        };
        let found = match ahead.id {
            Some(id) => self.registry.ahead_of_rollout(&self.task.repository, id).await?,
            None => None,
        };
        let counts = found
            .as_ref()
            .map_or([0, 0, ahead.complete, ahead.failed], |found| found.counts);
        let [waiting, sent, complete, failed] = counts;
        let allowed = self
            .task
            .trigger
            .preheat
            .as_ref()
            .map_or(0, |preheat| preheat.seconds);
        let lasted = now_ms().saturating_sub(ahead.since);
        let is_over = found.is_none_or(|found| found.cancelled_at.is_some());
        let outcome = match () {
            () if ahead.nodes == 0 => Some(AheadEnd::NoNodes),
            () if waiting + sent == 0 && !is_over && failed == 0 => Some(AheadEnd::Complete),
            () if waiting + sent == 0 || is_over => Some(AheadEnd::Incomplete),
            () if lasted > allowed.saturating_mul(1000) => Some(AheadEnd::Timeout),
            () => None,
        };
        let ahead = Ahead {
            complete,
            failed,
            ended: outcome.map(|outcome| (outcome, now_ms())),
            ..ahead
        };
        let said = ahead.said();
        self.state.ahead = Some(ahead);
        match outcome {
            None => Err(self.wait(&said, lasted).await),
            Some(_) => self.save(&said).await,
        }
    }

    /// Tells the nodes. An end of the process in between tells them no second time.
    async fn begin_ahead(&mut self) -> Result<Ahead, Halt> {
        // Ends older runs that wait, or this one when there is a newer; one that has acted is still watched.
        self.take_turn(TriggerStepKind::Prepare).await?;
        let (run, trigger) = (&self.task.run, &self.task.trigger);
        let wanted = AheadOfRollout {
            account_id: &self.task.account_id,
            repository: &self.task.repository,
            image: (&run.tag, run.digest.as_deref().unwrap_or_default()),
            labels: trigger.preheat.as_ref().map_or("{}", |preheat| &preheat.labels),
            trigger: trigger.id,
            run: (run.id, run.event.unwrap_or_default()),
            user_name: run.user_name.as_deref().unwrap_or_default(),
        };
        let begun = self.registry.begin_ahead_of_rollout(wanted).await?;
        let ahead = Ahead {
            id: begun.as_ref().map(|begun| begun.id),
            since: self.waited_since().await?.unwrap_or_else(now_ms),
            nodes: begun.map_or(0, |begun| begun.counts.iter().sum()),
            complete: 0,
            failed: 0,
            ended: None,
        };
        self.state.ahead = Some(ahead.clone());
        self.save(&ahead.said()).await?;
        Ok(ahead)
    }

    /// Whether the run has changed the workload and all that is newer only waits for nodes, or ended before it acted: until
    /// something newer acts nobody else watches this rollout and undoes it.
    pub(super) async fn is_still_to_watch(&self) -> Result<bool, Halt> {
        if self.state.set.is_none() {
            return Ok(false);
        }
        let (trigger, event) = (self.task.trigger.id, self.task.run.event);
        let metadata = &self.registry.metadata;
        let newest = metadata.trigger_runs(trigger, None, EARLIER_MAX).await?;
        for newer in newest.into_iter().filter(|run| run.event > event) {
            if newer.is_open() && !self.waits_for_nodes(&newer)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn waits_for_nodes(&self, run: &TriggerRun) -> Result<bool, Error> {
        let state = RunState::read(&run.state)?;
        let is_to_wait = match state.ahead {
            Some(ahead) => ahead.ended.is_none(),
            None => self.task.trigger.preheat.is_some(),
        };
        Ok(is_to_wait && state.set.is_none() && state.puts_back.is_none())
    }

    /// Since when the run waited whose place this one took, if it waited: pushes that come faster than nodes get what they
    /// bring would otherwise hold the rollout back for ever.
    async fn waited_since(&self) -> Result<Option<i64>, Halt> {
        let (trigger, run) = (self.task.trigger.id, self.task.run.id);
        let metadata = &self.registry.metadata;
        let earlier = metadata.trigger_runs(trigger, Some(run), EARLIER_MAX).await?;
        for earlier in earlier.into_iter().take_while(|run| run.status == "superseded") {
            let state = RunState::read(&earlier.state)?;
            if let Some(ahead) = state.ahead {
                return Ok(ahead.ended.is_none().then_some(ahead.since));
            }
            if state.set.is_some() || state.puts_back.is_some() {
                break;
            }
        }
        Ok(None)
    }
}
