//! What this process knows of what is being pulled through mirrors, and what the pulls came to.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berth_metadata::{Mirror, MirrorFigures, MirrorRound};
use berth_oci::Descriptor;
use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::failed::Failed;
use super::fetch::Fetch;
use super::figures::Figures;
use super::flights::{Flights, Tasks};
use super::lists::Lists;
use super::manifests::Brought;
use super::rounds::Rounds;
use super::upkeep::Fruitless;
use super::upstream::{LastFailure, Upstream, UpstreamBudget, Upstreams};
use crate::Registry;
use crate::access::Caller;
use crate::error::Error;
use crate::limits::MirrorLimits;

/// How long what the other side does not have is not asked for again.
const ABSENT: Duration = Duration::from_secs(5);
/// How long it is remembered at least when a tag was compared: mirrors have times of their own.
const COMPARED: Duration = Duration::from_hours(24);
/// Entries of what is remembered of single tags and digests.
const REMEMBERED_MAX: u64 = 100_000;
/// Manifests that are asked for at once in this process; the others wait.
const QUESTIONS_MAX: usize = 64;
/// Lists that are asked for at once in this process: each may take some ten megabytes while it is read.
const LISTS_MAX: usize = 8;
/// What the room for spools is counted in.
const ROOM_UNIT: u64 = 1 << 20;

/// What is being pulled through mirrors in this process.
#[derive(Debug)]
pub(crate) struct Mirrors {
    upstreams: Upstreams,
    pub(super) manifests: Flights<Brought>,
    pub(super) tags: Lists<String>,
    pub(super) referrers: Lists<Descriptor>,
    /// Lists that may be asked for at once.
    pub(super) list_turns: Semaphore,
    pub(super) blobs: Mutex<HashMap<String, Arc<Fetch>>>,
    /// When tags were compared, milliseconds since the epoch, unless that is long ago.
    pub(super) compared: Cache<String, i64>,
    /// What the other side did not give, and would not now.
    pub(super) absent: Cache<String, Failed>,
    pub(super) tasks: Tasks,
    pub(super) rounds: Rounds,
    /// Walks for room that found too little, by mirror.
    pub(super) fruitless: Mutex<HashMap<i64, Fruitless>>,
    /// Manifests that may be asked for at once.
    pub(super) questions: Semaphore,
    /// Blobs that may be fetched at once.
    pub(super) slots: Arc<Semaphore>,
    room: Arc<Semaphore>,
    room_units: u32,
    pub(crate) figures: Figures,
}

/// How a mirror stands.
#[derive(Clone, Debug)]
pub struct MirrorStanding {
    /// The mirror.
    pub mirror: Mirror,
    /// What came of the requests to it.
    pub figures: MirrorFigures,
    /// How fetching ahead stands.
    pub round: MirrorRound,
    /// What the mirrored registry last told this process of how much more it will answer.
    pub budget: Option<UpstreamBudget>,
    /// Until when it is not asked for manifests because it limits requests, milliseconds since the epoch.
    pub limited_until: Option<i64>,
    /// What went wrong with the mirrored registry last, in this process.
    pub last_failure: Option<LastFailure>,
}

impl Mirrors {
    pub(crate) fn new(limits: &MirrorLimits) -> Self {
        let units = (limits.spool_bytes_max / ROOM_UNIT).max(1);
        let room_units = u32::try_from(units).unwrap_or(u32::MAX).min(1 << 28);
        Self {
            upstreams: Mutex::default(),
            manifests: Flights::default(),
            tags: Lists::new(limits),
            referrers: Lists::new(limits),
            list_turns: Semaphore::new(LISTS_MAX),
            blobs: Mutex::default(),
            compared: Cache::builder()
                .max_capacity(REMEMBERED_MAX)
                .time_to_live(limits.recheck.max(COMPARED))
                .build(),
            absent: Cache::builder()
                .max_capacity(REMEMBERED_MAX)
                .time_to_live(ABSENT)
                .build(),
            tasks: Tasks::default(),
            rounds: Rounds::default(),
            fruitless: Mutex::default(),
            questions: Semaphore::new(QUESTIONS_MAX),
            slots: Arc::new(Semaphore::new(limits.fetches_max.max(1) as usize)),
            room: Arc::new(Semaphore::new(room_units as usize)),
            room_units,
            figures: Figures::default(),
        }
    }

    pub(super) fn upstreams(&self) -> MutexGuard<'_, HashMap<i64, Arc<Upstream>>> {
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room on the disk for so many bytes to pass through; all of it for more than there is.
    pub(super) async fn room(&self, bytes: u64) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        let units = u32::try_from(bytes.div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(units.min(self.room_units));
        let closed = |closed| Error::internal("waiting for room to fetch a blob", closed);
        room.await.map_err(closed)
    }

    /// What mirrored registries said of how much more they will answer, by their names: of several mirrors of one registry the
    /// least. At most `max` of them.
    pub(crate) fn budgets(&self, max: usize) -> BTreeMap<String, UpstreamBudget> {
        let mut least: BTreeMap<String, UpstreamBudget> = BTreeMap::new();
        for upstream in self.upstreams().values() {
            let Some(budget) = upstream.budget() else { continue };
            let found = least.entry(upstream.registry().to_owned()).or_insert(budget);
            if budget.remaining < found.remaining {
                *found = budget;
            }
        }
        least.into_iter().take(max).collect()
    }

    /// Ends what is being fetched.
    pub(crate) async fn close(&self) {
        self.tasks.closing.cancel();
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
    }
}

impl Registry {
    /// How a mirror of the caller's account stands.
    pub async fn mirror_figures(&self, caller: &Caller, name: &str) -> Result<MirrorStanding, Error> {
        let mirror = self.mirror(caller, name).await?;
        self.mirrors.figures.flush(&self.metadata).await?;
        let upstream = self.known_upstream(mirror.organization_id);
        Ok(MirrorStanding {
            figures: self.metadata.mirror_figures(mirror.id).await?,
            round: self.metadata.mirror_round(mirror.id).await?,
            budget: upstream.as_ref().and_then(|upstream| upstream.budget()),
            limited_until: upstream.as_ref().and_then(|upstream| upstream.limited_until()),
            last_failure: upstream.and_then(|upstream| upstream.last_failure()),
            mirror,
        })
    }
}
