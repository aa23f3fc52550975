//! What an operator watches: what this process counted since its start, and what the database says of all processes. For
//! whoever runs the server, not for its users: nothing here is asked with a caller.

use std::collections::BTreeMap;

use berth_blob::{CacheFigures, Measures};
use berth_metadata::{DatabaseFigures, OpenWork, PoolFigures, RememberedFigures, StoreFigures};

use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;
use crate::jobs::JobFigures;
use crate::maintenance_run::MaintenanceKind;
use crate::mirror::{MirrorTotals, UpstreamBudget};
use crate::rates::{RateFigures, ShutOuts};
use crate::swarm::{Tracked, connected_since};

/// Mirrored registries of which a budget is told at most: accounts register them.
const BUDGETS_MAX: usize = 50;
/// Runs of one kind that are looked through for one that went well.
const RUNS_MAX: i64 = 50;

/// What this process counted since its start; reading it asks nothing of a database or store.
pub struct Figures<'a> {
    /// What became of operations on the store.
    pub store: &'a Measures,
    /// What came of looking into the disk cache, when there is one.
    pub cache: Option<CacheFigures>,
    /// What asking the database came to.
    pub database: &'a DatabaseFigures,
    /// The connections to a database server.
    pub pool: Option<PoolFigures>,
    /// How often rows were found in memory, by their kind.
    pub remembered: [(&'static str, &'a RememberedFigures); 7],
    /// What became of jobs, by their kind.
    pub jobs: Vec<(&'static str, &'a JobFigures)>,
    /// What came of requests to mirrors.
    pub mirrors: &'a MirrorTotals,
    /// How much more mirrored registries answer, as they said, by their names.
    pub budgets: BTreeMap<String, UpstreamBudget>,
    /// What nodes share, as far as this process tracks it.
    pub swarm: Tracked,
    /// What became of requests that came faster than a rate, by what they were for.
    pub rates: Vec<RateFigures>,
    /// Accounts and addresses that are shut out, when anybody is ever.
    pub shut_outs: Option<usize>,
}

/// What the database says now, of all processes together.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Jobs that are not done, by their kind.
    pub jobs: Vec<OpenWork>,
    /// Places outside whose jobs are paused because they do not answer.
    pub paused_lanes: i64,
    /// Node agents that are connected.
    pub agents: i64,
    /// The last run of each kind of maintenance that ended well, milliseconds since the epoch.
    pub maintained_at: Vec<(&'static str, i64)>,
}

/// What is stored, as the rows say.
#[derive(Clone, Copy, Debug)]
pub struct StoredNow {
    /// Its bytes.
    pub bytes: StoreFigures,
    /// Blobs.
    pub blobs: i64,
    /// Blobs that were found missing or wrong.
    pub damaged: i64,
    /// Uploads that are not finished.
    pub uploads: i64,
}

impl Registry {
    /// What this process counted.
    pub fn figures(&self) -> Figures<'_> {
        Figures {
            store: &self.measures,
            cache: self.blobs.cache_figures(),
            database: self.metadata.database_figures(),
            pool: self.metadata.pool_figures(),
            remembered: self.metadata.remembered_figures(),
            jobs: self.jobs.figures().collect(),
            mirrors: self.mirrors.figures.totals(),
            budgets: self.mirrors.budgets(BUDGETS_MAX),
            swarm: self.swarm.tracked(),
            rates: self.rate_figures(),
            shut_outs: self.shut_outs.as_deref().map(ShutOuts::count),
        }
    }

    /// What the database says; a few short statements.
    pub async fn shared_figures(&self) -> Result<Shared, Error> {
        let now = now_ms();
        let mut maintained_at = Vec::new();
        for kind in MaintenanceKind::ALL.map(MaintenanceKind::as_str) {
            let runs = self.metadata.list_runs(Some(kind), None, RUNS_MAX).await?;
            let done = runs.iter().find(|run| run.state == "done");
            maintained_at.extend(done.and_then(|run| run.ended_at).map(|at| (kind, at)));
        }
        Ok(Shared {
            jobs: self.metadata.open_work().await?,
            paused_lanes: self.metadata.count_paused_lanes(now).await?,
            agents: self.metadata.count_nodes(connected_since(now)).await?,
            maintained_at,
        })
    }

    /// What is stored. Reads every blob's row.
    pub async fn stored_now(&self) -> Result<StoredNow, Error> {
        let (blobs, damaged, uploads) = self.metadata.count_stored().await?;
        Ok(StoredNow {
            bytes: self.metadata.store_figures().await?,
            blobs,
            damaged,
            uploads,
        })
    }
}
