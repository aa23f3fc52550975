//! One listener: follows what was read, hears what it may, and ends with its login, its time or the reader.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::hearing::{LiveChange, concerns_logins, heard_by};
use super::{At, Batch, Listener};
use crate::Registry;
use crate::access::{Caller, UserCaller};
use crate::clock::now_ms;
use crate::error::Error;

/// Time between two words to a listener who is told nothing else, and between two looks whether the login still counts.
const BEAT: Duration = Duration::from_secs(15);
/// How long a stream goes on: whoever comes back says anew who they are.
const LIFE: Duration = Duration::from_hours(1);
/// How long reading may take to begin.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);
/// Rights that were read earlier than this are read again.
const FRESH: Duration = Duration::from_secs(1);

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// From now on changes are told.
    Ready,
    /// Something may have been missed: whatever is shown has to be read again.
    Reset,
    /// Something changed.
    Change(LiveChange),
    /// Nothing happened for a while.
    Nothing,
}

/// What a listener hears, and how to go on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What [`Registry::listen`] takes to go on after this, if it can be gone on after.
    pub id: Option<String>,
    /// What it is.
    pub told: Told,
}

/// A stream of changes.
pub struct Listening {
    registry: Arc<Registry>,
    place: Place,
    user: UserCaller,
    /// Whether theirs is the operator's account.
    operating: bool,
    end: watch::Receiver<u64>,
    position: u64,
    generation: i64,
    /// Changes up to this one are known to the listener.
    after: i64,
    low: i64,
    waiting: VecDeque<Heard>,
    beat_at: Instant,
    ends_at: Instant,
}

/// A listener's place among others; dropping it frees it.
struct Place {
    registry: Arc<Registry>,
    listener: Listener,
    login: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.feed.leave(&self.listener, &self.login);
    }
}

/// Where a listener begins.
pub(super) struct Begin {
    pub(super) position: u64,
    generation: i64,
    pub(super) after: i64,
    low: i64,
    pub(super) told: Told,
}

impl Registry {
    /// Tells the caller of changes from now on, or from `last` on, which is the id of what was heard last: at least of all
    /// that they may see, perhaps of some twice. What cannot be told any more makes a [`Told::Reset`].
    /// `TooManyStreams`; `Unavailable` when this process reads no changes.
    pub async fn listen(self: &Arc<Self>, caller: &Caller, last: Option<&str>) -> Result<Listening, Error> {
        let user = caller.require_user()?.clone();
        let login = format!("{:?}", user.credential);
        let bounds = (self.limits.event_streams_max, self.limits.event_streams_per_user);
        self.feed.enter(&user, &login, bounds)?;
        let place = Place {
            registry: Arc::clone(self),
            listener: (user.user_id.clone(), user.account_id.clone()),
            login,
        };
        let mut end = self.feed.end.subscribe();
        let begin = tokio::time::timeout(BEGINS_WITHIN, self.begin(&mut end, last)).await;
        let begin = begin.map_err(|_| Error::Unavailable)?;
        let first = self.metadata.first_account().await?;
        let now = Instant::now();
        let ready = Heard {
            id: Some(format!("{}-{}", begin.generation, begin.after.max(0))),
            told: begin.told,
        };
        Ok(Listening {
            registry: Arc::clone(self),
            place,
            operating: first.is_some_and(|first| first.id == user.account_id),
            user,
            end,
            position: begin.position,
            generation: begin.generation,
            after: begin.after,
            low: begin.low,
            waiting: VecDeque::from([ready]),
            beat_at: now + BEAT,
            ends_at: now + LIFE,
        })
    }

