//! Rows: everything Berth knows except the bytes of blobs, in SQLite or PostgreSQL.
//!
//! The only crate that knows SQL. Each method of [`Metadata`] is one sentence of the domain and one transaction; it
//! answers plain structs. It refuses to know files, HTTP, the clock and who may do what: names, digests and rights
//! are checked by its caller. All times are milliseconds since the epoch.

mod accessories;
mod accounts;
mod agencies;
mod archives;
mod attempts;
mod audit;
mod automation;
mod binned;
mod binning;
mod blobs;
mod by;
mod byte_quotas;
mod changes;
mod chunk_tables;
mod clusters;
mod contents;
mod damage;
mod dashboard;
mod error;
mod facts;
mod figures;
mod grants;
mod groups;
mod identities;
mod immutability;
mod instance;
mod jobs;
mod kept;
mod keys;
mod lazy;
mod leases;
mod ledger;
mod maintenance_runs;
mod manifests;
mod mirrors;
mod nodes;
mod organizations;
mod people;
#[cfg(test)]
mod plans;
mod pool;
#[cfg(test)]
#[path = "../tests/contract/postgres.rs"]
mod postgres_server;
mod preheat_rules;
mod preheats;
mod providers;
mod quotas;
mod reclaim;
mod records;
mod recover;
mod references;
mod region_contents;
mod regions;
mod remembered;
mod replicas;
mod repositories;
mod repository_lock;
mod retentions;
mod running_images;
mod scrub;
mod search;
mod secrets;
mod sessions;
mod shares;
mod shut_outs;
mod snapshot;
mod sql;
mod statistics;
mod store_listing;
mod sync_jobs;
mod sync_rules;
mod tag_events;
mod tags;
mod temporary_keys;
mod trigger_runs;
mod triggers;
mod trust_rules;
mod uploads;
mod users;
mod viewer;
mod webhooks;

