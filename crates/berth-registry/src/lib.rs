//! What Berth does: rights, the distribution verbs, identity and upkeep over the metadata and the blob store.
//! Knows no HTTP server; a handler makes one call here and shapes the answer.

mod access;
mod accessory;
mod account;
mod addressing;
mod agency;
mod archive;
mod audit;
mod automation;
mod binned;
mod blob;
mod bootstrap;
mod clock;
mod cluster;
mod contents;
mod counting;
mod damage;
mod error;
mod explanation;
mod feed;
mod figures;
mod grant;
mod group;
mod iam_token;
mod identity;
mod image;
mod immutability;
mod issuer;
mod jobs;
mod key;
mod kubernetes;
mod lazy;
mod lease;
mod ledger;
mod limits;
mod maintenance;
mod maintenance_run;
mod manifest;
mod manifest_tree;
mod migration;
mod mirror;
mod open;
mod organization;
mod origin;
mod outbound;
mod pace;
mod password;
mod people;
mod project;
mod provider;
mod quota;
mod rates;
mod rebuild;
mod reclaim;
mod records;
mod referrers;
mod region;
mod remote;
mod replay;
mod repository;
mod restore;
mod retention;
mod role;
mod scrub;
mod seal;
mod search;
mod secret;
mod session;
mod sharing;
mod signer;
mod snapshot;
mod statistics;
mod swarm;
mod sync;
mod tag;
mod tag_event;
mod tag_list;
mod tag_page;
mod tag_pattern;
mod temporary_key;
mod throttle;
mod token;
mod token_holder;
mod trigger;
mod upload;
mod user;
mod webhook;
mod workload;

use std::sync::Arc;

use berth_blob::{BlobStore, MeasuredStore};
use berth_metadata::Metadata;