    async fn begin(&self, end: &mut watch::Receiver<u64>, last: Option<&str>) -> Begin {
        loop {
            end.borrow_and_update();
            if let Some(begin) = self.feed.begin(last) {
                return begin;
            }
            if end.changed().await.is_err() {
                // The sender is the registry's.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The same caller as they are now; `BadCredentials` or `Denied` when their login has ended.
    async fn seen_again(&self, user: &UserCaller) -> Result<UserCaller, Error> {
        self.holder_now(user, now_ms()).await
    }
}

impl super::Feed {
    /// Where a listener begins who heard `last` before; none while nothing is read.
    pub(super) fn begin(&self, last: Option<&str>) -> Option<Begin> {
        let state = self.state();
        let generation = state.generation?;
        let (low, end) = (state.low, state.first + state.batches.len() as u64);
        let now = |told| Begin {
            position: end,
            generation,
            after: low,
            low,
            told,
        };
        let Some(last) = last else {
            return Some(now(Told::Ready));
        };
        let known = last
            .split_once('-')
            .and_then(|(generation, id)| Some((generation.parse().ok()?, id.parse().ok()?)))
            .filter(|(of, id): &(i64, i64)| *of == generation && (state.oldest..=low).contains(id));
        let Some((_, after)) = known else {
            return Some(now(Told::Reset));
        };
        let told = state
            .batches
            .iter()
            .take_while(|batch| batch.low <= after)
            .count();
        Some(Begin {
            position: state.first + told as u64,
            after,
            low: after,
            ..now(Told::Ready)
        })
    }
}

impl Listening {
    /// What is told next; none at the end: of the login, of the stream's time, or of what slow listeners are waited for.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.waiting.pop_front() {
                return Some(heard);
            }
            match self.step().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    tracing::debug!(
                        user = self.place.listener.0,
                        error = &error as &dyn std::error::Error,
                        "a stream of events ends"
                    );
                    return None;
                }
            }
        }
    }

    /// False at the end.
    async fn step(&mut self) -> Result<bool, Error> {
        self.end.borrow_and_update();
        match self.registry.feed.at(self.position) {
            At::Batch(batch) => {
                self.position += 1;
                self.take(&batch).await?;
                Ok(true)
            }
            At::Gone => Ok(false),
            At::End => tokio::select! {
                changed = self.end.changed() => Ok(changed.is_ok()),
                () = tokio::time::sleep_until(self.beat_at) => self.beat().await,
            },
        }
    }

    async fn beat(&mut self) -> Result<bool, Error> {
        let now = Instant::now();
        self.beat_at = now + BEAT;
        if now >= self.ends_at {
            return Ok(false);
        }
        self.user = self.registry.seen_again(&self.user).await?;
        let id = Some(self.id());
        self.waiting.push_back(Heard {
            id,
            told: Told::Nothing,
        });
        Ok(true)
    }

    async fn take(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.changes.iter().any(concerns_logins) {
            self.user = self.registry.seen_again(&self.user).await?;
        }
        let mut told = Vec::new();
        if batch.resets {
            told.push(Told::Reset);
        }
        let heard = self.heard(batch).await?;
        told.extend(heard.into_iter().map(Told::Change));
        self.low = self.low.max(batch.low);
        let last = told.len().wrapping_sub(1);
        let id = self.id();
        for (n, told) in told.into_iter().enumerate() {
            // Only who has heard all of them may go on after them.
            let id = (n == last).then(|| id.clone());
            self.waiting.push_back(Heard { id, told });
        }
        Ok(())
    }

    /// What of a batch the listener may hear, each once.
    async fn heard(&self, batch: &Batch) -> Result<Vec<LiveChange>, Error> {
        let new = || batch.changes.iter().filter(|change| change.id > self.after);
        if new().next().is_none() {
            return Ok(Vec::new());
        }
        let own;
        let known = batch.audience.knows(&self.user.user_id) && batch.read_at.elapsed() < FRESH;
        let audience = if known {
            &batch.audience
        } else {
            let me = [self.place.listener.clone()];
            own = self
                .registry
                .metadata
                .audience(&batch.changes, &me, now_ms())
                .await?;
            &own
        };
        let mut seen = HashSet::new();
        let heard = new().filter_map(|change| heard_by(&self.user, self.operating, change, audience));
        Ok(heard
            .filter(|change| {
                seen.insert(LiveChange {
                    at: 0,
                    ..change.clone()
                })
            })
            .collect())
    }

    fn id(&self) -> String {
        format!("{}-{}", self.generation, self.low)
    }
}