pub use accessories::{AccessoriesPage, Accessory};
pub use accounts::Account;
pub use archives::{ARCHIVE, Archive, ArchiveChunk, ArchiveState, ArchiveStep, NewArchive};
pub use attempts::{Failures, SeenSignature};
pub use audit::{
    AuditBook, AuditEvent, AuditFilter, AuditFlaw, AuditLink, AuditMark, AuditPlace, AuditSeal,
    AuditVerified, DroppedForRoom,
};
pub use automation::{
    AutomatedImage, AutomatedRetention, AutomatedRule, AutomatedSync, AutomatedTrigger, AutomationQuery,
    ListedCopy, ListedRun, RunMark,
};
pub use binned::{BinEntry, BinObstacle, BinOwner, BinPage, BinRestore, BinRestored, BinUsage, BinViewer};
pub use binning::BinKind;
pub use blobs::{BlobRow, LinkedBlob, UnlinkOutcome};
pub use by::{By, Deletion, TagChange, Untagged};
pub use byte_quotas::{ByteQuota, ByteRecount};
pub use changes::{Audience, Change, ChangesNoted};
pub use chunk_tables::ChunkTable;
pub use clusters::{Cluster, ClusterCheck};
pub use contents::{LayerBlob, LayerIndexRow, LayerUse, NewLayerIndex};
pub use damage::{Affected, Damage, DamageFound, Damaged};
pub use dashboard::{
    AttentionTimes, AwayPlace, Begun, DashboardViewer, EndingShare, FailedRun, FullQuota, PulledImage,
    RecentPush, RunCount, StaleLogin,
};
pub use error::{Conflict, Error, QuotaFull, QuotaPlace};
pub use facts::ManifestFacts;
pub use figures::{DatabaseFigures, OpenWork, PoolFigures, RememberedFigures, WorkFigures};
pub use grants::{Grant, GrantTarget, MirrorFacts, OrganizationFacts, Permission, RepositoryFacts, Standing};
pub use groups::{Group, GroupRole};
pub use identities::{Identity, Vouched};
pub use immutability::{Covers, Guard, ImmutabilityRule, ImmutabilityTerms, NewImmutabilityRule};
pub use instance::FirstAccount;
pub use jobs::{Job, JobAgain, JobClaim, NewJob, PausedLane};
pub use keys::{AccessKey, GivenLogin, TemporaryLogin};
pub use lazy::{EndLazyRun, LAZY, LazyRule, LazyRun, LazyStatus, NewLazyRun};
pub use ledger::{
    Deleted, Freed, ImageRecount, KeyUse, KnownKey, LedgerFigures, LedgerImage, LedgerScope, LedgerView,
    StoreFigures, TagFigures,
};
pub use maintenance_runs::{EndRun, MaintenanceRun, WantRun};
pub use manifests::{
    ManifestDescriptor, ManifestRow, MissingReferences, PutManifest, PutOutcome, Referrer, ReferrersPage,
};
pub use mirrors::{HeldImage, Mirror, MirrorFigures, MirrorRound, MirrorRules, RoundDid};
pub use nodes::{MetNode, Node, SwarmTotals};
pub use organizations::{
    ListedOrganization, NewOrganization, Organization, OrganizationOrder, OrganizationsPage,
    SeenOrganization, SeenQuery,
};
pub use people::{GroupUpdate, PeopleChange, UserUpdate};
pub use preheat_rules::{PreheatRule, PreheatTerms};
pub use preheats::{NewPreheat, Preheat, PreheatCause, PreheatNode, PreheatWork};
pub use providers::{MappedGroup, Provider};
pub use quotas::Quotas;
pub use reclaim::{ReclaimQueue, ReclaimRow};
pub use records::{RecordedRepository, WaitingRecord};
pub use recover::RecoveredTag;
pub use region_contents::RegionUpload;
pub use regions::{Region, RegionCheck};
pub use remembered::{Concluded, at_one_moment, look_again};
pub use replicas::Replica;
pub use repositories::{
    ImageRow, NewRepository, NewestTag, ReceivedShare, Repository, RepositoryDetails, RepositoryEdit,
    RepositoryFilter, RepositoryOrder, RepositoryPage, RepositoryQuery, RepositorySet,
};
pub use retentions::{
    CondemnedTag, CondemnedTags, DeletedTags, EndRetentionRun, JudgedPlace, JudgedTag, KnownLinks,
    ManifestLink, NewRetention, NewRetentionRule, RETENTION, RetentionLogRow, RetentionRow, RetentionRuleRow,
    RetentionRun, RetentionWhy, WantRetentionRun,
};
pub use running_images::{RunningImage, RunningWorkload};
pub use scrub::{BlobsDue, ManifestBytes};
pub use search::{ContentHit, RepositoryHit, Searcher};
pub use secrets::SigningKeyRow;
pub use sessions::Session;
pub use shares::{NewShare, Share, ShareTerms};
pub use shut_outs::{ShutOut, ShutOutSubject};
pub use snapshot::{
    ColumnKind, Imported, RestoreInto, SnapshotColumn, SnapshotPart, SnapshotStream, SnapshotValue,
};
pub use sql::TextMatch;
pub use statistics::{Counted, Counts, DayCounts, OrganizationUsage, PulledManifest, RepositoryCounts};
pub use store_listing::{DamagedUse, ListedBytes, Reconciled, WantedBlob};
pub use sync_jobs::{
    DestinationStanding, HistoryOrder, NewSyncJobs, SyncCourse, SyncEnd, SyncFigures, SyncJob, SyncPause,
    SyncStanding, SyncWork,
};
pub use sync_rules::{SyncRule, WantedSyncRule};
pub use tag_events::{EventFollows, FollowJob, SYNC, TagEvent, region_lane};
pub use tags::{
    Expected, MoveTag, PagedTag, TagColumn, TagFilter, TagMove, TagMovesPage, TagOrder, TagPageOrder,
    TagPagePart, TagRow, TagSource, TagStart, TagsPage,
};
pub use temporary_keys::TemporaryKey;
pub use trigger_runs::{
    SaveTriggerRun, TRIGGER, TriggerRun, TriggerStep, TriggerStepKind, TriggerTask, TriggerTurn,
    WantTriggerRun,
};
pub use triggers::{NewTrigger, TriggerPreheat, TriggerRow};
pub use trust_rules::TrustRule;
pub use uploads::{FinishOutcome, FinishUpload, SaveUpload, TakenTurn, TurnStanding, UploadRow, UploadTurn};
pub use users::{AccessType, NewUser, User};
pub use viewer::Viewer;
pub use webhooks::{
    AttemptFollows, BegunDelivery, DeliveriesPage, Delivery, DeliveryAttempt, DeliveryPlace, NewWebhook,
    Redelivery, WEBHOOK, Webhook, WebhookTask,
};

pub use pool::{Opening, Upgrade};

use pool::Pool;
use remembered::Memory;
use std::sync::Arc;

/// The metadata store; clones share its connections.
#[derive(Clone, Debug)]
pub struct Metadata {
    pool: Pool,
    memory: Memory,
    finishing: Arc<uploads::Finishing>,
}

impl Metadata {
    /// Opens the database that `url` names, `sqlite:///path/berth.db` (made when missing) or `postgres://...`, and
    /// brings its schema up to date.
    pub async fn open(url: &str) -> Result<Metadata, Error> {
        Self::open_with(url, Opening::default()).await
    }

    /// The same, opened in a certain way.
    pub async fn open_with(url: &str, opening: Opening) -> Result<Metadata, Error> {
        Ok(Metadata {
            pool: Pool::open(url, opening).await?,
            memory: Memory::default(),
            finishing: Arc::default(),
        })
    }

    /// Whether several processes may serve from this database at once.
    pub fn is_shared(&self) -> bool {
        self.pool.dialect() == pool::Dialect::Postgres
    }

    /// Forgets what the store keeps for a while so that writes can be tried again safely; for the upkeep.
    pub async fn forget_commits(&self) -> Result<(), Error> {
        self.pool.forget_commits().await
    }

    /// Ends after every queued write is answered and all connections are closed; later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Whether the database answers and takes durable writes now (for readiness).
    pub async fn check(&self) -> Result<(), Error> {
        self.pool.check().await
    }
}