pub use access::{Action, Caller, Credential, NO_PERMISSION, Refusal, RightFrom, Rights, UserCaller, decide};
pub use accessory::{AccessoryKind, AccessoryView, AccessoryViews, Marks};
pub use agency::Agency;
pub use archive::{
    ArchiveChunk, ArchiveFailure, ArchiveFile, ArchiveImage, ArchiveProblem, ArchiveQuestion, ArchiveSource,
    ArchiveTarget, ArchiveView, ArchiveWanted,
};
pub use audit::{Actor, AuditMarker, AuditPage, AuditVerification, Deed, TrailOf};
pub use automation::{
    AutomatedImage, AutomatedRetention, AutomatedRule, AutomatedSync, AutomatedTrigger, AutomationWanted,
    Counted, ListedCopy, ListedRun, RunMark,
};
pub use berth_blob::{CacheFigures, Measured, Measures, StoreOperation};
pub use berth_blob::{CacheSettings, S3Settings};
/// What the child process that reads layers does.
pub use berth_lazy::child::run as read_lazy_layer;
/// How far an upload of an archive came.
pub use berth_metadata::ArchiveState;
pub use berth_metadata::at_one_moment;
pub use berth_metadata::{
    AccessKey, AccessType, Accessory, Account, Affected, AuditEvent, AuditFilter, ByteQuota, Cluster,
    ClusterCheck, ContentHit, Counts, Damaged, DamagedUse, Delivery, GivenLogin, Grant, Group, HistoryOrder,
    ImageRow, ImmutabilityRule, LazyRule, LazyRun, ListedOrganization, MaintenanceRun, MappedGroup, Mirror,
    MirrorFigures, MirrorRound, Opening, Organization, OrganizationUsage, Permission, QuotaFull, Quotas,
    Region, RepositoryDetails, RepositoryFilter, RepositoryHit, RepositoryOrder, RepositorySet,
    RetentionLogRow, RetentionRun, RunningImage, SyncJob, SyncRule, TextMatch, TriggerRow, TriggerRun,
    TrustRule, Upgrade, User,
};
pub use berth_metadata::{AuditBook, AuditFlaw, AuditLink, AuditVerified};
pub use berth_metadata::{
    AwayPlace, EndingShare, FailedRun, FullQuota, PulledImage, RecentPush, RunCount, StaleLogin,
};
pub use berth_metadata::{DatabaseFigures, OpenWork, PoolFigures, RememberedFigures, WorkFigures};
pub use berth_metadata::{Node, Preheat, PreheatCause, PreheatNode, PreheatRule, SwarmTotals};
pub use berth_metadata::{PausedLane, RegionCheck, SyncCourse, SyncFigures, SyncStanding};
pub use berth_metadata::{ShutOut, ShutOutSubject};
pub use binned::{BinEntry, BinKind, BinObstacle, BinRestored, BinUsage, BinWanted, BinWish};
pub use blob::{BlobRead, BlobStream, Extent, OpenedBlob};
pub use bootstrap::{FirstCredentials, FirstStart};
pub use clock::now_ms;
pub use cluster::{ClusterChange, ClusterLogin, WantedCluster};
pub use contents::{
    Change, Changes, ChangesPage, ChangesWanted, Compared, ComparedLayer, ComparedStep, ConfigDifference,
    Content, ContentWanted, FileChange, FileKind, FilePreview, FileRow, FilesPage, FilesWanted,
    LayerStanding, LayerState, OpenedFile, PREVIEW_BYTES_MAX, Package, PackageChange, PackageChanges,
    PackageManager, PackagesPage, Side,
};
pub use damage::{BlobPart, BlobPiece, DamageReport};
pub use error::{Denial, Error, Hurried, ImmutableTag, TooFast, UpstreamFailure, UpstreamKind};
pub use explanation::{Explanation, ExplanationStep, Verdict, WantedExplanation};
pub use feed::{Heard, Listening, LiveChange, LiveKind, Told};
pub use figures::{Figures, Shared, StoredNow};
pub use grant::{GrantPlace, RepositoryGrants, WantedGrant};
pub use group::{GroupChange, GroupRole};
pub use iam_token::{AccountRef, IamProof, IamToken, WantedScope};
pub use identity::{IdentitySettings, Presented, time_text};
pub use image::{History, ImageConfig, ImageDetail, Layer, PlatformImage, SelectedImage};
pub use immutability::{ImmutabilityPlace, ImmutabilityPreview, WantedImmutability};
pub use jobs::JobFigures;
pub use key::AccessKeyPair;
pub use lazy::{LazyImage, LazyPlace, LazyRunView};
pub use ledger::{
    Difference, DifferenceKind, Freed, Ledger, LedgerFigures, StoreFigures, TagFigures, Verified,
    WantedDeletion, WouldFree,
};
pub use limits::{
    ArchiveLimits, ContentLimits, IndexBounds, LazyLimits, Limits, MirrorLimits, MissingReferences,
    OutboundRules, Quota, Rate, RateLimits, Rates, RetentionLimits, SwarmLimits, Upkeep,
};
pub use maintenance_run::MaintenanceKind;
pub use manifest::{
    Condition, DescribedManifest, FoundManifest, PushedManifest, StaleManifest, StoredManifest,
};
pub use manifest_tree::{
    AccessoryContent, AccessoryContents, BLOB_PREVIEW_BYTES_MAX, BlobPreview, ListedManifest,
    ManifestContent, ManifestTree, NamedBlob, TagLayers,
};
pub use migration::{Migration, MigrationProgress, MigrationReport, migrate};
pub use mirror::{
    LastFailure, MirrorChange, MirrorRulesChange, MirrorStanding, MirrorTotals, UpstreamBudget, WantedMirror,
};
pub use open::{Settings, Storage};
pub use organization::{
    ListedFor, OrganizationOrder, OrganizationSeen, OrganizationView, OrganizationsSeen, OrganizationsWanted,
    SeenOrganization,
};
pub use outbound::{Outbound, OutboundClass, OutboundRefusal};
pub use people::PersonChange;
pub use project::Project;
pub use provider::{
    BegunSignIn, DirectoryTerms, OpenIdTerms, ProviderButton, ProviderChange, ProviderTerms, ProviderView,
    Returned, WantedProvider,
};
pub use quota::{QuotaUse, QuotasInUse};
pub use rates::{RateFigures, Traffic};
pub use rebuild::{RebuildReport, Rebuilding, rebuild};
pub use region::{RegionChange, RegionView, Regions, WantedRegion};
pub use remote::{LoginChange, RemoteLogin};
pub use replay::Replayed;
pub use repository::{
    CATEGORIES, DESCRIPTION_CHARS_MAX, ImageView, ImagesFound, RepositoriesFound, RepositoriesWanted,
    Visibility, WantedRepository,
};
pub use restore::{RestoreFrom, RestoreReport, restore};
pub use retention::{
    Fate, FateWanted, ImagePreview, KeptBecause, OrganizationPreview, OrganizationRetention, PreviewPage,
    PreviewedTag, Retention, RetentionLog, RetentionPreview, RuleSource, TagSelector, Totals,
    WantedOrganizationRetention, WantedRetention, WantedRetentionRule,
};
pub use role::{Role, RolePlace};
pub use search::{Found, SEARCH_LIMIT_MAX};
pub use secret::{NewTemporaryLogin, WantedLogin};
pub use session::{NewSession, OpenSession};
pub use sharing::{Deadline, ShareView, WantedShare};
pub use signer::{SERVICE, TokenScope};
pub use snapshot::{StoredSnapshot, Tally};
pub use statistics::{Attention, Dashboard};
pub use statistics::{CountedDay, Frequency, Measure, Overview, ReportEntry, Statistics, StatisticsOf};
pub use swarm::{
    CHUNK_BYTES, ChunkSet, NodeDone, NodeJob, NodeWork, Nodes, PreheatPlace, SharedBlob, SwarmAnswer,
    SwarmFigures, SwarmJoin, SwarmNode, SwarmPeer, Swarmed, Tracked, WantedPreheat, WantedPreheatRule,
};
pub use sync::{Destination, HistoryPage, SyncStatus, SyncSwitches, SyncTags, Synced};
pub use tag::{
    ExistingTag, Listed, Retag, TagColumn, TagHistoryPage, TagMove, TagOrder, TagPlace, TagRow, TagSearch,
    TagStart, TagView, TagViews, TagsWanted,
};
pub use tag_list::PulledList;
pub use tag_page::{PagedTag, TagOfPage, TagPageFound, TagPageWanted, TagSort};
pub use temporary_key::NewTemporaryKey;
pub use token::{IssuedToken, TokenCaller};
pub use trigger::{
    Ahead, AheadEnd, ImageChange, TriggerCondition, TriggerPreview, TriggerRunView, WantedAhead,
    WantedTrigger,
};
pub use upload::{Chunk, Started};
pub use user::{NewPerson, Switch, generate_password};
pub use webhook::{DeadPlace, Deliveries, Ping, WantedDeliveries};
pub use workload::{TrustRuleView, WantedTrustRule};

/// The registry: one value, shared by all requests and jobs.
pub struct Registry {
    metadata: Metadata,
    blobs: Arc<dyn BlobStore>,
    measures: Arc<Measures>,
    damage: damage::Watch,
    limits: Limits,
    uploads: upload::ActiveUploads,
    identity: identity::Identity,
    counting: Arc<counting::Counting>,
    trail: audit::Trail,
    outbound: Outbound,
    jobs: jobs::Jobs,
    feed: feed::Feed,
    inspections: archive::Inspections,
    sync_turns: sync::Turns,
    retention_turns: retention::Turns,
    mirrors: mirror::Mirrors,
    /// What tells this registry from all others, whichever process answers.
    id: String,
    compiled_rules: immutability::CompiledRules,
    stand_ins: addressing::StandIns,
    making: contents::Making,
    file_reads: contents::Files,
    swarm: swarm::Swarm,
    /// None when no rate is set.
    pacing: Option<rates::Pacing>,
    /// None when nobody is ever shut out.
    shut_outs: Option<Arc<rates::ShutOuts>>,
    /// What this process is called in leases and runs.
    process: String,
}

impl Registry {
    /// A registry over an open metadata store and blob store; makes the master key and the token signing key at the
    /// first start. `Invalid` with what to do when the master key is missing or another's.
    pub async fn new(
        metadata: Metadata,
        blobs: Arc<dyn BlobStore>,
        limits: Limits,
        identity: &IdentitySettings,
    ) -> Result<Self, Error> {
        let measures: Arc<Measures> = Arc::default();
        let blobs: Arc<dyn BlobStore> = Arc::new(MeasuredStore::new(blobs, Arc::clone(&measures)));
        let id = open::registry_id(&metadata).await?;
        let identity = identity::Identity::open(&metadata, identity).await?;
        let counting = Arc::new(counting::Counting::open(&metadata).await?);
        let damage = damage::Watch::new(metadata.clone(), Arc::clone(&blobs));
        let process = account::new_id();
        let trail = audit::Trail::new(identity.master_key.derive("audit trail"));
        let about = (limits.contents.clone(), process.clone());
        Ok(Self {
            making: contents::Making::new(metadata.clone(), Arc::clone(&blobs), damage.clone(), about),
            swarm: swarm::Swarm::new(
                &limits.swarm,
                swarm::Tables::new(
                    metadata.clone(),
                    Arc::clone(&blobs),
                    damage.clone(),
                    process.clone(),
                ),
                swarm::Replicas::new(
                    process.clone(),
                    identity.master_key.derive("questions between replicas"),
                )?,
            ),
            file_reads: contents::Files::new(Arc::clone(&blobs), limits.contents.clone()),
            pacing: rates::Pacing::new(&limits.rates),
            shut_outs: rates::ShutOuts::open(&metadata, &limits.rates).await?,
            damage,
            outbound: Outbound::new(limits.outbound.clone()),
            mirrors: mirror::Mirrors::new(&limits.mirrors),
            metadata,
            blobs,
            measures,
            limits,
            uploads: upload::ActiveUploads::default(),
            identity,
            id,
            counting,
            trail,
            jobs: jobs::Jobs::default(),
            feed: feed::Feed::default(),
            inspections: archive::Inspections::default(),
            compiled_rules: immutability::CompiledRules::default(),
            stand_ins: addressing::StandIns::default(),
            sync_turns: sync::Turns::default(),
            retention_turns: retention::Turns::default(),
            process,
        })
    }

    /// What tells this registry from all others, whichever process answers.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The bounds this registry keeps.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}
